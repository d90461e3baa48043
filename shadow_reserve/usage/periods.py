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

"""The cycle within a day that fits a series best.

Much of what servers do is started by a clock: every half hour, hour, or
few hours. Such a rhythm is invisible to a forecaster that knows days and
weeks only.
"""

import numpy as np
from numpy import typing as npt

#: Lengths that are tried, as shares of a day.
SHARES = (1 / 48, 1 / 24, 1 / 12, 1 / 8, 1 / 6, 1 / 4, 1 / 3, 1 / 2)
#: How many turns of a cycle its mean is taken over.
TURNS = 4
#: Days that the lengths are compared on.
DAYS = 4


def best(scaled: npt.NDArray[np.float32], day: int) -> npt.NDArray[np.int64]:
    """The length in steps, for each series.

    That whose mean over its last turns had the smallest absolute error,
    looking half an hour ahead, where the series has all of these turns.

    :param scaled: ``(series, steps)``, NaN for gaps; the end is looked at
    """
    tried = lengths(day)
    ahead = max(day // 48, 1)
    width = scaled.shape[1]
    begins = np.isfinite(scaled).argmax(axis=1)[:, None]
    errors = np.full((len(tried), len(scaled)), np.inf)
    for row, length in enumerate(tried):
        backs = [length * (-(-ahead // length) + turn)
                 for turn in range(TURNS)]
        first = max(backs[-1], width - DAYS * day)
        if first >= width:
            continue
        said = np.stack([scaled[:, first - back:width - back]
                         for back in backs])
        known = np.isfinite(said)
        counts = known.sum(axis=0)
        mean = np.where(known, said, 0).sum(axis=0) / np.maximum(counts, 1)
        error = np.abs(scaled[:, first:] - mean)
        seen = (np.isfinite(error) & (counts > 0)
                & (np.arange(first, width) >= begins + backs[-1]))
        found = seen.any(axis=1)
        errors[row, found] = (np.where(seen, error, 0).sum(axis=1)[found]
                              / seen.sum(axis=1)[found])
    chosen: npt.NDArray[np.int64] = np.array(tried, dtype=np.int64)[
        errors.argmin(axis=0)]
    return chosen


def lengths(day: int) -> list[int]:
    """Steps of the cycles that are tried, ascending, without repeats."""
    return sorted({max(round(share * day), 1) for share in SHARES})
