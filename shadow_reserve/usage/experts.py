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

"""Cheap forecasters of single series, and their weighted mix.

Each expert says a point and adds the quantiles of its own recent errors.
How far ahead it looks decides how much each is trusted: the weights are
worked out for each series, bucket of horizons and quantile level, from the
experts' pinball losses over the last week, of which the latest count most.
"""

from collections.abc import Sequence
import dataclasses

import numpy as np

from shadow_reserve.usage import panel as panel_module
from shadow_reserve.usage import quantiles

FloatArray = panel_module.FloatArray
IntArray = panel_module.IntArray
Cases = panel_module.Cases
Panel = panel_module.Panel

#: The experts that say a point, in the order of every array's axis.
DAY, WEEK, TIME_OF_DAY, LAST, HOUR, CYCLE, HOURLY, LEVELLED = range(8)
#: Quantiles of the last day: an expert without a point.
RECENT = 8
EXPERTS = 9
NAMES = ('seasonal naive', 'weekly naive', 'same time of 7 days',
         'last value', 'last hour', 'best cycle', 'same minute of 24 hours',
         'time of day at the level of now', 'recent quantiles')
#: Upper ends of the horizon buckets, as shares of a day.
BUCKET_ENDS = (1 / 96, 1 / 24, 1 / 8, 1 / 3, 1.0)
#: How much better experts are preferred: weights are losses to this power.
SHARPNESS = 6.0
#: What an expert was worth so many days ago counts half, for single steps.
#: For peaks all of the week counts alike: of what is rare, none can be spared.
HALF_LIFE_DAYS = 2.0
#: An expert with fewer errors to learn from is not heard.
MIN_ERRORS = 24
#: Targets that a table looks at. The stride is no divisor of an hour or a
#: day, or it would see cron jobs always or never.
TABLE_STRIDE = 7
#: Series whose tables are worked out at once, for the processor's caches.
CHUNK = 32
CYCLE_TURNS = 4


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Tables:
    """What the experts' errors had taught up to some steps.

    One table for each series and step that was asked for. Windows of more
    than one step have one bucket, for they begin at the next step.

    :param offsets: ``(tables, buckets, EXPERTS, levels)``: error quantiles
    :param weights: the same shape; sums to one over the experts
    """

    offsets: FloatArray
    weights: FloatArray

    def __len__(self) -> int:
        return len(self.offsets)

    def taken(self, rows: IntArray) -> 'Tables':
        return Tables(offsets=self.offsets[rows], weights=self.weights[rows])


def joined(parts: Sequence[Tables]) -> Tables:
    return Tables(
        offsets=np.concatenate([part.offsets for part in parts]),
        weights=np.concatenate([part.weights for part in parts]))


def days_before(panel: Panel, window: int, cases: Cases) -> FloatArray:
    """``(rows, 7)``: the same time on each of the seven days before.

    Where there is a calendar, only days that are alike: for a holiday, the
    Sundays and holidays among them, for other days, what is no holiday.
    """
    steps = cases.steps - panel.days_back[:, None]
    found = panel_module.at(panel.target(window), cases.series, steps).T
    if panel.has_holidays:
        holiday = panel.is_holiday(cases.series, cases.steps)[:, None]
        series, steps = cases.series[:, None], steps.T
        sunday = panel.slots(series, steps) >= 6 * panel.day
        alike = np.where(holiday, sunday, ~panel.is_holiday(series, steps))
        found[~alike] = np.nan
        # A week ago is what was like it last, for a holiday.
        rows = np.flatnonzero(holiday[:, 0])
        first = np.argmax(np.isfinite(found[rows]), axis=1)
        found[rows, -1] = found[rows, first]
    return found


