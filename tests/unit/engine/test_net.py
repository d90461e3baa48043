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

"""The net under the bus: who is watched, and what comes of it."""

import dataclasses
import datetime

import pytest

from shadow_reserve.cloud import exceptions
from shadow_reserve.db import promotions as db_promotions
from shadow_reserve.engine import echo as engine_echo
from shadow_reserve.engine import net as engine_net
from shadow_reserve.engine import observation
from shadow_reserve.records import demand
from shadow_reserve.records import promotion
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow
from shadow_reserve.records import usage
from shadow_reserve.trigger import watch
from tests.unit.engine import one_engine
from tests.unit import samples

MINUTE = samples.MINUTE
State = shadow.InstanceState
states = one_engine.states


@pytest.fixture
def world():
    return one_engine.settled()


def watch_on(world):
    """A round and a look of the net, a minute later."""
    world.round(later=MINUTE)
    world.net.run(world.now)


def passes(world):
    """As ``world.work``, where services may fail."""
    while not world.schedule.idle([samples.TOKEN]):
        world.schedule.take()
        world.reconciler.reconcile(samples.TOKEN, world.now)
        world.schedule.give_back(samples.TOKEN, None)


def sources(world):
    return {one.signal.source for _, one in world.database.read(
        lambda session: db_promotions.list_promotions(
            session, samples.TOKEN))}


def causes(world):
    return dict(world.net.watched())


# Aodh cannot be asked


def test_a_spike_while_aodh_is_down_promotes_after_the_usual_time(world):
    world.cloud.down.add('aodh')
    world.source.cpu = 95.0
    watch_on(world)
    assert causes(world) == {watch.Cause.UNREACHABLE: 1}
    passes(world)
    # one interval over the threshold is none yet
    assert State.PROMOTING not in states(world)

    watch_on(world)
    passes(world)

    assert State.PROMOTING in states(world)
    assert sources(world) == {promotion.Source.NET}


def test_a_pace_that_cannot_be_kept_is_no_break(world):
    # thousands are watched, and a look takes seven minutes
    world.cloud.down.add('aodh')
    world.source.cpu = 95.0
    for _ in range(2):
        world.round(later=7 * MINUTE)
        world.net.run(world.now)
    passes(world)
    assert sources(world) == {promotion.Source.NET}


def test_a_short_spike_while_aodh_is_down_does_nothing(world):
    world.cloud.down.add('aodh')
    for cpu in (95.0, 50.0, 95.0, 50.0):
        world.source.cpu = cpu
        watch_on(world)
        passes(world)
    assert sources(world) == set()


def test_what_is_forecast_only_is_told_what_it_would_do():
    world = one_engine.World()
    world.cloud.add_server(metadata=one_engine.APPLICATION)
    world.add(policy=samples.policy(
        mode=reservation.Mode.FORECAST_ONLY))
    world.round()
    passes(world)
    world.cloud.down.add('aodh')
    world.source.cpu = 95.0
    for _ in range(2):
        watch_on(world)
        passes(world)
    assert 'trigger.exhausted' in world.kinds()
    assert world.members() == []


def test_it_goes_back_when_aodh_answers_again(world, caplog):
    world.cloud.down.add('aodh')
    watch_on(world)
    world.cloud.down.clear()
    world.source.cpu = 95.0
    for _ in range(3):
        watch_on(world)
        world.work()
    # Aodh's alarms are believed again, and none stands
    assert causes(world) == {}
    assert sources(world) == set()
    assert 'watched without their alarms' in caplog.text


def test_looking_again_and_again_promotes_nothing_twice(world):
    # measures do not show those that were promoted yet
    world.source.live = lambda *args, **kwargs: usage.LiveUsage(
        as_of=world.now, members=2, cpu_percent=95.0, memory_percent=10.0,
        io_latency_ms=1.0)
    world.cloud.down.add('aodh')
    for _ in range(5):
        watch_on(world)
        passes(world)
    # 2 servers at 95 % do the work of 4 at 60 %, and 7 vCPUs are forecast,
    # which 6 have at 60 %
    assert states(world).count(State.ALLOCATED) == 4
    assert State.PROMOTING not in states(world)


# An alarm without data


