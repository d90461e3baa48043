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

import dataclasses
import datetime
import enum
import math

from shadow_reserve.records import reservation
from shadow_reserve.records import usage


class Verdict(enum.StrEnum):
    PROMOTE = 'promote'
    RETURN = 'return'
    #: Its threshold is crossed but there is nothing to promote.
    EXHAUSTED = 'exhausted'
    NOTHING = 'nothing'


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    verdict: Verdict
    count: int
    reason: str


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Pool:
    """The application's capacity as it is now.

    ``primary`` servers are not shadow; ``promoting`` members are on their
    way; ``last_change`` is when a member last was promoted or returned.
    """

    primary: int
    available: int
    promoting: int
    allocated: int
    last_change: datetime.datetime | None


def decide(
        policy: reservation.Policy, live: usage.LiveUsage, pool: Pool,
        now: datetime.datetime, *, alarmed: bool) -> Decision:
    """Compare live usage with the policy's thresholds.

    Over a threshold, as many are promoted as bring the utilisation down
    to its target, those already on their way counted in, and at least
    one. They go back when what is left would stay under the scale-in
    threshold, once the cooldown since the last change is over.

    :param alarmed: whether one of the reservation's alarms stands. Only
        then are members promoted: Aodh has seen a threshold crossed for
        long enough.
    """
    breaches = _breaches(policy, live)
    if breaches:
        if alarmed:
            return _promotion(policy, live, pool, breaches)
        return Decision(
            verdict=Verdict.NOTHING, count=0,
            reason=f'{"; ".join(breaches)}, but no alarm stands yet')
    return _return(policy, live, pool, now)


def _breaches(policy: reservation.Policy,
              live: usage.LiveUsage) -> list[str]:
    looks = (
        ('CPU utilisation', live.cpu_percent, policy.cpu_threshold, '%'),
        ('memory pressure', live.memory_percent, policy.memory_threshold,
         '%'),
        ('I/O latency', live.io_latency_ms, policy.io_latency_threshold,
         ' ms'))
    return [f'{name} {value:.1f}{unit} is over {threshold:g}{unit}'
            for name, value, threshold, unit in looks
            if value is not None and threshold is not None
            and value > threshold]


def _load(live: usage.LiveUsage) -> float:
    """The busier of CPU and memory, as a share of the servers' capacity."""
    shares = [value / 100 for value in (
        live.cpu_percent, live.memory_percent) if value is not None]
    return max(shares, default=0.0)


def _promotion(
        policy: reservation.Policy, live: usage.LiveUsage, pool: Pool,
        breaches: list[str]) -> Decision:
    measured = max(live.members, 1)
    # Members that measures do not show yet are capacity all the same.
    coming = pool.promoting + max(
        pool.primary + pool.allocated - measured, 0)
    cpu = (live.cpu_percent or 0.0) / 100
    needed = math.ceil(
        measured * cpu / policy.target_utilisation - 1e-9)
    count = max(needed - measured, 1) - coming
    why = '; '.join(breaches)
    if count <= 0:
        return Decision(
            verdict=Verdict.NOTHING, count=0,
            reason=f'{why}; {coming} already on their way')
    if pool.available == 0:
        return Decision(
            verdict=Verdict.EXHAUSTED, count=count,
            reason=f'{why}; {count} wanted, no shadow is available')
    return Decision(
        verdict=Verdict.PROMOTE, count=min(count, pool.available),
        reason=why)


def _return(
        policy: reservation.Policy, live: usage.LiveUsage, pool: Pool,
        now: datetime.datetime) -> Decision:
    load = _load(live)
    nothing = Decision(verdict=Verdict.NOTHING, count=0, reason=(
        f'usage is at {load:.0%}, within its thresholds'))
    known = (live.cpu_percent, live.memory_percent)
    if pool.allocated == 0 or known == (None, None):
        return nothing
    if pool.last_change and now - pool.last_change < policy.cooldown:
        return nothing
    share = policy.scale_in_threshold / 100
    # The fewest servers that keep what there is under the threshold.
    enough = max(math.ceil(max(live.members, 1) * load / share - 1e-9), 1)
    surplus = min(pool.primary + pool.allocated - max(enough, pool.primary),
                  pool.allocated)
    if load > share or surplus <= 0:
        return nothing
    return Decision(
        verdict=Verdict.RETURN, count=surplus,
        reason=f'usage fell to {load:.0%}; {enough} servers are enough')
