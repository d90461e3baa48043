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

"""Whom to trust, learned over all series.

The tables weigh the experts by their losses within one week of one series,
which is little to go by. What these weights should have been is learned
here from the rows of all series together: small networks say, by all that
is known of a row, by how much each expert is to be heard more or less than
its table has it. What comes out lies among what the experts say, whatever
the networks were never shown. (Jacobs, Jordan, Nowlan and Hinton, Adaptive
mixtures of local experts, Neural Computation 3, 1991; Montero-Manso et al.,
FFORMA, International Journal of Forecasting 36, 2020.)

Arrays have their rows last here: sums over few experts are fast so.
"""

from collections.abc import Iterator
from collections.abc import Sequence
import dataclasses
import functools

import numpy as np
import threadpoolctl

from shadow_reserve.usage import experts
from shadow_reserve.usage import panel as panel_module
from shadow_reserve.usage import rows as rows_module

FloatArray = panel_module.FloatArray
IntArray = panel_module.IntArray

#: Networks whose forecasts are averaged: each by itself is a little chance.
NETWORKS = 2
HIDDEN = 32
EPOCHS = 20
BATCH = 512
RATE = 2e-3
#: Steps in which the rate rises to that; then it falls, as a cosine does.
WARM_UP = 100
#: Of the inputs, what a network does not see at each step of its training:
#: it must not rely on any of them.
DROPPED = 0.1
#: So many rows of what is not seen are drawn for all of a training.
MASKS = 4 * BATCH
#: So many rows tell what is usual of the inputs.
SCALED = 16_384
#: What is trusted, to begin with, to an expert that its table does not hear.
FLOOR = 1e-4
#: Inputs further out than that many spreads tell no more.
FURTHEST = 6.0
#: How far apart the experts' levels are at the least, as inputs.
LEAST_REACH = 1e-3
MOST_REACHES = 50.0
#: An expert that says something absurd must not rule the training.
MOST_PULL = 100.0


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Gate:
    """Fitted networks of one hidden layer.

    :param centre: ``(inputs,)``, what is subtracted from each input
    :param spread: ``(inputs,)``, what it is divided by; infinite where
        there was nothing to learn from
    :param first: ``(networks, HIDDEN, inputs + 1)``, the last column added
    :param second: ``(networks, EXPERTS * levels, HIDDEN + 1)``, likewise
    """

    centre: FloatArray
    spread: FloatArray
    first: FloatArray
    second: FloatArray

    def fits(self, features: int, levels: int) -> bool:
        """Whether it is sound, and can be asked about rows with so many of
        these."""
        wide = features + 4 * experts.EXPERTS + 1
        networks = len(self.first)
        return networks > 0 and (
            self.centre.shape == self.spread.shape == (wide,)
            and self.first.shape == (networks, HIDDEN, wide + 1)
            and self.second.shape == (
                networks, experts.EXPERTS * levels, HIDDEN + 1)
            and all(np.isfinite(one).all() for one in (
                self.centre, self.first, self.second))
            and bool((self.spread > 0).all()))

    def mix(self, rows: rows_module.Rows) -> FloatArray:
        """``(rows, levels)``: what the experts say, weighed anew."""
        told = _told(inputs(rows), self.centre, self.spread)
        saying, prior = _said(rows), _prior(rows)
        found = np.zeros(saying.shape[1:], dtype=np.float32)
        _keep_to_one_thread()
        for first, second in zip(self.first, self.second):
            hidden = _hidden(first, told)
            found += (_trust(second, hidden, prior) * saying).sum(axis=0)
        return np.asarray(found.T / np.float32(len(self.first)))


def fit(rows: rows_module.Rows, levels: Sequence[float], seed: int,
        networks: int = NETWORKS) -> Gate:
    """Learn from rows whose outcome is all known.

    Where demand was pinned at its capacity a forecast above it is not
    wrong.
    """
    # Shuffled once and for all, so that neighbours make a batch: to draw
    # each row of each batch by itself took as long as to learn from it.
    order = np.random.default_rng(seed).permutation(len(rows))
    raw = inputs(rows)
    centre, spread = _scale(raw[:, order[:SCALED]])
    lessons = _Lessons(
        told=np.take(_told(raw, centre, spread).T, order, axis=0),
        said=_said(rows)[..., order], prior=_prior(rows)[..., order],
        actual=rows.actual[order], censored=rows.censored[order])
    _keep_to_one_thread()
    found = [_fitted(lessons, levels, np.random.default_rng([seed, number]))
             for number in range(networks)]
    return Gate(centre=centre, spread=spread,
                first=np.stack([first for first, _ in found]),
                second=np.stack([second for _, second in found]))


