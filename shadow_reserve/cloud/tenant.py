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

"""What a tenant has, asked for with the tenant's own token.

What the caller may not see is not there: nothing here is asked with more
rights than those of the request.
"""

from collections.abc import Callable
import dataclasses
from typing import Any
from urllib import parse
import uuid

from keystoneauth1 import adapter
from keystoneauth1 import exceptions as ks_exceptions
from keystoneauth1 import plugin

from shadow_reserve.cloud import exceptions
from shadow_reserve.cloud import nova
from shadow_reserve.cloud import rest
from shadow_reserve.records import reservation

#: Gives the adapter of a service, by the name of its section in the
#: configuration, that speaks with the rights of a plugin.
Adapters = Callable[[str, plugin.BaseAuthPlugin], adapter.Adapter]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Image:
    image_id: str
    status: str
    minimum_memory_mib: int
    minimum_disk_gib: int


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Quota:
    """The most a project may have at all; ``None`` is no bound."""

    instances: int | None
    vcpus: int | None
    memory_mib: int | None


class TenantCloud:
    """One caller's view of the cloud, for the time of one request.

    Everything here raises NotFound where there is no such thing, Conflict
    where a name stands for several, Forbidden where the caller may not
    look, ServiceUnavailable, and CloudError where no such service is.
    """

    def __init__(self, adapters: Adapters,
                 auth: plugin.BaseAuthPlugin) -> None:
        self._adapters = adapters
        self._auth = auth

    def find_flavor(self, name_or_id: str) -> reservation.InstanceSize:
        flavor = self._by_id(
            'nova', f'/flavors/{_quoted(name_or_id)}', 'flavor')
        if flavor is None:
            flavor = _only_one('nova', 'flavor', name_or_id, [
                found for found in self._list(
                    'nova', '/flavors/detail', 'flavors')
                if found['name'] == name_or_id])
        return reservation.InstanceSize(
            flavor_id=flavor['id'], vcpus=flavor['vcpus'],
            memory_mib=flavor['ram'], disk_gib=flavor['disk'],
            # A cloud may keep extra specs from its tenants.
            dedicated_cpus=flavor.get('extra_specs', {}).get(
                'hw:cpu_policy') == 'dedicated')

    def find_image(self, name_or_id: str) -> Image:
        image = None
        if _is_uuid(name_or_id):
            image = self._by_id('glance', f'/images/{name_or_id}')
        if image is None:
            # Glance takes apart a value with commas or quotes in it.
            value = name_or_id.replace('\\', '\\\\').replace('"', '\\"')
            image = _only_one('glance', 'image', name_or_id, self._get(
                'glance', '/images', {'name': f'in:"{value}"'})['images'])
        return Image(
            image_id=image['id'], status=image['status'],
            minimum_memory_mib=image.get('min_ram') or 0,
            minimum_disk_gib=image.get('min_disk') or 0)

    def find_network(self, name_or_id: str) -> str:
        """The id of a network that the caller can see."""
        found: dict[str, dict[str, Any]] = {}
        for key in ('id', 'name'):
            for network in self._get(
                    'neutron', '/networks',
                    {key: name_or_id, 'fields': 'id'})['networks']:
                found[network['id']] = network
        network = found.get(name_or_id) or _only_one(
            'neutron', 'network', name_or_id, list(found.values()))
        return str(network['id'])

    def check_security_group(self, name_or_id: str) -> None:
        for key in ('id', 'name'):
            if self._get('neutron', '/security-groups', {
                    key: name_or_id, 'fields': 'id'})['security_groups']:
                return
        raise exceptions.NotFound(
            'neutron', f'no security group is called {name_or_id}')

    def check_key(self, name: str) -> None:
        self._get('nova', f'/os-keypairs/{_quoted(name)}')

    def check_server_group(self, group_id: str) -> None:
        self._get('nova', f'/os-server-groups/{_quoted(group_id)}')

    def check_availability_zone(self, name: str) -> None:
        zones = self._get('nova', '/os-availability-zone')
        if name not in [
                zone['zoneName'] for zone in zones['availabilityZoneInfo']
                if zone['zoneState']['available']]:
            raise exceptions.NotFound(
                'nova', f'no availability zone {name} is available')

    def check_volume_type(self, name_or_id: str | None) -> None:
        """:param name_or_id: ``None`` for the type that is the default"""
        try:
            types = self._list('cinder', '/types', 'volume_types')
        except exceptions.ServiceUnavailable as error:
            if isinstance(error.__cause__, ks_exceptions.EndpointNotFound):
                raise exceptions.CloudError(
                    'cinder',
                    'this cloud offers no volumes, leave them out') from error
            raise
        if name_or_id is not None and not any(
                name_or_id in (found['id'], found['name'])
                for found in types):
            raise exceptions.NotFound(
                'cinder', f'no volume type is called {name_or_id}')

    def get_quota(self) -> Quota:
        limits = self._get('nova', '/limits')['limits']['absolute']

        def bound(key: str) -> int | None:
            value = limits.get(key, -1)
            return None if value < 0 else int(value)
        return Quota(
            instances=bound('maxTotalInstances'),
            vcpus=bound('maxTotalCores'),
            memory_mib=bound('maxTotalRAMSize'))

    def _list(self, service: str, path: str,
              key: str) -> list[dict[str, Any]]:
        """All pages; each next one is asked for by the last id."""
        found: list[dict[str, Any]] = []
        while True:
            query = {'marker': found[-1]['id']} if found else {}
            page = self._get(service, path, query)[key]
            if not page:
                return found
            found += page

    def _by_id(self, service: str, path: str,
               key: str | None = None) -> dict[str, Any] | None:
        try:
            body = self._get(service, path)
        except exceptions.NotFound:
            return None
        answer: dict[str, Any] = body[key] if key else body
        return answer

    def _get(self, service: str, path: str,
             query: dict[str, str] | None = None) -> dict[str, Any]:
        response = rest.request(
            self._adapters(service, self._auth), service, 'GET', path,
            params=query or {}, microversion=(
                nova.MICROVERSION if service == 'nova' else None))
        answer: dict[str, Any] = response.json()
        return answer


def _only_one(service: str, what: str, name: str,
              found: list[dict[str, Any]]) -> dict[str, Any]:
    if not found:
        raise exceptions.NotFound(service, f'no {what} is called {name}')
    if len(found) > 1:
        raise exceptions.Conflict(
            service, f'{len(found)} {what}s are called {name}; give the id')
    return found[0]


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


def _quoted(text: str) -> str:
    return parse.quote(text, safe='')
