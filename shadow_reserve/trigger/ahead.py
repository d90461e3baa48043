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

"""Ahead of the alarm: how probable it is that a threshold is crossed soon.

A forecast has a few quantiles of the demand in each step, and nothing
between or beyond them. Between two levels the probability is interpolated;
under the lowest and over the highest one it is only known within bounds,
and so it is told: what is *at least* so probable is acted on. With a lowest
level of 0.5, no more than 0.5 can ever be sure.

Steps are longer than the intervals that alarms look at, and a mean over
longer is calmer: the true chance of an alarm is rather higher.
"""

from collections.abc import Iterable
from collections.abc import Sequence
import dataclasses
import datetime
import math
import statistics

from shadow_reserve.records import demand
from shadow_reserve.records import reservation
from shadow_reserve.trigger import watch

_NORMAL = statistics.NormalDist()

#: A forecast so much older was not followed by another, as it should be.
_OLD = datetime.timedelta(minutes=30)

#: That what was promised is true is not believed when what came of it
#: would come about less often than this.
_DOUBT = 0.05
#: Fewer scores than these bring nothing back.
_ENOUGH = 5
#: No more than the latest so many count, unless it takes more to doubt;
_LATEST = 20
#: and at the most so many. That is enough for a level of .01.
_MOST = 300


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Chance:
    """A probability, as far as it is known."""

    at_least: float
    at_most: float


_UNKNOWN = Chance(at_least=0.0, at_most=1.0)


def over(amount: float, levels: Sequence[float],
         quantiles: Sequence[float]) -> Chance:
    """The chance that a demand is more than ``amount``.

    Between two levels it is linear in the normal score, as quantiles
    between levels are (``records.levels``).

    :param levels: ascending in (0, 1)
    :param quantiles: one for each, ascending
    """
    known = [index for index, value in enumerate(quantiles)
             if value <= amount]
    if not known:
        return Chance(at_least=1.0 - levels[0], at_most=1.0)
    left = known[-1]
    if left == len(levels) - 1:
        return Chance(at_least=0.0, at_most=1.0 - levels[-1])
    low, high = (_NORMAL.inv_cdf(one) for one in levels[left:left + 2])
    share = (amount - quantiles[left]) / (
        quantiles[left + 1] - quantiles[left])
    chance = 1.0 - _NORMAL.cdf(low + share * (high - low))
    # Rounding must not lead out of the two levels.
    chance = min(max(chance, 1.0 - levels[left + 1]), 1.0 - levels[left])
    return Chance(at_least=chance, at_most=chance)


def surest(profile: demand.DemandProfile) -> float:
    """The highest probability that a profile can tell for sure."""
    return 1.0 - profile.levels[0]


