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

"""Rows to learn from and to forecast: cases with all that is known of them."""

from collections.abc import Sequence
import dataclasses

import numpy as np

from shadow_reserve.usage import experts
from shadow_reserve.usage import features
from shadow_reserve.usage import panel as panel_module

FloatArray = panel_module.FloatArray
IntArray = panel_module.IntArray
Cases = panel_module.Cases
Panel = panel_module.Panel


#: Beyond that the size of a correction says nothing any more.
MOST_DISAGREEMENT = 100.0


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Rows:
    """All in the scale of each row's own series.

    :param horizons: ``(rows,)`` steps ahead
    :param features: ``(rows, features)``
    :param said: ``(rows, EXPERTS, levels)``, the forecast of each expert
    :param weights: the same shape, how its table weighs each expert
    :param mix: ``(rows, levels)``, what is made of them
    :param actual: ``(rows,)``, NaN where it is not known
    :param censored: ``(rows,)``, whether demand was pinned at its capacity
        at any step of the window
    """

    horizons: IntArray
    features: FloatArray
    said: FloatArray
    weights: FloatArray
    mix: FloatArray
    actual: FloatArray
    censored: panel_module.BoolArray

    def __len__(self) -> int:
        return len(self.actual)

    def taken(self, which: panel_module.BoolArray | IntArray) -> 'Rows':
        return Rows(**{field.name: getattr(self, field.name)[which]
                       for field in dataclasses.fields(Rows)})

    def disagreement(self) -> FloatArray:
        """``(rows,)``: how far apart the experts are, one at the least.

        From the lowest to the highest forecast of the first level, and
        from there to the last level of the mix. Up to ten or so all is
        well; more means that demand has left all that was known of it, so
        that the experts cannot all be right.
        """
        first = self.said[:, :, 0]
        known = np.isfinite(first)
        apart = (np.where(known, first, -np.inf).max(axis=1)
                 - np.where(known, first, np.inf).min(axis=1))
        spread = self.mix.max(axis=1) - self.mix.min(axis=1)
        return np.asarray(np.clip(apart + spread, 1.0, MOST_DISAGREEMENT),
                          dtype=np.float32)

    def by_expert(self, index: int) -> FloatArray:
        """``(rows, levels)``: one expert's forecast alone.

        Where it has nothing to say, the quantiles of the last day.
        """
        own = self.said[:, index]
        return np.sort(np.where(np.isfinite(own), own,
                                self.said[:, experts.RECENT]), axis=1)


def rows_of(panel: Panel, window: int, cases: Cases,
            tables: experts.Tables, place: IntArray,
            levels: Sequence[float]) -> Rows:
    """:param place: ``(rows,)``, the number of each row's table"""
    days = experts.days_before(panel, window, cases)
    points = experts.points(panel, window, cases, days)
    said, mix, buckets = _said(panel, window, cases, points, tables, place,
                               levels)
    steps = cases.steps
    inside = np.minimum(steps[:, None] + np.arange(window), panel.width - 1)
    return Rows(
        horizons=cases.horizons,
        features=features.matrix(panel, window, cases, days, points, mix,
                                 tables.offsets[place, buckets]),
        said=said, weights=tables.weights[place, buckets], mix=mix,
        actual=panel_module.at(
            panel.target(window), cases.series, steps),
        censored=panel.censored[cases.series[:, None], inside].any(axis=1))


def mix_of(panel: Panel, window: int, cases: Cases, tables: experts.Tables,
           place: IntArray, levels: Sequence[float]) -> FloatArray:
    """``(rows, levels)``: nothing but the mix, which is cheap."""
    days = experts.days_before(panel, window, cases)
    points = experts.points(panel, window, cases, days)
    return _said(panel, window, cases, points, tables, place, levels)[1]


def _said(panel: Panel, window: int, cases: Cases, points: FloatArray,
          tables: experts.Tables, place: IntArray, levels: Sequence[float],
          ) -> tuple[FloatArray, FloatArray, IntArray]:
    keys = cases.series * panel.width + cases.origins
    distinct, back = np.unique(keys, return_inverse=True)
    series, origins = np.divmod(distinct, panel.width)
    recently = experts.recent(panel, window, series, origins, levels)[back]
    buckets = experts.buckets_of(window, cases.horizons, panel.day)
    said = experts.said(tables, place, buckets, points, recently)
    return said, experts.mixed(tables, place, buckets, said), buckets


def stacked(parts: Sequence[Rows]) -> Rows:
    return Rows(**{
        field.name: np.concatenate(
            [getattr(part, field.name) for part in parts])
        for field in dataclasses.fields(Rows)})
