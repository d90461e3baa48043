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


"""What the steps of the story share, and how all of it is put away."""

import collections.abc
import datetime
import secrets
from typing import Any

import openstack

from pocket_cloud.demo import checks
from pocket_cloud.demo import history
from pocket_cloud.demo import load as demo_load
from pocket_cloud.demo import metering
from pocket_cloud.demo import narrator
from pocket_cloud.demo import reading
from pocket_cloud.demo import recording
from pocket_cloud.demo import tenant as demo_tenant
from pocket_cloud.demo import trace

#: The application's own servers.
PRIMARY = 4
#: Seconds until all that a reservation held must be gone.
REMOVAL_TIMEOUT = 120


def utcnow() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


class Stage:
    """One telling of the story.

    :param past: the application's demand up to now
    :param own_trace: whether that is the user's own
    """

    def __init__(self, past: trace.Trace, own_trace: bool) -> None:
        self.past = past
        self.own_trace = own_trace
        self.name = f'shop-{secrets.token_hex(3)}'
        self.record = recording.Recording(self.name, past.origin, utcnow())
        self.record.primary = PRIMARY
        self.tell = narrator.Narrator(self.record)
        self.admin = openstack.connect(cloud='admin')
        self.tenant = openstack.connect(cloud=demo_tenant.CLOUD)
        self.reading = reading.Reading(
            self.admin, openstack.connect(cloud='shadow-reserve'),
            self.tenant)
        self.command = demo_tenant.CommandLine(self.tell.command)
        self.application = demo_tenant.Application(self.tenant, self.name)
        flavor = self.application.flavor
        self.size = history.Size(flavor.vcpus, flavor.ram)
        self.record.vcpus = flavor.vcpus
        self.gnocchi = metering.Metering(self.admin, self.name, flavor.id)
        self.members: list[history.Member] = []
        self.load: demo_load.LoadGenerator | None = None
        self.token = ''
        self.trusts: set[str] = set()
        self.raised: datetime.datetime | None = None

    def start_load(self, begun: datetime.datetime) -> None:
        """Go on where the history ended."""
        # Connections of its own: it runs in a thread of its own.
        application = demo_tenant.Application(
            openstack.connect(cloud=demo_tenant.CLOUD), self.name)
        admin = openstack.connect(cloud='admin')
        gnocchi = metering.Metering(
            admin, self.name, self.application.flavor.id)
        self.load = demo_load.LoadGenerator(
            application.servers,
            lambda server_id: gnocchi.create(
                admin.compute.get_server(server_id)),
            gnocchi, self.members, self.size, self.past.calm, begun)
        self.record.live = self.load.samples
        self.load.start()

    def mark(self, moment: datetime.datetime, text: str,
             source: str) -> None:
        self.record.marks.append(recording.Mark(moment, text, source))

    def shadow_servers(self) -> dict[str, Any]:
        """The shadow's servers, as Nova shows them to the tenant."""
        return {server.id: server for server in self.application.servers()
                if server.id not in self.application.server_ids}

    def wait_for(self, look: collections.abc.Callable[[], Any],
                 seconds: float, sentence: str,
                 interval: float = 0.5) -> Any:
        """As ``checks.wait_for``, as long as there is load to speak of."""
        def both() -> Any:
            if self.load is not None:
                self.load.check()
            return look()
        return checks.wait_for(both, seconds, sentence, interval)

    def show_reservation(self, quiet: bool = False) -> dict[str, Any]:
        found: dict[str, Any] = self.command.shadow(
            'reservation', 'show', self.name, quiet=quiet)
        return found

    def events(self, quiet: bool = False) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.command.shadow(
            'event', 'list', self.name, '--long', quiet=quiet)
        for row in found:
            row['Happened At'] = datetime.datetime.fromisoformat(
                row['Happened At'])
        return found

    # Putting away.

    def remove_reservation(self) -> None:
        """Whatever the state it is in, also if its token is not known."""
        for token in self.reading.reservations(self.name):
            self.reading.delete_reservation(token)
        checks.wait_for(
            lambda: not self.reading.reservations(self.name),
            REMOVAL_TIMEOUT, f'Reservation {self.name} is still there')

    def remove_servers(self) -> None:
        checks.wait_for(
            lambda: not self.application.delete(), REMOVAL_TIMEOUT,
            f'Servers of {self.name} are still there', interval=1.0)

    def stop_load(self) -> None:
        if self.load is not None:
            self.load.stop()
