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

"""Bursts that come at intervals of their own.

A job that sleeps an hour after it has run for some minutes comes round
every 63 minutes, or every 68: no clock says when, but the last time does.
"""

import numpy as np

from shadow_reserve.usage import panel as panel_module

FloatArray = panel_module.FloatArray
IntArray = panel_module.IntArray
Cases = panel_module.Cases
Panel = panel_module.Panel

#: How many of the latest bursts are looked at.
LOOKED_AT = 7
COLUMNS = 9


def begun(past: FloatArray, usual: FloatArray, high: FloatArray,
          ) -> IntArray:
    """``(LOOKED_AT, rows)``: steps back to where the latest bursts began.

    A burst begins where demand rises through the middle between what is
    usual and what is high. The latest comes first; -1 where there are no
    more.

    :param past: ``(rows, steps)``, the latest step first, without gaps
    :param usual: ``(rows,)``, the median
    :param high: ``(rows,)``, what is seldom exceeded
    """
    over = past > ((usual + high) / 2)[:, None]
    counts = np.cumsum(over[:, :-1] & ~over[:, 1:], axis=1, dtype=np.int16)
    return np.stack([
        np.where(counts[:, -1] >= wanted,
                 (counts >= wanted).argmax(axis=1), -1)
        for wanted in range(1, LOOKED_AT + 1)])


def columns(panel: Panel, window: int, cases: Cases,
            backs: IntArray) -> FloatArray:
    """``(COLUMNS, rows)``: when a burst is due, and what there is then.

    Steps since the latest burst, the usual steps between two, how far the
    target is from where one is due, all of it in turns, the longest and
    the shortest interval; mean, highest and lowest demand as long after
    the bursts before. NaN where there were too few.

    :param backs: as ``begun`` found them for each case's origin
    """
    known = backs[1:] >= 0
    intervals = np.where(known, np.diff(backs, axis=0), np.nan).astype(
        np.float32)
    usual = _median(intervals)
    since = np.where(backs[0] >= 0, backs[0] + cases.horizons,
                     np.float32(np.nan))
    turns = np.maximum(np.rint(since / usual), 1)
    # As long after a burst as the target is, but not far into the next.
    after = since - usual * (turns - 1)
    known = known & np.isfinite(after)
    steps = (cases.origins - backs[1:]
             + np.where(known, np.rint(after), 0).astype(np.int64))
    seen = known & (steps + window - 1 <= cases.origins)
    then = np.where(seen, panel_module.at(
        panel.target(window), cases.series, steps), np.float32(np.nan))
    return np.stack([
        since, usual, since - usual * turns, since / usual,
        *panel_module.extremes_known(intervals.T),
        panel_module.mean_known(then.T),
        *panel_module.extremes_known(then.T)], dtype=np.float32)


def _median(intervals: FloatArray) -> FloatArray:
    """``(rows,)``: the lower one of those known; NaN of none."""
    ordered = np.sort(intervals, axis=0)
    count = np.isfinite(ordered).sum(axis=0)
    return np.asarray(ordered[np.maximum(count - 1, 0) // 2,
                              np.arange(len(count))])
