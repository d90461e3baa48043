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

"""The hooks of members, on a real database, with others who are played."""

import dataclasses
import datetime

import pytest

from shadow_reserve.cloud import exceptions
from shadow_reserve.db import hooks as db_hooks
from shadow_reserve.db import journal as db_journal
from shadow_reserve.db import migration
from shadow_reserve.db import promotions as db_promotions
from shadow_reserve.db import reservations as db_reservations
from shadow_reserve.db import session as db_session
from shadow_reserve.db import shadow as db_shadow
from shadow_reserve.db import volumes as db_volumes
from shadow_reserve.records import hook
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow
from shadow_reserve.records import volume
from shadow_reserve.shadow import hook_requests
from shadow_reserve.shadow import joining
from shadow_reserve.shadow import moves as shadow_moves
from tests.unit import samples

State = shadow.InstanceState
TIMEOUT = datetime.timedelta(minutes=2)
WEBHOOK = hook.Hook(kind=hook.HookKind.WEBHOOK,
                    url='http://example.org/secret')
POOL = hook.Hook(kind=hook.HookKind.OCTAVIA_POOL, pool_id='pool',
                 protocol_port=80)
ITEM = hook.Hook(kind=hook.HookKind.METADATA, key='role', value='web')
SECOND = '55555555-5555-4555-8555-555555555555'


class Killed(BaseException):
    """The process dies at that line."""


class Others:
    """Nova, Octavia and a webhook's receiver."""

    def __init__(self):
        self.told, self.pool, self.metadata = [], {}, {}
        self.asked = []
        self.fail = {}
        self.after = {}

    def _asked(self, what):
        self.asked.append(what)
        if self.fail.get(what) is not None:
            raise self.fail[what]

    def _answered(self, what):
        if what in self.after:
            raise self.after.pop(what)

    def post(self, url, body, idempotency_key):
        self._asked('webhook')
        assert body['id'] == idempotency_key
        self.told.append(body)
        self._answered('webhook')

    def add_member(self, session, pool_id, name, address, port):
        self._asked('add')
        assert session == 'session within trust'
        self.pool[name] = (pool_id, address, port)
        self._answered('add')

    def remove_member(self, session, pool_id, name):
        self._asked('remove')
        self.pool.pop(name, None)
        self._answered('remove')

    def set_metadata(self, session, server_id, key, value):
        self._asked('set')
        self.metadata[key] = value
        self._answered('set')

    def delete_metadata(self, session, server_id, key):
        self._asked('delete')
        self.metadata.pop(key, None)
        self._answered('delete')

    def session_for(self, trust_id):
        return f'session within {trust_id}'


class Story:
    def __init__(self, database, *hooks, **template):
        self.database = database
        self.others = Others()
        self.now = samples.NOW
        database.write(lambda session: db_reservations.add(
            session, samples.record(
                policy=samples.policy(hooks=hooks),
                template=reservation.InstanceTemplate(
                    image_id='image', **template))))
        database.write(lambda session: db_shadow.add_instance(
            session, samples.instance()))
        self.moves = shadow_moves.Moves(
            database, lambda session, token, member, now: member)
        requests = hook_requests.HookRequests(
            self.others, self.others, self.others, self.others)
        self.joining = joining.Joining(
            database, requests, TIMEOUT, lambda: self.now)

    def serve(self):
        self.moves.promote(samples.TOKEN, 10, self.now, 'a test wants it')
        for member in self.members():
            self.moves.move(samples.TOKEN, member, State.ALLOCATED,
                            self.now, 'runs')

    def move(self, state):
        self.moves.move(
            samples.TOKEN, self.member(), state, self.now, 'a test')

    def drive(self, status='ACTIVE', after=10, server=True):
        """One pass, some seconds after the one before."""
        self.now += datetime.timedelta(seconds=after)
        self.others.asked.clear()
        self.joining.drive(self.record(), self.members(), {
            member.instance_id: samples.server(
                server_id=member.server_id, status=status,
                addresses=('10.0.0.9', '10.1.0.9'))
            for member in self.members()} if server else {}, self.now)

    def record(self):
        return self.database.read(
            lambda session: db_reservations.get(session, samples.TOKEN))

    def members(self):
        return self.database.read(lambda session: db_shadow.list_instances(
            session, samples.ALLOCATION))

    def member(self):
        [member] = self.members()
        return member

    def rows(self):
        return self.database.read(lambda session: db_hooks.list_hooks(
            session, [samples.INSTANCE])).get(samples.INSTANCE, {})

    def promotion(self):
        return self.database.read(
            lambda session: db_promotions.list_promotions(
                session, samples.TOKEN))[-1][1]

    def events(self, kind=''):
        return [event for _, event in self.database.read(
            lambda session: db_journal.list_events(session, samples.TOKEN))
            if event.kind.startswith(kind)]

    def kinds(self):
        return [event.kind for event in self.events()]

    def is_joining(self):
        return self.database.read(
            lambda session: db_shadow.is_joining(session, samples.TOKEN))

    def held_back(self):
        return bool(self.joining.held_back(self.members(), self.now))

    def change_hooks(self, *hooks):
        self.database.write(lambda session: db_reservations.update(
            session, db_reservations.get(session, samples.TOKEN), self.now,
            policy=samples.policy(hooks=hooks)))


