# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""What is known of the series is looked at once a day, and no oftener."""

import datetime

import numpy as np
import pytest

from shadow_reserve.records import demand
from shadow_reserve.usage import forecaster
from shadow_reserve.usage import memory as memory_module
from shadow_reserve.usage import series as usage_series
from shadow_reserve.usage import settings as usage_settings
from tests.unit import samples

HOUR = datetime.timedelta(hours=1)
SETTINGS = usage_settings.ForecastSettings(
    step=HOUR, levels=(0.5, 0.9), min_points=24,
    peak_window=datetime.timedelta(hours=2))


class Fitted(forecaster.FittedModel):
    """The experts' mix, which says what it looked at."""

    def __init__(self):
        super().__init__(SETTINGS, None)
        self.asked = []

    def refreshed(self, series):
        self.asked += [one.token for one in series]
        return super().refreshed(series)


def series(token, hours=0, points=96):
    hour = np.arange(points) + hours
    return usage_series.DemandSeries(
        token=token, resource=demand.DemandResource.VCPU,
        start=usage_series.floor(samples.NOW, HOUR) + hours * HOUR,
        step=HOUR, values=5 + 3 * np.sin(hour / 24 * 2 * np.pi) + hour % 5)


@pytest.fixture
def memory():
    return memory_module.Memory()


def forecasts(fitted, given, known):
    return list(fitted.profiles(given, known))


def test_each_series_is_looked_at_once_a_day_at_an_hour_of_its_own(memory):
    fitted = Fitted()
    tokens = [f'app-{number}' for number in range(40)]
    memory.of([series(token) for token in tokens], fitted)
    assert fitted.asked == tokens
    per_hour = []
    for hour in range(1, 49):
        fitted.asked.clear()
        given = [series(token, hour) for token in tokens]
        known = memory.of(given, fitted)
        assert len(forecasts(fitted, given, known)) == 40
        per_hour.append(list(fitted.asked))
    for day in (per_hour[:24], per_hour[24:]):
        assert sorted(token for hour in day for token in hour) == (
            sorted(tokens))
    # not all in the same hour
    assert max(map(len, per_hour)) < 10


def test_what_is_new_is_looked_at_at_once_and_no_other(memory):
    fitted = Fitted()
    memory.of([series('old')], fitted)
    fitted.asked.clear()
    given = [series('new'), series('old')]
    known = memory.of(given, fitted)
    assert fitted.asked == ['new']
    # and the forecasts are as if all had been looked at
    assert forecasts(fitted, given, known) == forecasts(
        fitted, given, fitted.refreshed(given))


def test_what_is_gone_is_forgotten(memory):
    fitted = Fitted()
    memory.of([series('a'), series('b')], fitted)
    known = memory.of([series('b')], fitted)
    assert [token for token, _ in known.place] == ['b']
    assert len(known.ends) == len(known.steps) == 1
    assert memory.of([], fitted) is None


def test_under_another_model_everything_is_looked_at_again(memory):
    given = [series('a'), series('b')]
    memory.of(given, Fitted())
    other = Fitted()
    memory.of(given, other)
    assert other.asked == ['a', 'b']


def test_a_series_that_is_too_short_waits(memory):
    fitted = Fitted()
    short = [series('short', points=23)]
    assert memory.of(short, fitted) is None
    assert not forecasts(fitted, short, None)[0].is_usable
    grown = [series('short', points=24)]
    known = memory.of(grown, fitted)
    assert forecasts(fitted, grown, known)[0].is_usable
