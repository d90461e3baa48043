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

"""What the trigger would decide is told, and nothing else happens."""

import copy

import pytest

from shadow_reserve.cloud import exceptions
from shadow_reserve.cloud import nova as cloud_nova
from shadow_reserve.db import journal as db_journal
from shadow_reserve.engine import ahead_account
from shadow_reserve.engine import rehearsal as engine_rehearsal
from shadow_reserve.engine import scaling as engine_scaling
from shadow_reserve.trigger import decision
from tests.unit.engine import one_engine
from tests.unit.engine import test_ahead
from tests.unit import samples


@pytest.fixture
def world():
    world = one_engine.World()
    for _ in range(2):
        world.cloud.add_server(metadata=one_engine.APPLICATION)
    world.add(policy=samples.policy(cold_creation=True, minimum_shadow=1))
    world.forecast(1.0)
    world.settle()
    return world


def rehearse(world):
    """As the API does, which has no net."""
    nova = cloud_nova.Nova(lambda session: world.cloud.adapter('nova'))
    judge = engine_scaling.Judge(world.database, world.alarms, world.source)
    return engine_rehearsal.Rehearsal(
        nova, world.alarms, judge, world.ahead, world.net_terms)(
            world.record(), world.members(), world.now)


def test_it_decides_as_a_pass_does_and_changes_nothing(world):
    # given two servers that do the work of five, and one in the pool
    world.source.cpu = 150.0
    world.set_alarms('alarm')
    rows, servers, changes = (
        world.rows(), copy.deepcopy(world.cloud.servers),
        list(world.cloud.changes))

    # when it is asked what the trigger would do
    judgement = rehearse(world)

    # then it says so, and all is as it was
    decided = judgement.decision
    assert (decided.verdict, decided.count, decided.short) == (
        decision.Verdict.PROMOTE, 1, 2)
    assert judgement.alarmed and judgement.live.cpu_percent == 150.0
    assert (world.rows(), world.cloud.servers, world.cloud.changes) == (
        rows, servers, changes)


def test_a_service_that_is_away_is_named(world):
    world.cloud.down.add('nova')
    with pytest.raises(exceptions.ServiceUnavailable, match='nova'):
        rehearse(world)


def test_without_aodh_it_says_what_an_engine_does_then(world):
    # given more than two servers can do, and Aodh away
    world.source.cpu = 150.0
    world.cloud.down.add('aodh')

    decided = rehearse(world).decision

    assert (decided.verdict, decided.count) == (decision.Verdict.NOTHING, 0)
    assert 'CPU utilisation 150.0% is over 80%' in decided.reason
    assert 'Aodh cannot be asked for its alarms' in decided.reason
    assert 'once it has been over for 120 s' in decided.reason

    # but where usage is not over, there is nothing to be said of alarms
    world.source.cpu = 50.0
    assert 'Aodh' not in rehearse(world).decision.reason


def test_an_alarm_without_data_is_told_of(world):
    world.source.cpu = 150.0
    world.set_alarms('insufficient data')

    reason = rehearse(world).decision.reason

    assert 'Aodh finds no measures of 60 s for the cpu alarm' in reason
    assert 'an engine watches usage itself' in reason


def test_what_is_not_measured_is_no_fault_of_its_alarm(world):
    # given guests that tell nothing of their memory, and busy CPUs
    world.source.cpu, world.source.memory = 150.0, None
    for alarm in world.cloud.alarms.values():
        alarm['state'] = ('insufficient data' if alarm['name'].endswith(
            '/memory') else 'ok')

    reason = rehearse(world).decision.reason

    assert reason.endswith('no alarm stands yet')


def test_an_alarm_that_will_stand_soon_is_waited_for(world):
    world.source.cpu = 150.0
    world.set_alarms('ok')

    reason = rehearse(world).decision.reason

    assert reason.endswith('no alarm stands yet')


def test_nobody_has_measured_it(world):
    world.source.live = lambda *args, **kwargs: None
    assert rehearse(world) is None


def test_the_forecast_has_its_say_while_nobody_measures():
    # given a rush that the forecast sees, and agents that fell silent
    world = test_ahead.a_world()
    world.forecast(*test_ahead.RUSH)
    world.source.live = lambda *args, **kwargs: None

    judgement = rehearse(world)

    # then it promises what a pass does
    assert judgement.decision.verdict is decision.Verdict.PROMOTE
    assert judgement.live.members == 0
    world.reconciler.reconcile(samples.TOKEN, world.now)
    assert 'trigger.ahead' in world.kinds()


def test_what_the_forecast_would_have_promoted_is_said():
    world = test_ahead.a_world()
    assert rehearse(world).decision.verdict is decision.Verdict.NOTHING

    world.forecast(*test_ahead.RUSH)
    decided = rehearse(world).decision
    assert (decided.verdict, decided.count) == (decision.Verdict.PROMOTE, 1)
    assert 'the forecast says' in decided.reason

    # and when it is switched off, that it is
    world.database.write(lambda session: db_journal.record(
        session, samples.TOKEN, world.now, ahead_account.OFF, 'useless'))
    decided = rehearse(world).decision
    assert (decided.verdict, decided.count) == (decision.Verdict.NOTHING, 0)
    assert 'switched off' in decided.reason


def test_what_the_forecast_keeps_from_going_back_is_said():
    # given one that was promoted ahead, and a load that is still low
    world = test_ahead.a_world(cooldown=samples.MINUTE)
    world.source.cpu = 10.0
    test_ahead.expect(world)
    world.forecast(*test_ahead.CALM)
    test_ahead.work_off(world, 2)
    assert one_engine.serving(world) == 1

    decided = rehearse(world).decision
    assert (decided.verdict, decided.count) == (decision.Verdict.NOTHING, 0)
    assert 'kept for what the forecast expects' in decided.reason
