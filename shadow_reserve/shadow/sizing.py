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
import math

from shadow_reserve.records import demand
from shadow_reserve.records import reservation


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ShadowSize:
    """The answer, with what decided it.

    ``total`` is the capacity in instances, primary and shadow, that the
    forecast asks for; ``binding`` is the resource that asked for most;
    ``bound`` names the limit that bit (``minimum``, ``maximum``,
    ``quota``, ``budget``), if one did.
    """

    total: int
    quantity: int
    binding: demand.DemandResource | None
    bound: str | None
    reason: str


def size_shadow(
        record: reservation.ReservationRecord,
        profiles: Iterable[demand.DemandProfile], *,
        primary: int, quota_room: int | None,
        budget_spent: bool) -> ShadowSize:
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
    """
    policy = record.policy
    usable = [profile for profile in profiles if profile.is_usable]
    needs = {profile.resource: _instances(record, profile)
             for profile in usable}
    needs = {resource: need for resource, need in needs.items()
             if need is not None}
    if not needs:
        return ShadowSize(total=primary, quantity=0, binding=None,
                          bound=None, reason='no forecast to size it by')
    binding = max(needs, key=lambda resource: needs[resource] or 0)
    total = needs[binding] or 0
    wanted = max(total - primary, 0)
    quantity, bound = wanted, None
    if quantity < policy.minimum_shadow:
        quantity, bound = policy.minimum_shadow, 'minimum'
    for limit, name in ((policy.maximum_shadow, 'maximum'),
                        (quota_room, 'quota'),
                        (0 if budget_spent else None, 'budget')):
        if limit is not None and quantity > limit:
            quantity, bound = max(limit, 0), name
    reason = (f'{binding.value} asks for {total} instances at the '
              f'{policy.service_level:.2%} level with a margin of '
              f'{policy.safety_margin:.0%}, {primary} are primary')
    if bound:
        reason += f'; bounded by {bound} to {quantity}'
    # Also of those that do not bind: perhaps they would, had they been read.
    reason += ''.join(f'; {profile.staleness}' for profile in usable
                      if profile.is_stale and profile.resource in needs)
    return ShadowSize(total=total, quantity=quantity, binding=binding,
                      bound=bound, reason=reason)


def _instances(record: reservation.ReservationRecord,
               profile: demand.DemandProfile) -> int | None:
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
    peak = profile.peak_at(policy.service_level)
    needed = (peak * (1 + policy.safety_margin)
              / (capacity * policy.target_utilisation))
    # Rounding noise must not cost an instance.
    return max(math.ceil(needed - 1e-9), 0)
