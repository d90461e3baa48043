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

"""A cloud for one test: Nova, Placement, a tenant, and our own code."""

from collections.abc import Callable
import datetime
import decimal
from importlib import metadata
import logging
import pathlib
import time
from typing import Any
import uuid
import warnings

import fixtures
from nova.tests.functional import integrated_helpers
from sqlalchemy import exc as sqlalchemy_exc

from shadow_reserve.cloud import cinder as cloud_cinder
from shadow_reserve.cloud import compute_hosts as cloud_hosts
from shadow_reserve.cloud import exceptions as cloud_exceptions
from shadow_reserve.cloud import nova as cloud_nova
from shadow_reserve.cloud import octavia as cloud_octavia
from shadow_reserve.cloud import placement as cloud_placement
from shadow_reserve.cloud import probe as cloud_probe
from shadow_reserve.cloud import volume_attachments as cloud_attachments
from shadow_reserve.cloud import webhook as cloud_webhook
from shadow_reserve.db import journal as db_journal
from shadow_reserve.db import migration
from shadow_reserve.db import reservations as db_reservations
from shadow_reserve.db import session as db_session
from shadow_reserve.db import shadow as db_shadow
from shadow_reserve.engine import observation
from shadow_reserve.lease import accounts
from shadow_reserve.lease import terms
from shadow_reserve.records import journal
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow
from shadow_reserve.shadow import building
from shadow_reserve.shadow import claims as shadow_claims
from shadow_reserve.shadow import hook_requests as shadow_hook_requests
from shadow_reserve.shadow import joining as shadow_joining
from shadow_reserve.shadow import lifecycle
from shadow_reserve.shadow import manager as shadow_manager
from shadow_reserve.shadow import member_steps
from shadow_reserve.shadow import moves as shadow_moves
from shadow_reserve.shadow import volume_steps as shadow_volume_steps
from shadow_reserve.shadow import volumes as shadow_volumes
from tests.integration import doors
from tests.unit import samples

State = shadow.InstanceState

SERVICE = doors.Caller(user_id='admin', project_id='service',
                       roles=('admin', 'member', 'reader'))
OWNER = doors.Caller(user_id='owner', project_id=uuid.uuid4().hex,
                     roles=('member', 'reader'))
STRANGER = doors.Caller(user_id='stranger', project_id=uuid.uuid4().hex,
                        roles=('member', 'reader'))

#: An image and flavors that Nova's fixtures come with. A host of theirs has
#: 8192 MiB: four small ones fill it, and a huge one fits on none.
IMAGE = '155d900f-4e14-4e4c-a73d-069cbf4541e6'
TINY = reservation.InstanceSize(
    flavor_id='1', vcpus=1, memory_mib=512, disk_gib=1)
SMALL = reservation.InstanceSize(
    flavor_id='2', vcpus=1, memory_mib=2048, disk_gib=20)
HUGE = reservation.InstanceSize(
    flavor_id='5', vcpus=8, memory_mib=16384, disk_gib=160)
SMALL_ONES_ON_A_HOST = 4

#: Of the clock that the manager is given, which jumps on from pass to pass.
STEP = datetime.timedelta(seconds=1)
LIMITS = lifecycle.Limits(
    settle_time=datetime.timedelta(seconds=3),
    build_timeout=datetime.timedelta(hours=1),
    promotion_timeout=datetime.timedelta(hours=1),
    error_backoff=datetime.timedelta(hours=1))

#: Real seconds after which something that Nova should do is given up.
PATIENCE = 60.0
_POLL = 0.05

# It tells of every thread pool that it closes, after the test's end.
logging.getLogger('nova.thread_pool_factory').setLevel(logging.WARNING)

_RATES = terms.RateCard(**{
    way: {'VCPU': decimal.Decimal(price)} for way, price in (
        ('base', '1'), ('hold', '0.5'), ('use', '2'))})


