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

"""Rules that hold shadow without learning, to compare forecasts with.

Each takes the demand in servers, shape ``(apps, readings)``, and gives the
total capacity wanted from each reading on, in the same shape.
"""

import numpy as np

from shadow_reserve.usage import series as series_module

FloatArray = series_module.FloatArray


def static(demand: FloatArray, servers: float) -> FloatArray:
    """So many servers more than are needed just now.

    Parts of a server count whole with what the demand asks for, not by
    themselves: half a server more is one more for half of the demands.
    """
    return demand + servers


def headroom(demand: FloatArray, share: float) -> FloatArray:
    """A share more than is needed just now."""
    return demand * (1.0 + share)


def recent_peak(demand: FloatArray, readings: int) -> FloatArray:
    """The peak of the latest ``readings``, this one among them."""
    filled = np.where(np.isfinite(demand), demand, -np.inf)
    padded = np.concatenate([np.full((len(filled), readings - 1), -np.inf),
                             filled], axis=1)
    peaks = _peaks(padded, readings)
    return np.where(np.isfinite(peaks), peaks, np.nan)


def coming_peak(demand: FloatArray, readings: int) -> FloatArray:
    """The peak of the ``readings`` after each: what only an oracle knows.

    At the end, of those that there are; NaN where there is none.
    """
    filled = np.where(np.isfinite(demand), demand, -np.inf)
    padded = np.concatenate([filled[:, 1:], np.full(
        (len(filled), readings), -np.inf)], axis=1)
    peaks = _peaks(padded, readings)
    return np.where(np.isfinite(peaks), peaks, np.nan)


def ramps(training: FloatArray, readings: int,
          levels: tuple[float, ...]) -> FloatArray:
    """Quantiles of how far demand rose in ``readings`` of the training.

    :returns: ``(apps, levels)``, in servers
    """
    rises = coming_peak(training, readings) - training
    rises = np.where(np.isfinite(rises), rises, np.nan)
    known = np.isfinite(rises).any(axis=1)
    result = np.zeros((len(training), len(levels)))
    if known.any():
        result[known] = np.nanquantile(rises[known], levels, axis=1).T
    return result


def oracle(demand: FloatArray, readings: int, share: float) -> FloatArray:
    """A share of the rise that is coming, known beforehand."""
    peaks = coming_peak(demand, readings)
    rise = np.where(np.isfinite(peaks), np.maximum(peaks - demand, 0.0), 0.0)
    return demand + share * rise


def _peaks(values: FloatArray, width: int) -> FloatArray:
    """The maximum over each ``width`` values that lie within."""
    result, have = values, 1
    while have < width:
        shift = min(have, width - have)
        result = np.maximum(result[:, :-shift], result[:, shift:])
        have += shift
    return result
