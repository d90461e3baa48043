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

"""The volumes of a member, with a Cinder and a Nova that are played."""

import dataclasses
import datetime

import pytest

from shadow_reserve.cloud import exceptions
from shadow_reserve.db import journal as db_journal
from shadow_reserve.db import migration
from shadow_reserve.db import reservations as db_reservations
from shadow_reserve.db import session as db_session
from shadow_reserve.db import shadow as db_shadow
from shadow_reserve.db import volumes as db_volumes
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow
from shadow_reserve.records import volume
from shadow_reserve.shadow import moves as shadow_moves
from shadow_reserve.shadow import volume_steps
from shadow_reserve.shadow import volumes as shadow_volumes
from tests.unit import samples

State = shadow.InstanceState
LIMITS = volume_steps.Limits(timeout=datetime.timedelta(minutes=15))
BUILD = reservation.VolumeTemplate(
    size_gib=1, attach=reservation.AttachTime.BUILD)
PROMOTION = reservation.VolumeTemplate(size_gib=2)


class Cloud:
    """Cinder and Nova's attachments; everything takes one pass."""

    def __init__(self):
        self.volumes = {}
        self.requests = []
        self.refuse = {}
        self.lose_answer = False

    def _asked(self, what):
        self.requests.append(what)
        if what in self.refuse:
            raise self.refuse[what]

    def settle(self):
        """What was asked for has come about."""
        after = {'creating': 'available', 'attaching': 'in-use',
                 'detaching': 'available'}
        for found in list(self.volumes.values()):
            if found.status == 'deleting':
                del self.volumes[found.volume_id]
                continue
            status = after.get(found.status, found.status)
            self.put(found, status=status, attachments={
                'attachment': samples.SERVER} if status == 'in-use'
                and not found.attachments else found.attachments
                if status == 'in-use' else {})

    def put(self, found, **changes):
        self.volumes[found.volume_id] = dataclasses.replace(
            found, **changes)

    def attached(self):
        return frozenset(
            one.volume_id for one in self.volumes.values()
            if one.status in ('attaching', 'detaching')
            or samples.SERVER in one.attachments.values())

    def list_volumes(self, project_id, instance_id=None):
        self._asked('list')
        assert project_id == 'project'
        return [one for one in self.volumes.values()
                if one.instance_id == instance_id]

    def get_volume(self, volume_id):
        self._asked('get')
        return self.volumes.get(volume_id)

    def create_volume(self, session, record, instance_id, position):
        assert session == 'session within trust'
        self._asked('create')
        volume_id = f'volume-{len(self.requests)}'
        self.volumes[volume_id] = volume.Volume(
            volume_id=volume_id, project_id=record.project_id,
            instance_id=instance_id, token=record.token, position=position,
            status='creating', attachments={}, created_at=samples.NOW)
        if self.lose_answer:
            self.lose_answer = False
            raise exceptions.ServiceUnavailable('cinder', 'time-out')
        return volume_id

    def delete_volume(self, volume_id, *, force=False):
        self._asked('force delete' if force else 'delete')
        self.put(self.volumes[volume_id], status='deleting')

    def delete_attachment(self, attachment_id):
        self._asked('delete attachment')
        for found in list(self.volumes.values()):
            if attachment_id in found.attachments:
                self.put(found, status='available', attachments={})

    def disown_volume(self, volume_id):
        self._asked('disown')
        self.put(self.volumes[volume_id], instance_id='', position=None)

    def attach(self, session, server_id, volume_id):
        assert (session, server_id) == ('session within trust',
                                        samples.SERVER)
        self._asked('attach')
        self.put(self.volumes[volume_id], status='attaching')

    def detach(self, session, server_id, volume_id):
        self._asked('detach')
        self.put(self.volumes[volume_id], status='detaching')


class Trusts:
    def session_for(self, trust_id):
        return f'session within {trust_id}'