def mix_unseen(rows: rows_module.Rows, levels: Sequence[float],
               seed: int) -> FloatArray:
    """``(rows, levels)``: what gates say of rows they did not learn from.

    Each half of the rows, which are in the order of their series, is told
    by what was learned from the other. What a gate gets wrong is seen
    there as it will be in service, where it is not seen in training.
    """
    early = np.arange(len(rows)) < len(rows) // 2
    if not early.any():
        return fit(rows, levels, seed, networks=1).mix(rows)
    found = np.empty_like(rows.mix)
    for part in (early, ~early):
        found[part] = fit(rows.taken(~part), levels, seed, networks=1).mix(
            rows.taken(part))
    return found


@functools.cache
def _keep_to_one_thread() -> None:
    """The batches have threads of their own; BLAS is to start none.

    For good, since the limit is the process's: to take it back would take
    it from other threads that compute just then.
    """
    threadpoolctl.threadpool_limits(1, user_api='blas')


def inputs(rows: rows_module.Rows) -> FloatArray:
    """``(inputs, rows)``, some of them gaps.

    The features; where each expert's first and last level lie in the mix,
    and how its table weighs these; how far apart the levels of the mix are.
    """
    reach = np.maximum(rows.mix[:, -1] - rows.mix[:, 0], LEAST_REACH)
    ends = [0, -1]
    where = np.clip((rows.said[:, :, ends] - rows.mix[:, :1, None])
                    / reach[:, None, None], -MOST_REACHES, MOST_REACHES)
    trust = np.log(rows.weights[:, :, ends] + FLOOR)
    return np.concatenate([
        rows.features.T, where.reshape(len(rows), -1).T,
        trust.reshape(len(rows), -1).T, np.log(reach)[None]])


def _scale(raw: FloatArray) -> tuple[FloatArray, FloatArray]:
    """``(inputs,)`` each: the median, and the mean distance from it."""
    known = np.isfinite(raw)
    bare = ~known.any(axis=1)
    raw = np.where(known, raw, np.nan)
    raw[bare] = 0.0
    centre = np.nanmedian(raw, axis=1)
    spread = np.nanmean(np.abs(raw - centre[:, None]), axis=1)
    # What never varies tells nothing. Should it vary later, no network has
    # learned what that means.
    return (centre.astype(np.float32),
            np.where(spread > 1e-6, spread, np.inf).astype(np.float32))


def _told(raw: FloatArray, centre: FloatArray,
          spread: FloatArray) -> FloatArray:
    """``(inputs + 1, rows)``: what networks are told; the last is one, for
    what they add. A gap is as good as the middle."""
    found = np.ones((len(raw) + 1, raw.shape[1]), dtype=np.float32)
    told = found[:-1]
    np.subtract(raw, centre[:, None], out=told)
    told /= spread[:, None]
    np.arcsinh(told, out=told)
    told[~np.isfinite(told)] = 0.0
    np.clip(told, -FURTHEST, FURTHEST, out=told)
    return found


def _said(rows: rows_module.Rows) -> FloatArray:
    """``(EXPERTS, levels, rows)``; zero where an expert says nothing."""
    said = np.array(np.moveaxis(rows.said, 0, -1), order='C')
    said[~np.isfinite(said)] = 0.0
    return said


def _prior(rows: rows_module.Rows) -> FloatArray:
    """``(EXPERTS, levels, rows)``: the tables' weights as logits."""
    prior = np.array(np.moveaxis(rows.weights, 0, -1), order='C')
    prior += np.float32(FLOOR)
    np.log(prior, out=prior)
    prior[~np.isfinite(np.moveaxis(rows.said, 0, -1))] = -np.inf
    return prior


def _hidden(first: FloatArray, told: FloatArray) -> FloatArray:
    """``(HIDDEN + 1, rows)``; the last is one."""
    found = np.ones((len(first) + 1, told.shape[1]), dtype=np.float32)
    np.matmul(first, told, out=found[:-1])
    np.maximum(found, 0, out=found)
    return found


