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

"""Rounds: who is woken, and by what."""

import pytest

from shadow_reserve.db import shadow as db_shadow
from shadow_reserve.engine import precedence as engine_precedence
from shadow_reserve.records import journal
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow
from tests.unit.engine import one_engine
from tests.unit import samples

OTHER = '00000000-0000-4000-8000-00000000000b'

State = shadow.InstanceState
states = one_engine.states


@pytest.fixture
def world():
    return one_engine.settled()


# A story: what wakes a reservation and what does not


def test_what_is_as_it_should_be_costs_a_few_listings(world):
    assert set(states(world)) == {State.AVAILABLE}
    world.cloud.asked.clear()
    assert world.round() == []
    assert world.cloud.asked == [
        ('aodh', 'GET', '/v2/alarms'), ('nova', 'GET', '/servers/detail')]


def test_a_new_engine_looks_at_everything_once():
    world = one_engine.World()
    world.add()
    assert world.round() == [samples.TOKEN]


def test_a_pass_follows_when_a_server_is_deleted_by_its_owner(world):
    world.cloud.change_server(
        world.shadow_servers()[0]['id'], status='DELETED', tags=[])
    assert world.round() == [samples.TOKEN]
    before = len(world.members())
    world.settle()
    assert len(world.members()) == before
    assert len(world.shadow_servers()) == before


def test_a_pass_follows_when_an_alarm_stands_though_nobody_said_so(world):
    world.source.cpu = 95.0
    world.set_alarms('alarm')
    assert world.round() == [samples.TOKEN]
    world.work()
    assert State.PROMOTING in states(world)


def spike(world):
    """A load that brings members to serve, and alarms that stand no more."""
    world.source.cpu = 95.0
    world.set_alarms('alarm')
    for _ in range(4):
        world.round()
        world.work()
        world.set_alarms('ok')
    assert State.ALLOCATED in states(world)


@pytest.fixture
def serving(world):
    """One whose load was high, and which has alarms on low usage too: its
    cooldown is over."""
    spike(world)
    assert not low_alarms(world)
    world.round(later=samples.HOUR)
    world.work()
    world.set_alarms('ok')
    assert len(low_alarms(world)) == 3
    return world


def low_alarms(world):
    return [alarm for alarm in world.cloud.alarms.values()
            if alarm['name'].endswith('_low')]


def test_during_the_cooldown_nothing_is_to_be_seen(world):
    # given one that serves for a spike that is over
    spike(world)
    world.source.cpu = 5.0

    # then no pass is made in vain until it may go back
    cooldown = world.record().policy.cooldown
    for _ in range(3):
        assert world.round() == []
    assert world.round(later=cooldown) == [samples.TOKEN]
    world.work()
    assert State.RETURNING in states(world)


def test_what_serves_is_left_alone_while_its_usage_is_not_low(serving):
    for _ in range(3):
        assert serving.round() == []


@pytest.mark.parametrize(('status', 'more'), [
    # what its owner has paused is no capacity: another one comes instead
    ('PAUSED', 1),
    # what is on its way back will show in the measures
    ('REBOOT', 0),
    # and of this nobody knows when
    ('SOFT_DELETED', 1)])
def test_one_that_serves_and_does_not_run(serving, status, more):
    # given that Nova says so of one of them
    before = one_engine.serving(serving)
    one = next(member for member in serving.members()
               if member.state is State.ALLOCATED)
    serving.cloud.change_server(one.server_id, status=status)

    # when the load is more than the others should have, one by one
    serving.change_policy(promotion_step=1)
    serving.set_alarms('alarm')
    serving.round()
    serving.work()

    assert one_engine.serving(serving) == before + more


