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

import numpy as np
import pytest

from shadow_reserve.usage.backtesting import backtest
from shadow_reserve.usage import experts
from shadow_reserve.usage import panel as panel_module
from shadow_reserve.usage import series as series_module
from tests.unit.usage import generated
from tests.unit.usage import trained

DAY = generated.DAY
SETTINGS = trained.SETTINGS


def test_a_backtest_knows_no_hindsight():
    series = [generated.series_of(generated.daily_shaped(5))]
    with pytest.raises(ValueError, match='hindsight'):
        list(backtest.rolling_origin(
            series, SETTINGS, training=4 * DAY, fit_at=4 * DAY,
            origins=[4 * DAY - 1], seed=1))


def test_a_backtest_sets_forecasts_beside_the_naive_ones():
    # Given five days of an application, and a day and more to come
    series = [generated.series_of(generated.daily_shaped(7, 4))]
    found = backtest.summarised(backtest.rolling_origin(
        series, SETTINGS, training=5 * DAY, fit_at=5 * DAY,
        origins=[5 * DAY, 5 * DAY + 100], seed=1))
    by_name = {(one.window, one.forecaster): one for one in found}
    ours = by_name[backtest.HORIZON, backtest.SERVED]
    # Then ours and all experts are there, and ours is better than naive
    assert ours.series == 1
    assert ours.mean < by_name[backtest.HORIZON, backtest.NAIVE].mean
    assert abs(ours.coverage[1] - 0.9) < 0.1
    assert set(by_name) == {
        (window, name)
        for window in (backtest.HOUR, backtest.HORIZON, backtest.PEAK)
        for name in (backtest.SERVED, backtest.MIX, *experts.NAMES)}


def test_a_summary_counts_each_series_once():
    one = backtest.WindowScore(
        token='a', forecaster='served', window='1 h', origin=0, score=1.0,
        under=(5.0, 9.0), points=10)
    found, = backtest.summarised([
        one, dataclasses.replace(one, origin=1, score=3.0),
        dataclasses.replace(one, token='b', score=4.0, under=(10.0, 10.0))])
    assert (found.series, found.mean, found.median) == (2, 3.0, 3.0)
    assert found.coverage == (20 / 30, 28 / 30)


def some_series():
    late = generated.daily_shaped(8, 5)
    late[:6 * DAY] = np.nan
    silent = generated.daily_shaped(8, 6)
    silent[DAY + 100:] = np.nan
    return [generated.series_of(values, f'app{row}') for row, values in
            enumerate([generated.daily_shaped(8, 1), generated.gappy(8, 2),
                       late, silent])]


@pytest.mark.parametrize('panel', [256, 3])
def test_replayed_peaks_are_those_that_would_have_been_served(
        monkeypatch, panel):
    monkeypatch.setattr(panel_module, 'BATCH', panel)
    # Given series, of which one is new, and three days to replay
    series, fitted = some_series(), trained.fitted()
    origins = list(range(5 * DAY, 7 * DAY + 100, 37))
    found = backtest.replayed_peaks(fitted, series, origins, 5 * DAY)
    assert found.shape == (4, len(origins), 4)
    # Then at each origin it is what the service would have made of the
    # history by then, refreshed at the first origin of each day
    for column, origin in enumerate(origins):
        turn = (origin - origins[0]) // DAY
        refresh = next(one for one in origins
                       if (one - origins[0]) // DAY == turn)
        for row, one in enumerate(series):
            seen = series_module.part(
                one, refresh + 1 - 5 * DAY, refresh + 1)
            if seen.points < SETTINGS.min_points:
                assert np.isnan(found[row, column]).all()
                continue
            known = fitted.refreshed([seen])
            now = series_module.part(one, 0, origin + 1)
            np.testing.assert_allclose(
                found[row, column], fitted.peaks([now], known)[0],
                rtol=1e-3)


def test_what_comes_after_an_origin_does_not_change_what_is_replayed():
    # Given the same history with two futures
    values = generated.daily_shaped(8, 1)
    other = values.copy()
    other[6 * DAY + 1:] = 1000.0
    origins = range(5 * DAY, 6 * DAY + 1, 36)
    first, second = (backtest.replayed_peaks(
        trained.fitted(), [generated.series_of(one)], list(origins), 5 * DAY)
        for one in (values, other))
    np.testing.assert_array_equal(first, second)
