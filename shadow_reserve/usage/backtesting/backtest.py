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
later origins, with all that is refreshed daily as it would be at each.
Seasonal naive and every other expert are scored beside it on the same
windows.
"""

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
import dataclasses

import numpy as np

from shadow_reserve.usage import calibration
from shadow_reserve.usage import experts
from shadow_reserve.usage import fan
from shadow_reserve.usage import forecaster
from shadow_reserve.usage import panel as panel_module
from shadow_reserve.usage import rows as rows_module
from shadow_reserve.usage import scores
from shadow_reserve.usage import series as series_module
from shadow_reserve.usage import settings as settings_module

FloatArray = panel_module.FloatArray
Cases = panel_module.Cases

SERVED = 'served'
MIX = 'expert mix'
NAIVE = experts.NAMES[experts.DAY]
#: The experts that anybody would call naive: what a forecast must beat.
NAIVE_NAMES = (NAIVE, experts.NAMES[experts.LAST],
               experts.NAMES[experts.RECENT])
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
    :param origins: as ``windows`` has them, none before ``fit_at``
    :raises ValueError: when an origin comes before the fit
    """
    if min(origins) < fit_at:
        raise ValueError('an origin before the fit would be hindsight')
    fitted = forecaster.DemandForecaster(settings).fit(
        [series_module.part(one, fit_at - training, fit_at)
         for one in series], seed)
    yield from windows(fitted, series, training, origins)


def windows(fitted: forecaster.FittedModel,
            series: Sequence[series_module.DemandSeries], training: int,
            origins: Sequence[int]) -> Iterator[WindowScore]:
    """Forecast from each of the origins with a model from before them.

    :param training: steps of history that are seen at each origin
    :param origins: first steps that each forecast has not seen
    """
    settings = fitted.settings
    for origin in origins:
        seen = [(one, series_module.part(one, origin - training, origin))
                for one in series]
        able = [(whole, part) for whole, part in seen
                if part.points >= settings.min_points]
        for batch in panel_module.batches(len(able)):
            yield from _windows(able[batch], origin, fitted)


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


def replayed_peaks(
        fitted: forecaster.FittedModel,
        series: Sequence[series_module.DemandSeries],
        origins: Sequence[int], training: int) -> FloatArray:
    """``(series, origins, levels)``: what sizing would have gone by.

    As in service: scale, tables, verdict and calibration are refreshed at
    the first origin and then once a day. NaN where a series had too little
    history by then.

    :param series: all of one length
    :param origins: last steps that each forecast has seen, ascending
    :param training: steps of history that each refresh sees
    """
    day = fitted.settings.day_steps
    steps = np.asarray(origins, dtype=np.int64)
    result = np.full((len(series), len(steps), len(fitted.settings.levels)),
                     np.nan, dtype=np.float32)
    turns = (steps - steps[0]) // day
    for turn in np.unique(turns):
        columns = np.flatnonzero(turns == turn)
        for batch in panel_module.batches(len(series)):
            rows = np.arange(batch.start, batch.stop)
            able, found = _replayed_day(
                fitted, [series[int(row)] for row in rows], steps[columns],
                training)
            result[np.ix_(rows[able], columns)] = found
    return result


