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

The forecaster puts the parts of this package together: scale, experts,
one learned model over all series, and an honest look at the latest windows,
which were kept from it, before it is let to serve.
"""

from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import datetime

import numpy as np

from shadow_reserve.records import demand
from shadow_reserve.usage import history as history_module
from shadow_reserve.usage import model
from shadow_reserve.usage import scores
from shadow_reserve.usage import series as series_module
from shadow_reserve.usage import settings as settings_module
from shadow_reserve.usage import subject as subject_module

FloatArray = history_module.FloatArray
SeriesKey = tuple[str, demand.DemandResource]

#: At most this much of the newest history is kept from the trees for
#: scoring, and never more than a quarter of it.
HELD_OUT = datetime.timedelta(days=2)
HELD_OUT_SHARE = 4


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Scorecard:
    """How the forecasts did on the held-out windows of one series.

    Scores are as ``scores.scaled`` has them: of the learned model (``None``
    where there is none), of the experts' mix and of seasonal naive. The
    verdict also looks at the window maxima, which sizing goes by.
    """

    learned: float | None = None
    mix: float | None = None
    naive: float | None = None
    learned_coverage: tuple[float, ...] = ()
    mix_coverage: tuple[float, ...] = ()
    learned_serves: bool = False


class FittedModel:
    """Makes profiles; the same series and model make the same profile."""

    def __init__(self, settings: settings_module.ForecastSettings,
                 learner: model.Learner | None,
                 scorecards: Mapping[SeriesKey, Scorecard]) -> None:
        self.settings = settings
        self.scorecards = dict(scorecards)
        self._learner = learner

    def profile(self, series: series_module.DemandSeries,
                peak_window: datetime.timedelta) -> demand.DemandProfile:
        """Forecast from the end of the series on.

        Below ``min_points`` the profile has no quantiles and says so. A
        series with too little history to learn from, or on whose held-out
        windows the learned model does no better, gets the expert mix.

        :param peak_window: what ``window_peak`` is the maximum over; from
            one step to one day
        :raises ValueError: when the series' step is not the settings', or
            the peak window is out of bounds
        """
        _check_step(series, self.settings)
        peak_steps = self.settings.steps_in(peak_window)
        if not 1 <= peak_steps <= self.settings.day_steps:
            raise ValueError(f'peak_window {peak_window} is not one step to '
                             'one day')
        if series.points < self.settings.min_points:
            return self._profile(series, peak_window, None, Scorecard())
        subject = subject_module.Subject(series, self.settings)
        card = self.scorecard(subject)
        scaled = self.serve(card, subject.coming_rows(peak_steps))
        return self._profile(series, peak_window,
                             subject.history.scaled_back(scaled), card)

    def serve(self, card: Scorecard, rows: model.Rows) -> FloatArray:
        """``(rows, levels)``: the forecast in the scale of the rows."""
        if self._learner is not None and card.learned_serves:
            return self._learner.predict(rows)
        return np.sort(rows.mix, axis=1)

    def scorecard(self, subject: subject_module.Subject) -> Scorecard:
        """The card from the fit; a series that came since is scored now.

        The model has not seen that one, so that all of it is held out.
        """
        series = subject.series
        card = self.scorecards.get((series.token, series.resource))
        if card is not None:
            return card
        learner = self._learner
        if series.points < self.settings.learning_points:
            learner = None
        return _score(subject, learner)

    def _profile(self, series: series_module.DemandSeries,
                 peak_window: datetime.timedelta, values: FloatArray | None,
                 card: Scorecard) -> demand.DemandProfile:
        settings = self.settings
        if values is None:
            kind = demand.ForecastModel.NOT_ENOUGH_HISTORY
        elif card.learned_serves:
            kind = demand.ForecastModel.GRADIENT_BOOSTING
        else:
            kind = demand.ForecastModel.EXPERT_MIX
        learned = kind is demand.ForecastModel.GRADIENT_BOOSTING
        rows = () if values is None else tuple(
            tuple(float(value) for value in row) for row in values)
        provenance = demand.Provenance(
            model=kind,
            training_start=series.start if series.points else None,
            training_end=series.end if series.points else None,
            points=series.points, points_needed=settings.min_points,
            score=card.learned if learned else card.mix,
            baseline_score=card.naive,
            coverage=card.learned_coverage if learned
            else card.mix_coverage)
        return demand.DemandProfile(
            token=series.token, resource=series.resource, origin=series.end,
            step=series.step, levels=settings.levels,
            quantiles=rows[:-1], peak_window=peak_window,
            window_peak=rows[-1] if rows else (), provenance=provenance)


class DemandForecaster:
    """Fits one model over many series."""

    def __init__(self,
                 settings: settings_module.ForecastSettings) -> None:
        self.settings = settings

    def fit(self, series: Sequence[series_module.DemandSeries],
            seed: int) -> FittedModel:
        """Learn from all series that have history enough.

        Twice: once without the newest windows, to score by them what
        learning is worth to each series, and once with them, to serve.
        With no series to learn from the model serves the expert mix.

        :raises ValueError: when a series' step is not the settings'
        """
        random = np.random.default_rng(seed)
        subjects = []
        for one in series:
            _check_step(one, self.settings)
            if one.points >= self.settings.learning_points:
                subjects.append(
                    subject_module.Subject(one, self.settings))
        trial = self._learner(subjects, random, seed, held_out=True)
        final = self._learner(subjects, random, seed, held_out=False)
        if trial is None or final is None:
            return FittedModel(self.settings, None, {})
        cards = {(one.series.token, one.series.resource): _score(one, trial)
                 for one in subjects}
        return FittedModel(self.settings, final, cards)

    def _learner(self, subjects: Sequence[subject_module.Subject],
                 random: np.random.Generator, seed: int, *,
                 held_out: bool) -> model.Learner | None:
        budget = max(self.settings.max_rows // max(len(subjects), 1), 1)
        parts = [subject.training_rows(
            _held_out_since(subject) if held_out else len(subject),
            budget, random) for subject in subjects]
        found = [part for part in parts if part is not None]
        rows = model.stacked(found) if found else None
        if rows is None or not np.isfinite(rows.actual).any():
            return None
        return model.Learner(
            self.settings.levels, self.settings.threads).fit(rows, seed)


def _check_step(series: series_module.DemandSeries,
                settings: settings_module.ForecastSettings) -> None:
    if series.step != settings.step:
        raise ValueError(f'{series.token} {series.resource.value}: a step '
                         f'of {series.step}, not {settings.step}')


def _held_out_since(subject: subject_module.Subject) -> int:
    held = min(HELD_OUT // subject.series.step,
               len(subject) // HELD_OUT_SHARE)
    return len(subject) - held


def _score(subject: subject_module.Subject,
           learner: model.Learner | None) -> Scorecard:
    """Score on the held-out windows; the empty card if there are none."""
    found = subject.held_out_rows(_held_out_since(subject))
    if found is None:
        return Scorecard()
    steps, peaks = found
    history = subject.history
    scale = scores.seasonal_error(history.values, history.day)
    levels = subject.levels

    def score(rows: model.Rows, forecast: FloatArray) -> float | None:
        return scores.scaled(rows.actual, forecast, levels, scale)

    learned = learner.predict(steps) if learner is not None else None
    mix = np.sort(steps.mix, axis=1)
    serves = False
    if learner is not None:
        both = model.stacked([steps, peaks])
        ours = score(both, learner.predict(both))
        theirs = score(both, both.mix)
        serves = ours is not None and theirs is not None and ours <= theirs
    return Scorecard(
        learned=score(steps, learned) if learned is not None else None,
        mix=score(steps, mix), naive=score(steps, steps.naive),
        learned_coverage=scores.coverage(steps.actual, learned)
        if learned is not None else (),
        mix_coverage=scores.coverage(steps.actual, mix),
        learned_serves=serves)
