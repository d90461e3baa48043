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

"""Members on their way to serve: asked for at once, watched one by one."""

import collections
import concurrent.futures
import threading

import pytest
import sqlalchemy

from shadow_reserve.db import migration
from shadow_reserve.db import reservations as db_reservations
from shadow_reserve.db import session as db_session
from shadow_reserve.db import shadow as db_shadow
from shadow_reserve.engine import precedence
from shadow_reserve.engine import promoter as engine_promoter
from shadow_reserve.records import hook
from shadow_reserve.records import shadow
from tests.unit.engine import alarmed
from tests.unit import samples

State = shadow.InstanceState
settle = alarmed.settle
world = alarmed.world


@pytest.fixture
def house(world):
    house = alarmed.House(world)
    world.cloud.asked.clear()
    return house


def claim(world, house, count=1):
    return world.moves.promote(house.token, count, world.now, 'by hand')


def services(world):
    return [(service, method) for service, method, _ in world.cloud.asked]


def changed(world, house):
    """What the API says after a change."""
    world.endpoint.info({}, 'api', 'shadow_reserve.reservation.changed',
                        {'token': house.token}, {})
    settle(world)


def runs(world, house):
    """Nova says that the server runs of the one that is on its way."""
    [member] = house.promoted()
    world.endpoint.info({}, 'nova-compute', 'instance.power_on.end', {
        'nova_object.data': {'uuid': member.server_id}}, {})
    settle(world)


# Asking


def test_what_was_promoted_by_hand_is_asked_for_without_a_look(
        world, house):
    claim(world, house, 2)
    changed(world, house)
    assert services(world) == [('nova', 'POST')] * 2
    assert {one.requested_at for one in house.promotions()} == {world.now}
    # and no pass asks Nova for listings meanwhile
    assert not house.is_woken()


def test_what_was_asked_for_is_not_asked_for_again(world, house):
    claim(world, house)
    for _ in range(3):
        changed(world, house)
    assert sorted(house.asked()) == [0, 0, 1]


def test_what_was_asked_for_since_it_was_read_is_not_asked_again(
        world, house):
    # given a pass that has read who is to be asked for
    [member] = claim(world, house)
    # when the quick way asks before the pass comes to it
    world.promoter.ask(house.record, [member])
    settle(world)
    world.promoter._start_all(engine_promoter._UnderWay(
        record=house.record, members=[member],
        unasked={member.instance_id}), [member])
    settle(world)
    # then Nova is asked once
    assert sorted(house.asked()) == [0, 0, 1]


def test_who_waits_otherwise_than_it_is_written_is_looked_at(world, house):
    # given one that somebody has started meanwhile
    claim(world, house)
    [member] = house.promoted()
    world.cloud.change_server(member.server_id, status='ACTIVE')

    changed(world, house)

    # then Nova's refusal is not the end
    assert services(world) == [('nova', 'POST'), ('nova', 'GET')]
    assert [one.state for one in house.promoted()] == [State.ALLOCATED]


def test_nova_that_is_down_is_asked_again_by_a_pass(world, house):
    claim(world, house)
    world.cloud.down = {'nova'}
    changed(world, house)
    assert house.is_woken()
    assert {error.service for error in world.reconciler.reconcile(
        house.token, world.now)} == {'nova'}
    world.cloud.down = set()
    assert world.reconciler.reconcile(house.token, world.now) == []
    assert [one.requested_at for one in house.promotions()] == [world.now]


def test_a_pass_asks_before_it_lists(world, house):
    claim(world, house)
    world.reconciler.reconcile(house.token, world.now)
    assert services(world)[0] == ('nova', 'POST')


# Watching


def test_nova_says_that_it_runs_and_it_serves(world, house):
    # given one that runs, as Nova says of it
    claim(world, house)
    changed(world, house)
    world.cloud.asked.clear()

    runs(world, house)

    # then one look makes sure, and the next round sees to the rest
    assert [one.state for one in house.promoted()] == [State.ALLOCATED]
    assert services(world) == [('nova', 'GET')]
    assert not house.is_woken()


def test_a_pass_follows_where_somebody_waits_for_more(world):
    # given one whose hooks are to be run
    house = alarmed.House(world, policy=samples.policy(hooks=(hook.Hook(
        kind=hook.HookKind.METADATA, key='role', value='web'),)))
    claim(world, house)
    changed(world, house)
    assert not house.is_woken()

    runs(world, house)

    assert house.is_woken()


def test_word_of_others_costs_nova_nothing(world, house):
    for server_id in (house.server_ids[0], 'somebody-elses'):
        world.endpoint.info({}, 'nova-compute', 'instance.power_on.end', {
            'nova_object.data': {'uuid': server_id}}, {})
    assert services(world) == []


def test_without_any_word_a_look_finds_it(world, house):
    # given one that was claimed by an engine that died since
    claim(world, house)
    world.now += samples.MINUTE
    world.promoter.look()
    assert sorted(house.asked()) == [0, 0, 1]

    # when nobody says that it runs
    world.cloud.asked.clear()
    world.promoter.look()

    # then one request finds it, and no listing
    assert [one.state for one in house.promoted()] == [State.ALLOCATED]
    assert services(world) == [('nova', 'GET')]