def _replayed_day(fitted: forecaster.FittedModel,
                  series: Sequence[series_module.DemandSeries],
                  steps: panel_module.IntArray, training: int,
                  ) -> tuple[panel_module.IntArray, FloatArray]:
    """:returns: which series could be forecast, and what for each step"""
    settings = fitted.settings
    refresh, last = int(steps[0]), int(steps[-1])
    seen = [series_module.part(one, refresh + 1 - training, refresh + 1)
            for one in series]
    able = np.array([row for row, one in enumerate(seen)
                     if one.points >= settings.min_points], dtype=np.int64)
    known = fitted.refreshed([seen[int(row)] for row in able])
    if known is None:
        return able, np.empty((0, len(steps), len(settings.levels)),
                              dtype=np.float32)
    reach = forecaster.LOOK_BACK_DAYS * settings.day_steps
    panel = panel_module.Panel(
        [forecaster.latest(series_module.part(series[int(row)], 0, last + 1),
                           reach + last - refresh) for row in able],
        settings.day_steps, scale=known.scale, holidays=settings.holidays)
    cases = Cases(
        series=np.repeat(np.arange(len(able)), len(steps)),
        origins=np.tile(panel.width - 1 - (last - steps), len(able)),
        horizons=np.ones(len(able) * len(steps), dtype=np.int64))
    said = calibration.applied(
        fan.told(panel, settings.peak_steps, cases, known.peaks,
                 fitted.learned, known.verdicts.serves, settings),
        known.verdicts.offsets[cases.series])
    return able, panel.scaled_back(cases.series, said).reshape(
        len(able), len(steps), -1).astype(np.float32)


def _windows(members: Sequence[tuple[series_module.DemandSeries,
                                     series_module.DemandSeries]],
             origin: int,
             fitted: forecaster.FittedModel) -> Iterator[WindowScore]:
    settings = fitted.settings
    seen = [part for _, part in members]
    known = fitted.refreshed(seen)
    assert known is not None
    panel = panel_module.Panel(seen, settings.day_steps, scale=known.scale,
                               holidays=settings.holidays)
    serves = known.verdicts.serves
    ahead = {SERVED: fan.steps_ahead(
        panel, known.steps, fitted.learned, serves, settings)}
    peaks = {SERVED: calibration.applied(
        fan.peaks(panel, known.peaks, fitted.learned, serves, settings),
        known.verdicts.offsets)}
    ahead |= _others(panel, 1, known.steps, settings.horizon_steps, settings)
    peaks |= {name: said[:, 0] for name, said in _others(
        panel, settings.peak_steps, known.peaks, 1, settings).items()}
    hour = min(settings.day_steps // 24, settings.horizon_steps)
    for row, (whole, part) in enumerate(members):
        actual = np.full(settings.horizon_steps, np.nan)
        future = whole.values[origin:origin + settings.horizon_steps]
        actual[:len(future)] = future
        peak = actual[:settings.peak_steps]
        if not np.isfinite(peak).any():
            continue
        scale = scores.seasonal_error(part.values, settings.day_steps)
        truths = ((HOUR, actual[:hour]), (HORIZON, actual),
                  (PEAK, np.array([np.nanmax(peak)])))
        for name, scaled in ahead.items():
            steps = panel.scaled_back(np.array([row]), scaled[row][None])[0]
            top = panel.scaled_back(np.array([row]), peaks[name][row][None])
            for (window, truth), guess in zip(
                    truths, (steps[:hour], steps, top)):
                score = scores.scaled(truth, guess, settings.levels, scale)
                if score is None:
                    continue
                points = int(np.isfinite(truth).sum())
                yield WindowScore(
                    token=whole.token, forecaster=name, window=window,
                    origin=origin, score=score, points=points,
                    under=tuple(one * points for one in
                                scores.coverage(truth, guess)))


def _others(panel: panel_module.Panel, window: int, tables: experts.Tables,
            horizon: int, settings: settings_module.ForecastSettings,
            ) -> dict[str, FloatArray]:
    """``(series, horizon, levels)`` of the mix and of each expert."""
    cases = Cases(
        series=np.repeat(np.arange(len(panel)), horizon),
        origins=np.full(len(panel) * horizon, panel.width - 1),
        horizons=np.tile(np.arange(1, horizon + 1), len(panel)))
    rows = rows_module.rows_of(
        panel, window, cases, tables, cases.series, settings.levels)
    shape = (len(panel), horizon, -1)
    found = {MIX: np.sort(rows.mix, axis=1).reshape(shape)}
    for index, name in enumerate(experts.NAMES):
        found[name] = rows.by_expert(index).reshape(shape)
    return found
