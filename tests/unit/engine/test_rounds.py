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

"""Rounds: who has a pass, and that nobody else needed one."""

import dataclasses
import datetime
import decimal
import itertools

import hypothesis
from hypothesis import strategies as st
import pytest
import sqlalchemy

from shadow_reserve.cloud import aodh as cloud_aodh
from shadow_reserve.cloud import nova as cloud_nova
from shadow_reserve.db import demand as db_demand
from shadow_reserve.db import journal as db_journal
from shadow_reserve.db import models
from shadow_reserve.db import reservations as db_reservations
from shadow_reserve.db import session as db_session
from shadow_reserve.db import shadow as db_shadow
from shadow_reserve.engine import due
from shadow_reserve.engine import failures as engine_failures
from shadow_reserve.engine import fleet as engine_fleet
from shadow_reserve.engine import pool as engine_pool
from shadow_reserve.engine import reconciler as engine_reconciler
from shadow_reserve.engine import rounds as engine_rounds
from shadow_reserve.engine import scaling as engine_scaling
from shadow_reserve.engine import schedule as engine_schedule
from shadow_reserve.engine import worker as engine_worker
from shadow_reserve.lease import accounts as lease_accounts
from shadow_reserve.lease import terms as lease_terms
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow
from shadow_reserve.records import usage
from shadow_reserve.shadow import lifecycle
from shadow_reserve.shadow import manager as shadow_manager
from shadow_reserve.shadow import moves as shadow_moves
from shadow_reserve.trigger import alarms as trigger_alarms
from tests.unit import fake_cloud
from tests.unit import samples

State = shadow.InstanceState
MINUTE = samples.MINUTE
RATES = {name: decimal.Decimal('0.01') for name in ('VCPU', 'MEMORY_GB')}
LIMITS = lifecycle.Limits(
    settle_time=MINUTE, build_timeout=10 * MINUTE,
    promotion_timeout=10 * MINUTE, error_backoff=10 * MINUTE)
#: As many samples.instance, samples.record and samples.server agree on.
APPLICATION = {'metering.server_group': 'shop'}


class FakePlacement:
    def claim_of(self, consumer_id):
        return 'compute-1'


class FakeTrusts:
    def session_for(self, trust_id):
        return None

    def delete(self, trust_id):
        pass


class FakeSource:
    """Applications that are as busy as a test says."""

    def __init__(self):
        self.cpu = 50.0
        self.latency = 1.0

    def live(self, application, now, *, vcpus, memory_mib):
        return usage.LiveUsage(
            as_of=now, members=max(len(application.server_ids), 1),
            cpu_percent=self.cpu, memory_percent=10.0,
            io_latency_ms=self.latency)


