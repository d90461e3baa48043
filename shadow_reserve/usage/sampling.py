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

"""Which rows of a fleet's histories the model learns from.

What fitting costs must not grow with the fleet. So a bounded number of
series and days is drawn, and rows of these; the experts' tables of each
such day know nothing that came after it began.
"""

from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses

import numpy as np

from shadow_reserve.usage import experts
from shadow_reserve.usage import panel as panel_module
from shadow_reserve.usage import rows as rows_module
from shadow_reserve.usage import series as series_module
from shadow_reserve.usage import settings as settings_module

IntArray = panel_module.IntArray
Cases = panel_module.Cases

#: Days of series, together, whose experts' tables are worked out.
MOST_DAYS = 3000
#: Rows of one such day: more of a few series cost time and tell nothing new.
MOST_ROWS_OF_A_DAY = 400


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Aim:
    """What rows are drawn for.

    :param window: steps that the target is the maximum over
    :param last: the last horizon
    :param each: how many horizons are drawn for one origin
    :param even: the share of the horizons that are drawn with an even
        chance for each; the others prefer the near ones
    """

    window: int = 1
    last: int = 1
    each: int = 1
    even: float = 1.0


def aims(settings: settings_module.ForecastSettings) -> dict[str, Aim]:
    """For each learner of a model, by its name.

    The far ones have near ones among their rows: what holds for both is
    seen best there, and steadies what is learned of the day's far end.
    """
    return {'near': Aim(last=settings.near_steps, each=2),
            'far': Aim(last=settings.horizon_steps, each=8, even=0.25),
            'peaks': Aim(window=settings.peak_steps)}


def drawn(members: Sequence[series_module.DemandSeries],
          aims: Mapping[str, Aim],
          settings: settings_module.ForecastSettings, held_out: IntArray,
          random: np.random.Generator) -> dict[str, rows_module.Rows]:
    """At most ``settings.max_rows`` rows for each aim that can have any.

    Fewer of a small fleet, where many would be alike. All aims have the
    same days, for the tables of a day cost more than its rows.

    :param held_out: ``(series,)``: steps at the end of each that no target
        may reach into
    """
    days = _days(members, settings, held_out, random)
    if not len(days):
        return {}
    most = min(settings.max_rows, MOST_ROWS_OF_A_DAY * len(days))
    counts = {name: _shared(most // aim.each, len(days), random)
              for name, aim in aims.items()}
    parts: dict[str, list[rows_module.Rows]] = {name: [] for name in aims}
    for batch in panel_module.batches(len(members)):
        here = (days[:, 0] >= batch.start) & (days[:, 0] < batch.stop)
        mine = days[here]
        if not len(mine):
            continue
        numbers, place = np.unique(mine[:, 0], return_inverse=True)
        panel = panel_module.Panel(
            [members[int(number)] for number in numbers],
            settings.day_steps, holidays=settings.holidays)
        refresh = panel.width - 1 - mine[:, 1] * settings.day_steps
        tables: dict[int, experts.Tables] = {}
        for name, aim in aims.items():
            table, cases = _cases(
                aim, place, refresh, panel.width - held_out[mine[:, 0]],
                counts[name][here], settings, random)
            if not len(cases):
                continue
            if aim.window not in tables:
                tables[aim.window] = experts.learn(
                    panel, aim.window, place, refresh, settings.levels)
            parts[name].append(rows_module.rows_of(
                panel, aim.window, cases, tables[aim.window], table,
                settings.levels))
    return {name: rows_module.stacked(parts.pop(name))
            for name in aims if parts[name]}


def _days(members: Sequence[series_module.DemandSeries],
          settings: settings_module.ForecastSettings, held_out: IntArray,
          random: np.random.Generator) -> IntArray:
    """``(days, 2)``: series, and how many days before its end a table is
    worked out; in the order of the series."""
    day = settings.day_steps
    found = [(number, back)
             for number, one in enumerate(members)
             for back in range(int(held_out[number]) // day + 1,
                               one.length // day)]
    days = np.array(found, dtype=np.int64).reshape(-1, 2)
    if len(days) > MOST_DAYS:
        days = days[np.sort(random.choice(
            len(days), MOST_DAYS, replace=False))]
    return days


def _shared(origins: int, days: int,
            random: np.random.Generator) -> IntArray:
    """``(days,)``: as many for each, and what is left by lot."""
    counts = np.full(days, origins // days)
    counts[random.choice(days, origins % days, replace=False)] += 1
    return counts


def _cases(aim: Aim, place: IntArray, refresh: IntArray, until: IntArray,
           counts: IntArray,
           settings: settings_module.ForecastSettings,
           random: np.random.Generator) -> tuple[IntArray, Cases]:
    """Origins on the day after each refresh, and horizons for each.

    Horizons are drawn anew for each origin.

    :param counts: ``(refreshes,)``, origins after each
    :returns: the number of each case's table, and the cases
    """
    table = np.repeat(np.arange(len(place)), counts)
    origins = refresh[table] + random.integers(
        0, settings.day_steps, len(table))
    table, origins = (np.repeat(table, aim.each),
                      np.repeat(origins, aim.each))
    even = random.integers(1, aim.last + 1, len(table))
    near = np.exp(random.random(len(table)) * np.log(aim.last)).astype(
        np.int64)
    horizons = np.where(random.random(len(table)) < aim.even, even, near)
    inside = origins + horizons + aim.window - 1 < until[table]
    table = table[inside]
    return table, Cases(series=place[table], origins=origins[inside],
                        horizons=horizons[inside])