class CloudTestCase(integrated_helpers.ProviderUsageBaseTestCase):
    """Given a cloud with one or more hosts, an owner with a reservation,
    and the service's manager over a database of its own.

    ``now`` is the time as the manager is told it.
    """

    compute_driver = 'fake.MediumFakeDriver'
    hosts: tuple[str, ...] = ('compute-1',)
    shelved_offload_time = -1

    def setUp(self) -> None:
        self.flags(api_paste_config=_paste_file(), group='wsgi')
        self.flags(shelved_offload_time=self.shelved_offload_time,
                   reserved_host_memory_mb=0)
        _ignore_deprecations()
        super().setUp()
        _ignore_deprecations()
        for host in self.hosts:
            self._start_compute(host)
        self.doors = doors.Doors(
            {'compute': self.api_fixture.base_url,
             'placement': self.placement.fixture.endpoint}, SERVICE)
        self.owner = self.doors.session(OWNER)
        self.nova = cloud_nova.Nova(self.doors.nova)
        self.claims = cloud_placement.Placement(self.doors.placement())
        folder = self.useFixture(fixtures.TempDir()).path
        self.database = db_session.Database(
            f'sqlite:///{pathlib.Path(folder) / "shadow.sqlite"}')
        self.addCleanup(self.database.engine.dispose)
        migration.upgrade(self.database)
        self.moves = shadow_moves.Moves(
            self.database, accounts.Accounts(_RATES).charge)
        self.now = samples.NOW
        self.manager = self.start_manager(self.nova)

    # Given

    def start_manager(
            self, nova: cloud_nova.Nova) -> shadow_manager.ShadowManager:
        """A manager that knows nothing but what the database says."""
        trusts = doors.Trusts({'trust': self.owner})
        joining = shadow_joining.Joining(
            self.database, shadow_hook_requests.HookRequests(
                nova, cloud_octavia.Octavia(self.doors.nova),
                cloud_webhook.Webhooks(('127.0.0.0/8',)), trusts),
            LIMITS.promotion_timeout,
            lambda: self.now)
        self.steps = member_steps.MemberSteps(
            self.database, self.moves, nova, self.claims,
            shadow_claims.Claims(
                self.database, self.moves, nova, self.claims,
                cloud_hosts.ComputeHosts(self.doors.nova()),
                samples.AmpleRoom()),
            shadow_volumes.VolumeKeeper(
                self.database, self.moves,
                # No template here has volumes: it is never asked.
                cloud_cinder.Cinder(self.doors.nova),
                cloud_attachments.VolumeAttachments(self.doors.nova),
                trusts, shadow_volume_steps.Limits(
                    timeout=LIMITS.build_timeout)),
            joining, cloud_probe.Prober(()), trusts, LIMITS)
        return shadow_manager.ShadowManager(
            self.database, self.moves, self.steps, joining, LIMITS)

    def given_reservation(
            self, **changes: Any) -> reservation.ReservationRecord:
        record = samples.record(**{
            'user_id': OWNER.user_id, 'project_id': OWNER.project_id,
            'size': SMALL, 'trust_id': 'trust',
            'template': reservation.InstanceTemplate(image_id=IMAGE),
            **changes})
        self.database.write(
            lambda session: db_reservations.add(session, record))
        return record

    def given_members(
            self, record: reservation.ReservationRecord, count: int = 1,
            state: State = State.AVAILABLE) -> list[shadow.ShadowInstance]:
        """Members that the manager has brought to ``state``."""
        building.add_to_pool(
            self.database, record, count, self.now, 'a test wants them')
        return self.drive_until(record, state)

    def given_server(
            self, caller: doors.Caller = OWNER, *, name: str = 'app',
            size: reservation.InstanceSize = TINY,
            hints: dict[str, str] | None = None, **fields: Any) -> str:
        """An ordinary server of a tenant that runs; gives its id."""
        body: dict[str, Any] = {'server': {
            'name': name, 'imageRef': IMAGE, 'flavorRef': size.flavor_id,
            'networks': 'none', **fields}}
        if hints:
            body['os:scheduler_hints'] = hints
        answer = self.ask_nova(caller, 'POST', '/servers', json=body)
        server_id = str(answer['server']['id'])
        self.wait_for_status(server_id, 'ACTIVE')
        return server_id

    # When

    def ask_nova(self, caller: doors.Caller, method: str, path: str,
                 **kwargs: Any) -> Any:
        """What anybody may ask of Nova, past our own code."""
        response = self.doors.nova(self.doors.session(caller)).request(
            path, method, microversion=cloud_nova.MICROVERSION, **kwargs)
        return response.json() if response.content else None

    def drive(self, record: reservation.ReservationRecord,
              ) -> list[cloud_exceptions.CloudError]:
        """One pass of an engine over the shadow of a reservation."""
        self.now += STEP
        record = self.database.read(
            lambda session: db_reservations.get(session, record.token))
        seen = observation.observe(
            self.nova, record, self.manager.members(record))
        return self.manager.drive(record, seen.servers, self.now)

    def drive_until(
            self, record: reservation.ReservationRecord, state: State,
    ) -> list[shadow.ShadowInstance]:
        """Passes until all members are in ``state``; gives the members."""
        def there() -> list[shadow.ShadowInstance] | None:
            self.assertEqual([], self.drive(record))
            members = self.manager.members(record)
            if all(member.state is state for member in members):
                return members
            return None
        return self.wait(there, lambda: self.story(record))

    def drive_until_gone(
            self, record: reservation.ReservationRecord) -> None:
        def gone() -> bool:
            self.assertEqual([], self.drive(record))
            return not self.manager.members(record)
        self.wait(gone, lambda: self.story(record))

    # Then

    def status_of(self, server_id: str) -> str | None:
        server = self.nova.get_server(server_id)
        return server.status if server else None

    def wait_for_status(self, server_id: str, status: str | None) -> None:
        """:param status: ``None`` for a server that is gone"""
        self.wait(lambda: self.status_of(server_id) == status,
                  lambda: f'{server_id} is {self.status_of(server_id)}')

    def wait_for_claim(self, server_id: str, host: str | None) -> None:
        """Nova lets go of a claim a little after the server is gone."""
        self.wait(
            lambda: self.claims.claim_of(server_id) == host,
            lambda: f'claimed on {self.claims.claim_of(server_id)}')

    def image_ids(self) -> set[str]:
        return set(self.glance.images)

    def events(self, record: reservation.ReservationRecord, kind: str,
               ) -> list[journal.Event]:
        rows = self.database.read(
            lambda session: db_journal.list_events(session, record.token))
        return [event for _, event in rows if event.kind == kind]

    def status_of_shadow(
            self, record: reservation.ReservationRecord,
    ) -> shadow.AllocationStatus:
        return self.database.read(lambda session: db_shadow.get_allocation(
            session, record.token)).status

    def story(self, record: reservation.ReservationRecord) -> str:
        """All that was written down of a reservation."""
        rows = self.database.read(
            lambda session: db_journal.list_events(session, record.token))
        return '\n'.join(
            f'{event.happened_at:%H:%M:%S} {event.kind}: {event.message}'
            for _, event in rows)

    def wait(self, probe: Callable[[], Any],
             describe: Callable[[], str]) -> Any:
        """The first true answer of ``probe``."""
        deadline = time.monotonic() + PATIENCE
        while not (answer := probe()):
            if time.monotonic() > deadline:
                self.fail(f'Not within {PATIENCE} s:\n{describe()}')
            time.sleep(_POLL)
        return answer


def _ignore_deprecations() -> None:
    """Nova's fixtures make errors of them, also of those of a SQLAlchemy
    that is newer than the one that Nova was tested with."""
    warnings.filterwarnings(
        'ignore', category=sqlalchemy_exc.SADeprecationWarning)


def _paste_file() -> str:
    """Where Nova's package has put the pipelines of its API."""
    for file in metadata.files('nova') or ():
        if file.match('etc/nova/api-paste.ini'):
            return str(pathlib.Path(str(file.locate())).resolve())
    raise AssertionError('this package of nova has no api-paste.ini')
