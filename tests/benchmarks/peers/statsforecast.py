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

"""statsforecast: local models, refitted at each origin.

MSTL is used with a daily season. With the week as a second one, of which
14 days hold just two, it was worse on the design period and took 15 times
as long. Its default trend, AutoETS(ZZN), may choose multiplicative errors,
which explode on demand that is near zero; AZN is the same search without
them; a damped trend, and none, gave the same. Its intervals are the trend's
own.

Seasonal exponential smoothing (the variant that optimises its weight) has
no intervals but conformal ones: of ten windows of a day, which is nearly
all that the history holds. ConformalSeasonalPool is no part of the
comparison that was asked for; it is the library's own answer to seasonal
data with odd distributions, and costs next to nothing.
"""

from collections.abc import Mapping
from typing import Any

import statsforecast
from statsforecast import models
from statsforecast import utils

from tests.benchmarks.peers import base
from tests.benchmarks import traces

CALIBRATION_DAYS = 10


class Local:
    shared = False

    def __init__(self, name: str, model: Any) -> None:
        self.name = name
        self._model = model

    def fit(self, panel: base.Panel) -> None:
        raise NotImplementedError

    def forecast(self, panel: base.Panel) -> Mapping[str, base.FloatArray]:
        answer = statsforecast.StatsForecast(
            models=[self._model], freq=base.FREQUENCY).forecast(
                df=panel.long(), h=base.HORIZON, level=list(base.INTERVALS))
        alias = self._model.alias
        columns = [alias] + [f'{alias}-hi-{one}' for one in base.INTERVALS]
        return {token: rows[columns].to_numpy()
                for token, rows in answer.groupby('unique_id')}


def peers() -> list[base.Peer]:
    return [
        Local('statsforecast MSTL', models.MSTL(
            traces.DAY, trend_forecaster=models.AutoETS(model='AZN'))),
        Local('statsforecast SeasonalES',
              models.SeasonalExponentialSmoothingOptimized(
                  traces.DAY, prediction_intervals=utils.ConformalIntervals(
                      n_windows=CALIBRATION_DAYS, h=base.HORIZON))),
        Local('statsforecast CSP',
              models.ConformalSeasonalPool(traces.DAY))]
