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

"""Rolling-origin backtests: what the forecasts would have been worth.

The model is fitted once, as of some step, and then serves from a number of
later origins, with the experts refreshed at each, as it is in service.
Seasonal naive and every other expert are scored beside it on the same
windows.
"""

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
import dataclasses

import numpy as np

from shadow_reserve.usage import experts
from shadow_reserve.usage import forecaster
from shadow_reserve.usage import history as history_module
from shadow_reserve.usage import scores
from shadow_reserve.usage import series as series_module
from shadow_reserve.usage import settings as settings_module
from shadow_reserve.usage import subject as subject_module

FloatArray = history_module.FloatArray

SERVED = 'served'
MIX = 'expert mix'
NAIVE = 'seasonal naive'
EXPERT_NAMES = {
    experts.DAY: NAIVE, experts.WEEK: 'weekly naive',
    experts.TIME_OF_DAY: 'same time of 7 days', experts.LAST: 'last value',
    experts.HOUR: 'last hour', experts.RECENT: 'recent quantiles'}
HOUR, HORIZON, PEAK = '1 h', 'horizon', 'peak'


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class WindowScore:
    """One forecaster on one window of one series.

    ``window`` is the next hour, the whole horizon, or the peak window;
    ``under`` counts, level by level, the ``points`` that lay at or under
    the forecast. ``score`` is as ``scores.scaled`` has it.
    """

    token: str
    forecaster: str
    window: str
    origin: int
    score: float
    under: tuple[float, ...]
    points: int


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """All windows of one forecaster and kind: each series counts once."""

    forecaster: str
    window: str
    series: int
    mean: float
    median: float
    coverage: tuple[float, ...]


def rolling_origin(
        series: Sequence[series_module.DemandSeries],
        settings: settings_module.ForecastSettings, *, training: int,
        fit_at: int, origins: Sequence[int], seed: int,
        ) -> Iterator[WindowScore]:
    """Fit before the step ``fit_at``, forecast from each of the origins.

    :param training: steps of history that are seen, at the fit and at each
        origin
    :param fit_at: the first step that fitting has not seen
    :param origins: first steps that each forecast has not seen, none
        before ``fit_at``
    :raises ValueError: when an origin comes before the fit
    """
    if min(origins) < fit_at:
        raise ValueError('an origin before the fit would be hindsight')
    fitted = forecaster.DemandForecaster(settings).fit(
        [part(one, fit_at - training, fit_at) for one in series], seed)
    for one in series:
        for origin in origins:
            seen = part(one, origin - training, origin)
            if seen.points >= settings.min_points:
                yield from _windows(one, seen, origin, fitted)


def summarised(found: Iterable[WindowScore]) -> list[Summary]:
    """Mean and median over the series of the mean over their windows."""
    groups: dict[tuple[str, str], list[WindowScore]] = {}
    for one in found:
        groups.setdefault((one.window, one.forecaster), []).append(one)
    result = []
    for (window, name), members in groups.items():
        by_series: dict[str, list[float]] = {}
        for one in members:
            by_series.setdefault(one.token, []).append(one.score)
        means = [float(np.mean(each)) for each in by_series.values()]
        under = np.sum([one.under for one in members], axis=0)
        points = sum(one.points for one in members)
        result.append(Summary(
            forecaster=name, window=window, series=len(means),
            mean=float(np.mean(means)), median=float(np.median(means)),
            coverage=tuple(float(share) for share in under / points)))
    return result


def part(series: series_module.DemandSeries, start: int,
         stop: int) -> series_module.DemandSeries:
    """The steps from ``start``, at least 0, up to before ``stop``."""
    start = max(start, 0)
    return dataclasses.replace(
        series, start=series.start + start * series.step,
        values=series.values[start:stop])


def _windows(whole: series_module.DemandSeries,
             seen: series_module.DemandSeries, origin: int,
             fitted: forecaster.FittedModel) -> Iterator[WindowScore]:
    settings = fitted.settings
    subject = subject_module.Subject(seen, settings)
    history = subject.history
    rows = subject.coming_rows(settings.peak_steps)
    said = {SERVED: fitted.serve(fitted.scorecard(subject), rows),
            MIX: rows.mix}
    for index, name in EXPERT_NAMES.items():
        one = rows.said[:, index]
        said[name] = np.where(np.isfinite(one), one,
                              rows.said[:, experts.RECENT])
    actual = np.full(settings.horizon_steps, np.nan)
    future = whole.values[origin:origin + settings.horizon_steps]
    actual[:len(future)] = future
    peak = actual[:settings.peak_steps]
    if not np.isfinite(peak).any():
        return
    hour = min(settings.day_steps // 24, settings.horizon_steps)
    scale = scores.seasonal_error(seen.values, settings.day_steps)
    for name, scaled in said.items():
        forecast = history.scaled_back(np.sort(scaled, axis=1))
        for window, truth, guess in (
                (HOUR, actual[:hour], forecast[:hour]),
                (HORIZON, actual, forecast[:-1]),
                (PEAK, np.array([np.nanmax(peak)]), forecast[-1:])):
            score = scores.scaled(truth, guess, settings.levels, scale)
            if score is None:
                continue
            points = int(np.isfinite(truth).sum())
            share = scores.coverage(truth, guess)
            yield WindowScore(
                token=whole.token, forecaster=name, window=window,
                origin=origin, score=score, points=points,
                under=tuple(one * points for one in share))
