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

"""Which service level to take: by what it costs, or by what it avoids.

None is taken where shadow saves nothing, or costs more than it saves.
"""

from collections.abc import Sequence
import dataclasses

from shadow_reserve.usage.backtesting import replay


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Prices:
    """Of a server-hour held, a server-hour in which shadow serves what
    would have been short, and a server-minute short."""

    hold: float
    use: float = 0.0
    short: float = 0.0


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """Of the whole replay, all applications together."""

    held: float
    used: float
    short: float

    @property
    def total(self) -> float:
        return self.held + self.used + self.short


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Recommendation:
    """The service level to take, and why in words.

    ``level`` is ``None`` where no shadow is best; ``point`` and ``cost`` are
    those without any then.
    """

    level: float | None
    point: replay.Point
    cost: Cost | None
    because: str


def cost(outcome: replay.Outcome, reactive: replay.Outcome,
         prices: Prices) -> Cost:
    """:param reactive: the outcome of the same applications without shadow
    """
    short = float(outcome.deficit.sum())
    saved = max(float(reactive.deficit.sum()) - short, 0.0)
    return Cost(held=prices.hold * float(outcome.shadow_hours.sum()),
                used=prices.use * saved / 60.0, short=prices.short * short)


def recommended(points: Sequence[replay.Point],
                costs: Sequence[Cost] | None, reactive: replay.Outcome,
                prices: Prices | None, target: float) -> Recommendation:
    """The cheapest level, or the lowest that reaches the target.

    :param points: of the forecast, by ascending level
    :param costs: of the points, where there are prices
    :param target: the share of the minutes short to avoid, which counts
        where they have no price
    """
    if not reactive.violations.any():
        return _none(reactive, prices, (
            'nothing was short without it. If that cannot be, check --unit, '
            'which is what one server carries, and --build-minutes'))
    if costs is not None and prices is not None and prices.short:
        best = min(range(len(points)), key=lambda row: costs[row].total)
        least = costs[best].total
        none = cost(reactive, reactive, prices).total
        if least >= none:
            return _none(reactive, prices, (
                f'at these prices it does not pay: {none:,.2f} without it, '
                f'against {least:,.2f} at the cheapest level tried, '
                f'{points[best].setting:g}'))
        because = (f'at these prices it costs least of all levels tried: '
                   f'{least:,.2f}, against {none:,.2f} without shadow')
    else:
        reached = [row for row, point in enumerate(points)
                   if point.avoided >= target]
        best = reached[0] if reached else max(
            range(len(points)), key=lambda row: points[row].avoided)
        if points[best].avoided <= 0 < target:
            return _none(reactive, prices, (
                'no level tried avoids any of the minutes short'))
        goal = f'{100 * target:g} % of the minutes short'
        because = (f'it is the lowest level tried that avoids {goal}'
                   if reached else
                   f'no level avoids {goal}, and this one avoids most')
    return Recommendation(
        level=points[best].setting, point=points[best],
        cost=costs[best] if costs is not None else None, because=because)


def _none(reactive: replay.Outcome, prices: Prices | None,
          because: str) -> Recommendation:
    return Recommendation(
        level=None, point=replay.point_of(0.0, reactive, reactive),
        cost=None if prices is None else cost(reactive, reactive, prices),
        because=because)