def test_an_alarm_without_data_is_told_once_and_taken_back(world):
    world.set_alarms('insufficient data')
    for _ in range(3):
        watch_on(world)
    assert causes(world) == {}, 'every alarm begins so'
    for _ in range(4):
        watch_on(world)
    assert causes(world) == {watch.Cause.NO_DATA: 1}
    assert world.kinds().count(engine_net.ON) == 1

    world.set_alarms('ok')
    for _ in range(2):
        watch_on(world)
    assert world.kinds().count(engine_net.OFF) == 1
    assert causes(world) == {}


def test_one_alarm_without_data_is_made_up_for_beside_one_that_stands(
        world):
    # given a CPU alarm of which Aodh finds nothing
    world.set_alarms('insufficient data')
    for _ in range(7):
        watch_on(world)
    # when CPU and memory are over for long, and the memory alarm stands
    world.source.cpu = world.source.memory = 95.0
    for alarm in world.cloud.alarms.values():
        if alarm['name'].endswith('/memory'):
            alarm['state'] = 'alarm'
    for _ in range(3):
        watch_on(world)
    judgement = world.judge.judge(
        world.record(), observation.observe(
            world.nova, world.record(), world.members()),
        world.members(), world.now)
    # then both count
    assert set(judgement.decision.metrics) == {'cpu', 'memory'}


def test_a_composite_alarm_without_data_is_watched_too(world):
    # given one alarm over CPU and memory, of which Aodh finds nothing
    world.change_policy(
        alarm_combination=reservation.AlarmCombination.ANY,
        io_latency_threshold=None)
    world.round()
    world.work()
    world.set_alarms('insufficient data')
    # when it is so for a while
    for _ in range(7):
        watch_on(world)
    # then the engine sees for itself that the application is busy
    assert causes(world) == {watch.Cause.NO_DATA: 1}
    world.source.cpu = 95.0
    for _ in range(4):
        watch_on(world)
        world.work()
    assert promotion.Source.NET in sources(world)


def test_another_trouble_in_between_is_no_news_for_the_owner(world):
    world.set_alarms('insufficient data')
    for _ in range(5):
        watch_on(world)
    for service in ('aodh', 'nova'):
        world.cloud.down.add(service)
        watch_on(world)
        world.cloud.down.clear()
        watch_on(world)
    assert causes(world) == {watch.Cause.NO_DATA: 1}
    assert world.kinds().count(engine_net.ON) == 1
    assert engine_net.OFF not in world.kinds()


def test_a_new_engine_goes_on_where_the_old_one_was(world):
    world.set_alarms('insufficient data')
    for _ in range(4):
        watch_on(world)
    assert causes(world) == {watch.Cause.NO_DATA: 1}
    world.rounds._net = world.net = engine_net.Net(
        world.database, world.source, None, world.bus, world.schedule.wake,
        world.net._terms)
    watch_on(world)
    assert causes(world) == {watch.Cause.NO_DATA: 1}
    assert world.kinds().count(engine_net.ON) == 1


@pytest.mark.parametrize('measured', [None, usage.LiveUsage(
    as_of=samples.NOW, members=2, cpu_percent=None, memory_percent=50.0,
    io_latency_ms=None)])
def test_what_nobody_measures_is_seldom_looked_for(world, measured):
    world.set_alarms('insufficient data')
    looks = []

    def live(application, now, **size):
        looks.append(now)
        return measured
    world.source.live = live
    for _ in range(9):
        watch_on(world)
    assert len(looks) == 1


def test_gnocchi_down_as_well_is_said_by_the_loop(world):
    def fail(*args, **kwargs):
        raise exceptions.ServiceUnavailable('gnocchi', 'it is down')
    world.source.live = fail
    world.cloud.down.add('aodh')
    with pytest.raises(exceptions.ServiceUnavailable):
        watch_on(world)


# Nobody evaluates


def test_an_evaluator_that_died_is_noticed_by_its_times(world):
    world.cloud.evaluate()
    watch_on(world)
    assert causes(world) == {}
    for _ in range(4):
        watch_on(world)
    assert causes(world) == {watch.Cause.NOT_EVALUATED: 1}
    # that is the operator's, and in the log
    assert engine_net.ON not in world.kinds()

    world.cloud.evaluate()
    watch_on(world)
    assert causes(world) == {}


