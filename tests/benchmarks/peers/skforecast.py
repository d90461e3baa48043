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

"""skforecast: one LightGBM for all series, with bootstrapped quantiles.

Of what the library offers to global models this did best by far on the
design period: recursive forecasts of the mean, and quantiles from paths
whose errors are drawn from the residuals of alike predictions. A model for
each quantile, fed on its own forecasts, drifts away within hours.
"""

from collections.abc import Mapping

import lightgbm
from skforecast import preprocessing as features
from skforecast import recursive
from sklearn import preprocessing

from tests.benchmarks.peers import base
from tests.benchmarks import traces

DAY = traces.DAY
PATHS = 100


class Bootstrapped:
    name = 'skforecast LightGBM'
    shared = True

    def fit(self, panel: base.Panel) -> None:
        self._model = recursive.ForecasterRecursiveMultiSeries(
            estimator=lightgbm.LGBMRegressor(**base.LIGHTGBM),
            lags=[1, 2, 3, 6, 12, DAY, DAY + 1, 2 * DAY, 7 * DAY],
            window_features=features.RollingFeatures(
                stats=['mean', 'std', 'mean', 'mean', 'std', 'max'],
                window_sizes=[12, 12, 72, DAY, DAY, DAY]),
            calendar_features=features.CalendarFeatures(
                features=['day_of_week', 'hour', 'minute'],
                encoding='cyclical'),
            transformer_series=preprocessing.StandardScaler())
        self._model.fit(panel.wide(), store_in_sample_residuals=True,
                        suppress_warnings=True)

    def forecast(self, panel: base.Panel) -> Mapping[str, base.FloatArray]:
        answer = self._model.predict_quantiles(
            base.HORIZON, levels=list(panel.histories),
            last_window=panel.wide(), quantiles=list(base.LEVELS),
            n_boot=PATHS, suppress_warnings=True)
        return {token: rows.drop(columns='level').to_numpy()
                for token, rows in answer.groupby('level')}


def peers() -> list[base.Peer]:
    return [Bootstrapped()]
