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

"""What the hosts of the cloud have, what is used of it, and by whom."""

from collections.abc import Mapping
import dataclasses

from shadow_reserve.records import reservation
from shadow_reserve.records import shadow

#: Members that take capacity, or soon will, without serving anybody.
IDLE_STATES = shadow.HELD_STATES - shadow.SERVING_STATES


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ClassCapacity:
    """One resource class of one host, in Placement's units.

    ``maximum`` is the most that a single server may have of it.
    """

    total: int
    reserved: int
    allocation_ratio: float
    maximum: int
    used: int

    @property
    def physical(self) -> int:
        return max(self.total - self.reserved, 0)

    @property
    def capacity(self) -> int:
        """What Placement gives away, overcommitment included."""
        return int(self.physical * self.allocation_ratio)

    @property
    def free(self) -> int:
        return max(self.capacity - self.used, 0)

    @property
    def oversold(self) -> int:
        """How far usage exceeds what is physically there."""
        return max(self.used - self.physical, 0)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class HostCapacity:
    """A compute host.

    ``host`` is the name of its Placement resource provider, as members
    have it; ``service_host`` is what Nova calls the compute service, which
    may differ. Nova places nothing where ``in_service`` is false: its
    service is disabled or down.
    """

    provider_id: str
    host: str
    service_host: str
    zone: str
    in_service: bool
    classes: Mapping[str, ClassCapacity]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class HostAggregate:
    """A host aggregate of Nova; one with a ``zone`` is an availability zone.

    ``hosts`` are names of compute services. ``maximum_share`` is the share
    of its capacity that idle shadow may hold, ``None`` for no bound.
    """

    name: str
    zone: str | None
    hosts: frozenset[str]
    maximum_share: float | None


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class CloudCapacity:
    """All compute hosts at one time."""

    hosts: tuple[HostCapacity, ...]
    aggregates: tuple[HostAggregate, ...]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Holding:
    """A member of some shadow, with the reservation it belongs to."""

    member: shadow.ShadowInstance
    record: reservation.ReservationRecord

    @property
    def resources(self) -> dict[str, int]:
        return resources_of(self.record.size)

    @property
    def is_held(self) -> bool:
        """Whether it is idle, and a claim is held for it on its host."""
        return (self.member.state is shadow.InstanceState.AVAILABLE
                and self.member.host is not None)

    @property
    def is_being_lent(self) -> bool:
        """Whether its claim is about to be let go."""
        return self.is_held and self.member.lent_at is not None


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Need:
    """A server that Nova found no host for, and what it asked for.

    ``only_hosts`` and ``ignored_hosts`` are names of compute services; an
    empty ``only_hosts`` and a ``zone`` of ``None`` mean any. ``tries`` is
    how often it could not be looked after.
    """

    server_id: str
    resources: Mapping[str, int]
    zone: str | None = None
    only_hosts: frozenset[str] = frozenset()
    ignored_hosts: frozenset[str] = frozenset()
    is_new: bool = True
    tries: int = 0

    def allows(self, host: HostCapacity) -> bool:
        """Whether it may be placed there, as far as it says."""
        return (host.in_service
                and self.zone in (None, host.zone)
                and (not self.only_hosts
                     or host.service_host in self.only_hosts)
                and host.service_host not in self.ignored_hosts)


def resources_of(size: reservation.InstanceSize) -> dict[str, int]:
    """What an instance takes, by resource class."""
    amounts = {'PCPU' if size.dedicated_cpus else 'VCPU': size.vcpus,
               'MEMORY_MB': size.memory_mib, 'DISK_GB': size.disk_gib}
    return {name: amount for name, amount in amounts.items() if amount}