@pytest.fixture
def story(tmp_path):
    database = db_session.Database(f'sqlite:///{tmp_path}/test.sqlite')
    migration.upgrade(database)
    return lambda *hooks, **template: Story(database, *hooks, **template)


def test_without_hooks_one_has_joined_as_soon_as_it_serves(story):
    one = story()
    one.drive(status='SHELVED')
    assert one.member().joined_at is None
    one.serve()
    one.drive()
    assert one.member().joined_at == one.promotion().joined_at == one.now
    assert 'instance.joined' not in one.kinds()
    joined_at = one.now
    one.drive()
    assert one.member().joined_at == joined_at
    assert one.others.asked == []


def test_what_a_hook_takes_is_counted(story, monkeypatch):
    # given a webhook that takes four seconds
    one = story(WEBHOOK)
    asked = one.others._asked

    def slowly(what):
        one.now += datetime.timedelta(seconds=4)
        asked(what)
    monkeypatch.setattr(one.others, '_asked', slowly)

    # when it is run, and undone
    one.serve()
    begun = one.now + datetime.timedelta(seconds=10)
    one.drive()
    # then it had joined after that time
    assert one.member().joined_at == one.promotion().joined_at == (
        begun + datetime.timedelta(seconds=4)) == one.events()[-1].happened_at
    one.move(State.RETURNING)
    one.drive()
    # and drains from when it was undone
    assert one.member().state_since == one.now


def test_none_has_joined_before_it_serves(story):
    # given one that comes to serve while a pass is under way
    one = story()
    one.serve()
    serves_at = one.member().state_since
    one.now -= datetime.timedelta(seconds=1)
    one.drive(after=0)
    assert one.member().joined_at == one.promotion().joined_at == serves_at


def test_there_and_back_again(story):
    one = story(WEBHOOK, POOL, ITEM)
    one.drive(status='SHELVED')
    assert one.others.asked == []

    one.serve()
    assert one.is_joining()
    one.drive()
    assert not one.is_joining()
    assert one.others.metadata == {'role': 'web'}
    assert one.others.pool == {
        f'shadow-{samples.INSTANCE}-80': ('pool', '10.0.0.9', 80)}
    [told] = one.others.told
    assert told == {
        'id': told['id'], 'event': 'join', 'reservation': samples.TOKEN,
        'instance_id': samples.INSTANCE, 'server_id': samples.SERVER,
        'addresses': ['10.0.0.9', '10.1.0.9'],
        'time': one.now.isoformat().replace('+00:00', 'Z')}
    assert one.member().joined_at == one.promotion().joined_at == one.now
    assert one.kinds()[-1] == 'instance.joined'
    assert one.events()[-1].details['hooks'] == [
        'metadata', 'octavia_pool', 'webhook']
    one.drive()
    assert one.others.asked == []

    one.move(State.RETURNING)
    assert one.held_back()
    assert one.member().joined_at is None
    one.drive()
    assert not one.held_back()
    assert one.others.metadata == one.others.pool == {}
    assert one.others.told[-1]['event'] == 'leave'
    assert one.others.told[-1]['id'] != told['id']
    assert one.kinds()[-1] == 'instance.left'
    # it drains from now on
    assert one.member().state_since == one.now
    assert one.joining.is_undone(one.member())
    one.drive()
    assert one.others.asked == []


