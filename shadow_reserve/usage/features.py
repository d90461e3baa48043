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

All in the scale of the history, all from steps up to the origin. A feature
that is not there (no such day yet) is NaN: the trees have a branch for it.
"""

import numpy as np

from shadow_reserve.usage import experts
from shadow_reserve.usage import history as history_module

FloatArray = history_module.FloatArray
IntArray = history_module.IntArray

LAGS = (1, 2, 3, 6)
#: Windows, as shares of a day, whose mean, deviation and maximum are told.
WINDOWS = (1 / 96, 1 / 24, 1 / 8, 1.0)
SHAPE_LEVELS = (0.1, 0.5, 0.9, 0.99)


def matrix(panel: experts.Panel, origins: IntArray, horizons: IntArray,
           points: FloatArray, mix: FloatArray) -> FloatArray:
    """``(rows, features)``, one row for each origin and horizon.

    :param points: the experts' points for these rows
    :param mix: the experts' mix for these rows, ``(rows, levels)``
    """
    target = panel.target
    history = target.history
    distinct, place = np.unique(origins, return_inverse=True)
    steps = origins + horizons
    slots = (history.first_slot + steps) % history.week
    day_angle = 2 * np.pi * slots / history.day
    week_angle = 2 * np.pi * slots / history.week
    rows = len(origins)
    known = [
        np.log(horizons), np.full(rows, float(target.window)),
        np.full(rows, -history.centre / history.spread),
        np.sin(day_angle), np.cos(day_angle),
        np.sin(2 * day_angle), np.cos(2 * day_angle),
        np.sin(week_angle), np.cos(week_angle),
    ]
    return np.column_stack([
        _past(history, distinct)[place], *known, points, mix,
        _seasons(target, origins, steps)])


def _past(history: history_module.History, origins: IntArray) -> FloatArray:
    """What went before an origin: lags, levels, swings, likeness."""
    day, filled = history.day, history.filled
    back = np.clip(origins[:, None] - np.arange(day), 0, None)
    past = filled[back]
    columns = [past[:, 0]]
    columns += [past[:, 0] - past[:, min(lag, day - 1)] for lag in LAGS]
    for share in WINDOWS:
        part = past[:, :max(round(share * day), 1)]
        columns += [part.mean(axis=1), part.std(axis=1), part.max(axis=1)]
    columns += list(np.quantile(past, SHAPE_LEVELS, axis=1))
    week = filled[np.clip(
        origins[:, None] - experts.TABLE_STRIDE * np.arange(
            history.week // experts.TABLE_STRIDE), 0, None)]
    columns += list(np.quantile(week, SHAPE_LEVELS, axis=1))
    before = filled[np.clip(back - day, 0, None)]
    columns += [_likeness(past, before),
                past.mean(axis=1) - week.mean(axis=1),
                np.abs(np.diff(past, axis=1)).mean(axis=1)]
    return np.column_stack(columns)


def _likeness(left: FloatArray, right: FloatArray) -> FloatArray:
    """The correlation of each pair of rows: of a day with the one before."""
    left = left - left.mean(axis=1, keepdims=True)
    right = right - right.mean(axis=1, keepdims=True)
    size = np.sqrt((left ** 2).sum(axis=1) * (right ** 2).sum(axis=1))
    return np.asarray((left * right).sum(axis=1) / np.maximum(size, 1e-12))


def _seasons(target: history_module.Target, origins: IntArray,
             steps: IntArray) -> FloatArray:
    """The same time on earlier days, and around it."""
    day = target.history.day
    days = target.at(steps[:, None] - day * np.arange(1, 8))
    known = np.isfinite(days)
    most = np.where(known, days, -np.inf).max(axis=1)
    least = np.where(known, days, np.inf).min(axis=1)
    around = target.at((steps - day)[:, None] + np.arange(-6, 7, 2))
    # Around the same time yesterday, but nothing the origin has not seen.
    seen = ((steps - day)[:, None] + np.arange(-6, 7, 2)
            + target.window - 1 <= origins[:, None])
    around = np.where(seen & np.isfinite(around), around, -np.inf).max(axis=1)
    usual_now = target.at(origins[:, None] - day * np.arange(1, 8))
    usual = np.where(np.isfinite(usual_now), usual_now, 0.0).sum(
        axis=1) / np.maximum(np.isfinite(usual_now).sum(axis=1), 1)
    columns = [days[:, 1], most, least, around,
               target.history.filled[origins] - usual]
    stacked = np.column_stack(columns)
    return np.where(np.isfinite(stacked), stacked, np.nan)
