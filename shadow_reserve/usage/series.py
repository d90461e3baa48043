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

"""From raw measures to a demand series on a regular grid.

A grid is cut in *buckets* of one step; a bucket that had no measure is a
gap, NaN. Nothing here guesses what happened in a long gap, and nothing
lets an absurd measure through: what is not finite, negative, or beyond
``LARGEST_PLAUSIBLE`` is a gap too.
"""

from collections.abc import Iterable
from collections.abc import Sequence
import dataclasses
import datetime
from typing import Any

import numpy as np
from numpy import typing as npt

from shadow_reserve.records import demand

FloatArray = npt.NDArray[np.float64]
#: Series that are many are kept in half of the room.
AnyFloats = npt.NDArray[np.floating[Any]]
#: Of resolution ``us``, in UTC.
Stamps = npt.NDArray[np.datetime64]
#: A time stamp and what was measured then.
Measure = tuple[datetime.datetime, float]

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
#: No application keeps so many vCPUs, MiB or MiB/s busy.
LARGEST_PLAUSIBLE = 1e12
#: Of the capacity, from here on demand is taken to be pinned at it.
CEILING_SHARE = 0.97
#: Polls that come early or late make a rate seem higher than it can be, but
#: not by more than this at more than this share of the steps.
BEYOND_CEILING = 1.1
BEYOND_SHARE = 0.01
#: Written out in a note.
NAMED = 5


_STAMP = np.dtype('datetime64[us]')


def utc(moment: datetime.datetime) -> np.datetime64:
    """An aware time as numpy has it, which knows no time zones."""
    return np.datetime64(
        moment.astimezone(datetime.UTC).replace(tzinfo=None), 'us')


