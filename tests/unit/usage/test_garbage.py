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

"""Whatever is measured, a profile is sound or says that there is none."""

import dataclasses
import datetime

import hypothesis
from hypothesis.extra import numpy as hnp
from hypothesis import strategies as st
import numpy as np
import pytest

from shadow_reserve.usage import forecaster
from shadow_reserve.usage import settings as settings_module
from tests.unit.usage import generated
from tests.unit.usage import trained

DAY = generated.DAY
SETTINGS = trained.SETTINGS

numbers = st.floats(0, 1e3) | st.sampled_from(
    [np.nan, np.inf, -np.inf, 1e300, -1e300, -1.0, 0.0, 1e12, 5e-324])
spans = st.integers(0, 4 * DAY)
garbage = st.one_of(
    hnp.arrays(np.float64, st.integers(0, 1500), elements=numbers,
               fill=numbers),
    st.tuples(numbers, st.integers(0, 1500)).map(
        lambda made: np.full(made[1], made[0])))


@st.composite
def torn(draw) -> np.ndarray:
    """A demand like any other, with garbage written over parts of it."""
    values = generated.daily_shaped(draw(st.integers(1, 10)),
                                    draw(st.integers(0, 9)))
    for _ in range(draw(st.integers(0, 3))):
        first = draw(st.integers(0, len(values)))
        values[first:first + draw(spans)] = draw(numbers)
    return values


anything = garbage | torn()


@hypothesis.settings(deadline=None, max_examples=40)
@hypothesis.given(st.lists(anything, min_size=1, max_size=4),
                  st.integers(1, DAY))
def test_no_garbage_makes_a_profile_cross_go_negative_or_nan(many, window):
    # Given series of all lengths, and a peak window of any
    model = forecaster.FittedModel(dataclasses.replace(
        SETTINGS, peak_window=window * generated.STEP),
        trained.fitted().learned)
    series = [generated.series_of(values, f'app{row}')
              for row, values in enumerate(many)]
    # Then all of them are forecast, in one panel
    found = trained.profiles(series, model)
    assert [one.token for one in found] == [one.token for one in series]
    for profile, one in zip(found, series):
        trained.assert_sound(profile)
        assert profile.is_usable == (one.points >= SETTINGS.min_points)


@pytest.mark.parametrize('window', [1, 286, 287, 288])
def test_a_window_as_long_as_the_history_leaves_nothing_to_learn_from(
        window):
    # Given just enough history to forecast at all
    model = forecaster.FittedModel(dataclasses.replace(
        SETTINGS, peak_window=window * generated.STEP),
        trained.fitted().learned)
    profile = trained.profile(np.zeros(SETTINGS.min_points), model)
    assert profile.is_usable
    trained.assert_sound(profile)


@hypothesis.settings(deadline=None, max_examples=25)
@hypothesis.given(anything)
def test_the_trees_themselves_survive_any_garbage(values):
    # Given a series with garbage, which the trees are made to serve
    series = [generated.series_of(
        np.concatenate([generated.daily_shaped(4), values]))]
    model = trained.fitted()
    known = trained.trusting(model.refreshed(series))
    profile, = model.profiles(series, known)
    # Then what they say is as sound as what the experts say
    assert profile.provenance.model is trained.LEARNED
    trained.assert_sound(profile)


@hypothesis.settings(deadline=None, max_examples=8)
@hypothesis.given(st.lists(anything, max_size=3))
def test_fitting_survives_any_garbage(many):
    settings = settings_module.ForecastSettings(max_rows=300)
    series = [generated.series_of(values, f'app{index}')
              for index, values in enumerate(many)]
    model = forecaster.DemandForecaster(settings).fit(series, seed=1)
    for profile in trained.profiles(series, model):
        trained.assert_sound(profile)


@pytest.mark.parametrize('values', [
    [], [3.0, 4.0], np.full(4000, np.nan), np.full(4000, -5.0),
    np.full(4000, 1e300)], ids=['nothing', 'two points', 'all gaps',
                                'negative', 'absurd'])
def test_too_little_history_is_said_and_nothing_is_forecast(values):
    profile = trained.profile(values)
    assert not profile.is_usable
    points = profile.provenance.points
    assert profile.provenance.summary == (
        f'not enough history ({points} of 288 points)')
    assert profile.origin == generated.START + (
        len(values) * generated.STEP)


def test_no_series_are_no_profiles():
    assert trained.fitted().refreshed([]) is None
    assert trained.profiles([]) == []


def test_steps_of_an_hour_are_forecast_too():
    # Given a month of hourly means
    hour = datetime.timedelta(hours=1)
    settings = settings_module.ForecastSettings(
        step=hour, peak_window=hour, min_points=24, learning_points=72,
        max_rows=1000)
    step = np.arange(30 * 24)
    values = 5 + np.sin(2 * np.pi * step / 24) + 0.1 * np.random.default_rng(
        0).random(len(step))
    series = [dataclasses.replace(
        generated.series_of(values), step=hour)]
    model = forecaster.DemandForecaster(settings).fit(series, seed=1)
    profile, = trained.profiles(series, model)
    found = np.array(profile.quantiles)
    assert found.shape == (24, 4)
    np.testing.assert_allclose(
        found[:, 0], 5.05 + np.sin(2 * np.pi * step[:24] / 24), atol=0.3)
