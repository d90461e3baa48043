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

"""How much room the operator leaves to shadow.

Two bounds: the share of the capacity that idle shadow may hold, of the
whole cloud and of a host aggregate; and the share of each availability
zone that is to stay free for everybody else. Shares are from 0 to 1.
"""

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
import dataclasses
import enum
import math

from shadow_reserve.records import capacity
from shadow_reserve.records import shadow
from shadow_reserve.shadow import lending

#: Amounts by resource class.
Amounts = Mapping[str, int]

#: Not on a host that we know, or not yet there at all.
_TAKING_SOON = capacity.IDLE_STATES - {shadow.InstanceState.AVAILABLE}


class Bound(enum.StrEnum):
    #: A share that idle shadow may hold.
    CAP = 'cap'
    #: What is free, and not kept free for others.
    CAPACITY = 'capacity'


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Shares:
    """``maximum`` of the whole cloud may be idle shadow's; ``free`` of
    each zone is to stay free."""

    maximum: float
    free: float


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class _Cap:
    """A bound on the idle shadow of some hosts.

    ``kind`` says no more of them than a tenant may know.
    """

    name: str
    kind: str
    hosts: frozenset[str]
    left: dict[str, int]


def shortages(
        cloud: capacity.CloudCapacity,
        holdings: Collection[capacity.Holding],
        shares: Shares) -> list[lending.Shortage]:
    """What idle shadow has to give back.

    What is lent already counts as free, though its claim may still be
    there.
    """
    found = []
    lent = _by_host(holding for holding in holdings
                    if holding.is_being_lent)
    for zone, hosts in _zones(cloud).items():
        amounts = {
            name: math.ceil(-spare) for name, spare in _spare(
                hosts, shares.free, lent).items() if spare < 0}
        if amounts:
            found.append(lending.Shortage(
                hosts=frozenset(host.host for host in hosts),
                amounts=amounts,
                reason=f'less than {shares.free:.0%} of zone {zone} is '
                       f'free'))
    held = [holding for holding in holdings
            if holding.is_held and not holding.is_being_lent]
    for cap in _caps(cloud, held, shares.maximum):
        amounts = {name: -left for name, left in cap.left.items()
                   if left < 0}
        if amounts:
            found.append(lending.Shortage(
                hosts=cap.hosts, amounts=amounts,
                reason=f'idle shadow holds more of {cap.kind} than it '
                       f'may'))
    return found


def instances(
        cloud: capacity.CloudCapacity,
        holdings: Collection[capacity.Holding], shares: Shares,
        resources: Amounts, zone: str | None = None,
        unseen: Collection[capacity.Holding] = (),
) -> tuple[int, Bound]:
    """How many more instances of a size idle shadow may have.

    :param zone: the only zone in which they may be; ``None`` for any
    :param unseen: further holdings, younger than what is known of hosts
    :returns: the number, and which bound it is
    """
    idle = [holding for holding in (*holdings, *unseen)
            if holding.member.state in capacity.IDLE_STATES
            and (holding.member.host is not None
                 or holding.member.state in _TAKING_SOON)
            and not holding.is_being_lent]
    whole, *aggregates = _caps(cloud, idle, shares.maximum, anywhere=True)
    lent = _by_host(holding for holding in holdings
                    if holding.is_being_lent)
    left = {cap.name: _times(resources, cap.left) for cap in aggregates}
    by_caps = by_room = 0
    for name, hosts in _zones(cloud).items():
        if zone not in (None, name):
            continue
        spare = _times(resources, _spare(hosts, shares.free, lent))
        # Hosts under the same caps are alike; those under the fewest go
        # first, as they take nothing away from the others.
        for caps, alike in sorted(
                _under_same_caps(hosts, aggregates).items(),
                key=lambda item: (len(item[0]), sorted(item[0]))):
            room = min(sum(_copies(resources, host, lent.get(host.host, {}))
                           for host in alike), spare)
            spare -= room
            by_room += room
            allowed = min((left[cap] for cap in caps), default=room)
            by_caps += min(room, allowed)
            for cap in caps:
                left[cap] -= min(room, allowed)
    by_room = max(by_room - _worth(unseen, resources), 0)
    by_caps = min(by_caps, by_room, _times(resources, whole.left))
    return by_caps, (Bound.CAP if by_caps < by_room else Bound.CAPACITY)


def full_hosts(
        cloud: capacity.CloudCapacity,
        holdings: Collection[capacity.Holding],
        resources: Amounts) -> frozenset[str]:
    """Hosts whose aggregates forbid one more of a size, and those that are
    out of service, where Placement has room all the same."""
    held = [holding for holding in holdings if holding.is_held]
    _, *aggregates = _caps(cloud, held, 1.0)
    out_of_service = {host.host for host in cloud.hosts
                      if not host.in_service}
    return frozenset().union(out_of_service, *(
        cap.hosts for cap in aggregates if not _times(resources, cap.left)))


