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

"""Volumes of a shadow instance, with the real Cinder and Nova.

The keeper of volumes is driven pass by pass, so that each state of a
member, and what a tenant does in between, can be seen by itself.
"""

from collections.abc import Callable
import dataclasses
import datetime
import pathlib
from typing import Any
import uuid

import openstack
import pytest

from shadow_reserve.cloud import cinder as cloud_cinder
from shadow_reserve.cloud import credentials as cloud_credentials
from shadow_reserve.cloud import nova as cloud_nova
from shadow_reserve.cloud import nova_rows
from shadow_reserve.cloud import trusts as cloud_trusts
from shadow_reserve.cloud import volume_attachments
from shadow_reserve.cmd import options
from shadow_reserve.db import journal as db_journal
from shadow_reserve.db import migration
from shadow_reserve.db import reservations as db_reservations
from shadow_reserve.db import session as db_session
from shadow_reserve.db import shadow as db_shadow
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow
from shadow_reserve.shadow import moves as shadow_moves
from shadow_reserve.shadow import volume_steps
from shadow_reserve.shadow import volumes as shadow_volumes
from tests.functional import application as test_application
from tests.functional import pocket
from tests.unit import samples

State = shadow.InstanceState
wait_for = test_application.wait_for

TEMPLATES = (
    reservation.VolumeTemplate(
        size_gib=1, attach=reservation.AttachTime.BUILD),
    reservation.VolumeTemplate(size_gib=2))


