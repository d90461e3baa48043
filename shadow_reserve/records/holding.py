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

"""The ways in which a shadow instance is held while it does not run."""

from collections.abc import Mapping
import dataclasses
import enum


class Tier(enum.StrEnum):
    """How a member waits, and who holds its claim meanwhile.

    All but the last are claims of Nova's own on the member's host. An
    offloaded server has none: its capacity is held by a claim of ours.
    """

    #: Its memory is kept on the host's disk: it resumes without a boot.
    SUSPENDED = 'suspended'
    SHELVED = 'shelved'
    STOPPED = 'stopped'
    OFFLOADED = 'offloaded'


#: What Nova says of a server that is held, by the tier that this is.
HELD_STATUSES = {
    'SUSPENDED': Tier.SUSPENDED,
    'SHELVED': Tier.SHELVED,
    'SHUTOFF': Tier.STOPPED,
    'SHELVED_OFFLOADED': Tier.OFFLOADED,
}


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class HoldStep:
    """One part of a mix: so many members in that tier.

    ``count`` is ``None`` for all that are left.
    """

    tier: Tier
    count: int | None = None


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Slot:
    """Room on a host that was let go for a server to come back to.

    ``resources`` are the amounts that the server needs, by resource
    class; ``room`` is what else was free there when it was let go: no
    other server should take more.
    """

    resources: Mapping[str, int]
    room: Mapping[str, int]


#: What is held at each resource provider, as Placement writes it: by the
#: provider's id, a ``resources`` with amounts by resource class.
Allocations = Mapping[str, Mapping[str, Mapping[str, int]]]


def total(allocations: Allocations) -> dict[str, int]:
    """Amounts by resource class, of all resource providers together."""
    amounts: dict[str, int] = {}
    for part in allocations.values():
        for name, amount in part['resources'].items():
            amounts[name] = amounts.get(name, 0) + amount
    return amounts


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A way in which a host could hold the resources of a server.

    ``free`` are amounts by resource class that are left on the host.
    """

    host: str
    provider_id: str
    allocations: Allocations
    free: Mapping[str, int]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """What a consumer holds in Placement.

    ``host`` is the name of the provider that holds most of it, and
    ``resources`` are the amounts by class, of all its providers together.
    """

    host: str
    provider_id: str
    resources: Mapping[str, int]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """A server group: how many of its members are on which host."""

    policy: str
    counts: Mapping[str, int]
    maximum_per_host: int = 1
