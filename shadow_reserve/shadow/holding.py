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

"""Which tier of a policy's mix a new member is for, and who goes first."""

import collections
from collections.abc import Iterable
from collections.abc import Sequence

from shadow_reserve.records import holding
from shadow_reserve.records import shadow


def tier_for(mix: Sequence[holding.HoldStep],
             held: Iterable[holding.Tier]) -> holding.Tier:
    """The first step that has fewer members than it counts.

    A tier that comes twice in the mix fills its first step first. Members
    in tiers that the mix does not name fill none. When every step is full
    the last one takes more than it counts.

    :param mix: at least one step, the first ones to be filled first
    :param held: the tier of each member that is held or on its way there
    """
    left = collections.Counter(held)
    for step in mix:
        if step.count is None or left[step.tier] < step.count:
            return step.tier
        left[step.tier] -= step.count
    return mix[-1].tier


def promotion_order(
        mix: Sequence[holding.HoldStep],
        members: Iterable[shadow.ShadowInstance],
) -> list[shadow.ShadowInstance]:
    """Those whose capacity is held go first and those that have just found
    no host last, of each the tiers in the order of the mix, and in a tier
    the oldest."""
    order = [step.tier for step in mix]
    return sorted(members, key=lambda member: (
        member.host is None, shadow.is_stranded(member),
        order.index(member.tier) if member.tier in order else len(order),
        member.created_at))


def return_order(members: Iterable[shadow.ShadowInstance],
                 ) -> list[shadow.ShadowInstance]:
    """The newest in service first."""
    return sorted(members, key=lambda member:
                  -member.state_since.timestamp())