def _trust(second: FloatArray, hidden: FloatArray,
           prior: FloatArray) -> FloatArray:
    """``(EXPERTS, levels, rows)``: sums to one over the experts."""
    found: FloatArray = (second @ hidden).reshape(prior.shape)
    found += prior
    found -= found.max(axis=0)
    np.exp(found, out=found)
    found /= found.sum(axis=0)
    return found


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Lessons:
    """What a network learns from.

    :param told: ``(rows, inputs + 1)``; all else has its rows last
    """

    told: FloatArray
    said: FloatArray
    prior: FloatArray
    actual: FloatArray
    censored: panel_module.BoolArray

    def __len__(self) -> int:
        return len(self.actual)

    def batch(self, part: slice, kept: FloatArray) -> '_Lessons':
        """:param kept: of the inputs, one for what is told, else zero"""
        return _Lessons(
            told=self.told[part] * kept, said=self.said[..., part],
            prior=self.prior[..., part], actual=self.actual[part],
            censored=self.censored[part])


def _fitted(lessons: _Lessons, levels: Sequence[float],
            random: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """The two layers of one network."""
    count, width = lessons.told.shape
    outputs = lessons.said[..., 0].size
    # In one row, for each step over both to be one.
    both = random.normal(size=HIDDEN * width + outputs * (HIDDEN + 1)).astype(
        np.float32)
    first = both[:HIDDEN * width].reshape(HIDDEN, width)
    second = both[HIDDEN * width:].reshape(outputs, HIDDEN + 1)
    # At first the tables' weights, or nearly so.
    first *= np.sqrt(2 / width)
    second *= 0.05 * np.sqrt(2 / HIDDEN)
    first[:, -1] = second[:, -1] = 0.0
    adam = _Adam(both)
    size = min(BATCH, count)
    kept = _kept(width, random)
    turns = EPOCHS * (count // size)
    for turn, start in enumerate(_starts(count, size, random)):
        mask = random.integers(len(kept) - size + 1)
        rate = RATE * min(1, (turn + 1) / WARM_UP) * (
            1 + np.cos(np.pi * turn / turns)) / 2
        adam.step(_gradients(first, second, lessons.batch(
            slice(start, start + size), kept[mask:mask + size]), levels),
            rate)
    return first, second


def _starts(count: int, size: int,
            random: np.random.Generator) -> Iterator[int]:
    """First rows of the batches of all epochs, in a new order in each.

    What is left over is at either end, so that batches are not always the
    same ones.
    """
    batches, left = divmod(count, size)
    for _ in range(EPOCHS):
        start = random.integers(left + 1)
        yield from start + size * random.permutation(batches)


def _kept(width: int, random: np.random.Generator) -> FloatArray:
    """``(MASKS, width)``: zero for each input that a row is not told.

    Batches take theirs from any place on: they are as good as drawn anew.
    """
    kept = random.random((MASKS, width), dtype=np.float32) >= DROPPED
    kept[:, -1] = True
    return kept.astype(np.float32)


def _gradients(first: FloatArray, second: FloatArray, lessons: _Lessons,
               levels: Sequence[float]) -> FloatArray:
    """Of the mean pinball loss, those of both layers in one row."""
    hidden = _hidden(first, lessons.told.T)
    trust = _trust(second, hidden, lessons.prior)
    mix = (trust * lessons.said).sum(axis=0)
    taus = np.asarray(levels, dtype=np.float32)[:, None]
    over = mix > lessons.actual
    slope = np.where(over, 1 - taus, -taus) / np.float32(len(lessons))
    slope[over & lessons.censored] = 0.0
    pull = np.clip(lessons.said - mix, -MOST_PULL, MOST_PULL)
    pull *= trust
    pull *= slope
    back = pull.reshape(len(second), -1)
    down = second[:, :-1].T @ back
    down *= hidden[:-1] > 0
    return np.concatenate([
        (down @ lessons.told).ravel(), (back @ hidden.T).ravel()])


class _Adam:
    """Steps along gradients, of a size of its own for each parameter.

    (Kingma and Ba, Adam, ICLR 2015.)

    :param parameters: all in one row, changed where they are
    """

    def __init__(self, parameters: FloatArray) -> None:
        self._parameters = parameters
        self._means, self._squares = np.zeros((2, len(parameters)),
                                              dtype=np.float32)
        self._turn = 0

    def step(self, gradient: FloatArray, rate: float) -> None:
        self._turn += 1
        self._means += 0.1 * (gradient - self._means)
        self._squares += 0.001 * (gradient ** 2 - self._squares)
        self._parameters -= (
            rate / (1 - 0.9 ** self._turn)) * self._means / (
                np.sqrt(self._squares / (1 - 0.999 ** self._turn)) + 1e-8)