def peak_over(profile: demand.DemandProfile, amount: float,
              now: datetime.datetime, until: datetime.datetime) -> Chance:
    """The same of the highest of all steps from ``now`` to ``until``.

    Nobody knows how the steps hang together. At least it is the chance of
    the likeliest step; at most that of all added up, or that of the peak
    over a window which they lie in.
    """
    if (not profile.is_usable or profile.is_stale
            or now - profile.origin > _OLD):
        return _UNKNOWN
    first = max((now - profile.origin) // profile.step, 0)
    last = max(-(-(until - profile.origin) // profile.step), 0)
    rows = profile.quantiles[first:last]
    each = [over(amount, profile.levels, row) for row in rows]
    if not each:
        return _UNKNOWN
    at_least = max(one.at_least for one in each)
    at_most = 1.0
    if len(rows) == last - first:
        at_most = min(sum(one.at_most for one in each), 1.0)
    if until - profile.origin <= profile.peak_window:
        at_most = min(at_most, over(
            amount, profile.levels, profile.window_peak).at_most)
    return Chance(at_least=at_least, at_most=max(at_most, at_least))


def crossing(record: reservation.ReservationRecord,
             profiles: Iterable[demand.DemandProfile], members: int,
             now: datetime.datetime, until: datetime.datetime) -> Chance:
    """The chance that what raises the alarm comes until ``until``, with so
    many members serving. I/O latency is not judged ahead."""
    amounts = _amounts(record, members)
    each = [peak_over(profile, amounts[profile.resource], now, until)
            for profile in profiles if profile.resource in amounts]
    if not each:
        return _UNKNOWN
    if _needs_all(record.policy):
        total = sum(one.at_least for one in each) - (len(each) - 1)
        if (len(each) < len(amounts)
                or record.policy.io_latency_threshold is not None):
            total = 0.0
        most = min(one.at_most for one in each)
        return Chance(at_least=min(max(total, 0.0), most), at_most=most)
    return Chance(at_least=max(one.at_least for one in each),
                  at_most=min(sum(one.at_most for one in each), 1.0))


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """``wanted`` members bring the chance under the policy's level;
    ``count`` of them may be promoted now. ``chance`` is that of now."""

    chance: Chance
    wanted: int
    count: int


def plan(record: reservation.ReservationRecord,
         profiles: Sequence[demand.DemandProfile], *, members: int,
         serving: int, available: int,
         last_promotion: datetime.datetime | None,
         now: datetime.datetime, until: datetime.datetime) -> Plan:
    """How many to promote before the alarm.

    :param members: primary servers, and shadow that serves or is about to
    :param serving: of these, the shadow
    """
    policy = record.policy
    level = policy.promote_ahead
    chance = crossing(record, profiles, members, now, until)
    if level is None or not members or chance.at_least < max(level, 1e-9):
        return Plan(chance=chance, wanted=0, count=0)
    most = max(policy.maximum_shadow, available)
    wanted = next((more for more in range(1, most) if crossing(
        record, profiles, members + more, now, until).at_least < level),
        most)
    room = min(wanted, available)
    if policy.maximum_promoted is not None:
        room = min(room, policy.maximum_promoted - serving)
    if (last_promotion is not None
            and now - last_promotion < policy.promotion_cooldown):
        room = 0
    return Plan(chance=chance, wanted=wanted, count=max(room, 0))


def spare(record: reservation.ReservationRecord,
          profiles: Sequence[demand.DemandProfile], *, members: int,
          count: int, now: datetime.datetime,
          until: datetime.datetime) -> int:
    """How many of ``count`` may go back so that none of those left would
    at once be promoted ahead again."""
    level = record.policy.promote_ahead
    while level is not None and count > 0 and crossing(
            record, profiles, members - count, now,
            until).at_least >= max(level, 1e-9):
        count -= 1
    return count


def was_crossed(record: reservation.ReservationRecord,
                readings: Iterable[demand.Readings], members: int,
                start: datetime.datetime,
                stop: datetime.datetime) -> bool | None:
    """Whether what was really needed in a time would have raised the alarm
    of so many members; ``None`` when nothing was measured in it."""
    amounts = _amounts(record, members)
    steps: dict[datetime.datetime, list[bool]] = {}
    for one in readings:
        for index, value in enumerate(one.values):
            begin = one.start + index * one.step
            if (one.resource in amounts and value is not None
                    and begin < stop and begin + one.step > start):
                steps.setdefault(begin, []).append(
                    value > amounts[one.resource])
    if not steps:
        return None
    enough = len(amounts) if _needs_all(record.policy) else 1
    return any(sum(found) >= enough for found in steps.values())


def latest(level: float | None) -> int:
    """How many of the latest scores count: with so many of which none was
    useful, it is not believed that each was so with that probability."""
    if level is None or level >= 1.0:
        return _LATEST
    enough = math.ceil(math.log(_DOUBT) / math.log1p(-level))
    return min(max(enough, _LATEST), _MOST)


def is_useless(useful: int, scored: int, level: float) -> bool:
    """Whether so few of the promotions proved useful that it is not
    believed that each was so with the probability ``level``."""
    at_most = sum(
        math.comb(scored, count) * level ** count
        * (1.0 - level) ** (scored - count) for count in range(useful + 1))
    return at_most < _DOUBT


def is_useful_again(useful: int, scored: int, level: float) -> bool:
    """Whether as many would have been useful as the policy asks for."""
    return scored >= _ENOUGH and useful >= level * scored


def _amounts(record: reservation.ReservationRecord,
             members: int) -> dict[demand.DemandResource, float]:
    """The demand at which a threshold is crossed."""
    thresholds = {
        demand.DemandResource.VCPU: record.policy.cpu_threshold,
        demand.DemandResource.MEMORY: record.policy.memory_threshold}
    return {resource: threshold / 100 * max(members, 0)
            * watch.resource_of(record.size, resource)
            for resource, threshold in thresholds.items()
            if threshold is not None}


def _needs_all(policy: reservation.Policy) -> bool:
    return policy.alarm_combination is reservation.AlarmCombination.ALL
