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

import pytest

from shadow_reserve.cloud import exceptions
from shadow_reserve.db import journal as db_journal
from shadow_reserve.db import migration
from shadow_reserve.db import reservations as db_reservations
from shadow_reserve.db import session as db_session
from shadow_reserve.db import shadow as db_shadow
from shadow_reserve.engine import known as engine_known
from shadow_reserve.engine import lending
from shadow_reserve.engine import listener
from shadow_reserve.engine import room as engine_room
from shadow_reserve.records import capacity
from shadow_reserve.records import shadow
from shadow_reserve.shadow import moves
from shadow_reserve.shadow import room
from tests.unit import samples
from tests.unit.trigger import test_notification

State = shadow.InstanceState
NEED = {'VCPU': 2, 'MEMORY_MB': 2048}


class Cloud:
    """Two full hosts."""

    def __init__(self):
        self.hosts = {'compute-1': 8, 'compute-2': 8}
        self.zones = {}
        self.exact = 0
        self.reads = 0
        self.down = False

    def read(self, maximum_age=0.0, *, exact=False):
        self.reads += 1
        self.exact += exact
        if self.down:
            raise exceptions.ServiceUnavailable('placement', 'is away')
        return capacity.CloudCapacity(aggregates=(), hosts=tuple(
            capacity.HostCapacity(
                provider_id=name, host=name, service_host=name,
                zone=self.zones.get(name, 'nova'), in_service=True, classes={
                    kind: capacity.ClassCapacity(
                        total=8 * each, reserved=0, allocation_ratio=1.0,
                        maximum=8 * each, used=used * each)
                    for kind, each in (('VCPU', 1), ('MEMORY_MB', 1024),
                                       ('DISK_GB', 5))})
            for name, used in self.hosts.items()))


class Nova:
    def __init__(self):
        self.servers = {}

    def get_server(self, server_id):
        return self.servers.get(server_id)


class Steps:
    """Lets go of what is lent, if Nova lets it."""

    def __init__(self):
        self.let_go = []
        self.down = False

    def look_after(self, record, member, now):
        if self.down:
            raise exceptions.ServiceUnavailable('nova', 'is away')
        assert member.lent_at is not None
        self.let_go.append(member.instance_id)


class House:
    """One reservation with two idle members, one on each host."""

    def __init__(self, database):
        self.database = database
        self.cloud = Cloud()
        self.nova = Nova()
        self.steps = Steps()
        self.woken = []
        self.moves = moves.Moves(database, lambda session, token, one, now:
                                 one)
        self.lending = self.start(0.0)
        self.database.write(self._seed)

    def start(self, low_water_mark):
        return lending.Lending(
            self.database, engine_known.Known(self.database),
            self.moves, self.cloud, self.nova,
            self.steps, room.Shares(maximum=1.0, free=low_water_mark),
            self.woken.append)

    @staticmethod
    def _seed(session):
        db_reservations.add(session, samples.record())
        session.flush()
        for number in (1, 2):
            db_shadow.add_instance(session, samples.instance(
                instance_id=f'member-{number}',
                server_id=f'server-of-{number}', host=f'compute-{number}',
                created_at=samples.NOW + number * samples.MINUTE))

    def hear(self, server_id='real', **changes):
        self.lending.hear(capacity.Need(
            **{'server_id': server_id, 'resources': NEED, **changes}))

    def lent(self):
        members = self.database.read(lambda session:
                                     db_shadow.list_instances(
                                         session, samples.ALLOCATION))
        return [member.instance_id for member in members if member.lent_at]


@pytest.fixture
def house(tmp_path):
    database = db_session.Database(f'sqlite:///{tmp_path}/lending.db')
    migration.upgrade(database)
    yield House(database)
    database.engine.dispose()


def test_the_least_valuable_member_is_lent_and_its_reservation_woken(house):
    house.hear()
    house.lending.run(samples.NOW)

    assert house.lent() == ['member-2']
    assert house.woken == [samples.TOKEN]
    assert house.lending.without_host == 1
    event = house.database.read(lambda session: db_journal.latest_event(
        session, samples.TOKEN, 'shadow.lent'))
    # It is shown to the owner of the shadow.
    assert 'found no host' in event.message
    assert 'real' not in event.message


def test_it_is_let_go_of_at_once(house):
    house.hear()
    house.lending.run(samples.NOW)
    assert house.steps.let_go == house.lent() == ['member-2']