def test_a_webhook_that_is_away_is_told_the_same_later(story):
    one = story(WEBHOOK)
    one.serve()
    one.others.fail['webhook'] = exceptions.ServiceUnavailable(
        'webhook', 'http://example.org: refused')
    one.drive()
    one.drive()
    assert one.member().joined_at is None
    [event] = one.events('instance.hook_failed')
    assert event.severity.value == 'warning'
    assert event.details['hook'] == 'webhook'
    assert 'tried again' in event.message
    assert 'secret' not in event.message

    # and it was told already, but the answer got lost
    one.others.fail.clear()
    one.others.after['webhook'] = exceptions.ServiceUnavailable(
        'webhook', 'time-out')
    one.drive(after=20)
    one.drive(after=60)
    assert [told['id'] for told in one.others.told] == [
        one.others.told[0]['id']] * 2
    assert one.others.told[0] == one.others.told[1]
    assert one.member().joined_at == one.now


def test_one_that_stays_away_is_done_without(story):
    one = story(WEBHOOK, ITEM)
    one.serve()
    one.others.fail['webhook'] = exceptions.ServiceUnavailable(
        'webhook', 'is away')
    for _ in range(12):
        one.drive()
        assert one.others.metadata == {'role': 'web'}
    assert one.member().joined_at is None
    one.drive()
    assert one.member().joined_at == one.now
    [_, last] = one.events('instance.hook_failed')
    assert 'given up' in last.message
    [event] = one.events('instance.joined')
    assert event.severity.value == 'warning'
    one.drive(after=600)
    assert one.others.asked == []

    # nobody waits for it on the way back, and it is told once
    one.move(State.RETURNING)
    one.drive()
    assert one.others.asked.count('webhook') == 1
    assert not one.held_back()
    one.drive(after=60)
    assert one.joining.is_undone(one.member())


def test_a_way_back_is_held_back_only_so_long(story):
    one = story(WEBHOOK, POOL)
    one.serve()
    one.drive()
    one.move(State.RETURNING)
    for what in ('webhook', 'remove'):
        one.others.fail[what] = exceptions.ServiceUnavailable(what, 'away')
    for _ in range(12):
        one.drive()
        assert one.held_back()
    one.drive()
    assert not one.held_back()
    # the webhook is not told any more, but the pool is left in the end
    one.others.fail.clear()
    one.move(State.AVAILABLE)
    one.drive(status='SHELVED', after=60)
    assert 'webhook' not in one.others.asked
    assert one.others.pool == {}
    assert one.joining.is_undone(one.member())


def test_a_load_balancer_that_is_busy_is_asked_again_soon(story):
    one = story(POOL)
    one.serve()
    one.others.fail['add'] = exceptions.Conflict('octavia', 'immutable')
    for _ in range(20):
        one.drive(after=2)
        assert one.others.asked == ['add']
    assert one.events('instance.hook_failed') == []
    one.others.fail.clear()
    one.drive(after=2)
    assert one.member().joined_at == one.now


def test_no_load_balancers_in_this_cloud_is_said(story):
    one = story(POOL)
    one.serve()
    one.others.fail['add'] = exceptions.CloudError(
        'octavia', 'this cloud offers no load balancers')
    one.drive()
    [event] = one.events('instance.hook_failed')
    assert 'no load balancers' in event.message
    assert 'pool pool' in event.message


def test_one_pool_is_changed_by_one_after_another(story):
    one = story(POOL)
    one.database.write(lambda session: db_shadow.add_instance(
        session, samples.instance(instance_id=SECOND, server_id=SECOND)))
    one.serve()
    one.others.fail['add'] = exceptions.Conflict('octavia', 'immutable')
    one.drive()
    assert one.others.asked == ['add']
    one.others.fail.clear()
    one.drive()
    assert one.others.asked == ['add', 'add']
    assert len(one.others.pool) == 2


def test_several_members_are_seen_to_side_by_side(story):
    one = story(WEBHOOK, ITEM)
    one.database.write(lambda session: db_shadow.add_instance(
        session, samples.instance(instance_id=SECOND, server_id=SECOND)))
    one.serve()
    one.drive()
    assert len(one.others.told) == 2
    assert all(member.joined_at == one.now for member in one.members())


@pytest.mark.parametrize('server', [True, False])
def test_one_that_is_deleted_leaves_first(story, server):
    one = story(WEBHOOK, POOL, ITEM)
    one.serve()
    one.drive()
    one.move(State.DELETING)
    assert one.held_back()
    one.drive(server=server)
    assert not one.held_back()
    assert one.others.pool == {}
    assert one.others.told[-1]['event'] == 'leave'
    assert one.others.told[-1]['server_id'] == samples.SERVER
    # its metadata goes with it
    assert 'delete' not in one.others.asked
    assert one.joining.is_undone(one.member())


