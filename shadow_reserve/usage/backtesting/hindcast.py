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

"""Forecasts of what is past, as they would have been made at the time."""

from collections.abc import Callable
from collections.abc import Sequence

import numpy as np

from shadow_reserve.usage.backtesting import backtest
from shadow_reserve.usage import forecaster
from shadow_reserve.usage import panel as panel_module
from shadow_reserve.usage import pooled
from shadow_reserve.usage import series as series_module

#: Hears a stage's name, how much of it is done, and how much there is.
Progress = Callable[[str, int, int], None]
#: Series that accuracy is measured on; the replay takes all.
SCORED = 60
#: Origins that accuracy is measured from, at all times of the day.
ORIGINS = 6
#: Series whose peaks are forecast at once.
BATCH = 25


def peaks(fitted: forecaster.FittedModel,
          series: Sequence[series_module.DemandSeries], training: int,
          progress: Progress) -> panel_module.FloatArray:
    """``(series, steps, levels)``: at all steps from the training's last on.

    Some of the series at once, in a thread each.

    :param series: all of one length
    :param training: steps that the model was fitted on, and that each
        daily refresh sees
    """
    alone = forecaster.FittedModel(
        fitted.settings.in_one_thread(), fitted.learned)
    origins = range(training - 1, len(series[0].values))
    parts: list[panel_module.FloatArray] = []
    progress('forecasting', 0, len(series))
    for part in pooled.in_order(
            lambda first: backtest.replayed_peaks(
                alone, series[first:first + BATCH], origins, training),
            range(0, len(series), BATCH), fitted.settings.threads):
        parts.append(part)
        progress('forecasting', sum(map(len, parts)), len(series))
    return np.concatenate(parts)


def accuracy(fitted: forecaster.FittedModel,
             series: Sequence[series_module.DemandSeries], training: int,
             seed: int, progress: Progress,
             ) -> tuple[tuple[backtest.Summary, ...], int]:
    """How near the forecasts of some of the series came.

    :returns: the scores, and how many series they are of
    """
    drawn = np.random.default_rng(seed).permutation(len(series))
    sample = [series[row] for row in sorted(drawn[:SCORED])]
    count = len(series[0].values)
    # No divisor of a day, or all would begin at the same time of it.
    stride = max((count - training) // ORIGINS, 1)
    stride -= not stride % 2 and stride > 1
    origins = [training + turn * stride for turn in range(ORIGINS)]
    origins = [one for one in origins if one < count]
    progress('scoring', 0, len(origins))
    windows, seen = [], set()
    for window in backtest.windows(fitted, sample, training, origins):
        windows.append(window)
        if window.origin not in seen:
            seen.add(window.origin)
            progress('scoring', len(seen), len(origins))
    # Of one that had too little history at all origins there is no score.
    return (tuple(backtest.summarised(windows)),
            len({window.token for window in windows}))
