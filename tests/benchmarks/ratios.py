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

"""Scores over those of the best naive forecast, and how sure they are.

The mean over the series is ruled by a few of them, so that how far it would
be off with other series of the kind is told by drawing them anew.
(Efron, Bootstrap methods, Annals of Statistics 7, 1979.)
"""

from collections.abc import Iterable
import dataclasses

import numpy as np

from shadow_reserve.usage.backtesting import backtest

DRAWS = 2000


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Ratio:
    """What is served over the best naive forecast, of one window.

    :param mean: of the means over the series; ``error`` is its standard
        error, the best one being chosen anew in each draw
    :param median: of the medians
    :param geometric: geometric mean of each series' own ratio to the naive
        forecast with the best mean, and its standard error; series without
        a loss are left out
    :param worst: the share of the mean that one series makes
    """

    window: str
    rival: str
    mean: float
    error: float
    median: float
    geometric: float
    geometric_error: float
    worst: float


def over_naive(found: Iterable[backtest.WindowScore]) -> list[Ratio]:
    """For each window that there is."""
    scores: dict[str, dict[str, dict[str, list[float]]]] = {}
    for one in found:
        scores.setdefault(one.window, {}).setdefault(
            one.forecaster, {}).setdefault(one.token, []).append(one.score)
    return [_ratio(window, {
        name: np.array([np.mean(each) for each in by_series.values()])
        for name, by_series in of_window.items()})
        for window, of_window in scores.items()]


def _ratio(window: str, means: dict[str, np.ndarray]) -> Ratio:
    ours = means[backtest.SERVED]
    naive = np.stack([means[name] for name in backtest.NAIVE_NAMES])
    best = int(naive.mean(axis=1).argmin())
    drawn = np.random.default_rng(0).integers(
        0, len(ours), (DRAWS, len(ours)))
    draws = ours[drawn].mean(axis=1) / naive[:, drawn].mean(axis=2).min(
        axis=0)
    able = (ours > 0) & (naive[best] > 0)
    logs = np.log(ours[able] / naive[best, able])
    geometric = float(np.exp(logs.mean()))
    return Ratio(
        window=window, rival=backtest.NAIVE_NAMES[best],
        mean=float(ours.mean() / naive[best].mean()),
        error=float(draws.std()),
        median=float(np.median(ours) / np.median(naive, axis=1).min()),
        geometric=geometric,
        geometric_error=geometric * float(logs.std()) / len(logs) ** 0.5,
        worst=float(ours.max() / ours.sum()))
