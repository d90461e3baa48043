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

"""Promotions ahead of the alarm: made, scored, and given up."""

import pytest

from shadow_reserve.db import journal as db_journal
from shadow_reserve.db import promotions as db_promotions
from shadow_reserve.engine import ahead as engine_ahead
from shadow_reserve.engine import ahead_account
from shadow_reserve.engine import observation
from shadow_reserve.records import demand
from shadow_reserve.records import promotion
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow
from tests.unit.engine import one_engine
from tests.unit import samples

MINUTE = samples.MINUTE
STEP = 5 * MINUTE
State = shadow.InstanceState
states = one_engine.states
serving = one_engine.serving
#: Two servers of two vCPUs cross 80 % at 3.2 of them.
CALM = (1.0, 2.0, 2.5, 3.0)
RUSH = (4.0, 4.2, 4.4, 4.6)


def a_world(**policy):
    world = one_engine.World()
    for _ in range(2):
        world.cloud.add_server(metadata=one_engine.APPLICATION)
    world.add(policy=samples.policy(**{
        'promote_ahead': 0.4, 'minimum_shadow': 3, **policy}))
    world.forecast(*CALM)
    world.settle()
    return world


@pytest.fixture
def world():
    return a_world()


def promotions(world):
    return [one for _, one in world.database.read(
        lambda session: db_promotions.list_promotions(
            session, samples.TOKEN))]


def events(world, kind):
    return [event for _, event in world.database.read(
        lambda session: db_journal.list_events(session, samples.TOKEN))
        if event.kind == kind]


def work_off(world, minutes):
    for _ in range(2 * minutes):
        world.round()
        world.work()


def expect(world):
    """The forecast says rush, and what is due is done."""
    world.forecast(*RUSH)
    world.round()
    world.work()


def tell(world, *vcpus):
    """A quarter of an hour later it is known what was needed, in each step
    or in all of them."""
    world.source.cpu = 10.0
    start = world.now - STEP
    world.forecast(*CALM)
    work_off(world, 15)
    world.forecast(*CALM, recent=[demand.Readings(
        resource=demand.DemandResource.VCPU, start=start, step=STEP,
        values=vcpus * 4 if len(vcpus) == 1 else vcpus)])


def test_what_is_expected_is_promoted_before_it_comes(world):
    expect(world)
    # three cross it at 4.8, which is beyond all quantiles
    assert serving(world) == 1
    (one,) = promotions(world)
    assert one.signal.source is promotion.Source.AHEAD
    (event,) = events(world, ahead_account.AHEAD)
    assert event.details['acted'] and event.details['at_least'] == 0.5
    assert 'probability of at least 50%, 40% are asked for' in event.message


def test_it_is_promoted_once(world):
    expect(world)
    for _ in range(4):
        world.forecast(*RUSH)
        work_off(world, 2)
    assert serving(world) == 1
    assert len(events(world, ahead_account.AHEAD)) == 1


def test_a_calm_forecast_promotes_nothing(world):
    work_off(world, 3)
    assert serving(world) == 0


def test_without_the_policy_nothing_is_promoted_ahead():
    world = a_world(promote_ahead=None)
    expect(world)
    assert serving(world) == 0
    assert events(world, ahead_account.AHEAD) == []


def test_a_policy_that_asks_for_more_than_can_be_known_is_told():
    world = a_world(promote_ahead=0.8)
    for _ in range(2):
        expect(world)
    assert serving(world) == 0
    (event,) = events(world, engine_ahead.UNSURE)
    assert 'set it to 0.5 or less' in event.message


def test_members_stay_while_what_was_expected_may_still_come():
    world = a_world(cooldown=MINUTE * 0)
    world.source.cpu = 10.0
    expect(world)
    # within the four minutes that were looked ahead
    work_off(world, 2)
    assert serving(world) == 1
    # and as long as the forecast says so
    world.forecast(*RUSH)
    work_off(world, 4)
    assert serving(world) == 1

    tell(world, 3.0)
    work_off(world, 1)
    assert serving(world) == 0


@pytest.mark.parametrize('vcpus, useful', [(3.5, True), (3.0, False)])
def test_what_came_of_it_is_scored(world, vcpus, useful):
    expect(world)
    tell(world, vcpus)
    assert [one.useful for one in promotions(world)] == [useful]
    (event,) = events(world, ahead_account.SCORED)
    assert event.details['useful'] is useful
    assert event.details['scored_so_far'] == 1
    assert event.details['useful_so_far'] == int(useful)
    # once
    tell(world, vcpus)
    assert len(events(world, ahead_account.SCORED)) == 1