def test_an_alarm_that_was_put_right_is_still_evaluated(world):
    alarm = next(iter(world.cloud.alarms.values()))
    alarm['enabled'] = False
    world.settle()
    assert alarm['enabled']
    # Aodh passes over alarms without it
    assert alarm['evaluate_timestamp']


def test_an_alarm_that_aodh_passes_over_is_watched(world):
    next(iter(world.cloud.alarms.values()))['evaluate_timestamp'] = None
    watch_on(world)
    assert causes(world) == {watch.Cause.NOT_EVALUATED: 1}


def test_times_that_only_the_api_wrote_tell_nothing(world):
    # an evaluator that is coordinated with others leaves them alone
    for _ in range(10):
        watch_on(world)
    assert causes(world) == {}


def test_usage_that_no_alarm_answers_is_watched(world):
    outlook = world.rounds._outlooks[samples.TOKEN]

    def forecast(share):
        world.rounds.forecast(samples.TOKEN, dataclasses.replace(
            outlook, recent=(demand.Readings(
                resource=demand.DemandResource.VCPU,
                start=world.now - 5 * MINUTE, step=5 * MINUTE,
                # two servers of two vCPUs
                values=(4.0 * share,)),)))
    forecast(0.5)
    watch_on(world)
    assert causes(world) == {}
    forecast(0.9)
    watch_on(world)
    assert causes(world) == {watch.Cause.UNANSWERED: 1}


# The bus


def test_an_alarm_is_asked_for_while_the_bus_is_silent(world):
    world.set_alarms('alarm')
    world.net.ask()
    assert world.schedule.idle([samples.TOKEN])

    world.monotonic += 16
    world.cloud.asked.clear()
    world.net.ask()
    assert not world.schedule.idle([samples.TOKEN])
    assert world.cloud.asked == [('aodh', 'GET', '/v2/alarms')]

    # and woken once, as a notification would
    world.work()
    world.net.ask()
    assert world.schedule.idle([samples.TOKEN])


def test_the_bus_is_silent_when_nothing_comes_back(world, caplog):
    caplog.set_level('INFO')
    ear = engine_echo.Ear(world.bus)
    for _ in range(5):
        world.monotonic += 5
        world.bus.check()
        ear.info({}, 'someone', world.sent[-1], {}, {})
        assert not world.bus.is_silent
    for _ in range(4):
        world.monotonic += 5
        world.bus.check()
    sent = len(world.sent)
    for _ in range(12):
        world.monotonic += 5
        world.bus.check()
    assert len(world.sent) - sent == 2
    assert world.bus.is_silent and world.bus.is_silent
    assert caplog.text.count('Nothing came') == 1

    ear.error({}, 'nova', 'anything', {}, {})
    assert not world.bus.is_silent
    assert 'The message bus works again' in caplog.text
    assert set(world.sent) == {engine_echo.ECHO}


def test_metrics_say_how_many_are_watched_and_why(world):
    world.cloud.down.add('aodh')
    watch_on(world)
    world.monotonic += 60
    told = {(sample.name, *sample.labels.values()): sample.value
            for family in engine_net.Collector(
                world.net, world.bus).collect()
            for sample in family.samples}
    assert told[('shadow_reserve_net_watched', 'aodh_unreachable')] == 1
    assert told[('shadow_reserve_net_watched', 'no_data')] == 0
    assert told[('shadow_reserve_bus_silent',)] == 1


def test_a_reservation_that_is_gone_is_forgotten(world):
    world.cloud.down.add('aodh')
    watch_on(world)
    world.net.look([], {}, world.now + datetime.timedelta(minutes=1))
    assert causes(world) == {}
    assert world.net.alarmed(samples.TOKEN) is None


def test_members_go_back_though_aodh_is_down(world):
    world.source.cpu = 95.0
    world.set_alarms('alarm')
    for _ in range(3):
        world.round()
        world.work()
    assert State.ALLOCATED in states(world)

    world.cloud.down.add('aodh')
    world.source.cpu = 1.0
    for _ in range(2):
        world.round(later=samples.HOUR)
        passes(world)

    assert State.ALLOCATED not in states(world)
