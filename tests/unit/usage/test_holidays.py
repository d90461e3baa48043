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

"""A calendar, where there is one: holidays are like Sundays."""

import dataclasses
import datetime

import numpy as np
import pytest

from shadow_reserve.usage import experts
from shadow_reserve.usage import forecaster
from shadow_reserve.usage import panel as panel_module
from tests.unit.usage import generated
from tests.unit.usage import trained

DAY = generated.DAY
WORK, REST = 10.0, 2.0


def date_of(day):
    """The date of a day that is counted from the first, a Monday."""
    return (generated.START + datetime.timedelta(days=day)).date()


def demand_of(days, free=()):
    """Much on working days, little on Sundays and days that are free."""
    random = np.random.default_rng(0)
    return np.concatenate([
        (REST if day % 7 == 6 or day in free else WORK)
        + random.normal(0, 0.2, DAY) for day in range(days)])


def days_before(values, day, holidays):
    """Of the noon of a day that comes, as of the midnight before it."""
    panel = generated.panel_of(
        values[:day * DAY], holidays=frozenset(map(date_of, holidays)))
    found = experts.days_before(panel, 1, panel_module.Cases(
        series=np.array([0]), origins=np.array([day * DAY - 1]),
        horizons=np.array([DAY // 2 + 1])))[0]
    scaled = panel.scaled_back(np.array([0]), found[None])[0]
    return [round(float(one), 3) if np.isfinite(one) else None
            for one in scaled]


def noon(values, day):
    return round(float(values[day * DAY + DAY // 2]), 3)


def forecast(values, holidays):
    settings = dataclasses.replace(
        trained.SETTINGS, holidays=frozenset(map(date_of, holidays)))
    return trained.profile(
        values, forecaster.FittedModel(settings, None))


def level(profile):
    """The median of the second half of the day."""
    return np.mean([row[0] for row in profile.quantiles[DAY // 2:]])


def test_a_holiday_looks_at_sundays_and_holidays():
    # Given a Thursday to come that is a holiday, as the Tuesday before was
    values = demand_of(17, free=[15])
    found = days_before(values, 17, holidays=[15, 17])
    # Then there are that Tuesday and the Sunday, three days ago, and the
    # latest of them also stands for the week
    assert found == [None, noon(values, 15), None, noon(values, 13),
                     None, None, noon(values, 15)]


def test_a_normal_day_ignores_holidays():
    values = demand_of(16, free=[14])
    found = days_before(values, 16, holidays=[14])
    assert found[1] is None
    assert found[:1] + found[2:] == [
        noon(values, day) for day in (15, 13, 12, 11, 10, 9)]


def test_without_a_calendar_all_days_are_looked_at():
    values = demand_of(16, free=[14])
    assert days_before(values, 16, holidays=[]) == [
        noon(values, day) for day in (15, 14, 13, 12, 11, 10, 9)]


def test_a_holiday_with_no_day_like_it_leaves_it_to_other_experts():
    values = demand_of(5)
    assert days_before(values, 5, holidays=[5]) == [None] * 7
    trained.assert_sound(forecast(values, [5]))


def test_a_holiday_is_forecast_to_be_like_a_sunday():
    # Given that tomorrow, a Thursday, is a holiday
    values = demand_of(17)
    plain, told = forecast(values, []), forecast(values, [17])
    assert level(plain) > 0.8 * WORK
    assert level(told) < level(plain) - 1.0


def test_the_day_after_a_holiday_is_forecast_to_be_a_working_day():
    # Given that yesterday was a holiday
    values = demand_of(16, free=[15])
    plain, told = forecast(values, []), forecast(values, [15])
    # Then the same time on working days is what is believed in more
    assert level(told) > level(plain)


@pytest.mark.parametrize('serves', [True, False])
def test_a_calendar_of_other_years_changes_nothing(serves):
    series = [generated.series_of(generated.gappy(12, 1))]
    learned = trained.fitted().learned
    found = []
    for holidays in (frozenset(), frozenset([datetime.date(2020, 1, 1)])):
        model = forecaster.FittedModel(dataclasses.replace(
            trained.SETTINGS, holidays=holidays), learned)
        known = model.refreshed(series)
        if serves:
            known = trained.trusting(known)
        found += model.profiles(series, known)
    assert found[0] == found[1]