def _zones(cloud: capacity.CloudCapacity,
           ) -> dict[str, list[capacity.HostCapacity]]:
    """Hosts in service by their zone."""
    zones: dict[str, list[capacity.HostCapacity]] = {}
    for host in cloud.hosts:
        if host.in_service:
            zones.setdefault(host.zone, []).append(host)
    return zones


def _by_host(holdings: Iterable[capacity.Holding]) -> dict[
        str, dict[str, int]]:
    """What holdings take on each host."""
    sums: dict[str, dict[str, int]] = {}
    for holding in holdings:
        on_host = sums.setdefault(holding.member.host or '', {})
        for name, amount in holding.resources.items():
            on_host[name] = on_host.get(name, 0) + amount
    return sums


def _total(hosts: Iterable[capacity.HostCapacity],
           amount: Callable[[capacity.HostCapacity, str], int],
           ) -> dict[str, int]:
    """The sum of something, for each class that any host has."""
    sums: dict[str, int] = {}
    for host in hosts:
        for name in host.classes:
            sums[name] = sums.get(name, 0) + amount(host, name)
    return sums


def _spare(hosts: Collection[capacity.HostCapacity], share: float,
           lent: Mapping[str, Amounts]) -> dict[str, float]:
    """What is free beyond the share that is to stay free; below zero, by
    how much it is less."""
    free = _total(hosts, lambda host, name: (
        host.classes[name].free + lent.get(host.host, {}).get(name, 0)))
    whole = _total(hosts, lambda host, name: host.classes[name].capacity)
    # Rounding noise must not cost a member.
    return {name: round(free[name] - share * whole[name], 6)
            for name in free}


def _caps(cloud: capacity.CloudCapacity,
          idle: Collection[capacity.Holding], share: float, *,
          anywhere: bool = False) -> list[_Cap]:
    """The cap of the whole cloud, and then those of aggregates.

    :param anywhere: what is on no host yet may come to be in each of the
        aggregates, and counts there
    """
    takes = _by_host(idle)
    unplaced = takes.pop('', {})
    everything = frozenset(host.host for host in cloud.hosts)
    caps = [_cap('', 'the cloud', cloud.hosts, everything, share,
                 {**takes, '': unplaced})]
    for aggregate in cloud.aggregates:
        if aggregate.maximum_share is not None:
            hosts = [host for host in cloud.hosts
                     if host.service_host in aggregate.hosts]
            caps.append(_cap(
                aggregate.name, 'an aggregate of hosts', hosts,
                frozenset(host.host for host in hosts),
                aggregate.maximum_share,
                {**takes, '': unplaced} if anywhere else takes))
    return caps


def _cap(name: str, kind: str, hosts: Iterable[capacity.HostCapacity],
         names: frozenset[str], share: float,
         takes: Mapping[str, Amounts]) -> _Cap:
    left = {
        resource_class: int(share * whole) for resource_class, whole in
        _total(hosts, lambda host, one: host.classes[one].capacity).items()}
    for host, amounts in takes.items():
        if host in names or not host:
            for resource_class, amount in amounts.items():
                if resource_class in left:
                    left[resource_class] -= amount
    return _Cap(name=name, kind=kind, hosts=names, left=left)


def _under_same_caps(
        hosts: Iterable[capacity.HostCapacity], caps: Iterable[_Cap],
) -> dict[frozenset[str], list[capacity.HostCapacity]]:
    groups: dict[frozenset[str], list[capacity.HostCapacity]] = {}
    for host in hosts:
        over = frozenset(cap.name for cap in caps if host.host in cap.hosts)
        groups.setdefault(over, []).append(host)
    return groups


def _times(resources: Amounts, amounts: Mapping[str, float]) -> int:
    """How often something fits into amounts; a class that is not among
    them does not count."""
    return max(min((int(amounts[name] // amount)
                    for name, amount in resources.items()
                    if name in amounts), default=0), 0)


def _worth(holdings: Iterable[capacity.Holding], resources: Amounts) -> int:
    """How many instances of a size take at least as much."""
    sums: dict[str, int] = {}
    for holding in holdings:
        for name, amount in holding.resources.items():
            sums[name] = sums.get(name, 0) + amount
    return max((-(-sums.get(name, 0) // amount)
                for name, amount in resources.items()), default=0)


def _copies(resources: Amounts, host: capacity.HostCapacity,
            lent: Amounts) -> int:
    """How often something fits onto a host."""
    if not lending.fits(resources, {
            name: one.maximum for name, one in host.classes.items()}):
        return 0
    return _times(resources, {
        name: one.free + lent.get(name, 0)
        for name, one in host.classes.items()})
