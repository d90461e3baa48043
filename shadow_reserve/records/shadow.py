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

"""The shadow of a reservation and its members."""

from collections.abc import Iterable
from collections.abc import Mapping
import dataclasses
import datetime
import enum

from shadow_reserve.records import holding


class AllocationStatus(enum.StrEnum):
    """``allocated`` while at least one member serves the application."""

    AVAILABLE = 'available'
    ALLOCATED = 'allocated'


class InstanceState(enum.StrEnum):
    BUILDING = 'building'
    SETTLING = 'settling'
    AVAILABLE = 'available'
    PROMOTING = 'promoting'
    ALLOCATED = 'allocated'
    RETURNING = 'returning'
    ERROR = 'error'
    DELETING = 'deleting'


#: Members that hold capacity or soon will.
HELD_STATES = frozenset({
    InstanceState.BUILDING, InstanceState.SETTLING, InstanceState.AVAILABLE,
    InstanceState.PROMOTING, InstanceState.ALLOCATED,
    InstanceState.RETURNING,
})

#: Members that serve the application, or are on their way to.
SERVING_STATES = frozenset({
    InstanceState.PROMOTING, InstanceState.ALLOCATED,
})


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ShadowInstance:
    """One member: a Nova server that is there but does not run.

    ``generation`` is the compare-and-swap token of its row. ``server_id``
    is ``None`` while the request to Nova is only an intent. ``host`` is the
    Placement resource provider on which Nova or we hold its claim, as last
    read from Placement; ``None`` when no claim was found.
    ``charged_until`` is the time up to which the ledger has charged it.

    ``attempts`` counts requests for its server or, once that is there, for
    a host that it is to serve on; it begins anew when one is found.
    ``tier`` is how it is to be held, and once it is, how it really is.
    An offloaded one is held by a claim whose consumer is ``instance_id``.
    ``lent_at`` is set from when its capacity was given back to the cloud
    until it is held again. ``uses`` counts promotions; ``template_key``
    tells the template that its server was built from. ``slot`` is what was
    let go on ``host`` for a promotion that is under way. ``joined_at`` is
    since when the policy's hooks stand for it.
    """

    instance_id: str
    allocation_id: str
    state: InstanceState
    generation: int
    server_id: str | None
    host: str | None
    attempts: int
    reason: str
    state_since: datetime.datetime
    charged_until: datetime.datetime | None
    created_at: datetime.datetime
    tier: holding.Tier
    uses: int = 0
    template_key: str = ''
    lent_at: datetime.datetime | None = None
    slot: holding.Slot | None = None
    joined_at: datetime.datetime | None = None


def server_name(reservation_name: str, instance_id: str) -> str:
    """The name with which a member's server is made."""
    return f'shadow-{reservation_name[:40]}-{instance_id[:8]}'


def is_renamed(name: str, instance_id: str) -> bool:
    """Whether a member's server has not the name it was made with; the
    reservation's own may have been changed since."""
    return not (name.startswith('shadow-')
                and name.endswith(f'-{instance_id[:8]}'))


def is_stranded(member: ShadowInstance) -> bool:
    """Whether it found no host when it was last to serve, and none has had
    room for it since."""
    return (member.state is InstanceState.AVAILABLE and member.host is None
            and member.lent_at is not None and member.attempts > 0)


def count_available(members: Iterable[ShadowInstance]) -> int:
    """How many could be promoted with some hope."""
    return sum(1 for member in members
               if member.state is InstanceState.AVAILABLE
               and not is_stranded(member))


def serving(members: Iterable[ShadowInstance]) -> frozenset[str]:
    """Ids of those that serve, or are on their way to."""
    return frozenset(member.instance_id for member in members
                     if member.state in SERVING_STATES)


def serves(members: Iterable[ShadowInstance]) -> bool:
    """Whether one of them is there to be sent back."""
    return any(member.state is InstanceState.ALLOCATED
               for member in members)


def last_change(
        members: Iterable[ShadowInstance]) -> datetime.datetime | None:
    """When one last set out to serve, began to, or set out to go back."""
    return max((member.state_since for member in members
                if member.state in SERVING_STATES
                or member.state is InstanceState.RETURNING), default=None)


def owes(member: ShadowInstance, interval: datetime.timedelta,
         now: datetime.datetime) -> bool:
    """Whether it has not been charged for that long."""
    since = member.charged_until
    return since is not None and now - since >= interval


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ShadowAllocationRecord:
    """The shadow as a whole; one for each reservation.

    ``quantity`` is how many members the last sizing asked for.
    """

    allocation_id: str
    reservation_id: str
    resource_type: str
    quantity: int
    status: AllocationStatus


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Flavor:
    """What a server was made to take; Nova keeps a copy with it."""

    vcpus: int
    memory_mib: int
    root_gib: int
    ephemeral_gib: int = 0
    swap_mib: int = 0
    extra_specs: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """What Nova says of a shadow instance's server just now.

    ``image_id`` is ``None`` where it boots from a volume; ``addresses``
    are its fixed ones.
    """

    server_id: str
    instance_id: str
    token: str
    name: str
    project_id: str
    status: str
    task_state: str | None
    host: str | None
    fault: str | None
    created_at: datetime.datetime
    flavor: Flavor
    image_id: str | None = None
    metadata: Mapping[str, str] = dataclasses.field(default_factory=dict)
    addresses: tuple[str, ...] = ()
    #: Attached, or on their way on or off.
    volume_ids: frozenset[str] = frozenset()

    @property
    def held_as(self) -> holding.Tier | None:
        """The tier that its status is, when Nova is not busy with it."""
        if self.task_state:
            return None
        return holding.HELD_STATUSES.get(self.status)
