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

"""The one learned model: a correction on the experts' mix.

A gradient boosting of trees on the pinball loss for each quantile level,
over the rows of all series together; direct, every row has its own
horizon, never recursive. (Friedman, Greedy function approximation, Annals
of Statistics 29, 2001; Ke et al., LightGBM, NIPS 2017, whose histograms
scikit-learn's HistGradientBoostingRegressor uses.)
"""

from collections.abc import Sequence
import dataclasses
from typing import Any

import numpy as np
from numpy import typing as npt
from sklearn import ensemble
import threadpoolctl

from shadow_reserve.usage import experts
from shadow_reserve.usage import features
from shadow_reserve.usage import history as history_module

FloatArray = history_module.FloatArray
IntArray = history_module.IntArray

ITERATIONS = 60
LEAVES = 20
LEARNING_RATE = 0.1
LEAF_ROWS = 100
#: Beyond this no split means anything, and float32 must not overflow.
LARGEST_INPUT = 1e6


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Rows:
    """Rows of one panel, or of many put together.

    All in the scale of each row's own history.

    :param features: ``(rows, features)``
    :param said: ``(rows, EXPERTS, levels)``, the forecast of each expert
    :param mix: ``(rows, levels)``, what is made of them
    :param actual: ``(rows,)``, NaN where it is not known
    """

    features: FloatArray
    said: FloatArray
    mix: FloatArray
    actual: FloatArray

    @property
    def naive(self) -> FloatArray:
        """``(rows, levels)``: seasonal naive, daily; the baseline.

        Where there is no yesterday, the quantiles of what there is.
        """
        daily = self.said[:, experts.DAY]
        return np.where(np.isfinite(daily), daily,
                        self.said[:, experts.RECENT])


def rows_of(panel: experts.Panel, table: experts.Table, origins: IntArray,
            horizons: IntArray) -> Rows:
    """The rows of one panel that one table of its experts serves."""
    points = panel.points(origins, horizons)
    said = panel.quantiles(table, origins, horizons, points)
    mix = panel.mix(table, horizons, said)
    return Rows(
        features=features.matrix(panel, origins, horizons, points, mix),
        said=said, mix=mix, actual=panel.target.at(origins + horizons))


def stacked(parts: Sequence[Rows]) -> Rows:
    return Rows(features=np.concatenate([part.features for part in parts]),
                said=np.concatenate([part.said for part in parts]),
                mix=np.concatenate([part.mix for part in parts]),
                actual=np.concatenate([part.actual for part in parts]))


class Learner:
    """Fitted trees, one ensemble for each level.

    :param levels: ascending quantile levels
    :param threads: OpenMP threads to use, for fitting and for prediction
    """

    def __init__(self, levels: Sequence[float], threads: int) -> None:
        self._levels = tuple(levels)
        self._threads = threads
        self._trees: list[Any] = []
        self._told: npt.NDArray[np.bool_] = np.array([], dtype=np.bool_)

    def fit(self, rows: Rows, seed: int) -> 'Learner':
        """Learn from the rows whose outcome is known.

        :raises ValueError: when there is no such row
        """
        known = np.isfinite(rows.actual)
        if not known.any():
            raise ValueError('no row to learn from')
        inputs = _inputs(rows.features[known])
        # scikit-learn trips over a column of nothing but gaps, as that of
        # last week is where no history is a week long.
        self._told = np.asarray(np.isfinite(inputs).any(axis=0))
        inputs = inputs[:, self._told]
        self._trees = []
        with threadpoolctl.threadpool_limits(self._threads):
            for index, level in enumerate(self._levels):
                trees = ensemble.HistGradientBoostingRegressor(
                    loss='quantile', quantile=level, max_iter=ITERATIONS,
                    max_leaf_nodes=LEAVES, learning_rate=LEARNING_RATE,
                    min_samples_leaf=LEAF_ROWS, early_stopping=False,
                    random_state=seed)
                left = rows.actual[known] - rows.mix[known, index]
                self._trees.append(trees.fit(inputs, left))
        return self

    def predict(self, rows: Rows) -> FloatArray:
        """``(rows, levels)``: the corrected mix, levels never crossing."""
        inputs = _inputs(rows.features)[:, self._told]
        with threadpoolctl.threadpool_limits(self._threads):
            correction = np.column_stack(
                [trees.predict(inputs) for trees in self._trees])
        return np.sort(rows.mix + correction, axis=1)


def _inputs(features: FloatArray) -> npt.NDArray[np.float32]:
    return np.clip(features, -LARGEST_INPUT,
                   LARGEST_INPUT).astype(np.float32)
