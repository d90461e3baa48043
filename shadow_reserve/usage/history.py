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

"""One series made ready to forecast: scaled, and seen as a target.

Series differ in unit and size by many orders; one model for all of them
needs them on one scale. Everything in this package beneath the forecaster
works in that scale and in step numbers instead of times.
"""

import dataclasses

import numpy as np
from numpy import typing as npt

from shadow_reserve.usage import scores
from shadow_reserve.usage import series as series_module

FloatArray = series_module.FloatArray
IntArray = npt.NDArray[np.int64]

WEEK_DAYS = 7


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class History:
    """A series in the scale of the model.

    :param values: ``(n,)``, NaN for gaps
    :param filled: ``(n,)``, gaps holding the last value before them, so
        never NaN
    :param centre: what was taken off, the median of the last week
    :param spread: what it was then divided by
    :param day: steps in a day
    :param first_slot: the step of the week (Monday, midnight UTC, is 0)
        that ``values[0]`` lies in
    """

    values: FloatArray
    filled: FloatArray
    centre: float
    spread: float
    day: int
    first_slot: int

    @property
    def week(self) -> int:
        return WEEK_DAYS * self.day

    def scaled_back(self, scaled: FloatArray) -> FloatArray:
        """Into the series' own unit, where demand is never negative."""
        return np.maximum(scaled * self.spread + self.centre, 0.0)


def of_series(series: series_module.DemandSeries, day: int) -> History:
    """Scale a series: the 7-day median, and how much it moves.

    :raises ValueError: when the series has no point at all
    """
    values = series.values
    recent = values[-WEEK_DAYS * day:]
    known = recent[np.isfinite(recent)]
    if not len(known):
        known = values[np.isfinite(values)]
    if not len(known):
        raise ValueError(f'{series.token} {series.resource.value}: all gaps')
    centre = float(np.median(known))
    moves = [float(known.std()), scores.seasonal_error(values, day)]
    spread = float(np.nanmean(moves))
    if not spread > 1e-9 * max(abs(centre), 1e-9):
        # As good as constant: any scale will do that is not zero.
        spread = max(abs(centre), 1.0)
    scaled = (values - centre) / spread
    epoch_steps = (series.start - series_module.EPOCH) // series.step
    # The epoch was a Thursday.
    slot = (epoch_steps + 3 * day) % (WEEK_DAYS * day)
    return History(values=scaled, filled=forward_filled(scaled),
                   centre=centre, spread=spread, day=day, first_slot=slot)


def forward_filled(values: FloatArray) -> FloatArray:
    """Gaps hold the value before; those at the start, the first value."""
    known = np.isfinite(values)
    last = np.maximum.accumulate(np.where(known, np.arange(len(values)), -1))
    first = int(np.argmax(known))
    return values[np.where(last < 0, first, last)]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Target:
    """What is forecast of a history: the maximum over a window.

    ``values[i]`` is the maximum over the ``window`` steps that begin with
    ``i``; with a window of one step that is the history itself. It is known
    only when the window has ended: at origin ``o`` (the last step seen) up
    to ``values[o - window + 1]``.
    """

    history: History
    window: int
    values: FloatArray

    def known_at(self, origin: int) -> int:
        """The number of the target's values known at ``origin``."""
        return max(origin - self.window + 2, 0)

    def at(self, steps: IntArray) -> FloatArray:
        """Values at any steps; those before the history are gaps."""
        inside = (steps >= 0) & (steps < len(self.values))
        return np.where(
            inside, self.values[np.where(inside, steps, 0)], np.nan)


def target_of(history: History, window: int) -> Target:
    """The maximum over each window, gaps within it left out."""
    values = history.values
    if window > 1:
        padded = np.concatenate([np.where(np.isfinite(values), values,
                                          -np.inf),
                                 np.full(window - 1, -np.inf)])
        peaks = np.lib.stride_tricks.sliding_window_view(
            padded, window).max(axis=1)
        # A window that runs past the end has not ended yet.
        peaks[max(len(values) - window + 1, 0):] = -np.inf
        values = np.where(np.isfinite(peaks), peaks, np.nan)
    return Target(history=history, window=window, values=values)
