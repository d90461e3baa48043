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

"""What is built from nothing when the pool has nothing to promote."""

import dataclasses
import datetime

import pytest

from shadow_reserve.cloud import nova_rows
from shadow_reserve.db import journal as db_journal
from shadow_reserve.db import promotions as db_promotions
from shadow_reserve.db import reservations as db_reservations
from shadow_reserve.db import shadow as db_shadow
from shadow_reserve.records import promotion
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow
from shadow_reserve.shadow import building
from tests.unit.engine import one_engine
from tests.unit import samples

State = shadow.InstanceState


@pytest.fixture
def world():
    return one_engine.World()


def begin(world, **policy):
    """Two servers that are too busy, and an empty pool."""
    policy = {'cold_creation': True, **policy}
    for _ in range(2):
        world.cloud.add_server(metadata=one_engine.APPLICATION)
    world.add(policy=samples.policy(**policy))
    world.settle()
    world.source.cpu = 90.0
    world.set_alarms('alarm')


def turn(world, later=samples.MINUTE / 2):
    world.round(later)
    world.work()


def promotions(world):
    return [one for _, one in world.database.read(
        lambda session: db_promotions.list_promotions(
            session, samples.TOKEN))]


def latest(world, kind='trigger.%'):
    return world.database.read(lambda session: db_journal.latest_event(
        session, samples.TOKEN, kind))


def states(world):
    return [member.state for member in world.members()]


def test_what_the_pool_lacks_is_built_and_serves_when_it_runs(world):
    # given two servers that do the work of three, and nothing in the pool
    begin(world)

    # when the engine looks
    turn(world)

    # then it says how it is done
    event = latest(world)
    assert (event.kind, event.details['cold'], event.details['acted']) == (
        'trigger.promote', 1, True)
    assert event.message.endswith('1 built from nothing')
    world.source.cpu = 60.0

    # and one is built and serves, and there is a promotion of it
    turn(world)
    member, = world.members()
    assert (member.state, member.uses, member.host) == (
        State.ALLOCATED, 1, 'compute-1')
    assert len(world.shadow_servers()) == 1
    one, = promotions(world)
    assert (one.outcome, one.signal.source, one.signal.metric) == (
        promotion.Outcome.SERVING, promotion.Source.USAGE, 'cpu')
    assert one.server_id == member.server_id
    assert one.active_at is not None


def test_it_is_charged_from_when_it_serves(world):
    begin(world)
    world.round()
    world.schedule.take()
    world.reconciler.reconcile(samples.TOKEN, world.now)
    member, = world.members()
    assert (member.state, member.charged_until) == (State.PROMOTING, None)
    world.schedule.give_back(samples.TOKEN, None)
    world.source.cpu = 60.0
    turn(world)
    member, = world.members()
    assert member.charged_until == world.now


def test_it_goes_back_into_the_pool_like_others(world):
    begin(world, minimum_shadow=1, cooldown=0 * samples.MINUTE)
    world.forecast(1.0)
    turn(world)
    world.set_alarms('ok')
    world.source.cpu = 5.0
    for _ in range(6):
        turn(world)
    assert State.AVAILABLE in states(world)
    assert promotions(world)[0].outcome is promotion.Outcome.ENDED


def test_only_what_is_short_is_built(world):
    # given one in the pool, where three are wanted
    begin(world)
    world.source.cpu = 150.0
    world.set_alarms('ok')
    world.change_policy(cold_creation=True, minimum_shadow=1)
    world.forecast(1.0)
    for _ in range(6):
        turn(world)
    assert states(world) == [State.AVAILABLE]

    # when all three are wanted
    world.set_alarms('alarm')
    turn(world)

    # then the one is promoted, and two more are built
    world.source.cpu = 60.0
    turn(world)
    assert states(world) == [State.ALLOCATED] * 3
    assert [one.server_id is None for one in promotions(world)] == (
        [False] * 3)


