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

"""Ours and the peers on the same windows, and what each cost."""

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import contextlib
import dataclasses
import os
import warnings

import numpy as np

from shadow_reserve.usage.backtesting import backtest
from shadow_reserve.usage import scores
from shadow_reserve.usage import series as series_module
from shadow_reserve.usage import settings as settings_module
from tests.benchmarks.peers import base
from tests.benchmarks import traces

ORIGINS = 6
#: The windows that are compared, and their steps.
WINDOWS = {backtest.HOUR: traces.DAY // 24, backtest.HORIZON: base.HORIZON}
#: What stands for us: the forecaster, and two that need no learning.
OURS = (backtest.SERVED, backtest.MIX, backtest.NAIVE)

Series = Sequence[series_module.DemandSeries]
#: A token, an origin and a window.
Key = tuple[str, int, str]
Scores = dict[Key, backtest.WindowScore]


@dataclasses.dataclass(kw_only=True, slots=True)
class Outcome:
    """What one forecaster did, and the CPU seconds that it took.

    :param fit_seconds: of fitting the shared model; ``None`` without one
    :param forecasts: asked for within ``forecast_seconds``
    :param failed: forecasts for which seasonal naive's score was taken
    :param error: why the first of them failed
    """

    windows: list[backtest.WindowScore]
    fit_seconds: float | None = None
    forecast_seconds: float = 0.0
    forecasts: int = 0
    failed: int = 0
    error: str = ''


def ours(sample: Series, scored: Series, fit_at: int) -> dict[str, Outcome]:
    """Fitted on the sample; with the scores on the scored series.

    The backtest fits before its first window, and what follows is taken
    for the forecasts.
    """
    tokens = {one.token for one in scored}
    began = _cpu_seconds()
    coming = backtest.rolling_origin(
        sample, settings_module.ForecastSettings(levels=base.LEVELS),
        training=traces.TRAINING, fit_at=fit_at,
        origins=traces.origins(fit_at, ORIGINS), seed=1)
    found = [next(coming)]
    fitted = _cpu_seconds()
    found.extend(coming)
    outcomes = {name: Outcome(windows=[
        one for one in found if one.forecaster == name
        and one.token in tokens and one.window in WINDOWS])
        for name in OURS}
    served = outcomes[backtest.SERVED]
    served.fit_seconds = fitted - began
    served.forecast_seconds = _cpu_seconds() - fitted
    served.forecasts = len({(one.token, one.origin) for one in found})
    return outcomes


def theirs(peer: base.Peer, sample: Series, scored: Series, fit_at: int,
           naive: Sequence[backtest.WindowScore]) -> Outcome:
    """The peer on exactly the windows that seasonal naive was scored on."""
    wanted = {(one.token, one.origin, one.window): one for one in naive}
    outcome = Outcome(windows=[])
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        began = _cpu_seconds()
        if peer.shared:
            with _noted(outcome):
                peer.fit(_panel(_known(sample, fit_at), fit_at))
            outcome.fit_seconds = _cpu_seconds() - began
        else:
            # Not counted: libraries compile themselves at the first call.
            with _noted(outcome):
                peer.forecast(_panel(scored[:1], fit_at))
        for origin in traces.origins(fit_at, ORIGINS):
            some = [one for one in scored if any(
                (one.token, origin, window) in wanted for window in WINDOWS)]
            for batch in [some] if peer.shared else [[one] for one in some]:
                _forecast(peer, batch, origin, wanted, outcome)
    return outcome


def _forecast(peer: base.Peer, batch: Series, origin: int, wanted: Scores,
              outcome: Outcome) -> None:
    said: Mapping[str, base.FloatArray] = {}
    panel = _panel(batch, origin)
    began = _cpu_seconds()
    with _noted(outcome):
        said = peer.forecast(panel)
    outcome.forecast_seconds += _cpu_seconds() - began
    outcome.forecasts += len(batch)
    for one in batch:
        forecast = said.get(one.token)
        if forecast is not None and not np.isfinite(forecast).all():
            forecast = None
            outcome.error = outcome.error or 'a forecast is not finite'
        outcome.failed += forecast is None
        for window, steps in WINDOWS.items():
            naive = wanted.get((one.token, origin, window))
            if naive is None:
                continue
            mine = dataclasses.replace(naive, forecaster=peer.name)
            if forecast is not None:
                mine = _scored(mine, one, forecast[:steps])
            outcome.windows.append(mine)


def _scored(window: backtest.WindowScore, series: series_module.DemandSeries,
            forecast: base.FloatArray) -> backtest.WindowScore:
    """With the score of the forecast, sorted and cut off at zero."""
    forecast = np.sort(np.maximum(forecast, 0.0), axis=1)
    seen = _seen(series, window.origin)
    actual = np.full(len(forecast), np.nan)
    future = series.values[window.origin:window.origin + len(forecast)]
    actual[:len(future)] = future
    score = scores.scaled(actual, forecast, base.LEVELS,
                          scores.seasonal_error(seen.values, traces.DAY))
    assert score is not None, 'seasonal naive had a score here'
    share = scores.coverage(actual, forecast)
    return dataclasses.replace(
        window, score=score, under=tuple(
            one * window.points for one in share))


def _known(series: Series, stop: int) -> Series:
    """Those with enough history for us to say something about."""
    enough = settings_module.ForecastSettings().min_points
    return [one for one in series if _seen(one, stop).points >= enough]


def _seen(series: series_module.DemandSeries,
          stop: int) -> series_module.DemandSeries:
    return series_module.part(series, stop - traces.TRAINING, stop)


def _panel(series: Series, stop: int) -> base.Panel:
    """What is seen before the step ``stop``."""
    parts = {one.token: _seen(one, stop) for one in series}
    return base.Panel(
        start=next(iter(parts.values())).start,
        histories={token: one.values for token, one in parts.items()})


@contextlib.contextmanager
def _noted(outcome: Outcome) -> Iterator[None]:
    """A peer may fail in any way: it is counted, and the rest goes on."""
    try:
        yield
    except Exception as error:
        outcome.error = outcome.error or f'{type(error).__name__}: {error}'


def _cpu_seconds() -> float:
    """Of this process and of the children that it has waited for."""
    spent = os.times()
    return (spent.user + spent.system
            + spent.children_user + spent.children_system)
