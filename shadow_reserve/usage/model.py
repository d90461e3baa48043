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

"""The learned model, one of all series: a correction on the experts' mix.

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
from sklearn import ensemble
import threadpoolctl

from shadow_reserve.usage import panel as panel_module
from shadow_reserve.usage import pooled
from shadow_reserve.usage import rows as rows_module

FloatArray = panel_module.FloatArray
BoolArray = panel_module.BoolArray

ITERATIONS = 120
LEAVES = 20
LEARNING_RATE = 0.1
LEAF_ROWS = 200
#: How much of the correction of single steps is made: trees that are fitted
#: for a quantile fall short of it by a little on what they have not seen.
#: Peaks get all of it, and are calibrated afterwards.
STEPS_SHARE, PEAKS_SHARE = 0.8, 1.0
#: Each split chooses among so many of the features: as good, and faster.
FEATURE_SHARE = 0.3


@dataclasses.dataclass(frozen=True, slots=True)
class Learned:
    """What was learned of single steps, and of the window maximum.

    Each has trees of its own, trained on just what they forecast: the
    quantile of a peak is not the peak of the quantiles.
    """

    steps: 'Learner'
    peaks: 'Learner'

    def of(self, window: int) -> 'Learner':
        return self.steps if window == 1 else self.peaks


class Learner:
    """Fitted trees, one ensemble for each level.

    :param levels: ascending quantile levels
    :param told: which columns of the features the trees are told
    :param trees: fitted regressors, one a level
    :param share: how much of their correction is made
    """

    def __init__(self, levels: Sequence[float], told: BoolArray,
                 trees: Sequence[Any], share: float) -> None:
        self.levels = tuple(levels)
        self.told = told
        self.trees = list(trees)
        self.share = share

    def predict(self, rows: rows_module.Rows, threads: int) -> FloatArray:
        """``(rows, levels)``: the corrected mix, levels never crossing."""
        return np.sort(
            rows.mix + self.share * self.correction(rows.features, threads),
            axis=1)

    def correction(self, features: FloatArray, threads: int) -> FloatArray:
        """``(rows, levels)``, in the scale of each row's series.

        :param threads: OpenMP threads to use
        """
        # As the trees want them, once for all levels. Column by column,
        # for a tree asks all rows for the same few features.
        inputs = np.asarray(features[:, self.told], dtype=np.float64,
                            order='F')
        with threadpoolctl.threadpool_limits(threads, user_api='openmp'):
            return np.column_stack([
                trees.predict(inputs) for trees in self.trees]
            ).astype(np.float32)


def fit(rows: rows_module.Rows, levels: Sequence[float], seed: int,
        threads: int, share: float) -> Learner:
    """Learn from the rows whose outcome is known.

    Where demand was pinned at its capacity the outcome is a lower bound: a
    forecast above it is not wrong. (Powell, Censored regression quantiles,
    Journal of Econometrics 32, 1986, with the mix for the inner guess.)

    :param threads: levels that are fitted at once
    :param share: how much of the correction is to be made
    :raises ValueError: when no outcome is known
    """
    known = np.isfinite(rows.actual)
    if not known.any():
        raise ValueError('no row to learn from')
    inputs = rows.features[known]
    # scikit-learn trips over a column of nothing but gaps, as that of
    # last week is where no history is a week long.
    told: BoolArray = np.asarray(np.isfinite(inputs).any(axis=0))
    inputs = inputs[:, told]

    def fitted(index: int) -> Any:
        left = rows.actual[known] - rows.mix[known, index]
        left = np.where(rows.censored[known], np.maximum(left, 0), left)
        # Threads of OpenMP would only wait for each other.
        with threadpoolctl.threadpool_limits(1, user_api='openmp'):
            return ensemble.HistGradientBoostingRegressor(
                loss='quantile', quantile=levels[index], max_iter=ITERATIONS,
                max_leaf_nodes=LEAVES, learning_rate=LEARNING_RATE,
                min_samples_leaf=LEAF_ROWS, max_features=FEATURE_SHARE,
                early_stopping=False, random_state=seed).fit(inputs, left)

    return Learner(levels, told, list(pooled.in_order(
        fitted, range(len(levels)), threads)), share)
