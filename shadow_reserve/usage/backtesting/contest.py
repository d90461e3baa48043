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

"""The forecast against rules without learning, on the same replay.

A policy's H80 is the shadow it holds, as a share of the demand's own
server-hours, where it avoids 80 % of the minutes in which the application
would have been short without any. Each policy has one setting, which is
swept.
"""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import functools

import numpy as np

from shadow_reserve.records import levels as levels_module
from shadow_reserve.usage.backtesting import replay as replay_module
from shadow_reserve.usage.backtesting import rules
from shadow_reserve.usage import series as series_module

FloatArray = series_module.FloatArray

FORECAST = 'forecast'
STATIC = 'static'
HEADROOM = 'headroom'
RECENT = 'recent peak'
RAMP = 'ramp quantile'
ORACLE = 'oracle'
#: Rules that a team could have without any forecast.
RULES = (STATIC, HEADROOM, RECENT, RAMP)

#: Service levels that the forecast is tried at. A straight line between two
#: settings holds more than those in between: none may be far from the next.
SERVICE_LEVELS = (0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.825, 0.85, 0.875, 0.9,
                  0.91, 0.925, 0.94, 0.95, 0.97, 0.98, 0.99, 0.995, 0.998,
                  0.999, 0.9999, 0.99999)
SERVERS = (0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 10, 13, 17,
           22, 30, 40)
SHARES = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.35, 0.5, 0.6, 0.75, 1.0, 1.25,
          1.5, 2.0, 3.0)
#: Of a day: 5 minutes to a fortnight.
SPANS = (1 / 288, 1 / 72, 1 / 48, 1 / 24, 1 / 16, 1 / 12, 1 / 8, 1 / 6, 1 / 4,
         1 / 2, 1.0, 2.0, 7.0, 14.0)
RAMPS = (0.3, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.97, 0.98,
         0.99, 0.995, 0.999, 1.0)
RISES = (0.0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Match:
    """What is replayed.

    :param demand: ``(apps, steps)`` in servers; the steps before ``start``
        are the history that the rules look at
    :param start: the step at whose end the first decision is made
    :param peaks: ``(apps, steps - start, levels)``: quantiles of the
        coming peak, in servers, as forecast at the end of each step from
        ``start`` on; NaN holds nothing
    :param levels: the levels of those quantiles
    """

    demand: FloatArray
    start: int
    peaks: FloatArray
    levels: tuple[float, ...]
    clock: replay_module.Clock
    day_steps: int = 288

    @property
    def tested(self) -> FloatArray:
        return self.demand[:, self.start:]

    @property
    def lead(self) -> int:
        """Readings from a decision to the end of what it decides on.

        The servers ordered at the next decision are not there before.
        """
        return 1 - (-self.clock.build // self.clock.step)


def forecast_totals(match: Match, level: float) -> FloatArray:
    """Servers wanted at a service level, as sizing would want them."""
    weights = levels_module.weights(level, match.levels)
    return np.maximum(match.peaks @ np.asarray(weights, match.peaks.dtype),
                      0.0)


def policies(match: Match) -> Mapping[str, tuple[
        Callable[[float], FloatArray], Sequence[float]]]:
    """Each policy, as a function of its setting, and settings to try."""
    tested = match.tested
    ramps = rules.ramps(match.demand[:, :match.start], match.lead, RAMPS)

    def recent(days: float) -> FloatArray:
        readings = max(round(days * match.day_steps), 1)
        return rules.recent_peak(match.demand, readings)[:, match.start:]

    return {
        FORECAST: (functools.partial(forecast_totals, match),
                   SERVICE_LEVELS),
        STATIC: (functools.partial(rules.static, tested), SERVERS),
        HEADROOM: (functools.partial(rules.headroom, tested), SHARES),
        RECENT: (recent, SPANS),
        RAMP: (lambda level: tested + ramps[:, RAMPS.index(level), None],
               RAMPS),
        ORACLE: (functools.partial(rules.oracle, tested, match.lead),
                 RISES)}


def contest(match: Match, told: Callable[[str], None] = lambda name: None,
            ) -> dict[str, list[replay_module.Point]]:
    """Sweep every policy; ``told`` hears which one begins."""
    replay = replay_module.Replay(match.tested, match.clock)
    result = {}
    for name, (policy, settings) in policies(match).items():
        told(name)
        result[name] = replay.swept(policy, settings)
    return result


def of_some(found: Mapping[str, Sequence[replay_module.Point]],
            which: Sequence[int]) -> dict[str, list[replay_module.Point]]:
    """The same contest among some of the applications only."""
    chosen = np.asarray(which, dtype=np.int64)
    reactive = found[STATIC][0].outcome.only(chosen)
    return {name: [replay_module.point_of(
        point.setting, point.outcome.only(chosen), reactive)
        for point in points] for name, points in found.items()}


def best_rule(found: Mapping[str, Iterable[replay_module.Point]],
              avoided: float) -> tuple[str, float] | None:
    """The rule without learning that holds least for it, and how much."""
    held = {name: replay_module.held_at(found[name], avoided)
            for name in RULES}
    reached = {name: share for name, share in held.items()
               if share is not None}
    if not reached:
        return None
    best = min(reached, key=lambda name: reached[name])
    return best, reached[best]