class Story:
    """One member on a real database, its volumes driven pass by pass."""

    def __init__(self, database, *templates):
        self.cloud = Cloud()
        self.now = samples.NOW
        self.database = database
        self.record = samples.record(template=reservation.InstanceTemplate(
            image_id='image', volumes=templates))
        self.member = samples.instance(state=State.SETTLING)
        database.write(lambda session: db_reservations.add(
            session, self.record))
        database.write(lambda session: db_shadow.add_instance(
            session, self.member))
        self.keeper = shadow_volumes.VolumeKeeper(
            database, shadow_moves.Moves(
                database, lambda session, token, member, now: member),
            self.cloud, self.cloud, Trusts(), LIMITS)

    def move(self, state):
        def work(session):
            [fresh] = db_shadow.list_instances(session, samples.ALLOCATION)
            return db_shadow.update_instance(
                session, fresh, state=state, state_since=self.now)
        self.member = self.database.write(work)

    def drive(self, status='ACTIVE', server=True, after=10, task=None):
        """One pass, some seconds after the one before."""
        self.cloud.settle()
        self.now += datetime.timedelta(seconds=after)
        self.cloud.requests.clear()
        return self.keeper.drive(self.record, self.member, samples.server(
            status=status, task_state=task,
            volume_ids=self.cloud.attached()) if server else None, self.now)

    def until_done(self, **how):
        for _ in range(6):
            if self.drive(**how):
                return
        raise AssertionError('not done after six passes')

    def reach(self, state):
        """A member in that state, all its volumes as they should be."""
        self.until_done()
        for one in (State.AVAILABLE, State.ALLOCATED, State.RETURNING):
            if self.member.state is state:
                return
            self.move(one)
            self.until_done(
                status='SHELVED' if one is State.AVAILABLE else 'ACTIVE')

    def only(self):
        [found] = self.cloud.volumes.values()
        return found

    def rows(self):
        return self.database.read(lambda session: db_volumes.list_volumes(
            session, samples.INSTANCE))

    def state(self):
        return self.database.read(lambda session: db_shadow.get_instances(
            session, [samples.INSTANCE]))[samples.INSTANCE].state

    def events(self):
        return [event.kind for _, event in self.database.read(
            lambda session: db_journal.list_events(
                session, samples.TOKEN))]


@pytest.fixture
def story(tmp_path):
    database = db_session.Database(f'sqlite:///{tmp_path}/test.sqlite')
    migration.upgrade(database)
    return lambda *templates: Story(database, *templates)


def test_without_volumes_nothing_is_asked(story):
    one = story()
    for state in State:
        one.move(state)
        assert one.drive()
        assert one.cloud.requests == []


def test_a_life_with_both_kinds(story):
    one = story(BUILD, PROMOTION)

    # made as the member settles, and the first one attached
    assert not one.drive()
    assert one.cloud.requests.count('create') == 2
    one.until_done()
    assert len(one.cloud.attached()) == 1
    # nothing more is asked, settled or held
    assert one.drive() and one.cloud.requests == []
    one.move(State.AVAILABLE)
    assert one.drive(status='SHELVED') and one.cloud.requests == []

    # both are attached as soon as it serves, and that asks no more
    one.move(State.PROMOTING)
    assert not one.drive(status='SHELVED', task='unshelving')
    one.move(State.ALLOCATED)
    one.until_done()
    assert len(one.cloud.attached()) == 2
    assert one.drive() and one.cloud.requests == []

    # the second one is detached on the way back
    one.move(State.RETURNING)
    assert not one.drive()
    assert 'detach' in one.cloud.requests
    one.until_done()
    assert len(one.cloud.attached()) == 1

    # and nothing is left of them at the end
    one.move(State.DELETING)
    assert not one.drive() and one.cloud.requests == []
    for found in list(one.cloud.volumes.values()):
        one.cloud.put(found, status='available', attachments={})
    one.until_done(server=False)
    assert one.cloud.volumes == {} and one.rows() == {}
    assert one.events() == [
        'volume.made', 'volume.made', 'volume.attached',
        'volume.attached', 'volume.detached', 'volume.gone', 'volume.gone']


def test_a_lost_answer_makes_no_second_volume(story):
    one = story(PROMOTION)
    one.cloud.lose_answer = True
    with pytest.raises(exceptions.ServiceUnavailable):
        one.drive()

    one.until_done()

    assert one.rows()[0].volume_id == one.only().volume_id
    assert one.state() is State.SETTLING


def test_a_lost_request_is_made_again_when_it_cannot_come_any_more(story):
    one = story(PROMOTION)
    one.cloud.refuse['create'] = exceptions.ServiceUnavailable('cinder', '')
    with pytest.raises(exceptions.ServiceUnavailable):
        one.drive()
    del one.cloud.refuse['create']

    assert not one.drive(after=30)
    assert one.cloud.requests == ['list']
    assert not one.drive(after=31)
    assert one.cloud.requests == ['list', 'create', 'get']


def test_what_cinder_refuses_is_an_error_of_the_member(story):
    one = story(PROMOTION, PROMOTION)
    one.cloud.refuse['create'] = exceptions.CloudError(
        'cinder', 'no such volume type')

    assert not one.drive()

    assert one.cloud.requests == ['create']
    assert one.state() is State.ERROR


@pytest.mark.parametrize('status', ['error', 'creating'])
def test_what_is_not_made_does_not_hang_the_member(story, status):
    one = story(PROMOTION)
    one.drive()
    waited = 0
    while one.state() is State.SETTLING:
        one.cloud.settle()
        one.cloud.put(one.only(), status=status)
        one.cloud.settle = lambda: None
        one.drive(after=60)
        waited += 1
    assert one.state() is State.ERROR
    assert waited == (1 if status == 'error' else 15)

    # when the member goes, so does what Cinder made of it
    one.move(State.DELETING)
    del one.cloud.settle
    one.until_done(server=False)
    assert one.cloud.volumes == {}


