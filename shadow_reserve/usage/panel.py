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

"""Many series on one grid, scaled, as arrays that a fleet fits in.

Series differ in unit and size by many orders; one model for all of them
needs them on one scale. Everything in this package beneath the forecaster
works in that scale and in step numbers instead of times. A step number
counts from the left edge of the panel; an *origin* is the last step that a
forecast has seen. All series end at the right edge, whenever that was for
each; a shorter one begins with gaps.
"""

from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Sequence
import dataclasses
import datetime

import numpy as np
from numpy import typing as npt

from shadow_reserve.usage import periods
from shadow_reserve.usage import series as series_module

FloatArray = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

WEEK_DAYS = 7
#: Series in one panel: bounds the memory, whatever the fleet is.
BATCH = 256


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Scale:
    """What brings each series to the scale of the model.

    :param centre: ``(series,)``, the median of the last week
    :param spread: ``(series,)``, what is divided by
    :param period: ``(series,)``, steps of its best cycle within a day
    """

    centre: Doubles
    spread: Doubles
    period: IntArray

    def taken(self, rows: IntArray) -> 'Scale':
        return Scale(centre=self.centre[rows], spread=self.spread[rows],
                     period=self.period[rows])


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Cases:
    """What is forecast: for each row a series, an origin and a horizon.

    :param series: ``(rows,)`` numbers of series in a panel
    :param origins: ``(rows,)`` last step seen
    :param horizons: ``(rows,)`` steps ahead, from 1
    """

    series: IntArray
    origins: IntArray
    horizons: IntArray

    def __len__(self) -> int:
        return len(self.series)

    @property
    def steps(self) -> IntArray:
        return self.origins + self.horizons

    def taken(self, rows: IntArray | BoolArray | slice) -> 'Cases':
        return Cases(series=self.series[rows], origins=self.origins[rows],
                     horizons=self.horizons[rows])


