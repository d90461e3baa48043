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

"""mlforecast: LightGBM quantiles for all series, a model for each horizon.

Of what the library offers, direct quantiles did best by far on the design
period. Quantile models that are fed on their own forecasts drift away
within hours (2.0 at 24 hours on Azure), and one model with conformal
intervals stays behind too (1.0).

Direct models see the calendar and the seasons through exogenous features,
which the library aligns with the step that is forecast: the time of day
and of the week, and what was used at that time a day and a week before. Its
own date features belong to the origin when it fits, but to the target when
it predicts, and so mislead direct models. As an exogenous feature is not
scaled with the target, the series are standardised before. 288 horizons of
four quantiles are 1,152 models: each learns from the same random rows, or
fitting would take an hour. Half of these rows made it 3 to 8 % worse, twice
as many 1 to 2 % better for 70 % more time.
"""

from collections.abc import Iterator
from collections.abc import Mapping

import lightgbm
import mlforecast
from mlforecast import lag_transforms
import numpy as np
import pandas as pd

from tests.benchmarks.peers import base
from tests.benchmarks import traces

DAY = traces.DAY
ROWS = 20_000
KNOWN = ['time_of_day', 'day_of_week', 'yesterday', 'last_week']

Scales = dict[str, tuple[float, float]]


class Direct:
    name = 'mlforecast LightGBM'
    shared = True

    def fit(self, panel: base.Panel) -> None:
        self._model = mlforecast.MLForecast(
            models={str(level): lightgbm.LGBMRegressor(
                objective='quantile', alpha=level, n_estimators=50,
                max_bin=63, **base.LIGHTGBM) for level in base.LEVELS},
            freq=base.FREQUENCY, lags=[1, 2, 3, 6, 12, DAY],
            lag_transforms={1: [
                lag_transforms.RollingMean(12),
                lag_transforms.RollingStd(12),
                lag_transforms.RollingMax(12),
                lag_transforms.RollingMean(72),
                lag_transforms.RollingMean(DAY),
                lag_transforms.RollingStd(DAY),
                lag_transforms.RollingMax(DAY),
                lag_transforms.RollingMean(7 * DAY)]})
        frame = _frame(panel, _scales(panel))
        features, targets = self._model.preprocess(
            frame, static_features=[], dropna=False,
            max_horizon=base.HORIZON, return_X_y=True)
        whole = np.flatnonzero(np.isfinite(targets).all(axis=1))
        rows = np.random.default_rng(1).permutation(whole)[:ROWS]
        chosen, targets = features.iloc[rows], targets[rows]
        known = frame[KNOWN].to_numpy()

        def horizons() -> Iterator[
                tuple[int, pd.DataFrame, base.FloatArray]]:
            for step in range(base.HORIZON):
                ahead = chosen.copy()
                ahead[KNOWN] = known[rows + step]
                yield step, ahead, targets[:, step]

        self._model.fit_models(generator_factory=horizons)

    def forecast(self, panel: base.Panel) -> Mapping[str, base.FloatArray]:
        scales = _scales(panel)
        answer = self._model.predict(
            base.HORIZON, new_df=_frame(panel, scales),
            X_df=_coming(panel, scales))
        said = {}
        for token, rows in answer.groupby('unique_id'):
            mean, spread = scales[token]
            said[token] = mean + spread * rows[
                [str(level) for level in base.LEVELS]].to_numpy()
        return said


def peers() -> list[base.Peer]:
    return [Direct()]


def _scales(panel: base.Panel) -> Scales:
    """The mean and the spread of each series, the latter never zero."""
    return {token: (float(np.nanmean(history)),
                    float(np.nanstd(history)) or 1.0)
            for token, history in panel.histories.items()}


def _frame(panel: base.Panel, scales: Scales) -> pd.DataFrame:
    """The histories, with what is known at each of their steps."""
    frame = panel.long()
    for token, rows in frame.groupby('unique_id').groups.items():
        mean, spread = scales[token]
        frame.loc[rows, 'y'] = (frame.loc[rows, 'y'] - mean) / spread
    past = frame.groupby('unique_id')['y']
    return _with_known(frame, past.shift(DAY), past.shift(7 * DAY))


def _coming(panel: base.Panel, scales: Scales) -> pd.DataFrame:
    """What is known of the steps to forecast."""
    parts = []
    for token, history in panel.histories.items():
        mean, spread = scales[token]
        scaled = (base.filled(history) - mean) / spread
        parts.append(_with_known(
            pd.DataFrame({'unique_id': token,
                          'ds': panel.index(token, ahead=base.HORIZON)}),
            scaled[-DAY:], scaled[-7 * DAY:-6 * DAY]))
    return pd.concat(parts, ignore_index=True)


def _with_known(frame: pd.DataFrame, yesterday: pd.Series | base.FloatArray,
                last_week: pd.Series | base.FloatArray) -> pd.DataFrame:
    return frame.assign(
        time_of_day=frame['ds'].dt.hour * 60 + frame['ds'].dt.minute,
        day_of_week=frame['ds'].dt.dayofweek,
        yesterday=yesterday, last_week=last_week)