def test_an_alarm_that_stood_makes_it_useful(world):
    expect(world)
    world.set_alarms('alarm')
    world.source.cpu = 95.0
    world.round(later=MINUTE)
    world.work()
    world.set_alarms('ok')
    tell(world, 3.0)
    assert events(world, ahead_account.SCORED)[0].details['useful'] is True


def test_what_was_held_for_lack_of_a_measure_is_not_taken_for_one(world):
    # given readings of which the last two may be copies of the one before
    expect(world)
    tell(world, 1.0, 1.0, 1.0)
    assert events(world, ahead_account.SCORED) == []
    # when those that follow say what was needed
    world.forecast(*CALM, recent=[demand.Readings(
        resource=demand.DemandResource.VCPU,
        start=world.now - 4 * STEP, step=STEP, values=(1.0, 3.5, 3.5, 3.5))])
    # then it is scored by that
    (event,) = events(world, ahead_account.SCORED)
    assert event.details['useful'] is True


def test_so_many_scores_count_as_it_takes_to_doubt_a_low_level():
    world = a_world(cooldown=MINUTE * 0, promote_ahead=0.1)
    for _ in range(30):
        expect(world)
        tell(world, 1.0)
    # 0.9 to the power of 29 is under 5 %
    (off,) = events(world, ahead_account.OFF)
    assert (off.details['useful'], off.details['scored']) == (0, 29)
    assert len(promotions(world)) == 29


def test_what_nobody_measured_is_not_held_against_it(world):
    expect(world)
    world.now += 3 * samples.HOUR
    world.forecast(*CALM)
    (event,) = events(world, ahead_account.SCORED)
    assert event.details['useful'] is None
    assert event.details['scored_so_far'] == 0


def test_forecast_only_says_and_scores_what_it_would_do():
    world = a_world(mode=reservation.Mode.FORECAST_ONLY)
    expect(world)
    work_off(world, 2)
    (event,) = events(world, ahead_account.AHEAD)
    assert not event.details['acted'] and event.details['count'] == 1
    assert promotions(world) == []
    tell(world, 3.5)
    (event,) = events(world, ahead_account.SCORED)
    assert event.details['useful'] is True and not event.details['acted']


def test_what_proves_useless_is_switched_off_and_comes_back():
    world = a_world(cooldown=MINUTE * 0)
    for _ in range(7):
        expect(world)
        tell(world, 1.0)
    assert len(events(world, ahead_account.OFF)) == 1
    off = events(world, ahead_account.OFF)[0]
    # 0.6 to the power of 6 is under 5 %
    assert (off.details['useful'], off.details['scored']) == (0, 6)
    made = len(promotions(world))
    assert made == 6
    assert not events(world, ahead_account.AHEAD)[-1].details['acted']

    # with the one that followed, four of five would have been useful
    for _ in range(4):
        assert not events(world, ahead_account.ON)
        expect(world)
        tell(world, 3.5)
    assert len(events(world, ahead_account.ON)) == 1
    assert len(promotions(world)) == made
    expect(world)
    assert len(promotions(world)) == made + 1


def test_what_the_quick_way_did_meanwhile_is_not_done_again(world):
    # Given a pass that has read the members
    record = world.record()
    members = world.members()
    seen = observation.observe(world.nova, record, members)
    world.forecast(*RUSH)
    # when an alarm promotes for the same spike
    world.moves.promote(samples.TOKEN, 1, world.now, 'an alarm')
    # then the forecast does not
    assert not world.ahead.promote(record, seen, members, world.now)
    assert serving(world) == 1
    assert events(world, ahead_account.AHEAD) == []


def test_what_is_switched_off_stays_so_however_long_ago_that_was(
        monkeypatch):
    world = a_world(cooldown=MINUTE * 0)
    for _ in range(7):
        expect(world)
        tell(world, 1.0)
    made = len(promotions(world))
    monkeypatch.setattr(ahead_account, '_EVENTS', 2)
    for _ in range(3):
        expect(world)
        tell(world, 1.0)
    assert len(promotions(world)) == made
