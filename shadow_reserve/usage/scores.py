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

"""How good a quantile forecast was."""

from collections.abc import Sequence

import numpy as np

from shadow_reserve.usage import series as series_module

FloatArray = series_module.FloatArray


def pinball(actual: FloatArray, forecast: FloatArray,
            levels: Sequence[float]) -> FloatArray:
    """The mean pinball loss of each level, gaps left out.

    (Koenker and Bassett, Regression Quantiles, Econometrica 46, 1978.)

    :param actual: ``(n,)``, NaN for gaps
    :param forecast: ``(n, len(levels))``
    :returns: ``(len(levels),)`` in the unit of the values; NaN when there
        is nothing but gaps
    """
    known = np.isfinite(actual)
    if not known.any():
        return np.full(len(levels), np.nan)
    error = actual[known, None] - forecast[known]
    taus = np.asarray(levels)
    losses: FloatArray = np.maximum(taus * error, (taus - 1) * error)
    return np.asarray(losses.mean(axis=0))


def coverage(actual: FloatArray, forecast: FloatArray) -> tuple[float, ...]:
    """The share of the points at or under each level; gaps left out."""
    known = np.isfinite(actual)
    if not known.any():
        return ()
    under = actual[known, None] <= forecast[known] + 1e-9
    return tuple(float(share) for share in under.mean(axis=0))


def seasonal_error(values: FloatArray, period: int) -> float:
    """In-sample mean absolute error of seasonal naive, in the values' unit.

    What scores are scaled by (Hyndman and Koehler, Another look at measures
    of forecast accuracy, IJF 22, 2006). NaN when no two points are one
    ``period`` apart; 0 for a series that repeats itself exactly.
    """
    if len(values) <= period:
        return float('nan')
    errors = np.abs(values[period:] - values[:-period])
    known = np.isfinite(errors)
    return float(errors[known].mean()) if known.any() else float('nan')


def scaled(actual: FloatArray, forecast: FloatArray,
           levels: Sequence[float], scale: float) -> float | None:
    """Twice the pinball loss, mean over the levels, over ``scale``.

    Twice, so that at the median it is the scaled absolute error. ``None``
    when there was nothing to score, or nothing to scale by.
    """
    if not scale > 0:
        return None
    loss = float(2 * pinball(actual, forecast, levels).mean() / scale)
    return loss if np.isfinite(loss) else None