@pytest.mark.parametrize('state', ['alarm', 'insufficient data'])
def test_what_serves_is_looked_at_when_its_usage_may_be_low(serving, state):
    for alarm in serving.cloud.alarms.values():
        if alarm['name'].endswith('_low'):
            alarm['state'] = state
    for _ in range(3):
        assert serving.round() == [samples.TOKEN]
        serving.work()
    assert State.ALLOCATED in states(serving)

    # and goes back when it is calm again
    serving.source.cpu = 1.0
    serving.round(later=samples.HOUR)
    serving.work()
    assert State.RETURNING in states(serving)


def test_what_serves_is_looked_at_when_nobody_evaluates(serving):
    # given that it is evaluated
    serving.cloud.evaluate()
    assert serving.round() == []

    # when that was long ago, and a round has seen it
    for _ in range(8):
        serving.round()
        serving.work()

    # then those that follow do not rely on its alarms
    assert serving.round() == [samples.TOKEN]


def test_a_pass_follows_when_an_alarm_was_edited_or_deleted(world):
    alarm_id = next(iter(world.cloud.alarms))
    world.cloud.alarms[alarm_id]['enabled'] = False
    assert world.round() == [samples.TOKEN]
    world.settle()
    del world.cloud.alarms[alarm_id]
    assert world.round() == [samples.TOKEN]
    world.settle()
    assert len(world.cloud.alarms) == 3


def test_a_change_of_policy_is_seen_without_its_message(world):
    world.change_policy(minimum_shadow=7)
    assert world.round() == [samples.TOKEN]
    world.settle()
    assert len(world.members()) == 7


def test_the_first_forecast_has_one_pass():
    # given a reservation that is only forecast, and no forecast yet
    world = one_engine.World()
    for _ in range(2):
        world.cloud.add_server(metadata=one_engine.APPLICATION)
    world.add(policy=samples.policy(
        mode=reservation.Mode.FORECAST_ONLY))
    world.settle()

    # when the first forecast comes
    world.forecast(4.0, 6.0, 7.0, 9.0)

    # then it is sized by at once, and the next round has nothing to add
    assert not world.schedule.idle([samples.TOKEN])
    world.work()
    assert world.round() == []


def test_a_forecast_that_asks_for_the_same_size_wakes_nobody(world):
    world.forecast(4.0, 6.0, 7.0, 9.01)
    assert world.round() == []


def test_a_forecast_that_asks_for_more_wakes(world):
    before = len(world.members())
    world.forecast(15.0, 15.0, 15.0, 15.0)
    assert world.round() == [samples.TOKEN]
    world.settle()
    assert len(world.members()) > before


def test_a_size_that_quota_bounded_is_tried_with_each_forecast(world):
    world.cloud.quota = len(world.cloud.servers)
    world.forecast(15.0, 15.0, 15.0, 15.0)
    assert world.round() == [samples.TOKEN]
    world.settle()
    before = len(world.members())

    # when the quota is raised, which nobody says
    world.cloud.quota = 1000
    world.forecast(15.0, 15.0, 15.0, 15.0)
    world.settle()
    assert len(world.members()) > before


def test_slow_disks_are_acted_on_when_their_alarm_stands(world):
    world.source.latency = 99.0
    assert world.round() == []
    for alarm in world.cloud.alarms.values():
        if alarm['name'].endswith('/io_latency'):
            alarm['state'] = 'alarm'
    assert world.round() == [samples.TOKEN]
    world.work()
    assert State.PROMOTING in states(world)


def test_alarms_that_send_members_back_are_there_while_some_serve(world):
    # given members that serve
    spike(world)

    # once they may go back
    world.round(later=samples.HOUR)
    world.work()
    assert len(low_alarms(world)) == 3
    # when they have gone back
    world.source.cpu = 5.0
    for _ in range(10):
        world.round(later=6 * samples.MINUTE)
        world.work()
    assert State.ALLOCATED not in states(world)
    assert low_alarms(world) == []


def test_a_reservation_is_charged_and_ends_in_its_time(world):
    assert world.round(later=samples.HOUR) == [samples.TOKEN]
    world.settle()
    assert world.round(later=10 * samples.HOUR) == [samples.TOKEN]
    world.settle()
    assert world.record().status is reservation.ReservationStatus.TERMINATED
    assert not world.shadow_servers() and not world.cloud.alarms