class World:
    """One engine over a cloud that a test has in its hands."""

    def __init__(self, relist_interval=datetime.timedelta()):
        self.now = samples.NOW
        self.cloud = fake_cloud.FakeCloud()
        self.source = FakeSource()
        self.database = database = db_session.Database('sqlite://')
        models.Base.metadata.create_all(database.engine)
        nova = cloud_nova.Nova(
            lambda session: self.cloud.adapter('nova'))
        aodh = cloud_aodh.Aodh(self.cloud.adapter('aodh'))
        accounts = lease_accounts.Accounts(lease_terms.RateCard(
            base=RATES, hold=RATES, use=RATES))
        moves = shadow_moves.Moves(database, accounts.charge)
        trusts = FakeTrusts()
        manager = shadow_manager.ShadowManager(
            database, moves, nova, FakePlacement(), trusts, LIMITS)
        alarms = trigger_alarms.AlarmKeeper(database, aodh, 60, 2)
        rooms = engine_reconciler.Rooms(
            database=database, accounts=accounts, manager=manager,
            pool=engine_pool.Pool(
                database, manager, nova, trusts, 3, 5 * MINUTE),
            scaling=engine_scaling.Scaling(
                database, moves, alarms, self.source),
            alarms=alarms, nova=nova, trusts=trusts)
        self.reconciler = engine_reconciler.Reconciler(
            rooms, samples.HOUR, MINUTE)
        self.schedule = engine_schedule.Schedule()
        self.failures = engine_failures.Failures(database, 5 * MINUTE)
        self.passes = engine_worker.Passes(
            database, self.reconciler, self.failures, self.schedule, MINUTE)
        self.rounds = engine_rounds.Rounds(
            engine_fleet.Fleet(database, nova, aodh, relist_interval),
            self.schedule, self.failures, alarms, due.Terms(
                limits=LIMITS, settle_interval=samples.HOUR,
                creation_grace=MINUTE))

    def add(self, **changes):
        record = samples.record(**changes)
        self.database.write(
            lambda session: db_reservations.add(session, record))
        return record

    def record(self):
        return self.database.read(
            lambda session: db_reservations.get(session, samples.TOKEN))

    def members(self):
        return self.database.read(lambda session: db_shadow.list_instances(
            session, samples.ALLOCATION))

    def kinds(self):
        return [event.kind for _, event in self.database.read(
            lambda session: db_journal.list_events(
                session, samples.TOKEN))]

    def round(self, later=MINUTE / 2):
        """:returns: the tokens that are due now"""
        self.now = self.cloud.now = self.now + later
        self.rounds.run(self.now)
        return [token for token in (samples.TOKEN,)
                if not self.schedule.idle([token])]

    def work(self):
        """Passes over those that are due."""
        while not self.schedule.idle([samples.TOKEN]):
            self.schedule.take()
            errors = self.reconciler.reconcile(samples.TOKEN, self.now)
            assert not errors
            self.schedule.give_back(samples.TOKEN, None)

    def settle(self):
        """Six minutes, after which nothing is due."""
        for _ in range(12):
            self.round()
            self.work()
        assert not self.round(), self.kinds()

    def rows(self):
        """All that the database holds."""
        def read(session):
            return {table.name: session.execute(
                sqlalchemy.select(table)).all()
                for table in models.Base.metadata.sorted_tables}
        return self.database.read(read)

    # What others do meanwhile

    def forecast(self, *peaks):
        """As the engine: new profiles, and a word about them."""
        profile = dataclasses.replace(
            samples.profile(peaks), origin=self.now)
        self.database.write(lambda session: db_demand.replace_profiles(
            session, samples.TOKEN, [profile]))
        self.rounds.forecast(samples.TOKEN, due.Outlook(
            profiles=(profile,), io_latency_ms=self.source.latency))

    def change_policy(self, **changes):
        """As the API, its message lost."""
        def work(session):
            record = db_reservations.get(session, samples.TOKEN)
            db_reservations.update(
                session, record, self.now,
                policy=samples.policy(**changes))
        self.database.write(work)

    def set_alarms(self, state):
        for alarm in self.cloud.alarms.values():
            alarm['state'] = state

    def shadow_servers(self):
        return [row for row in self.cloud.servers.values()
                if row['tags'] and row['status'] != 'DELETED']


@pytest.fixture
def world():
    world = World()
    for _ in range(2):
        world.cloud.add_server(metadata=APPLICATION)
    world.add()
    world.forecast(4.0, 6.0, 7.0, 9.0)
    world.settle()
    return world


def states(world):
    return sorted(member.state for member in world.members())


# A story: what wakes a reservation and what does not


def test_what_is_as_it_should_be_costs_a_few_listings(world):
    assert set(states(world)) == {State.AVAILABLE}
    world.cloud.asked.clear()
    assert world.round() == []
    assert world.cloud.asked == [
        ('aodh', 'GET', '/v2/alarms'), ('nova', 'GET', '/servers/detail')]


def test_a_new_engine_looks_at_everything_once():
    world = World()
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


def test_what_serves_is_looked_at_in_every_round(world):
    world.source.cpu = 95.0
    world.set_alarms('alarm')
    world.round()
    world.work()
    world.set_alarms('ok')
    for _ in range(3):
        assert world.round() == [samples.TOKEN]
        world.work()
    assert State.ALLOCATED in states(world)

    # and goes back when it is calm again
    world.source.cpu = 1.0
    world.round(later=samples.HOUR)
    world.work()
    assert State.RETURNING in states(world)


def test_a_pass_follows_when_an_alarm_was_edited_or_deleted(world):
    alarm_id = next(iter(world.cloud.alarms))
    world.cloud.alarms[alarm_id]['enabled'] = False
    assert world.round() == [samples.TOKEN]
    world.settle()
    del world.cloud.alarms[alarm_id]
    assert world.round() == [samples.TOKEN]
    world.settle()
    assert len(world.cloud.alarms) == 2


def test_a_change_of_policy_is_seen_without_its_message(world):
    world.change_policy(minimum_shadow=7)
    assert world.round() == [samples.TOKEN]
    world.settle()
    assert len(world.members()) == 7


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