def test_what_cannot_be_let_go_of_at_once_is_left_to_a_pass(house):
    house.steps.down = True
    house.hear()
    house.lending.run(samples.NOW)
    assert len(house.lent()) == 1
    assert house.woken == [samples.TOKEN]


def test_room_that_there_is_by_now_is_left_to_who_lacked_it(house):
    # given a member that was lent a while ago
    house.hear()
    house.lending.run(samples.NOW)
    [lent] = house.lent()
    house.database.write(lambda session: db_shadow.update_instance(
        session, db_shadow.get_instances(session, [lent])[lent], host=None))

    # when somebody else found no host, and there is room by now
    house.cloud.hosts['compute-1'] = 4
    house.hear('another')
    later = samples.NOW + samples.MINUTE
    house.lending.run(later)

    # then it does not take that before them
    assert house.lent() == [lent]
    assert house.database.read(lambda session: db_shadow.get_instances(
        session, [lent]))[lent].lent_at == later


def test_two_servers_get_room_each(house):
    house.hear('one')
    house.hear('two')
    house.lending.run(samples.NOW)
    assert house.lent() == ['member-1', 'member-2']


def test_one_that_is_heard_of_twice_gets_room_once(house):
    house.hear('one')
    house.hear('one')
    house.lending.run(samples.NOW)
    assert house.lent() == ['member-2']


def test_a_second_one_does_not_take_what_was_lent_for_the_first(house):
    """Its claim is still there, so its room is not yet free."""
    house.hear('one')
    house.lending.run(samples.NOW)
    house.hear('two')
    house.lending.run(samples.NOW)
    assert house.lent() == ['member-1', 'member-2']


def test_the_rest_of_the_room_does_for_the_next_one(house):
    small = {'VCPU': 1, 'MEMORY_MB': 1024}
    house.hear('one', resources=small)
    house.hear('two', resources=small)
    house.lending.run(samples.NOW)
    assert house.lent() == ['member-2']


def test_only_where_the_server_may_be(house):
    house.hear(only_hosts=frozenset({'compute-1'}))
    house.lending.run(samples.NOW)
    assert house.lent() == ['member-1']


@pytest.mark.parametrize('changes', [
    {'zone': 'az-1'}, {'resources': {'VCPU': 9}},
    {'ignored_hosts': frozenset({'compute-1', 'compute-2'})}])
def test_nothing_is_lent_that_would_not_help(house, changes):
    house.hear(**changes)
    house.lending.run(samples.NOW)
    assert house.lent() == []


def test_nor_when_there_is_room_anyway(house):
    house.cloud.hosts['compute-1'] = 6
    house.hear()
    house.lending.run(samples.NOW)
    assert house.lent() == []


def test_nor_for_members_whether_written_down_or_not(house):
    house.hear('server-of-1')
    house.nova.servers['new'] = samples.server(status='ERROR')
    house.hear('new')
    house.lending.run(samples.NOW)
    assert house.lent() == []
    assert house.lending.without_host == 0


def test_nor_for_a_server_that_runs_whatever_a_message_says(house):
    house.nova.servers['real'] = samples.server(
        status='ACTIVE', instance_id='', token='')
    house.hear()
    house.lending.run(samples.NOW)
    assert house.lent() == []
    # One that was to be moved does run.
    house.hear(is_new=False)
    house.lending.run(samples.NOW)
    assert house.lent() == ['member-2']


def test_more_needs_than_can_wait_are_forgotten(house):
    for number in range(1500):
        house.hear(f'{number}')
    house.lending.run(samples.NOW)
    assert house.lending.without_host == 1000


def test_the_low_water_mark_is_kept_once_and_after_an_exact_look(house):
    keeper = house.start(0.1)
    keeper.run(samples.NOW)
    assert house.lent() == ['member-2']
    assert house.cloud.exact == 1
    # What is lent counts as free already.
    keeper.run(samples.NOW)
    assert house.lent() == ['member-2']


def test_there_is_no_exact_look_when_nothing_would_help(house):
    house.cloud.hosts = {'compute-1': 1, 'compute-2': 1, 'compute-3': 9}
    house.cloud.zones['compute-3'] = 'az-3'
    house.start(0.1).run(samples.NOW)
    assert (house.lent(), house.cloud.exact) == ([], 0)