# Failing services


@pytest.mark.parametrize('service', ['nova', 'aodh'])
def test_a_service_that_is_down_is_named_once_and_its_recovery_told(
        world, service):
    told = len(world.kinds())
    world.cloud.down = {service}
    for _ in range(3):
        assert world.round() == []
    world.cloud.down = set()
    world.round()
    assert world.kinds()[told:] == [
        'service.unavailable', 'service.recovered']


def test_without_nova_what_does_not_need_it_is_done(world):
    world.cloud.down = {'nova'}
    assert world.round(later=20 * samples.HOUR) == [samples.TOKEN]


def test_a_pause_after_a_failure_is_not_cut_short_by_a_round(world):
    world.cloud.alarms.clear()
    assert world.round() == [samples.TOKEN]
    world.schedule.take()
    world.schedule.give_back(samples.TOKEN, 3600.0)
    world.round()
    assert not world.schedule.idle([samples.TOKEN])
    world.schedule.wake('another')
    assert world.schedule.take() == 'another'


def test_a_pause_after_a_failure_is_cut_short_while_an_alarm_stands(world):
    # given a reservation that waits long since Gnocchi failed
    world.schedule.wake(samples.TOKEN)
    world.schedule.take()
    world.schedule.give_back(samples.TOKEN, 3600.0)
    # when an alarm of it stands in the next round
    world.set_alarms('alarm')
    world.round()
    # then it is tried again now
    world.schedule.wake('another')
    assert {world.schedule.take(), world.schedule.take()} == {
        samples.TOKEN, 'another'}


def test_a_pass_asks_aodh_for_its_alarms_once():
    # given a reservation whose alarms are as they should be
    world = one_engine.settled()
    assert len(world.cloud.alarms) > 1
    world.cloud.asked.clear()
    # when there is a pass over it
    assert world.reconciler.reconcile(samples.TOKEN, world.now) == []
    # then what it is told of them serves to repair and to decide
    assert [one for one in world.cloud.asked if one[0] == 'aodh'] == [
        ('aodh', 'POST', '/v2/query/alarms')]


def test_an_alarm_that_was_repaired_is_asked_about_anew():
    world = one_engine.settled()
    alarm_id = min(world.cloud.alarms)
    world.cloud.alarms[alarm_id]['severity'] = 'critical'
    world.cloud.asked.clear()
    assert world.reconciler.reconcile(samples.TOKEN, world.now) == []
    assert [method for service, method, _ in world.cloud.asked
            if service == 'aodh'] == ['POST', 'PUT', 'POST']


def test_a_round_lets_alarms_by(monkeypatch):
    # given two reservations, and pieces of one each
    world = one_engine.settled()
    world.add(token=OTHER, shadow_allocation_id=OTHER, name='other')
    monkeypatch.setattr(engine_precedence, '_PIECE', 0.0)
    times = []
    monkeypatch.setattr(
        world.precedence, 'let_by', lambda: times.append(world.now))
    # then both what is read and what is judged come in pieces
    world.round()
    assert len(times) == 4


def test_while_a_failed_member_waits_all_is_asked_for_once():
    # given a member that has failed, and one that runs and is to be shelved
    world = one_engine.settled()
    failed, running = world.members()[:2]
    world.moves.move(samples.TOKEN, failed, shadow.InstanceState.ERROR,
                     world.now, 'no host', journal.Severity.ERROR)
    world.database.write(lambda session: db_shadow.update_instance(
        session, running, state=shadow.InstanceState.SETTLING,
        state_since=world.now - 10 * samples.MINUTE))
    world.cloud.change_server(running.server_id, status='ACTIVE')
    world.cloud.changes.clear()
    # when there is a pass over it
    world.reconciler.reconcile(samples.TOKEN, world.now)
    # then Nova is asked to shelve it, and not twice
    assert len(world.cloud.changes) == 1
