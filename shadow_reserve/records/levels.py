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

"""Quantiles between and beyond the levels that were forecast.

A quantile at another level is a weighted sum of the known ones, so that
the same weights serve one profile and a whole array of them.
"""

from collections.abc import Sequence
import statistics

_NORMAL = statistics.NormalDist()


def weights(level: float, known: Sequence[float]) -> tuple[float, ...]:
    """What each known quantile counts for in the quantile at ``level``.

    Between two levels the quantile is linear in the normal score. Beyond
    the last one its margin over the first grows with the normal score, as
    it would for a normal distribution through the two; below the first
    there is nothing to go by, and the first one is given.

    :param level: within (0, 1)
    :param known: the levels of the known quantiles, ascending in (0, 1)
    :returns: one weight for each known level; they sum to one
    :raises ValueError: when ``level`` is out of bounds
    """
    if not 0 < level < 1:
        raise ValueError(f'a level lies between 0 and 1, and {level} '
                         'does not')
    result = [0.0] * len(known)
    if level <= known[0] or len(known) == 1:
        result[0] = 1.0
        return tuple(result)
    right = next((index for index, one in enumerate(known)
                  if one >= level), None)
    left = 0 if right is None else right - 1
    right = len(known) - 1 if right is None else right
    low, high = (_NORMAL.inv_cdf(known[index]) for index in (left, right))
    share = (_NORMAL.inv_cdf(level) - low) / (high - low)
    result[left], result[right] = 1.0 - share, share
    return tuple(result)


def at(level: float, known: Sequence[float],
       values: Sequence[float]) -> float:
    """The quantile at ``level``; never below zero, as no demand is.

    :param values: the known quantiles, in the order of ``known``
    """
    return max(sum(weight * value for weight, value in zip(
        weights(level, known), values)), 0.0)