def test_the_hosts_are_not_asked_while_nothing_is_held(house):
    house.start(1.0).run(samples.NOW)
    house.cloud.reads = 0
    change(house, host=None)
    house.start(1.0).run(samples.NOW)
    assert house.cloud.reads == 0


def test_the_listener_hands_needs_on_and_survives_garbage():
    heard = []
    endpoint = listener.Endpoint(
        None, None, heard.append, heard.append, lambda: samples.NOW)
    for payload in (test_notification.no_host(), None, {'x': []}):
        endpoint.error({}, 'nova-conductor', test_notification.CREATED,
                       payload, {})
    assert [need.server_id for need in heard] == ['server-1']


# How much room there is


@pytest.fixture
def clock():
    return [samples.NOW]


@pytest.fixture
def rooms(house, clock):
    house.cloud.hosts = {'compute-1': 2, 'compute-2': 2}
    return engine_room.Room(
        house.database, engine_known.Known(house.database), house.cloud,
        room.Shares(maximum=0.5, free=0.0), lambda: clock[0])


def test_reservations_share_one_look(house, rooms, clock):
    for _ in range(100):
        # Half of 16 vCPUs, less four that are held.
        assert rooms.instances(samples.record()) == (2, 'cap')
    clock[0] += samples.MINUTE / 3
    rooms.instances(samples.record(token='another'))
    assert house.cloud.reads == 1
    clock[0] += samples.MINUTE
    rooms.instances(samples.record())
    assert house.cloud.reads == 2


def test_what_was_begun_since_counts(house, rooms, clock):
    assert rooms.instances(samples.record()) == (2, 'cap')
    house.database.write(lambda session: db_shadow.add_instance(
        session, samples.instance(
            instance_id='new', state=State.BUILDING, host=None,
            created_at=clock[0])))
    clock[0] += samples.MINUTE / 30
    assert rooms.instances(samples.record()) == (1, 'cap')


def test_so_does_what_is_held_again_since(house, rooms, clock):
    change(house, host=None, lent_at=samples.NOW)
    assert rooms.instances(samples.record()) == (4, 'cap')
    change(house, host='compute-1', lent_at=None)
    clock[0] += samples.MINUTE / 30
    assert rooms.instances(samples.record()) == (2, 'cap')


def change(house, **changes):
    house.database.write(lambda session: [
        db_shadow.update_instance(session, one, **changes)
        for one in db_shadow.list_instances(session, samples.ALLOCATION)])


def test_a_cloud_that_cannot_be_read_bounds_nothing(house, rooms):
    house.cloud.down = True
    assert rooms.instances(samples.record()) == (None, '')
    assert rooms.full_hosts(samples.record()) == frozenset()
    assert house.cloud.reads == 1


def test_a_need_outlives_a_service_that_is_away(house):
    # Given somebody who found no host while Placement is away
    house.cloud.down = True
    house.hear()
    with pytest.raises(exceptions.ServiceUnavailable):
        house.lending.run(samples.NOW)
    assert not house.lent()
    # When it is back, then there is room for them
    house.cloud.down = False
    house.lending.run(samples.NOW)
    assert house.lent()
    assert house.lending.without_host == 1


def test_what_was_lent_before_does_not_take_room_that_is_made(house):
    # Given a member that was lent a while ago
    house.hear()
    house.lending.run(samples.NOW)
    [earlier] = house.lent()
    house.database.write(lambda session: db_shadow.update_instance(
        session, db_shadow.get_instances(session, [earlier])[earlier],
        host=None))
    # When somebody else finds no host
    later = samples.NOW + 5 * samples.MINUTE
    house.hear('another')
    house.lending.run(later)
    # Then it waits anew for its own room, until they have tried again
    assert len(house.lent()) == 2
    members = house.database.read(lambda session: db_shadow.get_instances(
        session, [earlier]))
    assert members[earlier].lent_at == later


def test_one_that_cannot_be_looked_at_keeps_no_others(house):
    # Given two that found no host, one of them in a cell that is down
    def get_server(server_id):
        if server_id == 'lost':
            raise exceptions.ServiceUnavailable('nova', 'its cell is down')
    house.nova.get_server = get_server
    house.hear('lost')
    house.hear('real')
    # Then the other one is made room for
    house.lending.run(samples.NOW)
    assert (len(house.lent()), house.lending.without_host) == (1, 1)
    # and the first is forgotten some day
    for _ in range(20):
        house.lending.run(samples.NOW)
    assert not house.lending._needs
