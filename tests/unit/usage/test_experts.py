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

import dataclasses

import hypothesis
from hypothesis.extra import numpy as hnp
from hypothesis import strategies as st
import numpy as np
import pytest

from shadow_reserve.usage import experts
from shadow_reserve.usage import features
from shadow_reserve.usage import history as history_module
from shadow_reserve.usage import settings as settings_module
from shadow_reserve.usage import subject as subject_module
from tests.unit.usage import generated

DAY = generated.DAY
LEVELS = (0.5, 0.9, 0.95, 0.99)
gappy = hnp.arrays(np.float64, st.integers(1, 40), elements=st.floats(
    -1e6, 1e6) | st.just(np.nan))


def gappy_history(seed: int = 0) -> history_module.History:
    values = generated.daily_shaped(9, seed)
    values[np.random.default_rng(seed).random(len(values)) < 0.05] = np.nan
    values[1000:1100] = np.nan
    return history_module.of_series(generated.series_of(values), DAY)


@hypothesis.given(gappy, st.integers(1, 60))
def test_window_maxima_are_those_of_an_obvious_loop(values, window):
    history = history_module.History(
        values=values, filled=values, centre=0.0, spread=1.0, day=DAY,
        first_slot=0)
    found = history_module.target_of(history, window).values
    for index in range(len(values)):
        part = values[index:index + window]
        ended = index + window <= len(values)
        if ended and np.isfinite(part).any():
            assert found[index] == np.nanmax(part)
        else:
            assert np.isnan(found[index])


@hypothesis.given(gappy)
def test_the_fast_quantiles_are_numpys(values):
    found = experts._quantiles(values[None, :, None], LEVELS)[0, 0]
    if np.isfinite(values).any():
        np.testing.assert_allclose(
            found, np.nanquantile(values, LEVELS), rtol=1e-9, atol=1e-6)
    else:
        assert np.isnan(found).all()


@pytest.mark.parametrize('window', [1, 6])
def test_the_points_are_those_of_an_obvious_loop(window):
    history = gappy_history()
    panel = experts.panel_of(
        history_module.target_of(history, window), LEVELS)
    values, filled = panel.target.values, history.filled
    origins = np.array([300, 700, 2100, 2500])
    horizons = np.array([1, 288, 17, 150]) if window == 1 else np.ones(
        4, dtype=np.int64)
    found = panel.points(origins, horizons)
    for row, (origin, horizon) in enumerate(zip(origins, horizons)):
        step = origin + horizon
        days = [values[step - DAY * back] for back in range(1, 8)
                if step - DAY * back >= 0]
        known = [one for one in days if np.isfinite(one)]
        np.testing.assert_allclose(found[row], [
            days[0], days[6] if len(days) == 7 else np.nan,
            np.mean(known) if known else np.nan, filled[origin],
            np.mean(filled[origin - 11:origin + 1])])


@pytest.mark.parametrize('window', [1, 6])
def test_nothing_is_told_to_a_forecast_that_its_origin_has_not_seen(window):
    # Given a history, and the same with another future
    seen = gappy_history()
    origin = len(seen.values) - 1 - 48
    other = seen.values.copy()
    other[origin + 1:] = 1e3
    filled = seen.filled.copy()
    filled[origin + 1:] = 1e3
    changed = dataclasses.replace(seen, values=other, filled=filled)
    # When both are looked at from before they part
    horizons = np.arange(1, DAY + 1) if window == 1 else np.array([1])
    origins = np.full(len(horizons), origin)
    told = []
    for history in (seen, changed):
        panel = experts.panel_of(
            history_module.target_of(history, window), LEVELS)
        table = panel.table_at(origin)
        points = panel.points(origins, horizons)
        said = panel.quantiles(table, origins, horizons, points)
        mix = panel.mix(table, horizons, said)
        told.append((said, mix, features.matrix(
            panel, origins, horizons, points, mix)))
    # Then they cannot be told apart
    for left, right in zip(*told):
        np.testing.assert_array_equal(left, right)


def test_the_weights_of_the_experts_sum_to_one_and_prefer_the_better():
    # Given a day that repeats itself exactly, but for some noise
    values = generated.daily_shaped(10, 1, noise=0.05, bursts=0.0)
    history = history_module.of_series(generated.series_of(values), DAY)
    panel = experts.panel_of(history_module.target_of(history, 1), LEVELS)
    table = panel.table_at(len(values) - 1)
    # Then far ahead yesterday is believed, and the last value is not
    np.testing.assert_allclose(table.weights.sum(axis=1), 1.0)
    far = table.weights[-1]
    assert (far[experts.DAY] > far[experts.LAST]).all()
    assert (far[experts.TIME_OF_DAY] > far[experts.RECENT]).all()


def test_training_rows_end_where_they_are_told_and_keep_to_their_budget():
    settings = settings_module.ForecastSettings()
    values = generated.daily_shaped(6)
    # Given a history whose last day is nothing like the days before
    values[5 * DAY:] = 1000.0
    subject = subject_module.Subject(generated.series_of(values), settings)
    found = subject.training_rows(
        5 * DAY, 100, np.random.default_rng(0))
    assert found is not None
    assert len(found.actual) <= 100
    assert (subject.history.scaled_back(found.actual) < 100).all()