class Member:
    """A member with a real server, in a database of its own."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.tenant: Any = openstack.connect(cloud='demo')
        conf = options.load(
            [], program='test', config_files=[str(pocket.service_config())])
        credentials = cloud_credentials.Credentials(conf)
        self.trusts = cloud_trusts.Trusts(
            credentials.adapter('keystone'), credentials.within,
            ['member', 'reader'])
        self.trust_id = self.trusts.create(
            self.tenant.session.auth,
            user_id=self.tenant.current_user_id,
            project_id=self.tenant.current_project_id, roles=['member'])
        self.cinder = cloud_cinder.Cinder(
            lambda session: credentials.adapter('cinder', session=session))
        self.nova = cloud_nova.Nova(
            lambda session: credentials.adapter('nova', session=session))
        self.database = db_session.Database(f'sqlite:///{folder}/v.sqlite')
        migration.upgrade(self.database)
        self.record = samples.record(
            project_id=self.tenant.current_project_id,
            trust_id=self.trust_id, template=reservation.InstanceTemplate(
                image_id='image', volumes=TEMPLATES))
        self.instance = samples.instance(
            instance_id=str(uuid.uuid4()), state=State.BUILDING,
            state_since=self.now())
        server = self.tenant.compute.create_server(
            name='volumes', networks='none',
            flavor_id=self.tenant.compute.find_flavor('m1.tiny').id,
            image_id=self.tenant.image.find_image('pocket').id,
            metadata={nova_rows.INSTANCE_KEY: self.instance.instance_id})
        self.tenant.compute.wait_for_server(server, interval=1, wait=180)
        self.instance = dataclasses.replace(
            self.instance, server_id=server.id)
        self.database.write(lambda session: db_reservations.add(
            session, self.record))
        self.database.write(lambda session: db_shadow.add_instance(
            session, self.instance))
        self.keeper = shadow_volumes.VolumeKeeper(
            self.database, shadow_moves.Moves(
                self.database, lambda session, token, member, now: member),
            self.cinder, volume_attachments.VolumeAttachments(
                lambda session: credentials.adapter(
                    'nova', session=session)),
            self.trusts, volume_steps.Limits(
                timeout=datetime.timedelta(minutes=2),
                create_grace=datetime.timedelta(seconds=5),
                ask_again=datetime.timedelta(seconds=5)))

    @staticmethod
    def now() -> datetime.datetime:
        return datetime.datetime.now(datetime.UTC)

    def drive(self) -> bool:
        assert self.instance.server_id is not None
        return self.keeper.drive(
            self.record, self.instance,
            self.nova.get_server(self.instance.server_id), self.now())

    def move(self, state: State) -> None:
        def work(session: Any) -> shadow.ShadowInstance:
            [fresh] = db_shadow.list_instances(
                session, samples.ALLOCATION)
            assert fresh.state is self.instance.state, fresh.reason
            return db_shadow.update_instance(
                session, fresh, state=state, state_since=self.now())
        self.instance = self.database.write(work)

    def reach(self, state: State) -> None:
        self.move(state)
        wait_for(f'volumes as {state} wants them', 60, self.drive)

    def act(self, action: str, status: str) -> None:
        """As the tenant, with the server."""
        compute = self.tenant.compute
        getattr(compute, f'{action}_server')(self.instance.server_id)
        wait_for(f'the server is {status}', 60, lambda: compute.get_server(
            self.instance.server_id).status == status)

    def delete_server(self) -> None:
        assert self.instance.server_id is not None
        server_id = self.instance.server_id
        self.nova.delete_server(server_id)
        wait_for('the server is gone', 60,
                 lambda: self.nova.get_server(server_id) is None)

    def volumes(self) -> list[tuple[int | None, str]]:
        return sorted((one.position, one.status) for one in self.listed())

    def listed(self) -> list[Any]:
        return self.cinder.list_volumes(
            self.record.project_id, self.instance.instance_id)

    def id_of(self, position: int) -> str:
        [found] = [one.volume_id for one in self.listed()
                   if one.position == position]
        return str(found)

    def events(self) -> list[str]:
        return [event.kind for _, event in self.database.read(
            lambda session: db_journal.list_events(
                session, samples.TOKEN))]

    def remove(self) -> None:
        self.delete_server()
        for one in self.listed():
            self.cinder.delete_volume(one.volume_id, force=True)
        self.trusts.delete(self.trust_id)


@pytest.fixture
def member(cinder: None, tmp_path: pathlib.Path) -> Any:
    made = Member(tmp_path)
    try:
        yield made
    finally:
        made.remove()


def test_the_life_of_volumes(member: Member) -> None:
    # made while the member settles, one of them attached
    member.reach(State.SETTLING)
    assert member.volumes() == [(0, 'in-use'), (1, 'available')]
    # they are the tenant's, in whose quota they count
    found: Any = member.tenant.block_storage.get_volume(member.id_of(1))
    assert found.size == 2

    # what is attached stays so while the server is shelved
    member.act('shelve', 'SHELVED')
    member.reach(State.AVAILABLE)
    assert member.volumes() == [(0, 'in-use'), (1, 'available')]

    # the other one follows once the server runs again
    member.move(State.PROMOTING)
    assert not member.drive()
    member.act('unshelve', 'ACTIVE')
    member.reach(State.ALLOCATED)
    assert member.volumes() == [(0, 'in-use'), (1, 'in-use')]

    # and is taken off again on the way back
    member.reach(State.RETURNING)
    assert member.volumes() == [(0, 'in-use'), (1, 'available')]

    # the server takes the attachments with it, then the volumes go
    member.move(State.DELETING)
    assert not member.drive()
    member.delete_server()
    wait_for('its volumes are gone', 60, member.drive)
    assert member.volumes() == []
    assert sorted(member.events()) == [
        'volume.attached', 'volume.attached', 'volume.detached',
        'volume.gone', 'volume.gone', 'volume.made', 'volume.made']


def test_what_a_tenant_does_to_them_is_seen_and_said(
        member: Member) -> None:
    storage: Any = member.tenant.block_storage
    member.reach(State.SETTLING)

    # given a volume deleted by hand while it waits
    storage.delete_volume(member.id_of(1))
    wait_for('it is gone', 30,
             lambda: member.volumes() == [(0, 'in-use')])
    # then a new one takes its place
    member.reach(State.ALLOCATED)
    assert member.volumes() == [(0, 'in-use'), (1, 'in-use')]
    assert member.events().count('volume.lost') == 1

    # given one detached by hand from the server that serves
    member.tenant.compute.delete_volume_attachment(
        member.instance.server_id, member.id_of(1))
    wait_for('it is off', 30, lambda: (1, 'available') in member.volumes())
    # then it is left so, and said
    wait_for('it is noticed', 30, member.drive)
    assert member.events().count('volume.taken') == 1
    assert (1, 'available') in member.volumes()

    # given our metadata taken off it
    kept = member.id_of(1)
    storage.delete_volume_metadata(kept, [nova_rows.INSTANCE_KEY])
    # then it is not deleted with the member
    member.move(State.DELETING)
    member.delete_server()
    wait_for('the member is rid of them', 60, member.drive)
    assert storage.get_volume(kept).status == 'available'
    storage.delete_volume(kept)


def test_a_request_made_again_makes_no_second_volume(
        member: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    # given a process that dies after its request, before the answer
    really: Callable[..., str] = member.cinder.create_volume

    def die(*arguments: Any) -> str:
        really(*arguments)
        raise SystemExit
    monkeypatch.setattr(member.cinder, 'create_volume', die)
    member.move(State.SETTLING)
    with pytest.raises(SystemExit):
        member.drive()
    monkeypatch.undo()

    # when the next one goes on
    wait_for('all are there', 60, member.drive)

    # then it has found the volume
    assert member.volumes() == [(0, 'in-use'), (1, 'available')]


def test_one_in_error_does_not_hang_its_member(member: Member) -> None:
    member.move(State.SETTLING)
    member.drive()
    admin: Any = openstack.connect(cloud='admin')
    wait_for('it is made', 30,
             lambda: (1, 'available') in member.volumes())
    admin.block_storage.reset_volume_status(
        member.id_of(1), 'error', None, None)

    assert not member.drive()

    [fresh] = member.database.read(lambda session: db_shadow.list_instances(
        session, samples.ALLOCATION))
    assert fresh.state is State.ERROR
    assert fresh.reason == 'volume 1: Cinder put it into "error"'
    # and what is left of it goes too
    member.instance = fresh
    member.move(State.DELETING)
    member.delete_server()
    wait_for('its volumes are gone', 60, member.drive)
    assert member.volumes() == []


def test_attachments_outlive_an_offload(member: Member) -> None:
    member.reach(State.SETTLING)
    before = member.events()

    # given a server that loses its host while it waits
    member.act('shelve', 'SHELVED')
    admin: Any = openstack.connect(cloud='admin')
    admin.compute.shelve_offload_server(member.instance.server_id)
    wait_for('it is offloaded', 60, lambda: admin.compute.get_server(
        member.instance.server_id).status == 'SHELVED_OFFLOADED')
    member.reach(State.AVAILABLE)
    assert member.events() == before

    # then it has its volumes once it runs somewhere again
    member.act('unshelve', 'ACTIVE')
    member.reach(State.ALLOCATED)
    assert member.volumes() == [(0, 'in-use'), (1, 'in-use')]
    assert 'volume.taken' not in member.events()


def test_an_attachment_that_outlived_its_server_is_ended(
        member: Member) -> None:
    member.reach(State.SETTLING)
    member.move(State.DELETING)
    member.delete_server()

    # given what Nova leaves behind when it cannot reach Cinder in time
    admin: Any = openstack.connect(cloud='admin').block_storage
    made = admin.post('/attachments', microversion='3.44', json={
        'attachment': {
            'volume_uuid': member.id_of(0),
            'instance_uuid': member.instance.server_id,
            'connector': {'initiator': 'iqn.fake', 'host': 'compute-1',
                          'ip': '127.0.0.1'}}}).json()['attachment']
    admin.post(f'/attachments/{made["id"]}/action', microversion='3.44',
               json={'os-complete': {}})
    assert (0, 'in-use') in member.volumes()

    wait_for('its volumes are gone', 60, member.drive)
    assert member.volumes() == []
