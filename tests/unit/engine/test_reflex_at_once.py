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

"""What the quick way makes of messages that come at once, and of services
and engines that fail in between: each change is acted on once."""

import concurrent.futures
import contextlib
import logging
import random
import threading

import pytest

from shadow_reserve.cloud import aodh as cloud_aodh
from shadow_reserve.cloud import exceptions
from shadow_reserve.engine import read_back
from shadow_reserve.engine import reflex
from tests.unit.engine import alarmed
from tests.unit.engine import one_engine

settle = alarmed.settle
world, house = alarmed.world, alarmed.house


def test_an_aodh_that_is_down_loses_nothing(world, house, caplog):
    house.alarm()
    world.cloud.down = {'aodh'}
    for _ in range(100):
        house.notify()
    assert house.promoted() == []
    assert house.is_woken()
    # nor does it flood the log
    assert len([one for one in caplog.records
                if one.levelno >= logging.WARNING]) == 1


def engine_of(world, aodh):
    return reflex.Reflex(
        world.database, read_back.ReadBack(aodh), world.moves,
        world.promoter, lambda token: 2, world.judge, world.fleet, world.aside,
        world.schedule.wake, lambda: world.now, world.precedence)


def test_a_message_is_left_to_the_one_before_that_still_reads(
        world, house, monkeypatch):
    # given a message that waits for the database
    house.alarm()
    engine = engine_of(world, cloud_aodh.Aodh(world.cloud.adapter('aodh')))
    read, reads, answers = reflex._read, threading.Event(), threading.Event()

    def slowly(session, alarm_id):
        reads.set()
        assert answers.wait(10)
        return read(session, alarm_id)
    monkeypatch.setattr(reflex, '_read', slowly)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waits = pool.submit(engine.hear, house.alarm_id, world.now)
        assert reads.wait(10)
        # when the same is told once more
        told = engine.hear(house.alarm_id, world.now)
        answers.set()
        outcome = waits.result(timeout=10)
    settle(world)

    # then Aodh is asked once, and all is done by one of them
    assert (outcome, told) == (reflex.Outcome.PROMOTED,
                               reflex.Outcome.REPEATED)
    assert [service for service, _, _ in world.cloud.asked].count('aodh') == 1
    assert len(house.promoted()) == 1


@pytest.mark.parametrize('ends', ['foreign', 'unread', 'aodh'])
def test_however_a_message_ends_the_next_one_is_heard(
        world, house, monkeypatch, ends):
    # given messages of which nothing came
    house.alarm()
    engine = engine_of(world, cloud_aodh.Aodh(world.cloud.adapter('aodh')))
    with monkeypatch.context() as patch:
        if ends == 'unread':
            patch.setattr(reflex, '_read', lambda session, alarm_id: 1 / 0)
        if ends == 'foreign':
            patch.setattr(reflex, '_read', lambda session, alarm_id: None)
        world.cloud.down = {'aodh'} if ends == 'aodh' else set()
        with contextlib.suppress(ZeroDivisionError, exceptions.CloudError):
            engine.hear(house.alarm_id, world.now)
    world.cloud.down = set()

    # then the next one promotes
    assert engine.hear(house.alarm_id, world.now) == reflex.Outcome.PROMOTED


def test_an_aodh_that_hangs_keeps_others_waiting_for_seconds_at_most(
        world, house):
    # given an Aodh that does not answer
    house.alarm()
    asked = []

    class Hanging:
        def get_alarms(self, alarm_ids, patience):
            asked.append(patience)
            raise exceptions.ServiceUnavailable('aodh', 'it took too long')
    engine = engine_of(world, Hanging())

    # when it is asked, then for some seconds, and a pass follows
    with pytest.raises(exceptions.ServiceUnavailable):
        engine.hear(house.alarm_id, world.now)
    assert house.is_woken()
    assert asked == [read_back._PATIENCE]


def test_a_message_that_comes_while_aodh_is_asked_is_looked_at_itself(
        world, house):
    # given an alarm that is calm when it is read back
    aodh = cloud_aodh.Aodh(world.cloud.adapter('aodh'))
    told = []

    class Changing:
        def get_alarms(self, alarm_ids, patience):
            alarms = aodh.get_alarms(alarm_ids)
            if not told:
                # and changes just then
                house.alarm()
                told.append(None)
                told.append(engine.hear(house.alarm_id, world.now))
            return alarms
    engine = engine_of(world, Changing())

    assert engine.hear(house.alarm_id, world.now) == reflex.Outcome.LEFT
    settle(world)

    # then the change is not lost
    assert told[1] == reflex.Outcome.PROMOTED
    assert len(house.promoted()) == 1


