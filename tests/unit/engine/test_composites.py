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

"""The quick way for an alarm over several metrics."""

import concurrent.futures
import threading
import time

import pytest

from shadow_reserve.cloud import exceptions as cloud_exceptions
from shadow_reserve.engine import aside
from shadow_reserve.records import reservation
from tests.unit.engine import alarmed
from tests.unit import samples

settle = alarmed.settle
world = alarmed.world
ALL = reservation.AlarmCombination.ALL


@pytest.fixture
def house(world):
    """One whose alarm is over all of its metrics; all is well."""
    house = alarmed.House(world, policy=samples.policy(
        memory_threshold=80.0, io_latency_threshold=None,
        alarm_combination=ALL))
    house.watch_all()
    house.be_looked_at()
    world.cloud.asked.clear()
    return house


def gnocchi_waits(world, monkeypatch):
    """:returns: what is set when it is asked, and to have it answer"""
    begun, answers, live = threading.Event(), threading.Event(), (
        world.source.live)

    def slowly(*args, **sizes):
        begun.set()
        assert answers.wait(10)
        return live(*args, **sizes)
    monkeypatch.setattr(world.source, 'live', slowly)
    return begun, answers


def test_it_promotes_by_what_is_measured_without_a_listing(world, house):
    # given an alarm over two metrics, both of which are over
    world.source.cpu, world.source.memory = 90.0, 85.0
    house.alarm(value='nothing')

    # when it is heard
    house.notify(timestamp=alarmed.SAID_AT)
    settle(world)

    # then what brings both down is on its way, and a pass need not follow
    assert len(house.promoted()) == 1
    assert not house.is_woken()
    assert [(service, method) for service, method, _ in world.cloud.asked
            ] == [('aodh', 'GET'), ('nova', 'POST')]
    # and it is told as an alarm's
    [one] = house.promotions()
    assert one.signal == alarmed.SIGNAL
    assert 'trigger.promote' in house.kinds()


def test_a_repeated_message_promotes_once(world, house):
    world.source.cpu, world.source.memory = 90.0, 85.0
    house.alarm()
    for _ in range(5):
        house.notify()
        settle(world)
    assert len(house.promotions()) == 1


@pytest.mark.parametrize('state, memory', [('ok', 85.0), ('alarm', 10.0)])
def test_what_is_not_so_promotes_nobody(world, house, state, memory):
    # given an alarm that stands no more, or one of two metrics that is low
    world.source.cpu, world.source.memory = 90.0, memory
    house.alarm(state=state)
    house.notify()
    settle(world)
    # then a pass has a look at it
    assert house.promotions() == []
    assert house.is_woken()


def test_a_slow_gnocchi_keeps_no_other_alarm(world, house, monkeypatch):
    # given one that is being measured
    other = alarmed.House(world, 1)
    world.rounds.run(world.now)
    begun, answers = gnocchi_waits(world, monkeypatch)
    house.alarm()
    house.notify()
    assert begun.wait(10)
    # when one is heard that need not be
    other.alarm()
    other.notify()
    # then it is served meanwhile, and nothing that can wait is held up
    assert len(other.promoted()) == 1
    answers.set()
    settle(world)


def test_what_is_heard_meanwhile_is_left_to_a_pass(
        world, house, monkeypatch):
    begun, answers = gnocchi_waits(world, monkeypatch)
    world.source.cpu, world.source.memory = 90.0, 85.0
    house.alarm()
    house.notify()
    assert begun.wait(10)
    assert not house.is_woken()
    # The alarm may have been read before what this one tells.
    house.notify()
    assert house.is_woken()
    answers.set()
    settle(world)
    assert len(house.promotions()) == 1


def test_more_than_can_be_measured_are_left_to_passes(
        world, house, monkeypatch):
    monkeypatch.setattr(aside, '_AT_MOST', 0)
    house.alarm()
    house.notify()
    assert house.is_woken()
    assert house.promotions() == []


@pytest.mark.parametrize('error', [
    cloud_exceptions.ServiceUnavailable('gnocchi', 'no answer'),
    ValueError('a mistake of ours')])
def test_where_it_cannot_be_measured_a_pass_follows(
        world, house, monkeypatch, error):
    def fail(*args, **sizes):
        raise error
    monkeypatch.setattr(world.source, 'live', fail)
    house.alarm()
    house.notify()
    settle(world)
    assert house.is_woken()
    # and the next one is measured again
    monkeypatch.undo()
    world.source.cpu, world.source.memory = 90.0, 85.0
    house.notify()
    settle(world)
    assert len(house.promotions()) == 1


def test_after_the_end_of_the_lease_nothing_is_promoted(world, house):
    world.source.cpu, world.source.memory = 90.0, 85.0
    house.alarm()
    world.now = house.record.end_time
    house.notify()
    settle(world)
    assert house.promotions() == []
    assert house.is_woken()


def test_what_the_pool_lacks_is_left_to_a_pass(world):
    # given two servers that do the work of four, and one member
    house = alarmed.House(world, members=1, policy=samples.policy(
        cold_creation=True, target_utilisation=0.5, alarm_combination=ALL,
        memory_threshold=80.0, io_latency_threshold=None))
    house.watch_all()
    house.be_looked_at()
    world.source.cpu, world.source.memory = 90.0, 85.0
    house.alarm()
    house.notify()
    settle(world)
    # then it is promoted, and a pass builds what is wanted beside it
    assert len(house.promotions()) == 1
    assert house.is_woken()
    assert world.reconciler.reconcile(house.token, world.now) == []
    assert len(house.promotions()) == 2


def test_an_application_that_no_look_has_seen_is_left_to_a_pass(world):
    house = alarmed.House(world)
    house.watch_all()
    house.alarm()
    house.notify()
    settle(world)
    assert [service for service, _, _ in world.cloud.asked] == ['aodh']
    assert house.is_woken()


def test_a_promotion_does_not_wait_behind_looks_at_others(
        world, house, monkeypatch):
    # given so many promotions that are looked at that others wait
    looks = threading.Event()
    world.promoter._pool.submit(looks.wait, 10)
    world.source.cpu, world.source.memory = 90.0, 85.0
    house.alarm()
    # when one is asked for
    house.notify()
    while world.aside._under_way:
        time.sleep(0.01)
    # then Nova is asked all the same
    concurrent.futures.wait(world.promoter._under_way.values(), timeout=5)
    assert sum(house.asked()) == 1
    looks.set()
    settle(world)


def test_after_the_end_nothing_is_begun(world, house):
    world.aside.stop()
    house.alarm()
    house.notify()
    assert house.is_woken()
    assert not world.aside._under_way
