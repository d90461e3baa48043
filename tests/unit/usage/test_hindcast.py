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

from shadow_reserve.usage.backtesting import backtest
from shadow_reserve.usage.backtesting import hindcast
from shadow_reserve.usage import forecaster
from tests.unit.usage import generated
from tests.unit.usage import trained

DAY = generated.DAY
TRAINING = 5 * DAY


def test_peaks_are_the_same_however_many_are_forecast_at_once(monkeypatch):
    # Given three applications, one of them much smaller
    series = [generated.series_of(
        generated.daily_shaped(6, seed) / 10 ** seed, str(seed))
        for seed in range(3)]
    told = backtest.replayed_peaks(
        trained.fitted(), series, range(TRAINING - 1, 6 * DAY), TRAINING)
    # When each is forecast by itself, two at a time
    monkeypatch.setattr(hindcast, 'BATCH', 1)
    side_by_side = forecaster.FittedModel(
        dataclasses.replace(trained.SETTINGS, threads=2),
        trained.fitted().learned)
    heard = []
    found = hindcast.peaks(side_by_side, series, TRAINING,
                           lambda *stage: heard.append(stage))
    np.testing.assert_allclose(found, told, rtol=1e-5)
    assert heard == [('forecasting', done, 3) for done in range(4)]


def test_series_without_a_score_are_not_counted():
    # Given one with history enough, and one whose history has just begun
    whole, late = (generated.daily_shaped(7, seed) for seed in range(2))
    late[:-10] = np.nan
    _, count = hindcast.accuracy(
        trained.fitted(), [generated.series_of(whole, 'whole'),
                           generated.series_of(late, 'late')],
        TRAINING, 0, lambda *stage: None)
    assert count == 1


def test_accuracy_is_that_of_the_model_at_hand():
    # Given a model, and nothing to fit another with
    series = [generated.series_of(generated.daily_shaped(7, seed), str(seed))
              for seed in range(2)]
    heard = []
    found, count = hindcast.accuracy(
        trained.fitted(), series, TRAINING, 0,
        lambda *stage: heard.append(stage))
    assert count == 2
    windows = list(backtest.windows(
        trained.fitted(), series, TRAINING,
        [TRAINING + turn * 95 for turn in range(6)]))
    assert list(found) == backtest.summarised(windows)
    assert heard[-1] == ('scoring', 6, 6)