def turns_before(panel: Panel, window: int, cases: Cases, period: IntArray,
                 turns: int) -> FloatArray:
    """``(rows, turns)``: the same place in the last turns of a cycle,
    those that had ended at the origin."""
    back = np.maximum(-(-(cases.horizons + window - 1) // period), 1)
    steps = cases.steps - period * (back + np.arange(turns)[:, None])
    return panel_module.at(panel.target(window), cases.series, steps).T


def points(panel: Panel, window: int, cases: Cases,
           days: FloatArray) -> FloatArray:
    """``(rows, RECENT)``: what the point experts say; NaN says nothing.

    :param days: of ``days_before`` for these cases
    """
    usual = panel_module.mean_known(days)
    level = panel.hours[cases.series, cases.origins]
    then = panel_module.mean_known(panel_module.at(
        panel.hours, cases.series,
        cases.origins - panel.days_back[:, None]).T)
    hour = np.full(len(cases), panel.hour)
    return np.stack([
        days[:, 0], days[:, -1], usual,
        panel.filled[cases.series, cases.origins], level,
        panel_module.mean_known(turns_before(
            panel, window, cases, panel.scale.period[cases.series],
            CYCLE_TURNS)),
        panel_module.mean_known(
            turns_before(panel, window, cases, hour, 24)),
        usual + level - then], axis=1)


def recent(panel: Panel, window: int, series: IntArray, origins: IntArray,
           levels: Sequence[float]) -> FloatArray:
    """``(rows, levels)``: quantiles of the day up to the origin.

    A day without any point, or before the first window has ended: the
    week by then must do, gaps filled.
    """
    steps = (origins - window + 1)[:, None] - np.arange(panel.day)
    found = quantiles.of_last_axis(panel_module.at(
        panel.target(window), series[:, None], steps), levels)
    bare = np.flatnonzero(~np.isfinite(found[:, 0]))
    for row in bare:
        origin = origins[row]
        first = max(min(panel.begins[series[row]], origin),
                    origin - panel.week + 1)
        known = panel.filled[series[row], first:origin + 1]
        found[row] = np.quantile(known, levels)
    return found


def said(tables: Tables, place: IntArray, buckets: IntArray,
         saying: FloatArray, recently: FloatArray) -> FloatArray:
    """``(rows, EXPERTS, levels)``: every expert's whole forecast.

    :param place: ``(rows,)`` numbers of each row's table
    """
    levels = recently.shape[1]
    spread = np.concatenate(
        [np.repeat(saying[:, :, None], levels, axis=2),
         recently[:, None, :]], axis=1)
    return np.asarray(spread + tables.offsets[place, buckets])


def mixed(tables: Tables, place: IntArray, buckets: IntArray,
          saying: FloatArray) -> FloatArray:
    """``(rows, levels)``: the weighted mix of what was said; never NaN.

    An expert that says nothing in a row (no such day yet) leaves its
    weight to the others; the recent quantiles always say something.
    """
    known = np.isfinite(saying)
    weights = np.where(known, tables.weights[place, buckets], np.float32(0))
    total = weights.sum(axis=1)
    mix = (weights * np.where(known, saying, np.float32(0))).sum(axis=1)
    return np.where(total > 0, mix / np.where(total > 0, total, 1.0),
                    saying[:, RECENT])


def buckets_of(window: int, horizons: IntArray, day: int) -> IntArray:
    if window > 1:
        return np.zeros_like(horizons)
    return np.searchsorted(bucket_ends(day), horizons)


def bucket_ends(day: int) -> IntArray:
    ends = np.maximum(np.rint(np.array(BUCKET_ENDS) * day), 1)
    return np.maximum.accumulate(ends).astype(np.int64)


def learn(panel: Panel, window: int, series: IntArray, origins: IntArray,
          levels: Sequence[float]) -> Tables:
    """A table for each series and origin, from all targets known there,
    up to a week back.

    :param series: ``(tables,)``
    :param origins: ``(tables,)``
    """
    return joined([
        _learn(panel, window, series[first:first + CHUNK],
               origins[first:first + CHUNK], levels)
        for first in range(0, max(len(series), 1), CHUNK)])


def _learn(panel: Panel, window: int, series: IntArray, origins: IntArray,
           levels: Sequence[float]) -> Tables:
    horizons = _looks(window, panel)
    shape = (len(series), *horizons.shape)
    back = TABLE_STRIDE * np.arange(horizons.shape[1])
    steps = np.broadcast_to(
        (origins - window + 1)[:, None, None] - back, shape)
    ahead = np.broadcast_to(horizons, shape)
    numbers = np.broadcast_to(series[:, None, None], shape)
    looked = (steps - ahead).ravel()
    flat = Cases(series=numbers.ravel(), origins=np.maximum(looked, 0),
                 horizons=ahead.ravel())
    saying = points(panel, window, flat, days_before(panel, window, flat))
    actual = panel_module.at(panel.target(window), numbers, steps)
    actual = np.where(looked.reshape(shape) >= panel.begins[
        series][:, None, None], actual, np.float32(np.nan))
    errors = np.moveaxis(
        actual[..., None] - saying.reshape(*shape, RECENT), -1, -2)
    # The week looked at is one period of the weekly expert: a new level
    # would seem a drift to it, and be added once again each week.
    errors[:, :, WEEK] -= quantiles.of_last_axis(
        errors[:, :, WEEK], (0.5,))
    counts = np.isfinite(errors).sum(axis=-1)
    # The recent quantiles need no offset: zero errors.
    offsets = np.zeros((*shape[:2], EXPERTS, len(levels)), dtype=np.float32)
    offsets[:, :, :RECENT] = quantiles.of_last_axis(errors, levels)
    offsets[~np.isfinite(offsets)] = 0.0
    losses = np.empty_like(offsets)
    half_lives = back / (HALF_LIFE_DAYS * panel.day) * (window == 1)
    counting = (0.5 ** half_lives).astype(np.float32)
    for index in range(RECENT):
        losses[:, :, index] = _losses(
            errors[:, :, index, :, None], offsets[:, :, index, None],
            levels, counting)
    losses[:, :, RECENT] = _losses(
        actual[..., None], _recent_then(
            panel, window, series, origins, looked.reshape(shape), levels),
        levels, counting)
    losses[:, :, :RECENT][counts < MIN_ERRORS] = np.nan
    return Tables(offsets=offsets, weights=_weights(losses))


def _looks(window: int, panel: Panel) -> IntArray:
    """``(buckets, targets)``: from how far each target is looked at."""
    count = panel.week // TABLE_STRIDE
    if window > 1:
        return np.ones((1, count), dtype=np.int64)
    ends = bucket_ends(panel.day)
    starts = np.concatenate([[1], ends[:-1] + 1])
    turn = np.arange(count) * 5
    return np.asarray(
        starts[:, None] + turn % np.maximum(ends - starts + 1, 1)[:, None])


def _recent_then(panel: Panel, window: int, series: IntArray,
                 origins: IntArray, looked: IntArray,
                 levels: Sequence[float]) -> FloatArray:
    """The recent quantiles as they were, refreshed twice a day only: it
    is their worth as an expert that is asked for."""
    half = max(panel.day // 2, 1)
    count = 2 * panel_module.WEEK_DAYS + 3
    at = np.maximum(origins[:, None] - half * np.arange(count), 0)
    grid = recent(panel, window, np.repeat(series, count), at.ravel(),
                  levels).reshape(len(series), count, len(levels))
    back = -(-(origins[:, None, None] - looked) // half)
    rows = np.arange(len(series))[:, None, None]
    return np.asarray(grid[rows, np.clip(back, 0, count - 1)])


def _losses(actual: FloatArray, forecast: FloatArray,
            levels: Sequence[float], counting: FloatArray) -> FloatArray:
    """Weighted mean pinball loss over the last axis but one, gaps left out.

    :param counting: ``(targets,)``, the weight of each
    """
    # Targets first, and one level at a time: long rows are what sums are
    # fast over. All in one array, for the order of a sum, and so its last
    # digit, not to depend on how many tables there are.
    truth = np.moveaxis(actual[..., 0], -1, 0)
    known, weights = np.isfinite(truth), counting[:, None, None]
    terms = np.empty((len(truth), len(levels) + 1, *truth.shape[1:]),
                     dtype=np.float32)
    for index, tau in enumerate(np.asarray(levels, dtype=np.float32)):
        errors = truth - np.moveaxis(forecast[..., index], -1, 0)
        loss = np.maximum(tau * errors, (tau - 1) * errors) * weights
        terms[:, index] = np.where(known, loss, np.float32(0))
    terms[:, -1] = known * weights
    sums = terms.sum(axis=0)
    total = np.where(sums[-1] > 0, sums[-1], np.float32(np.nan))
    return np.asarray(np.moveaxis(sums[:-1] / total, 0, -1))


def _weights(losses: FloatArray) -> FloatArray:
    known = np.isfinite(losses)
    best = np.where(known, losses, np.inf).min(axis=-2, keepdims=True)
    # An expert without any loss would weigh infinitely much.
    floor = 1e-6
    ratio = (np.where(np.isfinite(best), best, 0.0) + floor) / (
        np.where(known, losses, 1.0) + floor)
    weights = np.where(known, ratio ** SHARPNESS, 0.0)
    total = weights.sum(axis=-2, keepdims=True)
    return np.asarray(weights / np.where(total > 0, total, 1.0),
                      dtype=np.float32)
