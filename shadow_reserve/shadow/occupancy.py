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

"""Who has how much of the cloud: tenants, idle shadow, nobody."""

from collections.abc import Iterable
import dataclasses

from shadow_reserve.records import capacity
from shadow_reserve.records import holding


@dataclasses.dataclass(kw_only=True, slots=True)
class Occupancy:
    """One resource class, in Placement's units.

    ``tenants`` is all that is used but by idle shadow, which is in
    ``shadow``, by tier. ``oversold`` is how far usage exceeds what is
    physically there, summed over hosts.
    """

    capacity: int = 0
    tenants: int = 0
    shadow: dict[holding.Tier, int] = dataclasses.field(
        default_factory=lambda: dict.fromkeys(holding.Tier, 0))
    free: int = 0
    oversold: int = 0

    def add(self, other: 'Occupancy') -> None:
        self.capacity += other.capacity
        self.tenants += other.tenants
        self.free += other.free
        self.oversold += other.oversold
        for tier, amount in other.shadow.items():
            self.shadow[tier] += amount


#: By resource class.
Classes = dict[str, Occupancy]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class HostOccupancy:
    host: str
    zone: str
    in_service: bool
    classes: Classes


def of_hosts(cloud: capacity.CloudCapacity,
             holdings: Iterable[capacity.Holding]) -> list[HostOccupancy]:
    """For each host, ordered by name.

    Nothing is free on a host that is not in service.
    """
    held: dict[str, list[capacity.Holding]] = {}
    for one in holdings:
        if one.is_held:
            held.setdefault(one.member.host or '', []).append(one)
    found = []
    for host in cloud.hosts:
        classes = {
            name: Occupancy(
                capacity=one.capacity, tenants=one.used,
                free=one.free if host.in_service else 0,
                oversold=one.oversold)
            for name, one in host.classes.items()}
        for one in held.get(host.host, ()):
            for name in one.resources.keys() & classes.keys():
                amount = one.resources[name]
                classes[name].shadow[one.member.tier] += amount
                # A claim may have been let go since the host was read.
                classes[name].tenants = max(
                    classes[name].tenants - amount, 0)
        found.append(HostOccupancy(
            host=host.host, zone=host.zone, in_service=host.in_service,
            classes=classes))
    return found


def of_zones(hosts: Iterable[HostOccupancy]) -> dict[str, Classes]:
    zones: dict[str, Classes] = {}
    for host in hosts:
        _add(zones.setdefault(host.zone, {}), host.classes)
    return zones


def total(hosts: Iterable[HostOccupancy]) -> Classes:
    classes: Classes = {}
    for host in hosts:
        _add(classes, host.classes)
    return classes


def _add(classes: Classes, more: Classes) -> None:
    for name, one in more.items():
        classes.setdefault(name, Occupancy()).add(one)
