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

"""What is known of each series between two looks at all of its history.

Scale, experts' tables, verdict and calibration cost far more than a
forecast, and change slowly: they are worked out once a day, and all of it
can be worked out again from the histories at any time.
"""

from collections.abc import Sequence
import dataclasses
import datetime
from typing import TypeVar

import numpy as np

from shadow_reserve.records import demand
from shadow_reserve.usage import experts
from shadow_reserve.usage import judging
from shadow_reserve.usage import model
from shadow_reserve.usage import panel as panel_module
from shadow_reserve.usage import pooled
from shadow_reserve.usage import series as series_module
from shadow_reserve.usage import settings as settings_module

IntArray = panel_module.IntArray
SeriesKey = tuple[str, demand.DemandResource]
T = TypeVar('T', panel_module.Scale, judging.Verdicts)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Refreshed:
    """Of the series that ``place`` has a number for.

    :param ends: where each series ended then
    :param steps: experts' tables for single steps
    :param peaks: experts' tables for the window maximum
    """

    place: dict[SeriesKey, int]
    ends: list[datetime.datetime]
    scale: panel_module.Scale
    steps: experts.Tables
    peaks: experts.Tables
    verdicts: judging.Verdicts

    def numbers(self, series: Sequence[series_module.DemandSeries],
                ) -> IntArray:
        """:raises KeyError: for a series that is not among them"""
        return np.array([self.place[key_of(one)] for one in series],
                        dtype=np.int64)

    def taken(self, series: Sequence[series_module.DemandSeries],
              ) -> 'Refreshed':
        """Of these series and no others, in their order.

        :raises KeyError: for a series that is not among them
        """
        rows = self.numbers(series)
        return Refreshed(
            place={key_of(one): row for row, one in enumerate(series)},
            ends=[self.ends[row] for row in rows],
            scale=self.scale.taken(rows), steps=self.steps.taken(rows),
            peaks=self.peaks.taken(rows), verdicts=self.verdicts.taken(rows))


def key_of(series: series_module.DemandSeries) -> SeriesKey:
    return series.token, series.resource


def refreshed(series: Sequence[series_module.DemandSeries],
              learned: model.Learned | None,
              settings: settings_module.ForecastSettings,
              ) -> Refreshed | None:
    """Look at all of the history of each series that has enough.

    :returns: ``None`` when none has
    """
    usable = [one for one in series if one.points >= settings.min_points]
    each = settings.in_one_thread()
    parts = list(pooled.in_order(
        lambda batch: _part(usable[batch], learned, each),
        panel_module.batches(len(usable)), settings.threads))
    return joined(parts) if parts else None


def _part(series: Sequence[series_module.DemandSeries],
          learned: model.Learned | None,
          settings: settings_module.ForecastSettings) -> Refreshed:
    panel = panel_module.Panel(series, settings.day_steps,
                               holidays=settings.holidays)
    everyone = np.arange(len(panel))
    last = np.full(len(panel), panel.width - 1)
    verdicts = judging.judged(panel, learned, settings)
    enough = np.array([one.points >= settings.learning_points
                       for one in series])
    return Refreshed(
        place={key_of(one): row for row, one in enumerate(series)},
        ends=[one.end for one in series], scale=panel.scale,
        steps=experts.learn(panel, 1, everyone, last, settings.levels),
        peaks=experts.learn(panel, settings.peak_steps, everyone, last,
                            settings.levels),
        verdicts=dataclasses.replace(
            verdicts, serves=verdicts.serves & enough))


def joined(parts: Sequence[Refreshed]) -> Refreshed:
    """One of several; where a series is in two, the later one counts."""
    place: dict[SeriesKey, int] = {}
    ends: list[datetime.datetime] = []
    for part in parts:
        for key, row in part.place.items():
            place[key] = row + len(ends)
        ends += part.ends
    return Refreshed(
        place=place, ends=ends,
        scale=_concatenated([part.scale for part in parts]),
        steps=experts.joined([part.steps for part in parts]),
        peaks=experts.joined([part.peaks for part in parts]),
        verdicts=_concatenated([part.verdicts for part in parts]))


def _concatenated(parts: Sequence[T]) -> T:
    return type(parts[0])(**{
        field.name: np.concatenate(
            [getattr(part, field.name) for part in parts])
        for field in dataclasses.fields(parts[0])})