class Panel:
    """Series in the scale of the model.

    ``values`` is ``(series, steps)``, NaN for gaps; in ``filled`` a gap
    holds the last value before it; ``hours`` is the mean of the hour that
    ends with each step. ``censored`` says where demand was pinned at its
    capacity: there it may have been more. ``begins`` is the step of the
    first point of each series; before it ``hours`` are gaps.

    :param scale: to use instead of one of the series' own
    :param holidays: dates, in UTC, that are like Sundays
    :raises ValueError: when a series has no point at all
    """

    def __init__(self, members: Sequence[series_module.DemandSeries],
                 day: int, *, scale: Scale | None = None,
                 holidays: Collection[datetime.date] = ()) -> None:
        width = max(len(one.values) for one in members)
        raw = np.full((len(members), width), np.nan)
        starts = [width - len(one.values) for one in members]
        censored = np.zeros(raw.shape, dtype=np.bool_)
        for row, one in enumerate(members):
            raw[row, starts[row]:] = one.values
            censored[row, starts[row]:] = one.censored
        known = np.isfinite(raw)
        empty = np.flatnonzero(~known.any(axis=1))
        if len(empty):
            one = members[int(empty[0])]
            raise ValueError(
                f'{one.token} {one.resource.value}: all gaps')
        self.begins: IntArray = known.argmax(axis=1)
        self.day = day
        self.scale = scale or scale_of(raw, day)
        self.values: FloatArray = (
            (raw - self.scale.centre[:, None]) / self.scale.spread[:, None]
        ).astype(np.float32)
        self.censored = censored
        self.filled = forward_filled(self.values)
        self.hours = trailing_means(self.filled, self.hour)
        self.hours[np.arange(width) < self.begins[:, None]] = np.nan
        first = np.array([(one.start - series_module.EPOCH) // one.step
                          for one in members]) - starts
        self._first = first
        self._holidays = np.array(sorted(
            (date - series_module.EPOCH.date()).days for date in holidays),
            dtype=np.int64)
        self._targets: dict[int, FloatArray] = {}

    def __len__(self) -> int:
        return len(self.values)

    @property
    def width(self) -> int:
        return int(self.values.shape[1])

    @property
    def week(self) -> int:
        return WEEK_DAYS * self.day

    @property
    def days_back(self) -> IntArray:
        """``(7,)``: how many steps ago each day of the last week was."""
        return self.day * np.arange(1, WEEK_DAYS + 1)

    @property
    def hour(self) -> int:
        return max(self.day // 24, 1)

    @property
    def has_holidays(self) -> bool:
        return len(self._holidays) > 0

    def target(self, window: int) -> FloatArray:
        """``(series, steps)``: the maximum over the ``window`` steps that
        begin with each step, gaps within it left out; NaN where the window
        begins before the first point or runs past the right edge."""
        if window == 1:
            return self.values
        if window not in self._targets:
            known = np.where(np.isfinite(self.values), self.values, -np.inf)
            last = max(self.width - window + 1, 0)
            peaks = np.full(self.values.shape, -np.inf, dtype=np.float32)
            for ahead in range(window if last else 0):
                np.maximum(peaks[:, :last], known[:, ahead:ahead + last],
                           out=peaks[:, :last])
            whole = np.arange(self.width) >= self.begins[:, None]
            self._targets[window] = np.where(
                whole & np.isfinite(peaks), peaks, np.float32(np.nan))
        return self._targets[window]

    def slots(self, series: IntArray, steps: IntArray) -> IntArray:
        """The step of the week, Monday midnight UTC being 0; a holiday is
        a Sunday."""
        absolute = self._first[series] + steps
        # The epoch was a Thursday.
        slots = (absolute + 3 * self.day) % self.week
        if not self.has_holidays:
            return np.asarray(slots)
        return np.where(self.is_holiday(series, steps),
                        6 * self.day + absolute % self.day, slots)

    def is_holiday(self, series: IntArray, steps: IntArray) -> BoolArray:
        return np.isin((self._first[series] + steps) // self.day,
                       self._holidays)

    def scaled_back(self, series: IntArray,
                    scaled: FloatArray) -> Doubles:
        """``(rows, ...)`` into the series' own unit, where demand is never
        negative."""
        shape = (-1,) + (1,) * (scaled.ndim - 1)
        return np.maximum(
            scaled * self.scale.spread[series].reshape(shape)
            + self.scale.centre[series].reshape(shape), 0.0)

    def zero(self, series: IntArray) -> FloatArray:
        """Zero demand, in the scale of each series."""
        return (-self.scale.centre[series]
                / self.scale.spread[series]).astype(np.float32)


def batches(count: int) -> Iterator[slice]:
    """So many series in parts that make a panel each."""
    return (slice(first, min(first + BATCH, count))
            for first in range(0, count, BATCH))


def scale_of(values: Doubles, day: int) -> Scale:
    """The median of the last week, and how much a series moves.

    :param values: ``(series, steps)`` in the series' own units
    """
    recent = values[:, -WEEK_DAYS * day:]
    bare = ~np.isfinite(recent).any(axis=1)
    if bare.any():
        recent = recent.copy()
        recent[bare, 0] = [
            row[np.isfinite(row)][-1] if np.isfinite(row).any() else 0.0
            for row in values[bare]]
    centre = np.nanmedian(recent, axis=1)
    moves = np.stack([np.nanstd(recent, axis=1),
                      seasonal_errors(values, day)])
    known = np.isfinite(moves)
    spread = (np.where(known, moves, 0.0).sum(axis=0)
              / np.maximum(known.sum(axis=0), 1))
    # As good as constant: any scale will do that is not zero.
    flat = ~(spread > 1e-9 * np.maximum(np.abs(centre), 1e-9))
    spread = np.where(flat, np.maximum(np.abs(centre), 1.0), spread)
    scaled = (recent - centre[:, None]) / spread[:, None]
    return Scale(centre=centre, spread=spread,
                 period=periods.best(scaled.astype(np.float32), day))


def seasonal_errors(values: Doubles,
                    day: int) -> Doubles:
    """``(series,)``: mean absolute error of seasonal naive; NaN where no
    two points are a day apart."""
    errors = np.abs(values[:, day:] - values[:, :-day])
    known = np.isfinite(errors)
    counts = known.sum(axis=1)
    return np.where(
        counts > 0,
        np.where(known, errors, 0.0).sum(axis=1) / np.maximum(counts, 1),
        np.nan)


def at(matrix: npt.NDArray[np.float32], series: IntArray,
       steps: IntArray) -> FloatArray:
    """Values at any steps, the two arrays broadcast; outside are gaps."""
    width = matrix.shape[1]
    inside = (steps >= 0) & (steps < width)
    # Much faster than to index with two arrays; what is outside takes any
    # value first.
    found: FloatArray = matrix.ravel().take(
        series * width + steps, mode='clip')
    return np.where(inside, found, np.float32(np.nan))


def forward_filled(values: FloatArray) -> FloatArray:
    """Gaps hold the value before; those at the start, the first value."""
    known = np.isfinite(values)
    if known.all():
        return values
    last = np.maximum.accumulate(
        np.where(known, np.arange(values.shape[1]), -1), axis=1)
    first = np.argmax(known, axis=1)[:, None]
    return np.take_along_axis(
        values, np.where(last < 0, first, last), axis=1)


def trailing_means(values: FloatArray, length: int) -> FloatArray:
    """``out[:, i]``: mean of the ``length`` values that end with ``i``.

    Before the left edge stands the first value, as it does in a longer
    panel, where gaps at the start are filled with it.
    """
    sums = np.cumsum(values, axis=1, dtype=np.float64)
    result = sums.copy()
    result[:, length:] -= sums[:, :-length]
    before = np.arange(length - 1, 0, -1)[:values.shape[1]]
    result[:, :len(before)] += before * values[:, :1].astype(np.float64)
    result /= length
    return result.astype(np.float32)


def extremes_known(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The highest and the lowest over the last axis, gaps left out;
    infinite where there is nothing."""
    known = np.isfinite(values)
    return (np.where(known, values, -np.inf).max(axis=-1),
            np.where(known, values, np.inf).min(axis=-1))


def mean_known(values: FloatArray) -> FloatArray:
    """The mean over the last axis, gaps left out; NaN of nothing."""
    # One after the other: so it is one result, however many rows there
    # are and wherever they lie; and rows are many, terms are few.
    sums, counts = np.zeros((2, *values.shape[:-1]), dtype=np.float32)
    for term in np.moveaxis(values, -1, 0):
        known = np.isfinite(term)
        counts += known
        sums += np.where(known, term, np.float32(0))
    return np.where(counts > 0, sums / np.maximum(counts, 1),
                    np.float32(np.nan))
