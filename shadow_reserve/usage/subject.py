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

"""One series with everything that forecasting it takes.

Step numbers count from the start of the series; an *origin* is the last
step that a forecast has seen.
"""

import numpy as np

from shadow_reserve.usage import experts
from shadow_reserve.usage import history as history_module
from shadow_reserve.usage import model
from shadow_reserve.usage import series as series_module
from shadow_reserve.usage import settings as settings_module

IntArray = history_module.IntArray

#: Strides between origins: no divisors of an hour, or cron jobs would be
#: met always at the same distance.
TRAINING_STRIDE = 7
HELD_OUT_STRIDE = 11
HORIZONS_PER_ORIGIN = 8
#: The share of the training rows whose target is the window maximum.
PEAK_SHARE = 0.25


class Subject:
    """A series, its history in scale, and its experts.

    The experts' tables are refreshed once a day, counted back from the end
    of the series, so that a row in the middle of the history is forecast
    from what was known then and costs no table of its own.

    :raises ValueError: when the series has no point at all
    """

    def __init__(self, series: series_module.DemandSeries,
                 settings: settings_module.ForecastSettings) -> None:
        self.series = series
        self.history = history_module.of_series(series, settings.day_steps)
        self._settings = settings
        self._panels: dict[int, experts.Panel] = {}
        self._tables: dict[tuple[int, int], experts.Table] = {}

    def __len__(self) -> int:
        return len(self.history.values)

    @property
    def levels(self) -> tuple[float, ...]:
        return self._settings.levels

    @property
    def first_origin(self) -> int:
        """The first origin with a day for the experts to learn from."""
        day = self._settings.day_steps
        return (len(self) - 1) % day + day

    def rows(self, window: int, origins: IntArray,
             horizons: IntArray) -> model.Rows:
        """Rows of the maximum over ``window`` steps (1 is the step itself).

        :param origins: ``(rows,)``, ascending
        :param horizons: ``(rows,)``, 1 where the window is longer than that
        """
        panel = self._panel(window)
        day, last = self._settings.day_steps, len(self) - 1
        refreshes = last - -(-(last - origins) // day) * day
        parts = []
        for refresh in np.unique(refreshes):
            mine = refreshes == refresh
            table = self._table(window, int(refresh))
            parts.append(model.rows_of(
                panel, table, origins[mine], horizons[mine]))
        return model.stacked(parts)

    def training_rows(self, until: int, budget: int,
                      random: np.random.Generator) -> model.Rows | None:
        """At most ``budget`` rows with targets before the step ``until``.

        Horizons are drawn anew for each origin, half of them with an even
        chance for each and half preferring the near ones, which sizing
        lives by. ``None`` when the history is too short for any.
        """
        settings = self._settings
        origins = np.arange(
            self.first_origin + int(random.integers(TRAINING_STRIDE)),
            until - 1, TRAINING_STRIDE)
        many = np.repeat(origins, HORIZONS_PER_ORIGIN)
        horizons = np.where(
            random.random(len(many)) < 0.5,
            random.integers(1, settings.horizon_steps + 1, len(many)),
            np.exp(random.random(len(many)) * np.log(
                settings.horizon_steps)).astype(np.int64))
        inside = many + horizons < until
        peak = settings.peak_steps
        peaks = origins[origins + peak < until]
        if not inside.any() or not len(peaks):
            return None
        steps = _drawn(np.flatnonzero(inside),
                       round(budget * (1 - PEAK_SHARE)), random)
        peaks = _drawn(peaks, round(budget * PEAK_SHARE), random)
        return model.stacked([
            self.rows(1, many[steps], horizons[steps]),
            self.rows(peak, peaks, np.ones_like(peaks))])

    def held_out_rows(
            self, since: int) -> tuple[model.Rows, model.Rows] | None:
        """Rows seen from ``since - 1`` on: of steps, and of peaks."""
        settings, last = self._settings, len(self) - 1
        origins = np.arange(max(since - 1, self.first_origin), last,
                            HELD_OUT_STRIDE)
        spread = np.unique(np.geomspace(
            1, settings.horizon_steps, 10).astype(np.int64))
        many = np.repeat(origins, len(spread))
        horizons = np.tile(spread, len(origins))
        inside = many + horizons <= last
        peaks = origins[origins + settings.peak_steps <= last]
        if not inside.any() or not len(peaks):
            return None
        return (self.rows(1, many[inside], horizons[inside]),
                self.rows(settings.peak_steps, peaks, np.ones_like(peaks)))

    def coming_rows(self, peak_steps: int) -> model.Rows:
        """The rows of the profile: every step ahead, and then the peak."""
        last = len(self) - 1
        horizons = np.arange(1, self._settings.horizon_steps + 1)
        one = np.array([last])
        return model.stacked([
            self.rows(1, np.full_like(horizons, last), horizons),
            self.rows(peak_steps, one, np.ones_like(one))])

    def _panel(self, window: int) -> experts.Panel:
        if window not in self._panels:
            self._panels[window] = experts.panel_of(
                history_module.target_of(self.history, window),
                self._settings.levels)
        return self._panels[window]

    def _table(self, window: int, origin: int) -> experts.Table:
        key = window, origin
        if key not in self._tables:
            self._tables[key] = self._panel(window).table_at(origin)
        return self._tables[key]


def _drawn(values: IntArray, count: int,
           random: np.random.Generator) -> IntArray:
    """``count`` of the values at random, still in order; all, if fewer."""
    if len(values) <= count:
        return values
    return np.sort(random.choice(values, max(count, 1), replace=False))
