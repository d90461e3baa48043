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

"""Quantiles over an axis that has gaps, for many rows at once.

numpy's nanquantile works row by row in Python, which is far too slow for
the tables of a fleet; this gives the same numbers.
"""

from collections.abc import Sequence

import numpy as np
from numpy import typing as npt

FloatArray = npt.NDArray[np.float32]


def of_last_axis(values: npt.NDArray[np.float32],
                 levels: Sequence[float]) -> FloatArray:
    """``(..., levels)``: linear quantiles, gaps left out; NaN of nothing.

    :param values: ``(..., n)``, NaN for gaps
    """
    count = values.shape[-1]
    if not count:
        return np.full((*values.shape[:-1], len(levels)), np.nan,
                       dtype=np.float32)
    ordered = np.sort(values, axis=-1)
    last = np.maximum(np.isfinite(ordered).sum(axis=-1) - 1, 0)[..., None]
    place = last * np.asarray(levels)
    below = np.floor(place).astype(np.int64)
    above = np.minimum(below + 1, last)
    low = np.take_along_axis(ordered, below, axis=-1)
    high = np.take_along_axis(ordered, above, axis=-1)
    return np.asarray(low + (place - below) * (high - low),
                      dtype=np.float32)