def test_slow_disks_are_looked_at_while_they_are_slow(world):
    world.source.latency = 99.0
    world.forecast(4.0, 6.0, 7.0, 9.0)
    assert world.round() == [samples.TOKEN]
    world.work()
    assert State.PROMOTING in states(world)


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


# And the property that all of it rests on


STEPS = [
    'nothing', 'time', 'hour', 'deleted', 'offloaded', 'started', 'failed',
    'busy', 'calm', 'disabled', 'lost', 'grown', 'policy', 'forecast_only',
    'less', 'more', 'same', 'slow', 'quota', 'copied', 'untagged', 'budget',
    'group']


def happen(world, step):
    """One thing that can happen to a reservation in the world."""
    servers = world.shadow_servers()
    later = MINUTE / 2
    if step == 'time':
        later = 6 * MINUTE
    elif step == 'hour':
        later = samples.HOUR
    elif step in ('deleted', 'offloaded', 'started', 'failed') and servers:
        world.cloud.change_server(servers[0]['id'], status={
            'deleted': 'DELETED', 'offloaded': 'SHELVED_OFFLOADED',
            'started': 'ACTIVE', 'failed': 'ERROR'}[step])
    elif step in ('busy', 'calm'):
        world.source.cpu = 95.0 if step == 'busy' else 5.0
        world.set_alarms('alarm' if step == 'busy' else 'ok')
    elif step in ('disabled', 'lost') and world.cloud.alarms:
        alarm_id = min(world.cloud.alarms)
        if step == 'lost':
            del world.cloud.alarms[alarm_id]
        else:
            world.cloud.alarms[alarm_id]['enabled'] = False
    elif step == 'grown':
        world.cloud.add_server(metadata=APPLICATION)
    elif step == 'policy':
        world.change_policy(minimum_shadow=2, cpu_threshold=70.0)
    elif step == 'forecast_only':
        world.change_policy(mode=reservation.Mode.FORECAST_ONLY)
    elif step == 'budget':
        world.change_policy(budget=decimal.Decimal('0.05'))
    elif step in ('less', 'more', 'same', 'slow', 'quota'):
        world.source.latency = 99.0 if step == 'slow' else 1.0
        if step == 'quota':
            world.cloud.quota = 4
        world.forecast(*{
            'less': (1.0,) * 4, 'more': (15.0,) * 4, 'quota': (15.0,) * 4,
        }.get(step, (4.0, 6.0, 7.0, 9.0)))
    elif step == 'copied' and servers:
        world.cloud.add_server(
            metadata={**servers[0]['metadata'], **APPLICATION})
    elif step == 'untagged' and servers:
        world.cloud.change_server(servers[0]['id'], tags=[])
    elif step == 'group':
        world.cloud.groups['other'] = {min(world.cloud.servers, default='')}
    return later


def check(steps, *, grouped, settled):
    # given a reservation over an application, its shadow built or not
    world = World()
    group = {world.cloud.add_server(metadata=APPLICATION) for _ in range(2)}
    world.cloud.groups['group'] = group
    selector = reservation.Selector(
        kind=reservation.SelectorKind.SERVER_GROUP, value='group')
    world.add(**({'selector': selector} if grouped else {}))
    world.forecast(4.0, 6.0, 7.0, 9.0)
    if settled:
        world.settle()

    for step in [*itertools.chain(*([one, 'nothing', 'nothing', 'time']
                                    for one in steps))]:
        # when something happens to it, and a round comes by
        if world.round(later=happen(world, step)):
            world.work()
            continue
        # then either it has a pass, or a pass would have changed nothing
        before, changes = world.rows(), len(world.cloud.changes)
        assert world.reconciler.reconcile(samples.TOKEN, world.now) in (
            [], None)
        assert world.cloud.changes[changes:] == []
        assert world.rows() == before


@pytest.mark.parametrize('step', STEPS)
def test_after_one_thing_no_pass_would_change_what_no_round_wakes(step):
    check([step], grouped=False, settled=True)
    check(['busy', step, 'calm'], grouped=True, settled=True)


@hypothesis.settings(max_examples=20, deadline=None)
@hypothesis.given(st.lists(st.sampled_from(STEPS), min_size=1, max_size=8),
                  st.booleans(), st.booleans())
def test_what_no_round_wakes_no_pass_would_change(steps, grouped, settled):
    check(steps, grouped=grouped, settled=settled)
