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

"""Nova's hosts: their names, zones, and the groups of servers on them."""

import collections
from collections.abc import Iterable
from typing import Any

from keystoneauth1 import adapter

from shadow_reserve.cloud import exceptions
from shadow_reserve.cloud import rest
from shadow_reserve.records import holding

#: 2.53 hypervisors by the id that Placement knows them by, 2.64 the
#: policy and rules of server groups.
MICROVERSION = '2.79'


class ComputeHosts:
    """What an administrator may ask of Nova about hosts."""

    def __init__(self, nova: adapter.Adapter) -> None:
        self._nova = nova
        self._services: dict[str, str] = {}

    def service_host(self, provider_id: str) -> str:
        """What Nova calls the host that is a resource provider.

        A provider has the hypervisor's name, which may be a longer one.

        :raises NotFound: when Nova knows no such host
        """
        if provider_id not in self._services:
            body = self._get(f'/os-hypervisors/{provider_id}')
            self._services[provider_id] = str(
                body['hypervisor']['service']['host'])
        return self._services[provider_id]

    def hosts_of_zone(self, zone: str) -> set[str]:
        """Names of the hosts of an availability zone; empty when there
        is no such zone."""
        zones = self._get('/os-availability-zone/detail')[
            'availabilityZoneInfo']
        return {host for entry in zones if entry['zoneName'] == zone
                for host in entry['hosts'] or ()}

    def group(self, group_id: str, project_id: str,
              claimed: Iterable[str]) -> holding.Group | None:
        """Where the members of a server group are.

        :param project_id: whose group it is
        :param claimed: hosts on which capacity is held for further
            members, one entry for each
        :returns: ``None`` when there is no such group any more
        """
        try:
            group = self._get(f'/os-server-groups/{group_id}')[
                'server_group']
        except exceptions.NotFound:
            return None
        counts = collections.Counter(claimed)
        members = set(group['members'])
        for row in self._list_servers(project_id):
            host = row.get('OS-EXT-SRV-ATTR:hypervisor_hostname')
            if row['id'] in members and host:
                counts[host] += 1
        rules = group.get('rules') or {}
        return holding.Group(
            policy=group['policy'], counts=counts,
            maximum_per_host=int(rules.get('max_server_per_host', 1)))

    def _list_servers(self, project_id: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        query = {'all_tenants': '1', 'project_id': project_id}
        while True:
            body = self._get('/servers/detail', params=query)
            rows += body['servers']
            if not body.get('servers_links'):
                return rows
            query['marker'] = rows[-1]['id']

    def _get(self, path: str, **kwargs: Any) -> dict[str, Any]:
        body: dict[str, Any] = rest.request(
            self._nova, 'nova', 'GET', path, microversion=MICROVERSION,
            **kwargs).json()
        return body
