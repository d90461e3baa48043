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

"""Placement's and Nova's view of all compute hosts.

Hosts are what Nova lists as hypervisors. Resources that a nested provider
has (NUMA nodes, devices) or that are shared between hosts are left out.
"""

from collections.abc import Iterator
from concurrent import futures
import dataclasses
import logging
import math
import threading
import time
from typing import Any

from keystoneauth1 import adapter

from shadow_reserve.cloud import exceptions
from shadow_reserve.cloud import rest
from shadow_reserve.records import capacity

LOG = logging.getLogger(__name__)

#: Of Placement: 1.14 says which providers are nested.
_PLACEMENT_VERSION = '1.28'
#: Of Nova: 2.53 ids of hypervisors are those of their providers. From 2.88
#: on they do not say any more what is used.
_NOVA_VERSION = '2.79'

#: The zone of hosts that are in none, by Nova's default.
_DEFAULT_ZONE = 'nova'
#: Property of an aggregate that bounds the idle shadow on its hosts.
SHARE_PROPERTY = 'shadow_reserve:maximum_share'

#: In Nova's listing, these tell that what is used has changed. So does a
#: new generation at Placement, but not when a claim was only deleted.
_SIGNS = ('vcpus_used', 'memory_mb_used', 'local_gb_used', 'running_vms')
#: Seconds within which each host is read anew, if no sign was seen.
_LONGEST_UNREAD = 300.0
_THREADS = 8


@dataclasses.dataclass(frozen=True, slots=True)
class _Reading:
    """What was read of a provider, and by which signs it is still so."""

    generation: int
    signs: tuple[Any, ...]
    at: float
    inventories: dict[str, Any]
    usages: dict[str, int]


class Capacity:
    """Reads all hosts, with the rights of the service user.

    Only hosts that have changed are read again: on a quiet cloud that is
    one request to Placement, and two to Nova for each 1,000 hosts.
    """

    def __init__(self, placement: adapter.Adapter,
                 nova: adapter.Adapter) -> None:
        self._placement = placement
        self._nova = nova
        self._lock = threading.Lock()
        self._readings: dict[str, _Reading] = {}
        self._latest: capacity.CloudCapacity | None = None
        self._read_at = 0.0

    def read(self, maximum_age: float = 0.0, *,
             exact: bool = False) -> capacity.CloudCapacity:
        """The hosts as they were not more than ``maximum_age`` s ago.

        :param exact: read every host, whether or not it seems changed
        :raises CloudError: when they cannot be read
        """
        with self._lock:
            age = time.monotonic() - self._read_at
            if self._latest is None or exact or age > maximum_age:
                self._latest = self._read(age, exact)
                self._read_at = time.monotonic()
            return self._latest

    def _read(self, age: float, exact: bool) -> capacity.CloudCapacity:
        now = time.monotonic()
        providers = {row['uuid']: row for row in self._ask(
            '/resource_providers')['resource_providers']}
        hypervisors = {row['id']: row for row in self._hypervisors()
                       if row['id'] in providers}
        generations = {provider_id: providers[provider_id]['generation']
                       for provider_id in hypervisors}
        signs = {provider_id: tuple(row.get(name) for name in _SIGNS)
                 for provider_id, row in hypervisors.items()}
        known = {provider_id: reading
                 for provider_id, reading in self._readings.items()
                 if provider_id in hypervisors}
        changed = {
            provider_id for provider_id in hypervisors
            if exact or provider_id not in known
            or (known[provider_id].generation, known[provider_id].signs)
            != (generations[provider_id], signs[provider_id])}
        changed |= _oldest(known, age)

        def read(provider_id: str) -> _Reading | None:
            return self._read_provider(
                provider_id, generations[provider_id], signs[provider_id],
                now, known.get(provider_id))
        with futures.ThreadPoolExecutor(_THREADS) as pool:
            for provider_id, reading in zip(
                    changed, pool.map(read, changed)):
                known.pop(provider_id, None)
                if reading is not None:
                    known[provider_id] = reading
        self._readings = known
        aggregates = tuple(self._aggregates())
        zones = {host: aggregate.zone for aggregate in aggregates
                 if aggregate.zone for host in aggregate.hosts}
        return capacity.CloudCapacity(
            hosts=tuple(sorted(
                (_to_host(hypervisors[provider_id],
                          providers[provider_id]['name'], reading, zones)
                 for provider_id, reading in known.items()),
                key=lambda host: host.host)),
            aggregates=aggregates)

    def _read_provider(
            self, provider_id: str, generation: int, signs: tuple[Any, ...],
            now: float, before: _Reading | None) -> _Reading | None:
        """:returns: ``None`` when the provider has gone meanwhile"""
        path = f'/resource_providers/{provider_id}'
        try:
            # A change of inventories is a new generation.
            if before is None or before.generation != generation:
                inventories = self._ask(f'{path}/inventories')['inventories']
            else:
                inventories = before.inventories
            usages = self._ask(f'{path}/usages')['usages']
        except exceptions.NotFound:
            return None
        return _Reading(generation, signs, now, inventories, usages)

    def _hypervisors(self) -> Iterator[dict[str, Any]]:
        query: dict[str, str] = {}
        while True:
            body = self._ask_nova('/os-hypervisors/detail', params=query)
            yield from body['hypervisors']
            if not body.get('hypervisors_links'):
                return
            query = {'marker': body['hypervisors'][-1]['id']}

    def _aggregates(self) -> Iterator[capacity.HostAggregate]:
        for row in self._ask_nova('/os-aggregates')['aggregates']:
            yield capacity.HostAggregate(
                name=row['name'], zone=row['availability_zone'],
                hosts=frozenset(row['hosts']),
                maximum_share=_share(
                    row['name'], row['metadata'].get(SHARE_PROPERTY)))

    def _ask(self, path: str) -> Any:
        return rest.request(
            self._placement, 'placement', 'GET', path,
            microversion=_PLACEMENT_VERSION).json()

    def _ask_nova(self, path: str, **kwargs: Any) -> Any:
        return rest.request(self._nova, 'nova', 'GET', path,
                            microversion=_NOVA_VERSION, **kwargs).json()


def _oldest(known: dict[str, _Reading], age: float) -> set[str]:
    """A slice of those that were read longest ago, so that in the course
    of time each comes by."""
    count = math.ceil(len(known) * min(age / _LONGEST_UNREAD, 1.0))
    return set(sorted(
        known, key=lambda provider_id: known[provider_id].at)[:count])


def _share(name: str, text: str | None) -> float | None:
    if text is None:
        return None
    try:
        share = float(text)
    except ValueError:
        share = math.nan
    if not 0 <= share <= 1:
        LOG.warning('Aggregate %s: its property %s is %.20r and not a '
                    'number from 0 to 1; it is ignored',
                    name, SHARE_PROPERTY, text)
        return None
    return share


def _to_host(row: dict[str, Any], name: str, reading: _Reading,
             zones: dict[str, str]) -> capacity.HostCapacity:
    service_host = row['service']['host']
    return capacity.HostCapacity(
        provider_id=row['id'], host=name, service_host=service_host,
        zone=zones.get(service_host, _DEFAULT_ZONE),
        in_service=row['state'] == 'up' and row['status'] == 'enabled',
        classes={
            resource_class: capacity.ClassCapacity(
                total=inventory['total'], reserved=inventory['reserved'],
                allocation_ratio=inventory['allocation_ratio'],
                maximum=inventory['max_unit'],
                used=reading.usages.get(resource_class, 0))
            for resource_class, inventory in reading.inventories.items()})
