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

"""How many to promote or to return now: a pure function of what is seen."""

from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import datetime
import enum
import math

from shadow_reserve.records import promotion
from shadow_reserve.records import reservation
from shadow_reserve.records import usage


class Verdict(enum.StrEnum):
    PROMOTE = 'promote'
    RETURN = 'return'
    #: Its threshold is crossed but there is nothing to promote.
    EXHAUSTED = 'exhausted'
    NOTHING = 'nothing'


#: All that a policy may watch.
METRICS = frozenset({'cpu', 'memory', 'io_latency'})


class Bound(enum.StrEnum):
    """What made the count another one than usage asks for."""

    #: So many at a time, by the policy.
    STEP = 'step'
    #: The last promotion was too short a while ago.
    COOLDOWN = 'cooldown'
    #: As many serve already as ever may.
    MAXIMUM = 'maximum'
    #: There are no more in the pool.
    AVAILABLE = 'available'


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What to do, and why.

    ``count`` is how many to promote or to return; with ``exhausted``, how
    many would be promoted if they were there. ``wanted`` is what usage
    asks for before anything bounds it, those on their way not in it;
    ``bound`` is what bit, the last one in the order of :class:`Bound`.
    ``short`` of those that may be promoted are not in the pool.
    ``metrics`` are over their thresholds, and those that promote have an
    alarm that stands: ``cpu``, ``memory``, ``io_latency``.
    """

    verdict: Verdict
    count: int
    reason: str
    wanted: int = 0
    bound: Bound | None = None
    short: int = 0
    metrics: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """A decision, with the usage and the standing alarms it was made of.

    ``changes`` are those by which these alarms stand, by alarm id.
    """

    decision: Decision
    live: usage.LiveUsage
    alarmed: tuple[str, ...]
    changes: Mapping[str, str] = dataclasses.field(default_factory=dict)
    #: Whether Aodh said that they stand, or our own evaluation.
    source: promotion.Source = promotion.Source.USAGE


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Pool:
    """The application's capacity as it is now.

    ``primary`` servers are not shadow; ``promoting`` members are on their
    way; ``last_change`` is when a member last was promoted or returned,
    ``last_promotion`` when one last was promoted that did not fail.
    ``resting`` of the allocated ones serve nobody, and will not show in
    any measure. ``fresh`` of the others have come to serve so lately, or are
    busy with something, that they need not show yet.
    """

    primary: int
    available: int
    promoting: int
    allocated: int
    last_change: datetime.datetime | None
    last_promotion: datetime.datetime | None = None
    resting: int = 0
    fresh: int = 0


def decide(
        policy: reservation.Policy, live: usage.LiveUsage, pool: Pool,
        now: datetime.datetime, *, alarmed: Collection[str],
        expected: float | None = None) -> Decision:
    """Compare live usage with the policy's thresholds.

    Over a threshold (over all of them, where the policy combines its
    alarms so), as many are promoted as bring CPU and memory, those of them
    whose alarm stands, down to the target utilisation; at least one, and at
    least as many as bring what is expected to come there as well. Those
    already on their way are counted in. A policy's step takes the place of
    that number. They go back when all that is measured is under its
    scale-in threshold and would stay so afterwards, and when what is
    expected would not at once be over the CPU threshold again, once the
    cooldown since the last change is over. So the load at which members go
    back never promotes any.

    A metric whose threshold is ``None`` is looked at in neither direction;
    one without a measure is not over, and keeps none from going back while
    another one is measured, unless its alarm stands.

    :param alarmed: metrics whose alarm stands. Only for these are members
        promoted: Aodh has seen the threshold crossed for long enough.
    :param expected: CPU demand that the forecast expects at the policy's
        service level within the next cooldown, in servers that are wholly
        busy; ``None`` without a forecast
    """
    looks = _looks(policy, live)
    over = [look for look in looks if look.is_over]
    if not over:
        return _return(policy, looks, live, pool, now, expected, alarmed)
    why = _breaches(over)
    metrics = tuple(look.metric for look in over)
    if _lacks_some(policy, looks, over):
        rest = ', '.join(look.name for look in looks if not look.is_over)
        return Decision(
            verdict=Verdict.NOTHING, count=0, metrics=metrics,
            reason=f'{why}, but {rest} is not, and the policy asks for all '
                   f'together')
    stand = [look for look in over if look.metric in alarmed]
    if not stand:
        return Decision(
            verdict=Verdict.NOTHING, count=0, metrics=metrics,
            reason=f'{why}, but no alarm of it stands yet' if alarmed
            else f'{why}, but no alarm stands yet')
    decided = _promotion(policy, stand, live, pool, now, expected)
    return dataclasses.replace(
        decided, metrics=tuple(look.metric for look in stand))


def is_cooling(policy: reservation.Policy,
               last_change: datetime.datetime | None,
               now: datetime.datetime) -> bool:
    """Whether no member may go back yet, whatever is measured."""
    return last_change is not None and now - last_change < policy.cooldown


def over_threshold(policy: reservation.Policy,
                   live: usage.LiveUsage) -> list[str]:
    """Metrics that would raise the alarm; none where the policy wants all
    of them together and one is not over its threshold."""
    looks = _looks(policy, live)
    over = [look for look in looks if look.is_over]
    return [] if _lacks_some(policy, looks, over) else [
        look.metric for look in over]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class _Look:
    """One watched metric. ``sizes`` says whether more servers bring it
    down in proportion: they do with CPU and memory, while nothing says how
    much the disks of one server help those of another."""

    metric: str
    name: str
    unit: str
    value: float | None
    threshold: float
    scale_in: float
    sizes: bool

    @property
    def is_over(self) -> bool:
        return self.value is not None and self.value > self.threshold

    @property
    def breach(self) -> str:
        return (f'{self.name} {self.value:.1f}{self.unit} is over '
                f'{self.threshold:g}{self.unit}')


def _looks(policy: reservation.Policy,
           live: usage.LiveUsage) -> list[_Look]:
    """Those that the policy watches.

    CPU has a scale-in threshold always, the others half of their own.
    """
    found = (
        ('cpu', 'CPU utilisation', '%', live.cpu_percent,
         policy.cpu_threshold, policy.scale_in_threshold, True),
        ('memory', 'memory pressure', '%', live.memory_percent,
         policy.memory_threshold, policy.memory_scale_in, True),
        ('io_latency', 'I/O latency', ' ms', live.io_latency_ms,
         policy.io_latency_threshold, policy.io_latency_scale_in, False))
    return [
        _Look(metric=metric, name=name, unit=unit, threshold=threshold,
              value=value if value is not None and math.isfinite(value)
              else None,
              scale_in=scale_in, sizes=sizes)
        for metric, name, unit, value, threshold, scale_in, sizes in found
        if threshold is not None and scale_in is not None]


def _lacks_some(policy: reservation.Policy, looks: Sequence[_Look],
                over: Sequence[_Look]) -> bool:
    """Whether the policy wants all together, and some are not over."""
    return (policy.alarm_combination is reservation.AlarmCombination.ALL
            and len(over) < len(looks))


def _breaches(over: Sequence[_Look]) -> str:
    return '; '.join(look.breach for look in over)


def _coming(pool: Pool, unseen: int) -> str:
    """Those that are reckoned with already."""
    found = []
    if pool.promoting:
        found.append(f'{pool.promoting} already on their way')
    if unseen:
        found.append(f'{unseen} serve, but are not measured yet')
    return ', '.join(found)


def _servers(load: float, share: float) -> int:
    """The fewest servers on which a load takes no more than a share."""
    # Rounding noise must not cost a server.
    return math.ceil(load / share - 1e-9)


def _promotion(
        policy: reservation.Policy, over: Sequence[_Look],
        live: usage.LiveUsage, pool: Pool, now: datetime.datetime,
        expected: float | None) -> Decision:
    why = _breaches(over)
    measured = max(live.members, 1)
    # Members that measures do not show yet are capacity all the same. What
    # they do not show for long is none that can be reckoned with.
    unmeasured = max(
        pool.primary + pool.allocated - pool.resting - measured, 0)
    unseen = min(unmeasured, pool.fresh)
    coming = pool.promoting + unseen
    if unmeasured > unseen:
        why += f'; {unmeasured - unseen} of its servers are not measured'
    loads = [measured * look.value / 100 for look in over
             if look.sizes and look.value is not None]
    if expected is not None:
        loads.append(expected)
    more = max([1, *(_servers(load, policy.target_utilisation) - measured
                     for load in loads)])
    wanted, bound = more - coming, None
    count = wanted
    if policy.promotion_step is not None:
        count = policy.promotion_step - coming
        bound = Bound.STEP if count < wanted else None
    if count <= 0:
        if bound is not None:
            why += f'; {wanted} wanted, {policy.promotion_step} at a time'
        return Decision(
            verdict=Verdict.NOTHING, count=0, wanted=max(wanted, 0),
            bound=bound, reason=f'{why}; {_coming(pool, unseen)}')
    if (policy.promotion_cooldown and pool.last_promotion
            and now - pool.last_promotion < policy.promotion_cooldown):
        return Decision(
            verdict=Verdict.NOTHING, count=0, wanted=wanted,
            bound=Bound.COOLDOWN,
            reason=f'{why}; {wanted} wanted, but the last promotion was '
                   f'less than {policy.promotion_cooldown} ago')
    if policy.maximum_promoted is not None:
        serving = pool.promoting + pool.allocated
        allowed = max(policy.maximum_promoted - serving, 0)
        if allowed == 0:
            return Decision(
                verdict=Verdict.NOTHING, count=0, wanted=wanted,
                bound=Bound.MAXIMUM,
                reason=f'{why}; {wanted} wanted, but {serving} serve, and '
                       f'no more than {policy.maximum_promoted} ever may')
        if count > allowed:
            count, bound = allowed, Bound.MAXIMUM
    promoted, short = count, max(count - pool.available, 0)
    if short:
        promoted, bound = count - short, Bound.AVAILABLE
    if not promoted:
        return Decision(
            verdict=Verdict.EXHAUSTED, count=count, wanted=wanted,
            bound=bound, short=short,
            reason=f'{why}; {count} wanted, no shadow is available')
    if bound is not None:
        why += f'; {wanted} wanted, bounded by {bound} to {promoted}'
    return Decision(
        verdict=Verdict.PROMOTE, count=promoted, wanted=wanted, bound=bound,
        short=short, reason=why)


def _return(
        policy: reservation.Policy, looks: Sequence[_Look],
        live: usage.LiveUsage, pool: Pool, now: datetime.datetime,
        expected: float | None, alarmed: Collection[str]) -> Decision:
    def nothing(reason: str, bound: Bound | None = None) -> Decision:
        return Decision(verdict=Verdict.NOTHING, count=0, reason=reason,
                        bound=bound)
    if not looks:
        return nothing('the policy has no threshold: instances are moved '
                       'by hand only')
    seen = [(look, look.value) for look in looks if look.value is not None]
    sizing = any(look.sizes for look in looks)
    if not any(look.sizes for look, _ in seen) if sizing else not seen:
        return nothing('nothing was measured by which it could be told')
    text = ', '.join(f'{look.name} {value:.1f}{look.unit}'
                     for look, value in seen)
    if pool.allocated == 0:
        return nothing(f'{text}: within the thresholds')
    unknown = [look.name for look in looks
               if look.value is None and look.metric in alarmed]
    if unknown:
        return nothing(f'{text}; nothing was measured of '
                       f'{", ".join(unknown)}, whose alarm stands')
    above = [look.name for look, value in seen if value > look.scale_in]
    if above:
        return nothing(f'{text}: within the thresholds; {", ".join(above)} '
                       f'is not low enough for any to go back')
    if is_cooling(policy, pool.last_change, now):
        return nothing(f'{text}: low, but the last change was less than '
                       f'{policy.cooldown} ago', Bound.COOLDOWN)
    measured = max(live.members, 1)
    # The fewest servers that keep what there is under the thresholds.
    enough = max([1, *(_servers(measured * value, look.scale_in)
                       for look, value in seen)])
    who = 'are needed to keep it so'
    if expected is not None and policy.cpu_threshold is not None:
        ahead = _servers(expected, policy.cpu_threshold / 100)
        if ahead > enough:
            enough, who = ahead, 'are what the forecast expects to be needed'
    surplus = min(pool.primary + pool.allocated - max(enough, pool.primary),
                  pool.allocated)
    if surplus <= 0:
        return nothing(f'{text}: low, but {enough} servers {who}')
    return Decision(
        verdict=Verdict.RETURN, count=surplus,
        reason=f'usage fell to {text}; {enough} servers are enough')
