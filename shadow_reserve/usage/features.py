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

"""What the learned model is told of a series at an origin.

All in the scale of the panel, all from steps up to the origin. A feature
that is not there (no such day yet) is NaN: the trees have a branch for it.
"""

import numpy as np

from shadow_reserve.usage import bursts
from shadow_reserve.usage import experts
from shadow_reserve.usage import panel as panel_module

FloatArray = panel_module.FloatArray
IntArray = panel_module.IntArray
Cases = panel_module.Cases
Panel = panel_module.Panel

LAGS = (1, 2, 3, 6)
WINDOWS = (1 / 96, 1 / 24, 1 / 8, 1.0)
SHAPE_LEVELS = (0.1, 0.5, 0.9, 0.99)
#: Levels of now against those before: lengths, as shares of a day.
STEPS_OF_LEVEL = ((1 / 48, 1 / 24), (1 / 24, 1 / 12), (1 / 12, 1 / 6),
                  (1 / 4, 1 / 2))
#: Experts whose own error quantiles say how steady a series is.
STEADINESS = (experts.DAY, experts.LAST, experts.HOUR, experts.CYCLE)
LARGEST = 1e6
CHUNK = 2048


def matrix(panel: Panel, window: int, cases: Cases, days: FloatArray,
           points: FloatArray, mix: FloatArray,
           offsets: FloatArray) -> FloatArray:
    """``(rows, features)``, one row for each case.

    :param days: the same time on the seven days before
    :param points: the experts' points for these rows
    :param mix: the experts' mix for these rows, ``(rows, levels)``
    :param offsets: the experts' error quantiles, ``(rows, EXPERTS,
        levels)``
    """
    keys = cases.series * panel.width + cases.origins
    distinct, place = np.unique(keys, return_inverse=True)
    series, origins = np.divmod(distinct, panel.width)
    past, begun = (np.concatenate(parts, axis=1) for parts in zip(*[
        _past(panel, series[first:first + CHUNK],
              origins[first:first + CHUNK])
        for first in range(0, max(len(series), 1), CHUNK)]))
    # Column by column: so they are made, and so the trees read them.
    found = np.concatenate([
        past.take(place, axis=1),
        _bursts(panel, window, cases, begun, place),
        _cycles(panel, window, cases),
        _seasons(panel, window, cases, days), points.T, mix.T,
        *(offsets[:, one].T for one in STEADINESS)],
        dtype=np.float32, casting='same_kind')
    found[~np.isfinite(found)] = np.nan
    return np.asarray(np.clip(found, -LARGEST, LARGEST, out=found).T)


