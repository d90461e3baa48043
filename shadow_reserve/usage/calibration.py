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

"""Adaptive conformal calibration of each reservation's peaks.

Whatever the model says, the share of peaks above a quantile should be what
its level promises, for each reservation by itself. After each peak the
quantile's offset takes a step up when it was exceeded and a small one down
when not, so that in the long run it is exceeded as often as it should be.
(Gibbs and Candès, Adaptive conformal inference under distribution shift,
NeurIPS 2021; the offset itself is tracked, as in Angelopoulos, Candès and
Tibshirani, Conformal PID control, NeurIPS 2023.)
"""

from collections.abc import Sequence

import numpy as np

from shadow_reserve.usage import panel as panel_module

FloatArray = panel_module.FloatArray

#: The step, as a share of the distance from the median to the quantile.
STEP = 0.05
#: The largest offset, in the same measure.
LARGEST = 1.0
#: Levels under it are left alone: the middle is right as it is.
LOWEST_LEVEL = 0.75


def followed(said: FloatArray, actual: FloatArray, levels: Sequence[float],
             offsets: FloatArray | None = None) -> FloatArray:
    """The offsets after a run of peaks, one after the other.

    :param said: ``(series, peaks, levels)`` quantiles, uncalibrated, in
        the order of time
    :param actual: ``(series, peaks)``, NaN where it is not known
    :param offsets: ``(series, levels)`` to begin with, zero if not given;
        multiples of the distance from the median
    :returns: ``(series, levels)``
    """
    taus = np.asarray(levels, dtype=np.float32)
    found = (np.zeros((len(said), len(taus)), dtype=np.float32)
             if offsets is None else offsets.copy())
    moving = np.where(taus >= LOWEST_LEVEL, np.float32(STEP), np.float32(0))
    for peak in range(said.shape[1]):
        outcome = actual[:, peak, None]
        over = outcome > applied(said[:, peak], found)
        moved = np.clip(found + moving * (over - (1 - taus)),
                        -LARGEST, LARGEST)
        found = np.where(np.isfinite(outcome), moved, found)
    return found


def applied(said: FloatArray, offsets: FloatArray) -> FloatArray:
    """``(..., levels)``: calibrated quantiles, never crossing."""
    distance = said - said[..., :1]
    return np.asarray(np.sort(said + offsets * distance, axis=-1))
