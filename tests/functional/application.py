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

"""An application of the ordinary tenant, with a history in Gnocchi."""

import datetime
import math
import threading
import time
from typing import Any

from gnocchiclient import client as gnocchi_client
import openstack
from openstack import connection as sdk_connection

STEP = datetime.timedelta(minutes=5)
#: As often as alarms look, as Ceilometer does: then no bucket that Aodh
#: looks at is half full.
POLLING = datetime.timedelta(seconds=30)
NANOSECONDS = 1_000_000_000
#: MiB, of 1024: so little that it keeps no member from going back.
MEMORY = 256.0


class Application:
    """Servers with the metadata that makes them one application.

    :param name: the value of ``metering.server_group``
    """

    def __init__(self, name: str, servers: int) -> None:
        self.name = name
        self.tenant: sdk_connection.Connection = openstack.connect(
            cloud='demo')
        admin = openstack.connect(cloud='admin')
        self._gnocchi: Any = gnocchi_client.Client(
            '1', session=admin.session)
        self.project_id = self.tenant.current_project_id
        self.flavor: Any = self.tenant.compute.find_flavor('m1.small')
        self.server_ids = [self._boot(number) for number in range(servers)]
        self._counters: dict[str, float] = {}
        self._load: threading.Thread | None = None
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._cpu_percent = 0.0
        #: When the first measure of the present load was written.
        self.burnt_at = 0.0

    def _boot(self, number: int) -> str:
        image: Any = self.tenant.image.find_image('pocket')
        server = self.tenant.compute.create_server(
            name=f'{self.name}-{number}', flavor_id=self.flavor.id,
            image_id=image.id, networks='none',
            metadata={'metering.server_group': self.name})
        self.tenant.compute.wait_for_server(server, interval=1, wait=180)
        return str(server.id)

    def back_fill(self, days: float, cpu_percent: float = 60.0) -> None:
        """A history with the shape of a day, up to now.

        Now it is at its mean and rises, whatever the time of the day: what
        is forecast must not hang on when a test is run.
        """
        now = datetime.datetime.now(datetime.UTC)
        end = now.replace(minute=now.minute // 5 * 5, second=0,
                          microsecond=0)
        steps = int(days * 86400 / STEP.total_seconds())
        for server_id in self.server_ids:
            self._create_resource(server_id)
            counter, points, memory = 0.0, [], []
            for step in range(steps, 0, -1):
                moment = end - step * STEP
                days_ago = step * STEP / datetime.timedelta(days=1)
                share = cpu_percent / 100 * (
                    1 - 0.5 * math.sin(days_ago * 2 * math.pi))
                counter += share * STEP.total_seconds() * NANOSECONDS
                points.append(self._measure(moment, counter))
                memory.append(self._measure(moment, MEMORY))
            self._counters[server_id] = counter
            self._push(server_id, {'cpu': points, 'memory.usage': memory})

    def burn(self, cpu_percent: float) -> None:
        """Keep the servers that busy until told otherwise.

        The first time that is from three minutes ago on, and later from
        the next poll on: what was measured already stays as it is.
        """
        with self._lock:
            self._cpu_percent = cpu_percent
            self.burnt_at = 0.0
        if self._load is None:
            self._load = threading.Thread(target=self._feed, daemon=True)
            self._load.start()

    def _feed(self) -> None:
        now = datetime.datetime.now(datetime.UTC)
        for step in range(6, 0, -1):
            self._poll(now - step * POLLING)
        while True:
            with self._lock:
                self._poll(datetime.datetime.now(datetime.UTC))
                self.burnt_at = self.burnt_at or time.time()
            if self._stopped.wait(POLLING.total_seconds()):
                return

    def _poll(self, moment: datetime.datetime) -> None:
        for server_id in self.server_ids:
            self._counters[server_id] += (
                self._cpu_percent / 100 * POLLING.total_seconds()
                * NANOSECONDS)
            self._push(server_id, {
                'cpu': [self._measure(moment, self._counters[server_id])],
                'memory.usage': [self._measure(moment, MEMORY)]})

    def _stop_load(self) -> None:
        if self._load is not None:
            self._stopped.set()
            self._load.join()

    def remove(self) -> None:
        """Take away all that was made here."""
        self._stop_load()
        for server_id in self.server_ids:
            self.tenant.compute.delete_server(
                server_id, ignore_missing=True)
            try:
                self._gnocchi.resource.delete(server_id)
            except Exception:
                # Never made, or gone with the cloud: nothing to keep.
                continue

    def _create_resource(self, server_id: str) -> None:
        policy = {'archive_policy_name': 'pocket-5m'}
        self._gnocchi.resource.create('instance', {
            'id': server_id, 'project_id': self.project_id,
            'user_id': self.tenant.current_user_id,
            'display_name': self.name, 'server_group': self.name,
            'host': 'compute', 'flavor_id': self.flavor.id,
            'flavor_name': self.flavor.name, 'image_ref': '',
            'metrics': {'cpu': policy, 'memory.usage': policy}})

    def _push(self, server_id: str,
              measures: dict[str, list[dict[str, Any]]]) -> None:
        self._gnocchi.metric.batch_resources_metrics_measures(
            {server_id: measures})

    @staticmethod
    def _measure(moment: datetime.datetime,
                 value: float) -> dict[str, Any]:
        return {'timestamp': moment.isoformat(), 'value': value}


def wait_for(what: str, seconds: float, question: Any) -> Any:
    """Ask until the answer is true.

    :raises AssertionError: naming what did not come about
    """
    deadline = time.monotonic() + seconds
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(
                f'not within {seconds} s: {what} (last: {answer!r})')
        time.sleep(1.0)