def test_nothing_is_built_unless_the_policy_says_so(world):
    begin(world, cold_creation=False)
    turn(world)
    assert world.members() == []
    assert latest(world).kind == 'trigger.exhausted'


@pytest.mark.parametrize(('policy', 'bound'), [
    ({'maximum_shadow': 0}, 'maximum'),
    ({'budget': 0}, 'budget'),
])
def test_what_bounds_the_pool_bounds_it_too(world, policy, bound):
    begin(world, **policy)
    turn(world)
    assert world.members() == []
    event = latest(world)
    assert (event.kind, event.details['cold'],
            event.details['cold_bound']) == ('trigger.exhausted', 0, bound)


def test_quota_and_the_operator_bound_it(world):
    begin(world)
    world.cloud.quota = 2
    turn(world)
    assert latest(world).details['cold_bound'] == 'quota'
    world.cloud.quota, world.growth = 1000, (0, 'cap')
    turn(world)
    assert latest(world).details['cold_bound'] == 'cap'
    assert world.members() == []


def test_none_is_built_while_builds_keep_failing(world):
    begin(world)
    world.database.write(lambda session: [db_journal.record(
        session, samples.TOKEN, world.now, 'instance.error', 'no host')
        for _ in range(3)])
    turn(world)
    assert world.members() == []
    assert latest(world).details['cold_bound'] == 'failures'
    assert latest(world, 'shadow.builds_stopped') is not None


def test_nova_being_away_is_said(world):
    begin(world)
    world.round()
    limits = world.cloud.get_limits
    world.cloud.get_limits = lambda *args: None
    world.work()
    assert world.members() == []
    assert 'nova' in latest(world).details['cold_bound']
    world.cloud.get_limits = limits
    turn(world)
    assert len(world.members()) == 1


def test_one_need_is_not_met_twice(world):
    # given one that is on its way, its server not there yet
    begin(world)
    build, world.cloud.add_server = world.cloud.add_server, (
        lambda **fields: build(status='BUILD', **fields))
    for _ in range(3):
        turn(world)
    assert states(world) == [State.PROMOTING]

    # when another engine decided by what there was before
    added = building.add_serving(
        world.database, world.record(), 1, world.now, 'late',
        promotion.Signal(source=promotion.Source.USAGE), serving=frozenset())

    # then it adds none
    assert added == []


def test_a_build_may_take_as_long_as_builds_do(world):
    begin(world)
    build, world.cloud.add_server = world.cloud.add_server, (
        lambda **fields: build(status='BUILD', **fields))
    turn(world)
    turn(world, 9 * samples.MINUTE)
    assert states(world) == [State.PROMOTING]
    turn(world, 2 * samples.MINUTE)
    assert State.ERROR in states(world)
    assert promotions(world)[0].outcome is promotion.Outcome.FAILED


def test_a_forecast_only_reservation_builds_none(world):
    begin(world, mode=reservation.Mode.FORECAST_ONLY)
    turn(world)
    assert world.members() == []
    assert latest(world).details['acted'] is False


def test_the_promotion_cooldown_is_kept_by_the_promotions_there_were(world):
    begin(world, promotion_step=1,
          promotion_cooldown=datetime.timedelta(minutes=5))
    turn(world)
    assert len(world.members()) == 1
    world.source.cpu = 99.0
    for _ in range(4):
        turn(world)
    assert len(world.members()) == 1
    turn(world, 5 * samples.MINUTE)
    assert len(world.members()) == 2


def test_what_the_forecast_expects_makes_a_promotion_larger(world):
    # given two busy servers that ask for one more, and a forecast of nine
    # busy vCPUs, which four and a half servers have: eight at the target
    begin(world)
    world.forecast(7.0, 8.0, 9.0, 9.9)

    # when the engine looks
    turn(world)

    # then it asks for as many as are eight with those two
    assert latest(world).details['wanted'] == 6
    assert len(promotions(world)) == 6


