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

"""Cheap forecasters of one series, and their weighted mix.

Each expert says a point and adds the quantiles of its own recent errors.
How far ahead it looks decides how much each is trusted: the weights are
worked out for each bucket of horizons and each quantile level, from the
experts' pinball losses over the last week.
"""

from collections.abc import Sequence
import dataclasses

import numpy as np

from shadow_reserve.usage import history as history_module

FloatArray = history_module.FloatArray
IntArray = history_module.IntArray

#: The experts that say a point, in the order of every array's axis.
DAY, WEEK, TIME_OF_DAY, LAST, HOUR = range(5)
#: Quantiles of the last day: an expert without a point.
RECENT = 5
EXPERTS = 6
#: Upper ends of the horizon buckets, as shares of a day.
BUCKET_ENDS = (1 / 96, 1 / 24, 1 / 8, 1 / 3, 1.0)
#: How much better experts are preferred: weights are losses to this power.
SHARPNESS = 6.0
#: An expert with fewer errors to learn from is not heard.
MIN_ERRORS = 24
#: Targets that a table looks at. The stride is no divisor of an hour or a
#: day, or it would see cron jobs always or never.
TABLE_STRIDE = 7
#: Steps between two refreshes of the recent quantiles.
RECENT_STRIDE = 12


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Table:
    """What the experts' errors had taught up to some step.

    :param offsets: ``(buckets, EXPERTS, levels)``: error quantiles
    :param weights: the same shape; sums to one over the experts
    """

    offsets: FloatArray
    weights: FloatArray


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Panel:
    """The experts of one target.

    :param recent: ``(n / RECENT_STRIDE, levels)`` quantiles of the day
        before every ``RECENT_STRIDE``-th step, counted from the end
    """

    target: history_module.Target
    levels: tuple[float, ...]
    recent: FloatArray

    def points(self, origins: IntArray, horizons: IntArray) -> FloatArray:
        """``(rows, 5)``: what the point experts say; NaN says nothing.

        :param origins: ``(rows,)`` last step seen
        :param horizons: ``(rows,)`` steps ahead, from 1; with windows of
            more than one step, up to a day less a window
        """
        target, day = self.target, self.target.history.day
        filled = target.history.filled
        steps = origins + horizons
        days = target.at(steps[:, None] - day * np.arange(1, 8))
        usual = _mean_of_known(days)
        hour = max(day // 24, 1)
        back = np.clip(origins[:, None] - np.arange(hour), 0, None)
        return np.stack([days[:, 0], days[:, 6], usual, filled[origins],
                         filled[back].mean(axis=1)], axis=1)

    def recent_at(self, origins: IntArray) -> FloatArray:
        """``(rows, levels)``: quantiles of the day up to the origin."""
        last = len(self.target.values) - 1
        back = -(-(last - origins) // RECENT_STRIDE)
        return self.recent[np.minimum(back, len(self.recent) - 1)]

    def quantiles(self, table: Table, origins: IntArray, horizons: IntArray,
                  points: FloatArray) -> FloatArray:
        """``(rows, EXPERTS, levels)``: every expert's whole forecast."""
        buckets = self.buckets(horizons)
        spread = np.concatenate(
            [np.repeat(points[:, :, None], len(self.levels), axis=2),
             self.recent_at(origins)[:, None, :]], axis=1)
        return spread + table.offsets[buckets]

    def mix(self, table: Table, horizons: IntArray,
            quantiles: FloatArray) -> FloatArray:
        """``(rows, levels)``: the weighted mix; never NaN.

        An expert that says nothing in a row (no such day yet) leaves its
        weight to the others; the recent quantiles always say something.
        """
        known = np.isfinite(quantiles)
        weights = np.where(known, table.weights[self.buckets(horizons)], 0.0)
        total = weights.sum(axis=1)
        mixed = (weights * np.where(known, quantiles, 0.0)).sum(axis=1)
        return np.where(total > 0, mixed / np.where(total > 0, total, 1.0),
                        quantiles[:, RECENT])

    def buckets(self, horizons: IntArray) -> IntArray:
        return np.searchsorted(bucket_ends(self.target.history.day),
                               horizons)

    def table_at(self, origin: int) -> Table:
        """Learn from all targets known at ``origin``, up to a week back."""
        history = self.target.history
        ends = bucket_ends(history.day)
        known = self.target.known_at(origin)
        steps = np.arange(known - 1, max(known - history.week, 1),
                          -TABLE_STRIDE)
        if self.target.window > 1:
            horizons = np.ones((len(ends), len(steps)), dtype=np.int64)
        else:
            # Each target is looked at from another distance.
            starts = np.concatenate([[1], ends[:-1] + 1])
            turn = np.arange(len(steps)) * 5
            horizons = starts[:, None] + turn % (ends - starts + 1)[:, None]
        rows = np.broadcast_to(steps, horizons.shape)
        origins = np.maximum(rows - horizons, 0).ravel()
        flat = horizons.ravel()
        points = self.points(origins, flat)
        shape = (*horizons.shape, EXPERTS)
        actual = self.target.values[rows]
        # The recent quantiles need no offset: zero errors.
        offsets = np.zeros((len(ends), EXPERTS, len(self.levels)))
        errors = actual[:, :, None] - points.reshape(
            *horizons.shape, points.shape[-1])
        counts = np.isfinite(errors).sum(axis=1)
        # The week looked at is one period of the weekly expert: a new level
        # would seem a drift to it, and be added once again each week.
        weekly = errors[:, :, WEEK]
        weekly -= _quantiles(errors, (0.5,))[:, WEEK]
        offsets[:, :RECENT] = _quantiles(errors, self.levels)
        offsets[np.isnan(offsets)] = 0.0
        bare = Table(offsets=offsets, weights=offsets)
        said = np.empty((*shape, len(self.levels)))
        for bucket in range(len(ends)):
            part = slice(bucket * len(steps), (bucket + 1) * len(steps))
            said[bucket] = self.quantiles(
                bare, origins[part], flat[part], points[part])
        losses = _losses(actual, said, self.levels)
        losses[:, :RECENT][counts < MIN_ERRORS] = np.nan
        return Table(offsets=offsets, weights=_weights(losses))


def panel_of(target: history_module.Target,
             levels: Sequence[float]) -> Panel:
    """The experts of a target, for ascending quantile levels."""
    count, day = len(target.values), target.history.day
    ends = np.arange(count - 1, -1, -RECENT_STRIDE) - target.window + 1
    back = ends[:, None] - np.arange(day)
    recent = _quantiles(target.at(back)[:, :, None], levels)[:, 0]
    # A day without any point, or before the first window has ended:
    # everything there is must do.
    overall = _quantiles(target.values[None, :, None], levels)[0]
    if np.isnan(overall).any():
        overall = _quantiles(
            target.history.values[None, :, None], levels)[0]
    recent = np.where(np.isnan(recent), overall, recent)
    return Panel(target=target, levels=tuple(levels), recent=recent)


def bucket_ends(day: int) -> IntArray:
    ends = np.maximum(np.rint(np.array(BUCKET_ENDS) * day), 1)
    return np.maximum.accumulate(ends).astype(np.int64)


def _mean_of_known(values: FloatArray) -> FloatArray:
    known = np.isfinite(values)
    counts = known.sum(axis=1)
    sums = np.where(known, values, 0.0).sum(axis=1)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _quantiles(values: FloatArray, levels: Sequence[float]) -> FloatArray:
    """Quantiles over axis 1 of ``(a, n, b)``, gaps left out: ``(a, b, q)``.

    numpy's nanquantile works row by row in Python, which is far too slow
    here; a sort puts the gaps last.
    """
    if not values.shape[1]:
        return np.full((values.shape[0], values.shape[2], len(levels)),
                       np.nan)
    ordered = np.sort(values, axis=1)
    counts = np.isfinite(ordered).sum(axis=1)
    place = np.maximum(counts - 1, 0)[:, None, :] * np.asarray(
        levels)[None, :, None]
    below = np.floor(place).astype(np.int64)
    above = np.minimum(below + 1, np.maximum(counts - 1, 0)[:, None, :])
    low = np.take_along_axis(ordered, below, axis=1)
    high = np.take_along_axis(ordered, above, axis=1)
    found: FloatArray = low + (place - below) * (high - low)
    return found.transpose(0, 2, 1)


def _losses(actual: FloatArray, said: FloatArray,
            levels: Sequence[float]) -> FloatArray:
    """Mean pinball loss ``(buckets, EXPERTS, levels)``, gaps left out."""
    error = actual[:, :, None, None] - said
    known = np.isfinite(error)
    taus = np.asarray(levels)
    loss = np.where(known, np.maximum(taus * error, (taus - 1) * error), 0.0)
    counts = known.sum(axis=1)
    return np.where(counts > 0,
                    loss.sum(axis=1) / np.maximum(counts, 1), np.nan)


def _weights(losses: FloatArray) -> FloatArray:
    known = np.isfinite(losses)
    best = np.where(known, losses, np.inf).min(axis=1, keepdims=True)
    # An expert without any loss would weigh infinitely much.
    floor = 1e-6
    ratio = (np.where(np.isfinite(best), best, 0.0) + floor) / (
        np.where(known, losses, 1.0) + floor)
    weights = np.where(known, ratio ** SHARPNESS, 0.0)
    total = weights.sum(axis=1, keepdims=True)
    return weights / np.where(total > 0, total, 1.0)
