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
"""Writes servers and their measures to Gnocchi, as Ceilometer would."""

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
import datetime
import time
from typing import Any
import uuid

from gnocchiclient import client as gnocchi_client
from gnocchiclient import exceptions as gnocchi_exceptions
import openstack

SERVER_METRICS = ('cpu', 'memory.usage')
DISK_METRICS = (
    *(f'disk.device.{way}.{what}' for way in ('read', 'write')
      for what in ('bytes', 'latency', 'requests')),
    'disk.device.allocation')
POLICY = 'pocket-5m'
#: One of Gnocchi's own, which has nothing of five minutes.
UNUSABLE_POLICY = 'medium'
#: Seconds that Gnocchi may take to fold what was pushed.
PATIENCE = 300.0

#: (time stamp, value) by metric.
Measures = Mapping[str, Iterable[tuple[datetime.datetime, float]]]


class Writer:
    """Resources that are nobody's servers, and are gone in the end."""

    def __init__(self) -> None:
        admin = openstack.connect(cloud='admin')
        self._client: Any = gnocchi_client.Client('1', session=admin.session)
        self._owner = {'project_id': admin.current_project_id,
                       'user_id': admin.current_user_id}
        self._made: list[str] = []

    @property
    def project_id(self) -> str:
        return str(self._owner['project_id'])

    def add_server(self, group: str, policy: str = POLICY) -> str:
        """A server's resource with its metrics; returns its id."""
        server_id = str(uuid.uuid4())
        self._create('instance', server_id, SERVER_METRICS, policy, {
            'display_name': group, 'server_group': group, 'host': 'compute',
            'flavor_id': '1', 'flavor_name': 'm1.small', 'image_ref': ''})
        return server_id

    def put_policy(self, name: str,
                   definition: Sequence[Mapping[str, int]]) -> None:
        """An archive policy with the mean of each of these.

        It stays: Gnocchi lets go of it minutes after its last metric.
        """
        try:
            self._client.archive_policy.create({
                'name': name, 'definition': definition,
                'aggregation_methods': ['mean']})
        except gnocchi_exceptions.ArchivePolicyAlreadyExists:
            self._client.archive_policy.update(
                name, {'definition': definition})

    def add_disk(self, server_id: str) -> str:
        """Likewise of a disk of a server."""
        return self._create(
            'instance_disk', f'{server_id}-vda', DISK_METRICS, POLICY,
            {'name': 'vda', 'instance_id': server_id})

    def _create(self, kind: str, name: str, metrics: Iterable[str],
                policy: str, attributes: dict[str, Any]) -> str:
        made = self._client.resource.create(kind, {
            'id': name, **self._owner, **attributes,
            'metrics': {metric: {'archive_policy_name': policy}
                        for metric in metrics}})
        self._made.append(made['id'])
        return str(made['id'])

    def push(self, measures: Mapping[str, Measures]) -> int:
        """Write measures by resource; returns how many."""
        count = 0
        for resource_id, by_metric in measures.items():
            body = {metric: [{'timestamp': stamp.isoformat(), 'value': value}
                             for stamp, value in each]
                    for metric, each in by_metric.items()}
            self._client.metric.batch_resources_metrics_measures(
                {resource_id: body})
            count += sum(map(len, body.values()))
        return count

    def settle(self) -> None:
        """Wait until Gnocchi has folded all that it was given."""
        deadline = time.monotonic() + PATIENCE
        while self._client.status.get()['storage']['summary']['measures']:
            assert time.monotonic() < deadline, 'does gnocchi-metricd run?'
            time.sleep(0.5)

    def remove(self) -> None:
        """Take away all that was made here."""
        for resource_id in self._made:
            self._client.resource.delete(resource_id)
