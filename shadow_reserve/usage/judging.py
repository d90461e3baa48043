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

"""How the forecasts do on the latest windows of each series.

What the learned model says is set beside the experts' mix and seasonal
naive, on windows that no table or model had seen.
"""

from collections.abc import Sequence
import dataclasses

import numpy as np

from shadow_reserve.usage import calibration
from shadow_reserve.usage import experts
from shadow_reserve.usage import model
from shadow_reserve.usage import panel as panel_module
from shadow_reserve.usage import rows as rows_module
from shadow_reserve.usage import settings as settings_module

FloatArray = panel_module.FloatArray
IntArray = panel_module.IntArray
Cases = panel_module.Cases
Doubles = panel_module.Doubles

HELD_OUT_DAYS = 2
HELD_OUT_SHARE = 4
#: Origins of the steps that are looked at, and horizons from each.
ORIGINS = 8
HORIZONS = 6
#: Steps between two peaks that are looked at: no divisor of an hour.
PEAK_STRIDE = 11
#: So many windows do not tell small differences: the learned model serves
#: unless it did clearly worse than the mix.
TOLERANCE = 1.05


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Verdicts:
    """Of each series; NaN where there was no window to look at.

    Scores are as ``scores.scaled`` has them; the verdict also looks at the
    window maxima, which sizing goes by.

    :param learned: ``(series,)``, NaN without a model
    :param mix: ``(series,)``
    :param naive: ``(series,)``, of seasonal naive
    :param coverage: ``(series, levels)``, of what serves
    :param serves: ``(series,)``, whether the learned model does: where no
        window told, it does not
    :param offsets: ``(series, levels)``: see ``calibration``
    """

    learned: Doubles
    mix: Doubles
    naive: Doubles
    coverage: Doubles
    serves: panel_module.BoolArray
    offsets: FloatArray

    def taken(self, rows: IntArray) -> 'Verdicts':
        return Verdicts(
            learned=self.learned[rows], mix=self.mix[rows],
            naive=self.naive[rows], coverage=self.coverage[rows],
            serves=self.serves[rows], offsets=self.offsets[rows])