def floor(moment: datetime.datetime,
          step: datetime.timedelta) -> datetime.datetime:
    """The start of the bucket that ``moment`` (aware) lies in.

    A bucket is complete when its end is not after now, so the buckets
    before ``floor(now, step)`` are the complete ones.
    """
    return moment - (moment - EPOCH) % step


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Grid:
    """``count`` buckets of one ``step`` each, the first at ``start``.

    :raises ValueError: when ``start`` is naive or not a multiple of step
    """

    start: datetime.datetime
    step: datetime.timedelta
    count: int

    def __post_init__(self) -> None:
        _check_alignment(self.start, self.step)

    @classmethod
    def covering(cls, start: datetime.datetime, stop: datetime.datetime,
                 step: datetime.timedelta) -> 'Grid':
        """The buckets that lie whole between ``start`` and ``stop``."""
        first = floor(start, step)
        if first < start:
            first += step
        count = max((floor(stop, step) - first) // step, 0)
        return cls(start=first, step=step, count=count)

    @property
    def stop(self) -> datetime.datetime:
        return self.start + self.count * self.step


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class DemandSeries:
    """The demand of one resource of one application, step by step.

    ``values[i]`` is the mean demand in the step that starts at ``start +
    i * step``, in the unit that ``resource`` names; NaN is a gap. Values
    that are no demand at all (see the module) become gaps, so that no
    reader has to ask again.

    ``ceiling`` is the capacity of the application at each step, where it
    is known: demand that is pinned at it may have been more.

    :raises ValueError: when ``start`` is naive or not aligned to the step,
        ``values`` does not have one dimension, or ``ceiling`` another shape
    """

    token: str
    resource: demand.DemandResource
    start: datetime.datetime
    step: datetime.timedelta
    values: FloatArray
    ceiling: FloatArray | None = None

    def __post_init__(self) -> None:
        _check_alignment(self.start, self.step)
        values = np.array(self.values, dtype=np.float64)
        if values.ndim != 1:
            raise ValueError(f'{self.token} {self.resource.value}: values '
                             f'must have one dimension, not {values.ndim}')
        if self.ceiling is not None and self.ceiling.shape != values.shape:
            raise ValueError(f'{self.token} {self.resource.value}: a '
                             'ceiling for each value is needed')
        values[~plausible(values)] = np.nan
        values.setflags(write=False)
        object.__setattr__(self, 'values', values)

    @property
    def end(self) -> datetime.datetime:
        """The end of the last step: where a forecast begins."""
        return self.start + len(self.values) * self.step

    @property
    def latest_reading(self) -> datetime.datetime | None:
        """The end of the last step that is not a gap, if there is one."""
        known = np.flatnonzero(np.isfinite(self.values))
        if not len(known):
            return None
        return self.start + (int(known[-1]) + 1) * self.step

    @property
    def points(self) -> int:
        """Steps that are not gaps."""
        return int(np.isfinite(self.values).sum())

    @property
    def length(self) -> int:
        """Steps from the first point on: the rest came before it."""
        known = np.isfinite(self.values)
        return int(len(known) - known.argmax()) if known.any() else 0

    @property
    def censored(self) -> npt.NDArray[np.bool_]:
        """Steps at which demand was pinned at its ceiling."""
        if self.ceiling is None:
            return np.zeros(self.values.shape, dtype=np.bool_)
        return np.asarray(self.values >= CEILING_SHARE * self.ceiling)

    @property
    def censored_points(self) -> int:
        return int(self.censored.sum())


def part(series: DemandSeries, start: int, stop: int) -> DemandSeries:
    """The steps from ``start``, at least 0, up to before ``stop``."""
    start = max(start, 0)
    return dataclasses.replace(
        series, start=series.start + start * series.step,
        values=series.values[start:stop],
        ceiling=(None if series.ceiling is None
                 else series.ceiling[start:stop]))


def _check_alignment(start: datetime.datetime,
                     step: datetime.timedelta) -> None:
    if step <= datetime.timedelta():
        raise ValueError(f'a step must be positive, not {step}')
    if start.tzinfo is None:
        raise ValueError(f'start {start} has no time zone')
    if (start - EPOCH) % step:
        raise ValueError(f'start {start} is not a multiple of {step}')


def plausible(values: AnyFloats) -> npt.NDArray[np.bool_]:
    """Where ``values`` may be a demand; comparisons with NaN are false."""
    return (values >= 0) & (values <= LARGEST_PLAUSIBLE)


def bucket_means(measures: Iterable[Measure], grid: Grid) -> FloatArray:
    """The mean of the measures in each bucket; NaN where there is none.

    Measures may come in any order. Of several with one time stamp the last
    one given counts: it was sent again to correct the others. What lies
    outside of the grid, is not finite, or is negative, as no counter and no
    gauge can be, is left out.
    """
    latest = dict(measures)
    stamps = np.array([utc(stamp) for stamp in latest], dtype=_STAMP)
    values = np.fromiter(latest.values(), np.float64, len(latest))
    return means_at(stamps, values, grid)


def means_at(stamps: Stamps, values: FloatArray, grid: Grid) -> FloatArray:
    """As ``bucket_means``, of measures of which no two have one stamp."""
    at = ((stamps - utc(grid.start)) // np.timedelta64(grid.step)
          ).astype(np.int64)
    inside = ((at >= 0) & (at < grid.count)
              & np.isfinite(values) & (values >= 0))
    at, values = at[inside], values[inside]
    counts = np.bincount(at, minlength=grid.count)
    # Divided before they are added up: a sum of two 1e308 is not finite.
    sums = np.bincount(at, weights=values / counts[at],
                       minlength=grid.count)
    return np.where(counts > 0, sums, np.nan)


def rates(counters: FloatArray, step: datetime.timedelta,
          bridge: int) -> FloatArray:
    """What a cumulative counter grew by, per second, in each bucket.

    ``counters`` are bucket means: their difference is the true rate seen
    through a triangle two buckets wide, whatever the polling interval is.
    Where a counter was not read for up to ``bridge`` buckets, the growth is
    spread evenly over them. A counter that went down was reset (a reboot, a
    migration): what it did in between is not known, a gap.
    """
    result = np.full(len(counters), np.nan)
    known = np.flatnonzero(np.isfinite(counters))
    if len(known) < 2:
        return result
    steps = np.diff(known)
    with np.errstate(over='ignore'):
        growth = np.diff(counters[known]) / (steps * step.total_seconds())
    growth[(growth < 0) | ~np.isfinite(growth) | (steps > bridge + 1)] = (
        np.nan)
    result[known[0] + 1:known[-1] + 1] = np.repeat(growth, steps)
    return result


def bridged(gauges: FloatArray, bridge: int) -> FloatArray:
    """A gauge, held over gaps of at most ``bridge`` buckets.

    Only between two measures: a server that was seen before and after a
    missed poll was there, and without this the sum over the servers would
    dip at each missed poll.
    """
    result = gauges.copy()
    known = np.flatnonzero(np.isfinite(gauges))
    if len(known) < 2:
        return result
    steps = np.diff(known)
    held = np.repeat(gauges[known[:-1]], steps)
    short = np.repeat(steps <= bridge + 1, steps)
    inner = result[known[0]:known[-1]]
    inner[short] = held[short]
    return result


def held_at_end(values: FloatArray) -> FloatArray:
    """The last bucket holds the one before, if it is still a gap.

    Servers are polled at different moments and the store needs a while, so
    that some are missing from the newest bucket when it is complete: the
    total would seem to fall just where a forecast begins.
    """
    result = values.copy()
    if len(result) > 1 and np.isnan(result[-1]):
        result[-1] = result[-2]
    return result


def total(members: Sequence[AnyFloats], count: int) -> FloatArray:
    """The sum over members that come and go, over ``count`` buckets.

    A member without a value at a step is not there; a step at which none
    has one is a gap.
    """
    if not members:
        return np.full(count, np.nan)
    stacked: AnyFloats = np.vstack(members)
    known = plausible(stacked)
    sums = np.where(known, stacked, 0.0).sum(axis=0, dtype=np.float64)
    return np.where(known.any(axis=0), sums, np.nan)


def capacity(members: Sequence[AnyFloats], each: float,
             used: FloatArray) -> FloatArray | None:
    """What the members that are there at each step have together.

    :param each: the size of a member
    :param used: the ``total`` of the members
    :returns: ``None`` when they used more than that again and again: then
        their size is another
    """
    present = np.zeros(len(used))
    for member in members:
        present += plausible(member)
    most = each * present
    if np.mean(used > BEYOND_CEILING * most) > BEYOND_SHARE:
        return None
    return most


def named(tokens: Sequence[str]) -> str:
    """The first of them, and how many more there are, for a note."""
    more = len(tokens) - NAMED
    return ', '.join(tokens[:NAMED]) + (
        f' and {more} more' if more > 0 else '')
