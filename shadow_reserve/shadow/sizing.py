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

"""How much shadow to hold: profile and policy in, a number out."""

from collections.abc import Iterable
import dataclasses
import datetime
import math

from shadow_reserve.records import demand
from shadow_reserve.records import levels
from shadow_reserve.records import reservation

_NONE = datetime.timedelta()


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ShadowSize:
    """The answer, with what decided it.

    ``total`` is the capacity in instances, primary and shadow, that the
    forecast asks for; ``binding`` is the resource that asked for most;
    ``bound`` names what made ``quantity`` another one (``schedule``,
    ``minimum``, ``maximum``, ``quota``, ``budget``, ``cap``,
    ``capacity``), if anything did: the last one in that order. No more
    than ``ceiling`` may be held, whatever was asked for before.
    """

    total: int
    quantity: int
    ceiling: int
    binding: demand.DemandResource | None
    bound: str | None
    reason: str


def size_shadow(
        record: reservation.ReservationRecord,
        profiles: Iterable[demand.DemandProfile], *,
        primary: int, quota_room: int | None, budget_spent: bool,
        scheduled: int | None = None, held: int = 0,
        growth: tuple[int | None, str] = (None, ''),
        now: datetime.datetime | None = None,
        lead: datetime.timedelta = _NONE) -> ShadowSize:
    """How many shadow instances the next window needs.

    The quantile of the *window maximum* at the policy's service level,
    with the safety margin on top, over what one instance gives at its
    target utilisation, is the total capacity; what the primary servers do
    not give of it is shadow. A stale profile is used as any other, since
    to hold nothing would be a guess as well, and the reason says so.

    :param primary: servers of the application that are not shadow
    :param quota_room: shadow instances that the project's quota has room
        for, those already held included; ``None`` when it is not known
    :param budget_spent: whether the policy's budget is used up
    :param scheduled: what the schedule asks for just now, in place of
        what the forecast does; ``None`` when nothing is scheduled
    :param held: shadow instances that there are
    :param growth: how many more there may be and what bounds them, ``cap``
        or ``capacity``; it takes none away from those that there are
    :param now: up to when the window is moved; ``None`` to leave it where
        the forecast has it
    :param lead: how long a build takes: the window is longer by that
    """
    policy = record.policy
    usable = [profile for profile in profiles if profile.is_usable]
    needs = {profile.resource: need for profile in usable
             if (need := _instances(record, profile, now, lead)) is not None}
    more, scarce = growth
    limits = ((policy.maximum_shadow, 'maximum'), (quota_room, 'quota'),
              (0 if budget_spent else None, 'budget'))
    ceiling = max(min(limit for limit, _ in limits if limit is not None), 0)
    if not needs and scheduled is None:
        return ShadowSize(total=primary, quantity=0, ceiling=ceiling,
                          binding=None, bound=None,
                          reason='no forecast to size it by')
    total, binding, reason = primary, None, 'no forecast to size it by'
    if needs:
        binding = max(needs, key=lambda resource: needs[resource])
        total = needs[binding]
        reason = (f'{binding.value} asks for {total} instances at the '
                  f'{policy.service_level:.2%} level with a margin of '
                  f'{policy.safety_margin:.0%}, {primary} are primary')
    quantity, bound = max(total - primary, 0), None
    if scheduled is not None:
        quantity, bound = scheduled, 'schedule'
        reason = f'the schedule asks for {scheduled} just now; {reason}'
    if quantity < policy.minimum_shadow:
        quantity, bound = policy.minimum_shadow, 'minimum'
    growing = None if more is None else held + max(more, 0)
    for limit, name in (*limits, (growing, scarce)):
        if limit is not None and quantity > limit:
            quantity, bound = max(limit, 0), name
    if bound and bound != 'schedule':
        reason += f'; bounded by {bound} to {quantity}'
    # Also of those that do not bind: perhaps they would, had they been read.
    reason += ''.join(f'; {profile.staleness}' for profile in usable
                      if profile.is_stale and profile.resource in needs)
    return ShadowSize(total=total, quantity=quantity, ceiling=ceiling,
                      binding=binding, bound=bound, reason=reason)


def _instances(record: reservation.ReservationRecord,
               profile: demand.DemandProfile,
               now: datetime.datetime | None,
               lead: datetime.timedelta) -> int | None:
    """Instances that the peak needs; ``None`` if it sets no size."""
    policy = record.policy
    capacity = {
        demand.DemandResource.VCPU: float(record.size.vcpus),
        demand.DemandResource.MEMORY: float(record.size.memory_mib),
    }.get(profile.resource)
    if not capacity:
        # No flavor says how much I/O an instance gives, and more instances
        # do not make room on the disks of the others.
        return None
    peak = _peak(profile, policy.service_level, now, lead)
    needed = (peak * (1 + policy.safety_margin)
              / (capacity * policy.target_utilisation))
    # Rounding noise must not cost an instance.
    return max(math.ceil(needed - 1e-9), 0)


def _peak(profile: demand.DemandProfile, level: float,
          now: datetime.datetime | None,
          lead: datetime.timedelta) -> float:
    """The peak from ``now`` until what is built now has had its window.

    Beyond the window that was forecast as a whole there are only quantiles
    of the single steps, as far as the horizon.
    """
    peak = profile.peak_at(level)
    passed = _NONE if now is None else now - profile.origin
    first = max(profile.peak_window, passed) // profile.step
    last = -(-(passed + lead + profile.peak_window) // profile.step)
    rows = profile.quantiles[first:last]
    if not rows:
        return peak
    shares = levels.weights(level, profile.levels)
    return max(peak, *(
        sum(share * value for share, value in zip(shares, row))
        for row in rows))