def held_out(length: int, day: int) -> int:
    """Steps at the end of a series of that length that are kept back."""
    return min(HELD_OUT_DAYS * day, length // HELD_OUT_SHARE)


def judged(panel: panel_module.Panel, learned: model.Learned | None,
           settings: settings_module.ForecastSettings) -> Verdicts:
    """Look at the windows that were kept back from all series."""
    count = len(panel)
    since = panel.width - np.array([
        held_out(int(length), panel.day)
        for length in panel.width - panel.begins])
    # The experts must have had a day to learn from.
    able = np.flatnonzero(since - panel.begins >= panel.day)
    numbers = np.full(count, -1)
    numbers[able] = np.arange(len(able))
    steps, peaks = (_rows(panel, window, able, since[able], cases, numbers,
                          settings)
                    for window, cases in (
        (1, _steps(panel, able, since, settings)),
        (settings.peak_steps, _peaks(panel, able, since, settings))))
    scale = (panel_module.seasonal_errors(
        panel.values.astype(np.float64), panel.day))
    told = [_told(learned, window, rows, settings)
            for window, (_, rows) in (
                (1, steps), (settings.peak_steps, peaks))]
    score = _Scorer(count, settings.levels, scale)
    serves = np.zeros(count, dtype=np.bool_)
    ours = np.full(count, np.nan)
    if learned is not None:
        ours = score.of([(steps, told[0])])
        # Not scaled, for what repeats itself exactly has no scale.
        serves = (score.losses([(steps, told[0]), (peaks, told[1])])
                  <= TOLERANCE * score.losses([(steps, steps[1].mix),
                                               (peaks, peaks[1].mix)]))
    served = [np.where(serves[cases.series, None], said, np.sort(
        rows.mix, axis=1)) for (cases, rows), said in
        zip((steps, peaks), told)]
    return Verdicts(
        learned=ours, serves=serves,
        mix=score.of([(steps, np.sort(steps[1].mix, axis=1))]),
        naive=score.of([(steps, steps[1].by_expert(experts.DAY))]),
        coverage=_coverage(count, steps, served[0]),
        offsets=_offsets(count, peaks, served[1], settings.levels))


Seen = tuple[Cases, rows_module.Rows]


def _rows(panel: panel_module.Panel, window: int, able: IntArray,
          since: IntArray, cases: Cases, numbers: IntArray,
          settings: settings_module.ForecastSettings) -> Seen:
    tables = experts.learn(
        panel, window, able, since - 1, settings.levels)
    return cases, rows_module.rows_of(
        panel, window, cases, tables, numbers[cases.series],
        settings.levels)


def _steps(panel: panel_module.Panel, able: IntArray, since: IntArray,
           settings: settings_module.ForecastSettings) -> Cases:
    shares = (np.arange(ORIGINS) + 0.5) / ORIGINS
    horizons = np.unique(np.geomspace(
        1, settings.horizon_steps, HORIZONS).astype(np.int64))
    origins = (since[able, None] - 1 + shares * (
        panel.width - since[able, None])).astype(np.int64)
    cases = Cases(
        series=np.repeat(able, ORIGINS * len(horizons)),
        origins=np.repeat(origins.ravel(), len(horizons)),
        horizons=np.tile(horizons, origins.size))
    return cases.taken(cases.steps < panel.width)


def _peaks(panel: panel_module.Panel, able: IntArray, since: IntArray,
           settings: settings_module.ForecastSettings) -> Cases:
    last = panel.width - settings.peak_steps
    found = [np.arange(since[number] - 1, last, PEAK_STRIDE)
             for number in able]
    origins = np.concatenate(found) if found else np.empty(0, np.int64)
    series = np.repeat(able, [len(one) for one in found])
    return Cases(series=series, origins=origins,
                 horizons=np.ones_like(origins))


def _told(learned: model.Learned | None, window: int,
          rows: rows_module.Rows,
          settings: settings_module.ForecastSettings) -> FloatArray:
    if learned is None or not len(rows):
        return np.sort(rows.mix, axis=1)
    return learned.predict(window, rows, settings.threads)


class _Scorer:
    """Twice the pinball loss of each series, over its seasonal error."""

    def __init__(self, count: int, levels: Sequence[float],
                 scale: Doubles) -> None:
        self._count = count
        self._taus = np.asarray(levels)
        self._scale = np.where(scale > 0, scale, np.nan)

    def of(self, parts: Sequence[tuple[Seen, FloatArray]]) -> Doubles:
        return self.losses(parts) / self._scale

    def losses(self, parts: Sequence[tuple[Seen, FloatArray]]) -> Doubles:
        """Not yet scaled."""
        sums, counts = np.zeros(self._count), np.zeros(self._count)
        for (cases, rows), said in parts:
            error = rows.actual[:, None] - said
            loss = 2 * np.maximum(self._taus * error,
                                  (self._taus - 1) * error).mean(axis=1)
            known = np.isfinite(loss)
            sums += np.bincount(cases.series[known], loss[known],
                                self._count)
            counts += np.bincount(cases.series[known],
                                  minlength=self._count)
        found: Doubles = np.where(
            counts > 0, sums / np.maximum(counts, 1), np.nan)
        return found


def _coverage(count: int, seen: Seen, said: FloatArray) -> Doubles:
    cases, rows = seen
    known = np.isfinite(rows.actual)
    series = cases.series[known]
    under = rows.actual[known, None] <= said[known] + 1e-6
    counts = np.bincount(series, minlength=count)[:, None]
    sums = np.stack([np.bincount(series, column, count)
                     for column in under.T.astype(np.float64)], axis=1)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _offsets(count: int, seen: Seen, said: FloatArray,
             levels: Sequence[float]) -> FloatArray:
    cases, rows = seen
    most = int(np.bincount(cases.series, minlength=count).max(initial=0))
    # Peaks in a row for each series; those with fewer end with gaps.
    starts = np.searchsorted(cases.series, np.arange(count))
    place = np.arange(len(cases)) - starts[cases.series]
    laid = np.zeros((count, most, len(levels)), dtype=np.float32)
    actual = np.full((count, most), np.nan, dtype=np.float32)
    laid[cases.series, place] = said
    actual[cases.series, place] = rows.actual
    return calibration.followed(laid, actual, levels)
