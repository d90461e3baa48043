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

"""The learned model, one of all series: whom to trust, and a correction.

A gate weighs the experts anew; what that leaves is learned by a gradient
boosting of trees on the pinball loss for each quantile level. Both learn
from the rows of all series together, and directly: every row has its own
horizon, nothing is recursive. (Friedman, Greedy function approximation,
Annals of Statistics 29, 2001; Ke et al., LightGBM, NIPS 2017, whose
histograms scikit-learn's HistGradientBoostingRegressor uses.)
"""

from collections.abc import Sequence
import dataclasses
import functools
from typing import Any

import numpy as np
from sklearn import ensemble
import threadpoolctl

from shadow_reserve.usage import gate as gate_module
from shadow_reserve.usage import panel as panel_module
from shadow_reserve.usage import pooled
from shadow_reserve.usage import rows as rows_module

FloatArray = panel_module.FloatArray
BoolArray = panel_module.BoolArray

ITERATIONS = 60
LEAVES = 20
LEARNING_RATE = 0.1
LEAF_ROWS = 200
#: Each split chooses among so many of the features: as good, and faster.
FEATURE_SHARE = 0.3

#: Of each correction so much is not made, in the scale of a series: demand
#: often stands still, and is not covered by what is a hair below it.
LEAST_MADE = 0.02


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Manner:
    """How a correction is learned and made.

    :param share: how much of it is made: trees that are fitted for a
        quantile fall short of it by a little on what they have not seen
    :param relative: whether it is learned in units of the experts'
        disagreement. Where demand has just left its known level the
        experts are far apart, and what is right lies among them: a
        correction of so much of the way there works at any size of the
        jump, which trees could not reach otherwise.
    :param gated: how much is made of what the gate says, against the mix
        by the tables' weights
    """

    share: float
    relative: bool
    gated: float = 1.0


#: Of the two mixes, which one is fooled by a jump is not the other.
NEAR = Manner(share=0.9, relative=True, gated=0.7)
#: Hours ahead it is the usual level that counts, not the jump; and the gate
#: has done most of what can be done there.
FAR = Manner(share=0.4, relative=False)
#: All of it is made, and calibrated afterwards.
PEAKS = Manner(share=1.0, relative=True)
#: The learners of a model, by the names that it has them under.
MANNERS = {'near': NEAR, 'far': FAR, 'peaks': PEAKS}


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Learned:
    """What was learned of single steps, and of the window maximum.

    Each has trees of its own, trained on just what they forecast: the
    quantile of a peak is not the peak of the quantiles, and what counts
    within the hour counts for little later.

    :param near_steps: the last horizon that is near
    """

    near: 'Learner'
    far: 'Learner'
    peaks: 'Learner'
    near_steps: int

    def predict(self, window: int, rows: rows_module.Rows,
                threads: int) -> FloatArray:
        """``(rows, levels)``: the corrected mix, levels never crossing.

        :param window: steps that the rows' target is the maximum over
        :param threads: OpenMP threads to use
        """
        if window > 1:
            return self.peaks.predict(rows, threads)
        near = rows.horizons <= self.near_steps
        said = np.empty_like(rows.mix)
        for which, learner in ((near, self.near), (~near, self.far)):
            if which.any():
                said[which] = learner.predict(rows.taken(which), threads)
        return said


class Learner:
    """A gate, and fitted trees, one ensemble for each level.

    :param levels: ascending quantile levels
    :param gate: what weighs the experts anew
    :param told: which columns of the features the trees are told
    :param trees: fitted regressors, one a level
    """

    def __init__(self, levels: Sequence[float], gate: gate_module.Gate,
                 told: BoolArray, trees: Sequence[Any],
                 manner: Manner) -> None:
        self.levels = tuple(levels)
        self.gate = gate
        self.told = told
        self.trees = list(trees)
        self.manner = manner

    def predict(self, rows: rows_module.Rows, threads: int) -> FloatArray:
        """``(rows, levels)``: the gate's mix, corrected, levels never
        crossing."""
        rows = _mixed(rows, self.gate.mix(rows), self.manner)
        made = (self.manner.share * _unit(rows, self.manner)[:, None]
                * self.correction(rows.features, threads))
        made -= np.clip(made, -LEAST_MADE, LEAST_MADE)
        return np.sort(rows.mix + made, axis=1)

    def correction(self, features: FloatArray, threads: int) -> FloatArray:
        """``(rows, levels)``, all of it, in the unit of the manner.

        :param threads: OpenMP threads to use
        """
        # As the trees want them, once for all levels. Column by column,
        # for a tree asks all rows for the same few features.
        inputs = np.asarray(features[:, self.told], dtype=np.float64,
                            order='F')
        with _libraries().limit(limits=threads, user_api='openmp'):
            return np.column_stack([
                trees.predict(inputs) for trees in self.trees]
            ).astype(np.float32)


def fit(rows: rows_module.Rows, levels: Sequence[float], seed: int,
        threads: int, manner: Manner) -> Learner:
    """Learn from the rows whose outcome is known.

    Where demand was pinned at its capacity the outcome is a lower bound: a
    forecast above it is not wrong. (Powell, Censored regression quantiles,
    Journal of Econometrics 32, 1986, with the mix for the inner guess.)

    :param threads: levels that are fitted at once
    :raises ValueError: when no outcome is known
    """
    known = np.isfinite(rows.actual)
    if not known.any():
        raise ValueError('no row to learn from')
    rows = rows.taken(known)
    gate = gate_module.fit(rows, levels, seed)
    rows = _mixed(rows, gate_module.mix_unseen(rows, levels, seed), manner)
    inputs = rows.features
    # scikit-learn trips over a column of nothing but gaps, as that of
    # last week is where no history is a week long.
    told: BoolArray = np.asarray(np.isfinite(inputs).any(axis=0))
    # Column by column, as scikit-learn looks for the bins of each.
    inputs = np.asarray(inputs[:, told], order='F')
    unit = _unit(rows, manner)

    def fitted(index: int) -> Any:
        left = rows.actual - rows.mix[:, index]
        left = np.where(rows.censored, np.maximum(left, 0), left) / unit
        # Threads of OpenMP would only wait for each other.
        with _libraries().limit(limits=1, user_api='openmp'):
            return ensemble.HistGradientBoostingRegressor(
                loss='quantile', quantile=levels[index], max_iter=ITERATIONS,
                max_leaf_nodes=LEAVES, learning_rate=LEARNING_RATE,
                min_samples_leaf=LEAF_ROWS, max_features=FEATURE_SHARE,
                early_stopping=False, random_state=seed).fit(inputs, left)

    return Learner(levels, gate, told, list(pooled.in_order(
        fitted, range(len(levels)), threads)), manner)


@functools.cache
def _libraries() -> threadpoolctl.ThreadpoolController:
    """Those that have threads of their own.

    Looked for once: it takes milliseconds, the memory map of the process
    being read for it, and a batch of peaks takes some thirty.
    """
    return threadpoolctl.ThreadpoolController()


def _mixed(rows: rows_module.Rows, gated: FloatArray,
           manner: Manner) -> rows_module.Rows:
    """The same with the mix that trees correct."""
    return dataclasses.replace(
        rows, mix=rows.mix + np.float32(manner.gated) * (gated - rows.mix))


def _unit(rows: rows_module.Rows, manner: Manner) -> FloatArray:
    """``(rows,)``: what a correction of one stands for."""
    if manner.relative:
        return rows.disagreement()
    return np.ones(len(rows), dtype=np.float32)