def _past(panel: Panel, series: IntArray, origins: IntArray,
          ) -> tuple[FloatArray, IntArray]:
    """What went before an origin: lags, levels, swings, likeness; and
    where the latest bursts began.

    Here and below ``(features, rows)``.
    """
    day, filled = panel.day, panel.filled
    back = np.maximum(origins[:, None] - np.arange(day), 0)
    past = filled[series[:, None], back]
    columns = [past[:, 0]]
    columns += [past[:, 0] - past[:, min(lag, day - 1)] for lag in LAGS]
    for share in WINDOWS:
        part = past[:, :max(round(share * day), 1)]
        columns += [part.mean(axis=1), part.std(axis=1), part.max(axis=1)]
    shape = _shape(past)
    columns += shape
    week = filled[series[:, None], np.maximum(
        origins[:, None] - experts.TABLE_STRIDE * np.arange(
            panel.week // experts.TABLE_STRIDE), 0)]
    columns += _shape(week)
    before = filled[series[:, None], np.maximum(back - day, 0)]
    columns += [_likeness(past, before),
                past.mean(axis=1) - week.mean(axis=1),
                past.mean(axis=1) - before.mean(axis=1)]
    for near, far in STEPS_OF_LEVEL:
        columns.append(_mean(past, 0, near) - _mean(past, near, near + far))
    for share in (1 / 24, 1 / 8):
        columns.append(_mean(past, 0, share) - _mean(before, 0, share))
    hour = past[:, :max(day // 24, 2)]
    moves = np.abs(np.diff(hour, axis=1))
    columns += [np.median(hour, axis=1), hour.min(axis=1),
                np.median(hour[:, :3], axis=1), moves.mean(axis=1),
                moves.max(axis=1), np.abs(np.diff(past, axis=1)).mean(axis=1),
                panel.censored[series[:, None], back[:, :hour.shape[1]]
                               ].mean(axis=1)]
    return np.stack(columns), bursts.begun(past, shape[1], shape[3])


def _bursts(panel: Panel, window: int, cases: Cases, begun: IntArray,
            place: IntArray) -> FloatArray:
    """Within the hour only: later on, the intervals do not tell."""
    found = np.full((bursts.COLUMNS, len(cases)), np.nan, dtype=np.float32)
    near = cases.horizons <= panel.hour
    found[:, near] = bursts.columns(panel, window, cases.taken(near),
                                    begun[:, place[near]])
    return found


def _mean(past: FloatArray, start: float, stop: float) -> FloatArray:
    day = past.shape[1]
    first = round(start * day)
    last = max(round(stop * day), first + 1)
    return np.asarray(past[:, first:last].mean(axis=1))


def _shape(values: FloatArray) -> list[FloatArray]:
    ordered = np.sort(values, axis=1)
    last = values.shape[1] - 1
    return [ordered[:, int(level * last)] for level in SHAPE_LEVELS]


def _likeness(left: FloatArray, right: FloatArray) -> FloatArray:
    """The correlation of each pair of rows: of a day with the one before."""
    left = left - left.mean(axis=1, keepdims=True)
    right = right - right.mean(axis=1, keepdims=True)
    size = np.sqrt((left ** 2).sum(axis=1) * (right ** 2).sum(axis=1))
    return np.asarray((left * right).sum(axis=1) / np.maximum(size, 1e-9))


def _cycles(panel: Panel, window: int, cases: Cases) -> FloatArray:
    """The same place in the last turns of its own and of usual cycles."""
    day = panel.day
    own = panel.scale.period[cases.series]
    columns = [np.log(own)]
    for period, turns in (
            (own, experts.CYCLE_TURNS),
            (np.full_like(own, panel.hour), 6)):
        found = experts.turns_before(panel, window, cases, period, turns)
        columns += [*panel_module.extremes_known(found),
                    panel_module.mean_known(found), found[:, 0]]
    for share in (1 / 48, 1 / 6):
        period = np.full_like(own, max(round(share * day), 1))
        columns.append(panel_module.mean_known(experts.turns_before(
            panel, window, cases, period, experts.CYCLE_TURNS)))
    return np.stack(columns)


def _seasons(panel: Panel, window: int, cases: Cases,
             days: FloatArray) -> FloatArray:
    """Where in the day and week, and how it was there before."""
    day, steps = panel.day, cases.steps
    slots = panel.slots(cases.series, steps)
    angles = [2 * np.pi * slots / length
              for length in (day, day / 2, panel.week)]
    # Around the same time yesterday, but nothing the origin has not seen.
    near = steps - day + np.arange(-6, 7, 2)[:, None]
    seen = near + window - 1 <= cases.origins
    around = panel_module.at(panel.target(window), cases.series, near)
    around = np.where(seen & np.isfinite(around), around, -np.inf)
    then = panel_module.mean_known(panel_module.at(
        panel.target(window), cases.series,
        cases.origins - panel.days_back[:, None]).T)
    now = panel.filled[cases.series, cases.origins]
    return np.stack([
        np.log(cases.horizons),
        panel.zero(cases.series),
        *(turn(angle) for angle in angles for turn in (np.sin, np.cos)),
        days[:, 1], *panel_module.extremes_known(days), around.max(axis=0),
        now - then])
