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

"""From demand series to demand profiles.

The forecaster puts the parts of this package together: scale, experts, and
one learned model over all series. It is fitted on all but the latest
windows, by which its worth is told: that decides which model serves, and
for each series whether it is the model or the experts' mix.
"""

from collections.abc import Iterator
from collections.abc import Sequence
import dataclasses

import numpy as np

from shadow_reserve.records import demand
from shadow_reserve.usage import calibration
from shadow_reserve.usage import fan
from shadow_reserve.usage import judging
from shadow_reserve.usage import model
from shadow_reserve.usage import panel as panel_module
from shadow_reserve.usage import pooled
from shadow_reserve.usage import refreshing
from shadow_reserve.usage import sampling
from shadow_reserve.usage import series as series_module
from shadow_reserve.usage import settings as settings_module

#: Days that a forecast looks back on, once scale and tables are known: a
#: week, and a day for the windows that reach into the one before.
LOOK_BACK_DAYS = 9
#: Series that a model as a whole is scored on.
SCORED = 256


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Scores:
    """Of a model on the latest windows, medians over the series.

    Medians, since a few bursty series would rule a mean. ``None`` where
    there was nothing to score.
    """

    learned: float | None
    mix: float | None
    naive: float | None
    series: int


class FittedModel:
    """Makes profiles; the same series and model make the same profile.

    :param learned: ``None`` where there was nothing to learn from: then
        the experts' mix serves
    """

    def __init__(self, settings: settings_module.ForecastSettings,
                 learned: model.Learned | None) -> None:
        self.settings = settings
        self.learned = learned
        # In profiles, batches run beside each other, in one thread each;
        # peaks are made too fast for threads to be of use.
        self._each = settings.in_one_thread()

    def refreshed(self, series: Sequence[series_module.DemandSeries],
                  ) -> refreshing.Refreshed | None:
        """All that ``profiles`` needs to know of these series beforehand.

        :raises ValueError: when a series' step is not the settings'
        """
        _check_steps(series, self.settings)
        return refreshing.refreshed(series, self.learned, self.settings)

    def profiles(self, series: Sequence[series_module.DemandSeries],
                 known: refreshing.Refreshed | None,
                 ) -> Iterator[demand.DemandProfile]:
        """Forecast from the end of each series on, in their order.

        Below ``min_points`` a profile has no quantiles and says so.

        :param known: of ``refreshed``, at most some days ago
        :raises ValueError: when a series' step is not the settings'
        :raises KeyError: for a series with enough points that is not known
        """
        _check_steps(series, self.settings)
        for profiles in pooled.in_order(
                lambda batch: self._profiles(series[batch], known),
                panel_module.batches(len(series)), self.settings.threads):
            yield from profiles

    def peaks(self, series: Sequence[series_module.DemandSeries],
              known: refreshing.Refreshed) -> panel_module.FloatArray:
        """``(series, levels)`` of the window maximum alone, in each
        series' own unit: what sizing goes by, and much cheaper."""
        parts = []
        for batch in panel_module.batches(len(series)):
            part = series[batch]
            numbers = known.numbers(part)
            panel = self._panel(part, numbers, known)
            parts.append(panel.scaled_back(
                np.arange(len(panel)), self._peaks(panel, numbers, known)))
        return np.concatenate(parts).astype(np.float32)

    def scores(self, series: Sequence[series_module.DemandSeries],
               ) -> Scores:
        """How this model does on the latest windows of some series, which
        it must not have been fitted on."""
        able = [one for one in series
                if one.points >= self.settings.learning_points]
        stride = -(-len(able) // SCORED) or 1
        found = refreshing.refreshed(
            able[::stride], self.learned, self.settings)
        if found is None:
            return Scores(learned=None, mix=None, naive=None, series=0)
        verdicts = found.verdicts
        return Scores(
            learned=_median(verdicts.learned), mix=_median(verdicts.mix),
            naive=_median(verdicts.naive), series=len(verdicts.mix))

    def _profiles(self, series: Sequence[series_module.DemandSeries],
                  known: refreshing.Refreshed | None,
                  ) -> list[demand.DemandProfile]:
        able = [one for one in series
                if one.points >= self.settings.min_points]
        rows = {}
        if able:
            assert known is not None
            numbers = known.numbers(able)
            panel = self._panel(able, numbers, known)
            everyone = np.arange(len(panel))
            steps = panel.scaled_back(everyone, fan.steps_ahead(
                panel, known.steps.taken(numbers), self.learned,
                known.verdicts.serves[numbers], self._each))
            peaks = panel.scaled_back(
                everyone, self._peaks(panel, numbers, known))
            rows = {id(one): row for row, one in enumerate(able)}
        found = []
        for one in series:
            row = rows.get(id(one))
            if row is None or known is None:
                found.append(self._without_history(one))
                continue
            found.append(self._profile(
                one, steps[row], peaks[row],
                self._provenance(one, known, int(numbers[row]))))
        return found

    def _panel(self, series: Sequence[series_module.DemandSeries],
               numbers: panel_module.IntArray,
               known: refreshing.Refreshed) -> panel_module.Panel:
        day = self.settings.day_steps
        return panel_module.Panel(
            [latest(one, LOOK_BACK_DAYS * day) for one in series], day,
            scale=known.scale.taken(numbers),
            holidays=self.settings.holidays)

    def _peaks(self, panel: panel_module.Panel,
               numbers: panel_module.IntArray,
               known: refreshing.Refreshed) -> panel_module.FloatArray:
        said = fan.peaks(panel, known.peaks.taken(numbers), self.learned,
                         known.verdicts.serves[numbers], self._each)
        return calibration.applied(said, known.verdicts.offsets[numbers])

    def _profile(self, series: series_module.DemandSeries,
                 steps: panel_module.Doubles, peak: panel_module.Doubles,
                 provenance: demand.Provenance) -> demand.DemandProfile:
        return demand.DemandProfile(
            token=series.token, resource=series.resource,
            origin=series.end, step=series.step,
            levels=self.settings.levels,
            quantiles=tuple(map(tuple, steps.tolist())),
            peak_window=self.settings.peak_window,
            window_peak=tuple(peak.tolist()), provenance=provenance)

    def _without_history(self, series: series_module.DemandSeries,
                         ) -> demand.DemandProfile:
        return demand.DemandProfile(
            token=series.token, resource=series.resource,
            origin=series.end, step=series.step,
            levels=self.settings.levels, quantiles=(),
            peak_window=self.settings.peak_window, window_peak=(),
            provenance=demand.Provenance(
                model=demand.ForecastModel.NOT_ENOUGH_HISTORY,
                training_start=series.start if series.points else None,
                training_end=series.end if series.points else None,
                points=series.points,
                points_needed=self.settings.min_points,
                latest_reading=series.latest_reading))

    def _provenance(self, series: series_module.DemandSeries,
                    known: refreshing.Refreshed,
                    row: int) -> demand.Provenance:
        verdicts = known.verdicts
        serves = bool(verdicts.serves[row]) and self.learned is not None
        coverage = verdicts.coverage[row]
        return demand.Provenance(
            model=(demand.ForecastModel.GRADIENT_BOOSTING if serves
                   else demand.ForecastModel.EXPERT_MIX),
            training_start=series.start, training_end=known.ends[row],
            points=series.points, points_needed=self.settings.min_points,
            score=_known(verdicts.learned[row] if serves
                         else verdicts.mix[row]),
            baseline_score=_known(verdicts.naive[row]),
            coverage=(tuple(coverage.tolist())
                      if np.isfinite(coverage).all() else ()),
            calibration=tuple(verdicts.offsets[row].tolist()),
            censored_points=series.censored_points,
            latest_reading=series.latest_reading)


class DemandForecaster:
    """Fits one model over many series."""

    def __init__(self,
                 settings: settings_module.ForecastSettings) -> None:
        self.settings = settings

    def fit(self, series: Sequence[series_module.DemandSeries],
            seed: int) -> FittedModel:
        """Learn from all series that have history enough.

        The latest windows of each are kept back, to tell by them what
        learning is worth. With no series to learn from the model serves
        the expert mix.

        :raises ValueError: when a series' step is not the settings'
        """
        _check_steps(series, self.settings)
        settings = self.settings
        able = [one for one in series
                if one.points >= settings.learning_points]
        kept = np.array([judging.held_out(one.length,
                                          settings.day_steps)
                         for one in able], dtype=np.int64)
        random = np.random.default_rng(seed)
        aims = sampling.aims(settings)
        learners: dict[str, model.Learner] = {}
        for window in dict.fromkeys(one.window for one in aims.values()):
            # Those of one window share the experts' tables. Rows of more
            # than these are not held at once.
            rows = sampling.drawn(
                able, {name: aim for name, aim in aims.items()
                       if aim.window == window}, settings, kept, random)
            for name in list(rows):
                if not np.isfinite(rows[name].actual).any():
                    return FittedModel(settings, None)
                learners[name] = model.fit(
                    rows.pop(name), settings.levels, seed, settings.threads,
                    model.MANNERS[name])
        if len(learners) < len(aims):
            return FittedModel(settings, None)
        return FittedModel(settings, model.Learned(
            near_steps=settings.near_steps, **learners))


def latest(series: series_module.DemandSeries,
           steps: int) -> series_module.DemandSeries:
    """The last steps of a series, or all if there are no more.

    As many more as it takes to have a point among them, if there is one.
    """
    first = max(len(series.values) - steps, 0)
    if not np.isfinite(series.values[first:]).any():
        known = np.flatnonzero(np.isfinite(series.values))
        first = int(known[-1]) if len(known) else first
    return series_module.part(series, first, len(series.values))


def _check_steps(series: Sequence[series_module.DemandSeries],
                 settings: settings_module.ForecastSettings) -> None:
    for one in series:
        if one.step != settings.step:
            raise ValueError(f'{one.token} {one.resource.value}: a step '
                             f'of {one.step}, not {settings.step}')


def _median(values: panel_module.Doubles) -> float | None:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else None


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