def test_a_pool_that_cannot_be_left_keeps_no_row_for_ever(story):
    one = story(POOL)
    one.serve()
    one.drive()
    one.others.fail['remove'] = exceptions.Forbidden('octavia', 'no trust')
    one.move(State.DELETING)
    one.drive()
    one.drive(server=False, after=60)
    assert not one.joining.is_undone(one.member())
    one.drive(server=False, after=61)
    assert one.joining.is_undone(one.member())
    assert 'see to it yourself' in one.events(
        'instance.hook_failed')[-1].message


def test_hooks_that_are_changed_while_it_serves(story):
    one = story(POOL, ITEM)
    one.serve()
    one.drive()
    joined_at = one.member().joined_at
    one.change_hooks(dataclasses.replace(POOL, pool_id='other'), ITEM)
    one.drive()
    assert sorted(one.others.asked) == ['add', 'remove']
    assert 'set' not in one.others.asked
    one.drive()
    assert one.others.asked == []
    assert len(one.rows()) == 2
    assert one.member().joined_at == joined_at
    one.change_hooks()
    one.drive()
    assert one.rows() == one.others.metadata == one.others.pool == {}
    assert one.member().state is State.ALLOCATED


def test_put_to_use_by_somebody_else_and_taken_away_again(story):
    one = story(WEBHOOK)
    one.move(State.ALLOCATED)
    one.drive()
    one.move(State.AVAILABLE)
    one.move(State.ALLOCATED)
    one.drive()
    assert one.member().joined_at == one.now
    one.move(State.AVAILABLE)
    one.drive(status='SHELVED')
    assert [told['event'] for told in one.others.told] == ['join', 'leave']


def test_metadata_that_it_was_built_with_comes_back(story):
    one = story(ITEM, metadata=(('role', 'spare'),))
    one.serve()
    one.drive()
    assert one.others.metadata == {'role': 'web'}
    one.move(State.RETURNING)
    one.drive()
    assert one.others.metadata == {'role': 'spare'}


def test_metadata_that_says_whose_it_is_stays(story):
    one = story(dataclasses.replace(ITEM, key='shadow_reserve:instance'))
    one.serve()
    one.drive()
    one.move(State.RETURNING)
    one.drive()
    assert one.others.asked == []
    [event] = one.events('instance.hook_failed')
    assert 'own' in event.message


def test_volumes_come_first_but_not_for_ever(story):
    one = story(WEBHOOK, volumes=(reservation.VolumeTemplate(size_gib=1),))
    row = volume.ShadowVolume(
        instance_id=samples.INSTANCE, position=0, volume_id='volume',
        state=volume.VolumeState.ATTACHING, since=samples.NOW,
        asked_at=samples.NOW, reason='', generation=0)
    one.database.write(
        lambda session: db_volumes.add_volume(session, row))
    one.serve()
    one.drive()
    assert one.others.told == []
    one.drive(after=120)
    assert len(one.others.told) == 1


@pytest.mark.parametrize('what', ['webhook', 'add', 'set'])
def test_killed_while_joining(story, what):
    one = story({'webhook': WEBHOOK, 'add': POOL, 'set': ITEM}[what])
    one.serve()
    one.others.after[what] = Killed()
    with pytest.raises(Killed):
        one.drive()
    # it goes back before anybody knows that it came about
    one.move(State.RETURNING)
    assert one.held_back()
    one.drive()
    assert one.others.pool == one.others.metadata == {}
    assert [told['event'] for told in one.others.told] == (
        ['join', 'leave'] if what == 'webhook' else [])
    assert one.joining.is_undone(one.member())


def test_rows_of_hooks_and_promotions(story):
    one = story(POOL)
    one.serve()
    one.drive()
    [row] = one.rows().values()
    assert row.hook == POOL
    assert one.database.read(db_hooks.list_unsettled) == frozenset()
    one.move(State.ERROR)
    one.others.fail['remove'] = exceptions.ServiceUnavailable('o', 'away')
    one.drive(status='ERROR')
    assert one.database.read(db_hooks.list_unsettled) == {samples.INSTANCE}
    assert one.promotion().outcome.value == 'ended'
    # a promotion outlives its member, and goes with its reservation
    one.others.fail.clear()
    one.move(State.DELETING)
    one.drive(after=60)
    one.database.write(lambda session: db_shadow.remove_instance(
        session, one.member()))
    assert one.promotion().joined_at is not None
    one.database.write(lambda session: db_reservations.remove(
        session, samples.TOKEN))
    assert one.database.read(lambda session: db_promotions.list_promotions(
        session, samples.TOKEN)) == []
