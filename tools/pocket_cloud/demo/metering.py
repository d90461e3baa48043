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


"""Ceilometer's part: writes measures of servers to Gnocchi, and reads them.

The resources look as Ceilometer makes them, so that nobody can tell.
"""

from collections.abc import Iterable
from collections.abc import Mapping
import dataclasses
import datetime
from typing import Any

from gnocchiclient import exceptions
from gnocchiclient.v1 import client
from openstack import connection

from pocket_cloud.demo import meters

ARCHIVE_POLICY = 'pocket-5m'
#: Seconds; what alarms look at in the pocket cloud.
LIVE_GRANULARITY = 30

#: Time stamp and values of each metric.
Samples = list[tuple[datetime.datetime, meters.Sample]]


@dataclasses.dataclass(frozen=True, slots=True)
class Metered:
    """A server whose measures are written.

    ``disk_id`` is Gnocchi's id of the resource of its disk.
    """

    server_id: str
    name: str
    disk_id: str


class Metering:
    """:param admin: a connection that may write anybody's measures, as
        Ceilometer's may
    :param group: the value of ``metering.server_group``
    :param flavor_id: of all its servers; Nova shows only its name with them
    """

    def __init__(self, admin: connection.Connection, group: str,
                 flavor_id: str) -> None:
        self._client: Any = client.Client(session=admin.session)
        self._group = group
        self._flavor_id = flavor_id

    def create(self, server: Any) -> Metered:
        """Make the resources of a server, or find them.

        :param server: as Nova shows it to an admin
        """
        policy = {'archive_policy_name': ARCHIVE_POLICY}
        owner = {'project_id': server.project_id,
                 'user_id': server.user_id}
        self._ensure('instance', {
            **owner, 'id': server.id, 'display_name': server.name,
            'server_group': self._group,
            'host': server.hypervisor_hostname or '',
            'flavor_id': self._flavor_id,
            'flavor_name': server.flavor.original_name,
            'image_ref': server.image.id or '',
            'launched_at': server.launched_at,
            'metrics': dict.fromkeys(meters.INSTANCE_METRICS, policy)})
        disk = self._ensure('instance_disk', {
            **owner, 'id': f'{server.id}-vda', 'name': 'vda',
            'instance_id': server.id,
            'metrics': dict.fromkeys(meters.DISK_METRICS, policy)})
        return Metered(server.id, server.name, disk['id'])

    def _ensure(self, kind: str, body: dict[str, Any]) -> Any:
        try:
            return self._client.resource.create(kind, body)
        except exceptions.ResourceAlreadyExists:
            return self._client.resource.get(kind, body['id'])

    def push(self, samples: Mapping[str, Samples]) -> None:
        """Write samples, by the resource's id, in one request."""
        self._client.metric.batch_resources_metrics_measures({
            resource_id: _by_metric(each)
            for resource_id, each in samples.items() if each})

    def measures(self, kind: str, resource_ids: Iterable[str],
                 metrics: Iterable[str], aggregation: str,
                 granularity: float, start: datetime.datetime,
                 ) -> dict[str, dict[str, list[Any]]]:
        """(time stamp, granularity, value) by resource and metric."""
        try:
            answer = self._client.aggregates.fetch(
                ['metric', *([name, aggregation] for name in metrics)],
                search={'in': {'id': list(resource_ids)}},
                resource_type=kind, start=start, granularity=granularity,
                fill='dropna')
        except exceptions.NotFound:
            return {}
        return {
            resource_id: {name: found.get(aggregation, [])
                          for name, found in by_metric.items()}
            for resource_id, by_metric in answer['measures'].items()}

    def application(self, start: datetime.datetime, metric: str,
                    aggregation: str) -> dict[str, list[Any]]:
        """A metric's 30-second buckets, by server, of the whole group."""
        ids = [row['id'] for row in self._client.resource.search(
            'instance', query={'=': {'server_group': self._group}})]
        if not ids:
            return {}
        found = self.measures('instance', ids, [metric], aggregation,
                              LIVE_GRANULARITY, start)
        return {one: by_metric.get(metric, [])
                for one, by_metric in found.items()}

    def delete(self) -> int:
        """Delete what this group has in Gnocchi.

        :returns: how many resources that were
        """
        servers = [row['id'] for row in self._client.resource.search(
            'instance', query={'=': {'server_group': self._group}})]
        disks = [row['id'] for row in self._client.resource.search(
            'instance_disk', query={'in': {'instance_id': servers}})
        ] if servers else []
        for resource_id in (*disks, *servers):
            try:
                self._client.resource.delete(resource_id)
            except exceptions.NotFound:
                continue
        return len(disks) + len(servers)


def _by_metric(samples: Samples) -> dict[str, list[dict[str, Any]]]:
    result: dict[str, list[dict[str, Any]]] = {}
    for moment, sample in samples:
        stamp = moment.isoformat()
        for name, value in sample.items():
            result.setdefault(name, []).append(
                {'timestamp': stamp, 'value': value})
    return result