def test_a_busy_server_is_waited_for(story):
    one = story(BUILD)
    one.drive()
    assert not one.drive(task='spawning')
    assert 'attach' not in one.cloud.requests
    one.cloud.refuse['attach'] = exceptions.Conflict('nova', 'is locked')
    assert not one.drive()
    assert not one.drive(after=15)
    assert 'attach' not in one.cloud.requests
    del one.cloud.refuse['attach']
    one.until_done()
    assert one.state() is State.SETTLING


def test_what_cannot_be_attached_is_said_and_a_server_that_serves_stays(
        story):
    one = story(PROMOTION)
    one.reach(State.AVAILABLE)
    one.move(State.ALLOCATED)
    one.cloud.refuse['attach'] = exceptions.Forbidden('nova', 'too many')

    for _ in range(40):
        assert not one.drive(after=60)

    assert one.state() is State.ALLOCATED
    assert one.events().count('volume.failed') == 2
    assert one.rows()[0].reason == 'too many'


def test_one_deleted_by_hand_is_made_anew(story):
    one = story(PROMOTION)
    one.reach(State.AVAILABLE)
    one.cloud.volumes.clear()
    one.move(State.ALLOCATED)

    one.until_done()

    assert one.only().status == 'in-use'
    assert 'volume.lost' in one.events()


def test_one_detached_by_hand_from_a_server_that_serves_is_left(story):
    one = story(BUILD)
    one.reach(State.ALLOCATED)
    one.cloud.put(one.only(), status='available', attachments={})

    one.until_done()
    assert one.events().count('volume.taken') == 1
    assert one.drive() and one.cloud.requests == []

    # until the server is on its way back
    one.move(State.RETURNING)
    one.until_done()
    assert one.only().status == 'in-use'


def test_one_detached_by_hand_while_its_server_waits(story):
    one = story(BUILD)
    one.reach(State.AVAILABLE)
    one.cloud.put(one.only(), status='available', attachments={})

    assert one.drive(status='SHELVED') and one.drive(status='SHELVED')
    assert one.events().count('volume.taken') == 1
    assert one.cloud.requests == []

    one.move(State.ALLOCATED)
    one.until_done()
    assert one.only().status == 'in-use'


def test_one_that_somebody_uses_elsewhere_is_never_deleted(story):
    one = story(PROMOTION)
    one.reach(State.AVAILABLE)
    one.cloud.put(one.only(), status='in-use',
                  attachments={'theirs': 'another server'})
    one.move(State.DELETING)

    one.until_done(server=False)

    assert one.only().status == 'in-use' and one.only().instance_id == ''
    assert 'volume.left' in one.events()
    assert one.rows() == {}


def test_one_without_our_metadata_is_never_deleted(story):
    one = story(PROMOTION)
    one.reach(State.AVAILABLE)
    one.cloud.put(one.only(), instance_id='')
    one.move(State.DELETING)

    assert one.drive(server=False)

    assert one.cloud.requests == ['list', 'get']
    assert one.only().status == 'available'


def test_an_attachment_that_outlived_its_server_is_ended(story):
    one = story(BUILD)
    one.reach(State.AVAILABLE)
    one.move(State.DELETING)

    assert not one.drive(server=False)
    assert one.cloud.requests == ['list']
    assert not one.drive(server=False, after=60)
    assert one.cloud.requests == ['list', 'delete attachment']
    one.until_done(server=False)
    assert one.cloud.volumes == {}


def test_one_with_snapshots_is_left_to_its_owner_in_the_end(story):
    one = story(PROMOTION)
    one.reach(State.AVAILABLE)
    refusal = exceptions.CloudError('cinder', 'it has snapshots')
    one.cloud.refuse.update({'delete': refusal, 'force delete': refusal})
    one.move(State.DELETING)

    assert not one.drive(server=False)
    assert not one.drive(server=False, after=900)
    assert one.drive(server=False)
    assert one.only().instance_id == ''


def test_a_volume_on_its_way_is_waited_for_at_the_end(story):
    """An engine died after its request; Cinder has not made it yet."""
    one = story(PROMOTION)
    one.cloud.refuse['create'] = exceptions.ServiceUnavailable('cinder', '')
    with pytest.raises(exceptions.ServiceUnavailable):
        one.drive()
    one.move(State.DELETING)

    assert not one.drive(server=False, after=59)
    del one.cloud.refuse['create']
    one.cloud.create_volume(
        'session within trust', one.record, samples.INSTANCE, 0)
    assert not one.drive(server=False)
    one.until_done(server=False)
    assert one.cloud.volumes == {}