def test_what_was_claimed_just_now_is_left_to_who_claimed_it(world, house):
    claim(world, house)
    world.promoter.look()
    assert services(world) == []


def test_nothing_under_way_costs_nothing(world, house):
    world.promoter.look()
    assert services(world) == []


def test_an_alarm_asks_little_of_the_database(world, house):
    """Python takes longer over a statement than a database does."""
    # given an engine that has looked at everything once
    world.rounds.run(world.now)
    statements = []
    sqlalchemy.event.listen(
        world.database.engine, 'before_cursor_execute',
        lambda *args: statements.append(args[2].split()[0]))

    # when an alarm is heard of, and Nova is asked
    house.alarm()
    house.notify()
    settle(world)

    # then it was read, claimed, and written down
    assert collections.Counter(statements) == {
        'BEGIN': 3, 'SELECT': 3, 'UPDATE': 4, 'INSERT': 3}

    # and when Nova says that it runs
    [member] = house.promoted()
    world.cloud.servers[member.server_id].update(
        status='ACTIVE', name=f'shadow-shop-{member.instance_id[:8]}')
    statements.clear()
    world.promoter.hear(member.server_id)
    settle(world)

    # then it was read, read once more to be changed, and serves
    assert collections.Counter(statements) == {
        'BEGIN': 2, 'SELECT': 2, 'UPDATE': 3, 'INSERT': 1}
    assert [one.state for one in house.promoted()] == [State.ALLOCATED]


# Failing


def test_another_one_is_promoted_in_place_of_one_that_fails(world, house):
    # given two on their way, of which one gets into trouble
    first, _ = claim(world, house, 2)
    changed(world, house)
    world.cloud.change_server(first.server_id, status='ERROR')

    world.promoter.look()
    world.now += samples.MINUTE
    world.promoter.look()

    # then the third one comes instead, for the same reason
    assert len(house.members(State.ERROR)) == 1
    assert len(house.promoted()) == 2
    assert house.asked() == [1, 1, 1]
    failed, _, instead = house.promotions()
    assert instead.signal == failed.signal
    assert instead.requested_at == world.now
    assert 'promotion.passed_on' in house.kinds()


def test_it_is_asked_for_in_the_pass_that_sees_the_failure(world, house):
    [one] = claim(world, house)
    world.cloud.change_server(one.server_id, status='ERROR')
    assert world.reconciler.reconcile(house.token, world.now) == []
    assert sum(house.asked()) == 2


def test_a_pool_that_fails_as_a_whole_ends(world, house):
    claim(world, house)
    for server_id in house.server_ids:
        world.cloud.change_server(server_id, status='ERROR')
    assert world.reconciler.reconcile(house.token, world.now) == []
    assert house.promoted() == []


# Threads


class _Steps:
    """Nova takes its time until the test has seen enough."""

    def __init__(self):
        self.lock = threading.Lock()
        self.running = self.most = self.looks = 0
        self.full = threading.Semaphore(0)
        self.go = threading.Event()

    def promote(self, record, member, now):
        with self.lock:
            self.running += 1
            self.most = max(self.most, self.running)
        self.full.release()
        assert self.go.wait(timeout=10)
        with self.lock:
            self.running -= 1

    def look_after(self, record, member, now):
        self.looks += 1


@pytest.fixture
def database(tmp_path):
    database = db_session.Database(f'sqlite:///{tmp_path}/test.sqlite')
    migration.upgrade(database)

    def work(session):
        db_reservations.add(session, samples.record())
        for number in range(5):
            db_shadow.add_instance(session, samples.instance(
                instance_id=alarmed.uid(number),
                server_id=alarmed.uid(number), state=State.PROMOTING))
    database.write(work)
    return database


def test_no_more_requests_at_once_than_allowed(database):
    steps = _Steps()
    promoter = engine_promoter.Promoter(
        database, steps, lambda token: None, lambda: samples.NOW, 2,
        precedence.Precedence())
    members = database.read(db_shadow.list_promoting)[samples.TOKEN]
    promoter.ask(samples.record(), members)
    # nor one twice
    promoter.ask(samples.record(), members)
    for _ in range(2):
        assert steps.full.acquire(timeout=10)
    steps.go.set()
    while asked := list(promoter._under_way.values()):
        concurrent.futures.wait(asked)
    assert steps.most == 2
    for _ in range(3):
        assert steps.full.acquire(timeout=10)
    assert not steps.full.acquire(blocking=False)
    promoter.stop()


def test_what_is_heard_while_it_is_asked_for_is_not_forgotten(database):
    steps = _Steps()
    promoter = engine_promoter.Promoter(
        database, steps, lambda token: None, lambda: samples.NOW, 1,
        precedence.Precedence())
    member = database.read(db_shadow.list_promoting)[samples.TOKEN][0]
    promoter.ask(samples.record(), [member])
    assert steps.full.acquire(timeout=10)
    promoter.hear(member.server_id)
    assert steps.looks == 0
    steps.go.set()
    while asked := list(promoter._under_way.values()):
        concurrent.futures.wait(asked)
    assert steps.looks == 1
    promoter.stop()