def test_two_engines_that_hear_the_same_at_once_promote_once(world, house):
    house.alarm()
    both = threading.Barrier(2)
    aodh = cloud_aodh.Aodh(world.cloud.adapter('aodh'))

    class Slow:
        def get_alarms(self, alarm_ids, patience):
            alarms = aodh.get_alarms(alarm_ids)
            both.wait(timeout=10)
            return alarms
    engines = [engine_of(world, Slow()) for _ in range(2)]

    # when two engines have read the same alarm at the same time
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(
            lambda engine: engine.hear(house.alarm_id, world.now), engines))
    settle(world)

    # then one does, and the other leaves it at that
    assert set(outcomes) == {
        reflex.Outcome.PROMOTED, reflex.Outcome.REPEATED}
    assert len(house.promoted()) == len(house.promotions()) == 1
    assert not house.is_woken()
    assert sorted(house.asked()) == [0, 0, 1]


def test_what_moved_since_it_was_read_is_left_to_a_pass(world, house):
    house.alarm()
    aodh = cloud_aodh.Aodh(world.cloud.adapter('aodh'))

    class Meanwhile:
        def get_alarms(self, alarm_ids, patience):
            world.moves.promote(house.token, 1, world.now, 'by hand')
            return aodh.get_alarms(alarm_ids)
    engine = engine_of(world, Meanwhile())

    assert engine.hear(house.alarm_id, world.now) == reflex.Outcome.LEFT
    assert len(house.promoted()) == 1


def test_an_engine_that_dies_before_it_asks_is_carried_on(
        world, house, tmp_path):
    # given one that claimed, and was killed
    house.alarm()
    world.promoter.ask = lambda record, members: None
    house.notify()
    [claimed] = house.promoted()
    assert house.asked() == [0, 0, 0]

    # when another engine has its pass
    other = one_engine.World(
        cloud=world.cloud, connection=f'sqlite:///{tmp_path}/engine.sqlite')
    assert other.reconciler.reconcile(house.token, other.now) == []
    other.promoter.stop()

    # then it asks
    assert sorted(house.asked()) == [0, 0, 1]
    # and the message, which comes once more, promotes no more
    house.notify()
    assert [one.instance_id for one in house.promoted()] == [
        claimed.instance_id]


HUGE = 'x' * 1_000_000
WRONG = [None, 7, HUGE, [], {}, {'alarm_id': None}, {'alarm_id': HUGE},
         {'alarm_id': ['a']}, {'alarm_id': '../v2/alarms'},
         {'alarm_id': '\ud800'}, {'alarm_id': alarmed.uid(0)},
         {HUGE: HUGE}, {'token': HUGE}, {'nova_object.data': HUGE}]


def test_of_ten_thousand_messages_none_is_wrong_double_or_lost(
        world, tmp_path, caplog):
    # given forty reservations; every other one's alarm stands
    chance = random.Random(1)
    houses = [alarmed.House(world, number, members=2)
              for number in range(40)]
    # and two engines
    engines = [world, one_engine.World(
        cloud=world.cloud, connection=f'sqlite:///{tmp_path}/engine.sqlite')]
    for engine in engines:
        engine.rounds.run(world.now)
    standing, calm = houses[::2], houses[1::2]
    for house in standing:
        house.alarm()
    # and each of these is told at least once, in any order, among messages
    # that are repeated, late, forged, foreign, malformed and huge
    messages = [('alarm.state_transition', {'alarm_id': one.alarm_id})
                for one in standing]
    while len(messages) < 10_000:
        kind = chance.random()
        house = chance.choice(houses)
        if kind < 0.1:
            messages.append(('alarm.state_transition', {
                'alarm_id': house.alarm_id, 'timestamp': HUGE[:99],
                'detail': {'state': 'alarm'}, 'project_id': HUGE[:99]}))
        elif kind < 0.25:
            messages.append(('alarm.state_transition', {
                'alarm_id': alarmed.uid(chance.randrange(2 ** 64))}))
        elif kind < 0.3:
            messages.append(('instance.power_on.end', {'nova_object.data': {
                'uuid': chance.choice(house.server_ids)}}))
        else:
            messages.append((chance.choice(
                ['alarm.state_transition', 'instance.resume.end', HUGE,
                 'shadow_reserve.reservation.changed']),
                chance.choice(WRONG)))
    chance.shuffle(messages)

    # when the engines hear them, in several threads each
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for event_type, payload in messages:
            pool.submit(chance.choice(engines).endpoint.info, {}, 'anybody',
                        event_type, payload, {})
    for engine in engines:
        settle(engine)
    engines[1].promoter.stop()

    # then each alarm that stands promoted what it should, and once
    for house in standing:
        assert len(house.promotions()) == 1
        assert sorted(house.asked()) == [0, 1]
    # and no other one anything
    for house in calm:
        assert house.promotions() == []
        assert house.asked() == [0, 0]
    assert not [one for one in caplog.records if one.exc_info]
