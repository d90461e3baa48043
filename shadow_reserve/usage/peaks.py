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

"""The peaks that a fitted model would have forecast, day by day."""

from collections.abc import Sequence

import numpy as np

from shadow_reserve.usage import backtest
from shadow_reserve.usage import forecaster
from shadow_reserve.usage import series as series_module
from shadow_reserve.usage import subject as subject_module

FloatArray = series_module.FloatArray


def replay_peaks(fitted: forecaster.FittedModel,
                 series: Sequence[series_module.DemandSeries],
                 origins: Sequence[int], peak_steps: int) -> FloatArray:
    """Quantiles of the maximum over the steps after each origin.

    Each day is served from the fortnight before it and itself.

    :param origins: the last steps seen, ascending; all series have one
        grid
    :returns: ``(series, origins, levels)`` in the series' own unit; NaN
        where there is not enough history
    """
    settings = fitted.settings
    day = settings.day_steps
    steps = np.asarray(origins, dtype=np.int64)
    found = np.full((len(series), len(steps), len(settings.levels)), np.nan)
    for row, one in enumerate(series):
        for first in range(int(steps[0]), int(steps[-1]) + 1, day):
            mine = (steps >= first) & (steps < first + day)
            begin = max(first - 14 * day, 0)
            seen = backtest.part(one, begin, first + day)
            if seen.points < settings.min_points or not mine.any():
                continue
            subject = subject_module.Subject(seen, settings)
            rows = subject.rows(peak_steps, steps[mine] - begin,
                                np.ones(int(mine.sum()), dtype=np.int64))
            found[row, mine] = subject.history.scaled_back(
                fitted.serve(fitted.scorecard(subject), rows))
    return found