def test_a_failed_promotion_is_made_up_for_within_the_cooldown(world):
    begin(world, promotion_cooldown=datetime.timedelta(hours=1))
    build, world.cloud.add_server = world.cloud.add_server, (
        lambda **fields: build(status='ERROR', **fields))
    turn(world)
    world.cloud.add_server = build
    for _ in range(3):
        turn(world)
    assert sorted(one.outcome for one in promotions(world)) == [
        promotion.Outcome.FAILED, promotion.Outcome.SERVING]


@pytest.mark.parametrize('pool', [0, 2])
@pytest.mark.parametrize('change', [
    lambda record: {'policy': dataclasses.replace(
        record.policy, cold_creation=False)},
    lambda record: {'policy': dataclasses.replace(
        record.policy, mode=reservation.Mode.FORECAST_ONLY)},
    lambda record: {'status': reservation.ReservationStatus.DELETING}])
def test_nothing_is_built_by_what_its_owner_has_changed_meanwhile(
        world, monkeypatch, pool, change):
    # given less in the pool than is needed
    begin(world, promotion_step=4, minimum_shadow=pool)
    before, live = states(world), world.source.live

    def read(*args, **sizes):
        # and an owner with other plans, while a pass reads usage
        record = world.record()
        world.database.write(lambda session: db_reservations.update(
            session, record, world.now, **change(record)))
        return live(*args, **sizes)
    monkeypatch.setattr(world.source, 'live', read)

    world.reconciler.reconcile(samples.TOKEN, world.now)

    # then the pass has left all to the next one
    assert states(world) == before


def meanwhile(world, monkeypatch, happens):
    """A pass waits for Gnocchi while something else happens."""
    live = world.source.live

    def slowly(*args, **sizes):
        monkeypatch.setattr(world.source, 'live', live)
        happens()
        return live(*args, **sizes)
    monkeypatch.setattr(world.source, 'live', slowly)
    assert world.reconciler.reconcile(samples.TOKEN, world.now) == []


def a_pass(world):
    assert world.reconciler.reconcile(samples.TOKEN, world.now) == []


def told(world):
    return [kind for kind in world.kinds() if kind.startswith('trigger.')]


@pytest.mark.parametrize('policy', [{}, {'maximum_shadow': 1}])
def test_what_another_engine_builds_meanwhile_is_not_built_twice(
        world, monkeypatch, policy):
    begin(world, **policy)
    # given a pass that decides by members as they were before another one
    meanwhile(world, monkeypatch, lambda: a_pass(world))
    # then one is built, and told of once
    assert states(world) == [State.PROMOTING]
    assert told(world) == ['trigger.promote']


def test_what_serves_already_by_then_counts_as_well(world, monkeypatch):
    begin(world)

    def it_is_built_and_serves():
        a_pass(world)
        world.source.cpu = 60.0
        a_pass(world)
        world.source.cpu = 90.0
        assert states(world) == [State.ALLOCATED]
    meanwhile(world, monkeypatch, it_is_built_and_serves)
    assert states(world) == [State.ALLOCATED]


def test_a_member_that_became_available_and_was_promoted_counts(
        world, monkeypatch):
    # given a member that settles while a pass decides to build one
    begin(world)
    member = samples.instance(state=State.SETTLING, state_since=world.now)
    world.database.write(
        lambda session: db_shadow.add_instance(session, member))
    world.cloud.add_server(member.server_id, metadata={
        **one_engine.APPLICATION, nova_rows.TOKEN_KEY: samples.TOKEN,
        nova_rows.INSTANCE_KEY: member.instance_id}, tags=[
            nova_rows.TAG, nova_rows.token_tag(samples.TOKEN)])

    def another_engine_promotes_it():
        member, = world.members()
        available = world.moves.move(
            samples.TOKEN, member, State.AVAILABLE, world.now, 'settled',
            host='compute-1')
        assert available is not None
        assert world.moves.promote(
            samples.TOKEN, 1, world.now, 'quicker')
    meanwhile(world, monkeypatch, another_engine_promotes_it)
    assert states(world) == [State.PROMOTING]
