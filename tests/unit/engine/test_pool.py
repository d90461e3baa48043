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

from shadow_reserve.db import demand as db_demand
from shadow_reserve.db import journal as db_journal
from shadow_reserve.db import migration
from shadow_reserve.db import reservations as db_reservations
from shadow_reserve.db import session as db_session
from shadow_reserve.db import shadow as db_shadow
from shadow_reserve.engine import lead_time
from shadow_reserve.engine import observation
from shadow_reserve.engine import pool as engine_pool
from shadow_reserve.records import journal
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow
from shadow_reserve.records import usage
from shadow_reserve.shadow import building
from shadow_reserve.shadow import lifecycle
from shadow_reserve.shadow import manager as shadow_manager
from shadow_reserve.shadow import moves as shadow_moves
from shadow_reserve.shadow import template as shadow_template
from tests.unit import samples

State = shadow.InstanceState
MINUTE = samples.MINUTE
DELAY = 15 * MINUTE
LEAD = 5 * MINUTE
SEEN = observation.Observation(
    servers={}, primary=4, application=usage.Application(
        token=samples.TOKEN, project_id='project', server_ids=(),
        server_group=None, vcpus=2))


class Stage:
    """A pool over a database, and nothing else."""

    def __init__(self, database, quota=None, **policy):
        self.database = database
        self.record = samples.record(
            trust_id=None if quota is None else 'trust',
            policy=samples.policy(**policy))
        self.quota = quota
        self.moves = shadow_moves.Moves(
            database, lambda session, token, member, now: member)
        self.manager = shadow_manager.ShadowManager(
            database, self.moves, None, None, lifecycle.Limits(
                settle_time=MINUTE, build_timeout=MINUTE,
                promotion_timeout=MINUTE, error_backoff=MINUTE))
        self.now = samples.NOW
        self.growth = (None, '')
        database.write(lambda session: db_reservations.add(
            session, self.record))
        self.pool = engine_pool.Pool(
            database, self.manager, self, self, maximum_failures=2,
            quota_headroom=1,
            shrink_delay=DELAY, lead=lead_time.LeadTime(
                database, LEAD, samples.HOUR),
            growth=lambda record: self.growth)

    def quota_room(self, session, size):
        """As Nova tells it of the tenant."""
        return self.quota

    def session_for(self, trust_id):
        return trust_id

    def settle(self, **changes):
        """Let all builds come to their end."""
        def work(session):
            for member in self.manager.members(self.record):
                if member.state is State.BUILDING:
                    db_shadow.update_instance(session, member, **{
                        'state': State.AVAILABLE, 'host': 'compute-1',
                        'server_id': member.instance_id, **changes})
        self.database.write(work)

    def fail(self):
        for member in self.manager.members(self.record):
            if member.state is State.BUILDING:
                self.moves.move(
                    samples.TOKEN, member, State.ERROR, self.now, 'no boot',
                    journal.Severity.ERROR)

    def forget(self):
        """Let all be gone that goes."""
        def work(session):
            for member in self.manager.members(self.record):
                if member.state in (State.DELETING, State.ERROR):
                    db_shadow.remove_instance(session, member)
        self.database.write(work)

    def forecast(self, quantity):
        """Let the forecast ask for so many, beside four primary ones."""
        # An instance carries 1.2 vCPUs, and the margin is a fifth.
        peak = (quantity + SEEN.primary) * 1.0 - 0.5
        self.database.write(lambda session: db_demand.replace_profiles(
            session, samples.TOKEN, [samples.profile((peak,) * 4)]))

    def held_after(self, passed, quantity=None):
        """How many are held when so much time has passed."""
        self.now += passed
        if quantity is not None:
            self.forecast(quantity)
        self.pool.resize(self.record, SEEN, self.now)
        return sum(1 for member in self.manager.members(self.record)
                   if member.state in shadow.HELD_STATES)


@pytest.fixture
def database(tmp_path):
    database = db_session.Database(f'sqlite:///{tmp_path}/test.sqlite')
    migration.upgrade(database)
    return database


def test_it_grows_at_once(database):
    stage = Stage(database)
    assert stage.held_after(MINUTE, quantity=3) == 3
    assert stage.held_after(MINUTE, quantity=5) == 5


def test_it_shrinks_when_less_was_asked_for_long_enough(database):
    stage = Stage(database)
    stage.held_after(MINUTE, quantity=5)
    assert stage.held_after(MINUTE, quantity=2) == 5
    assert stage.held_after(DELAY - MINUTE) == 5
    assert stage.held_after(MINUTE) == 2


def test_a_forecast_that_wavers_shrinks_it_all_the_same(database):
    # Given a pool of ten
    stage = Stage(database)
    stage.held_after(MINUTE, quantity=10)
    # When the forecast asks for three and four in turns
    held = [stage.held_after(5 * MINUTE, quantity=3 + turn % 2)
            for turn in range(8)]
    # Then after the delay four are left, and stay
    assert held == [10, 10, 10, 4, 4, 4, 4, 4]


def test_a_size_that_stays_is_written_once(database):
    stage = Stage(database)
    for _ in range(3):
        stage.held_after(MINUTE, quantity=5)
    events = database.read(lambda session: db_journal.events_in_force(
        session, samples.TOKEN, 'shadow.sized', samples.NOW))
    assert [event.details['quantity'] for event in events] == [5]


def test_a_full_cloud_keeps_a_pool_from_growing_and_takes_nothing(database):
    # Given a pool of two
    stage = Stage(database)
    stage.held_after(MINUTE, quantity=2)
    # When more is asked for and the cloud has room for one
    stage.growth = (1, 'capacity')
    assert stage.held_after(MINUTE, quantity=6) == 3
    # and then for none
    stage.growth = (0, 'capacity')
    # Then it stays as it is, also when the shrink delay is over
    assert stage.held_after(MINUTE) == 3
    assert stage.held_after(2 * DELAY) == 3
    latest = database.read(lambda session: db_journal.latest_event(
        session, samples.TOKEN, 'shadow.sized'))
    assert latest.details['bound'] == 'capacity'


def test_scheduled_shadow_is_built_ahead_of_its_start(database):
    # Given six at a quarter past twelve for an hour, without a forecast
    stage = Stage(database, schedule=(reservation.ScheduledShadow(
        start='15 12 * * *', duration=samples.HOUR, quantity=6),))
    # Then they are built five minutes before, for so long a build takes
    assert stage.held_after(9 * MINUTE) == 0
    assert stage.held_after(MINUTE) == 6
    # and stay until the end, and until the shrink delay is over
    assert stage.held_after(64 * MINUTE) == 6
    assert stage.held_after(MINUTE) == 6
    assert stage.held_after(DELAY) == 0


def test_a_maximum_that_was_lowered_counts_at_once(database):
    stage = Stage(database)
    stage.held_after(MINUTE, quantity=8)
    stage.record = samples.record(
        trust_id=None, policy=samples.policy(maximum_shadow=3))
    assert stage.held_after(MINUTE) == 3


def test_the_lead_time_is_that_of_the_builds_seen(database):
    # Given members that took seven minutes to be held
    stage = Stage(database)

    def built(session):
        for number in range(10):
            for passed, kind in ((0, 'building'), (7, 'available')):
                db_journal.record(
                    session, samples.TOKEN, samples.NOW + passed * MINUTE,
                    f'instance.{kind}', '', instance_id=str(number))

    lead = lead_time.LeadTime(database, LEAD, samples.HOUR)
    assert lead.at(stage.now) == LEAD
    database.write(built)
    # Then it is known, once the builds are looked at again
    assert lead.at(stage.now + 9 * MINUTE) == LEAD
    assert lead.at(stage.now + 10 * MINUTE) == 7 * MINUTE


def test_what_has_failed_is_replaced_when_it_is_gone(database):
    stage = Stage(database)
    stage.held_after(MINUTE, quantity=2)
    stage.fail()
    # Until then, which is a while, nothing is built in its place
    assert stage.held_after(MINUTE) == 0
    stage.forget()
    stage.pool._maximum_failures = 3
    assert stage.held_after(MINUTE) == 2


def stale(database, count=3):
    """A pool that was built from an older template."""
    stage = Stage(database)
    stage.held_after(MINUTE, quantity=count)
    stage.settle(template_key='older')
    return stage


def test_old_members_are_replaced_one_after_the_other(database):
    stage = stale(database)
    for _ in range(3):
        assert stage.held_after(MINUTE) == 3
        states = [one.state for one in stage.manager.members(stage.record)]
        assert states.count(State.BUILDING) == 1
        stage.forget()
        # One that is being built keeps the others.
        assert stage.held_after(MINUTE) == 3
        stage.settle(template_key=shadow_template.key_of(stage.record))
    assert stage.held_after(MINUTE) == 3
    assert {one.state for one in stage.manager.members(stage.record)} == {
        State.AVAILABLE}


def test_a_template_that_does_not_boot_costs_one_member(database):
    stage = stale(database)
    stage.held_after(MINUTE)
    for _ in range(200):
        stage.fail()
        stage.forget()
        assert stage.held_after(MINUTE) >= 2
    assert sum(one.template_key == 'older' for one in (
        stage.manager.members(stage.record))) == 2


@pytest.mark.parametrize('wanted', [3, 5])
def test_nothing_is_given_up_where_the_cloud_has_no_room(database, wanted):
    stage = stale(database)
    stage.forecast(wanted)
    stage.growth = (0, 'capacity')
    assert stage.held_after(MINUTE) == 3
    assert all(one.state is State.AVAILABLE for one in (
        stage.manager.members(stage.record)))


def test_two_engines_build_for_one_need_once(database):
    stage = Stage(database)
    for _ in range(2):
        building.add_to_pool(database, stage.record, 3, stage.now, 'both')
    assert len(stage.manager.members(stage.record)) == 3


def test_two_engines_release_for_one_surplus_once(database):
    stage = Stage(database)
    stage.held_after(MINUTE, quantity=5)
    for _ in range(2):
        stage.manager.release(stage.record, 4, stage.now, 'both')
    assert [one.state for one in stage.manager.members(stage.record)].count(
        State.DELETING) == 1


def test_what_nothing_is_held_for_is_released_first(database):
    # Given that the oldest one is lent
    stage = Stage(database)
    stage.held_after(MINUTE, quantity=3)
    stage.settle()
    lent, *_ = stage.manager.members(stage.record)
    database.write(lambda session: db_shadow.update_instance(
        session, lent, lent_at=stage.now))
    # When one is too many
    stage.manager.release(stage.record, 2, stage.now, 'one too many')
    # Then it is that one, and not one of those that hold something
    gone = [one.instance_id for one in stage.manager.members(stage.record)
            if one.state is State.DELETING]
    assert gone == [lent.instance_id]


def test_the_tenant_keeps_some_of_its_quota(database):
    # Given a quota with room for four
    stage = Stage(database, quota=4)
    # Then all but one may be shadow
    assert stage.held_after(MINUTE, quantity=6) == 3
    stage.settle()
    stage.quota = 1
    assert stage.held_after(MINUTE) == 3
    # When the tenant takes that one, then there is one again
    stage.quota = 0
    assert stage.held_after(MINUTE) == 2
    # and no more than that, while Nova takes its time to delete a server
    for member in stage.manager.members(stage.record):
        SEEN.servers[member.instance_id] = samples.server()
    try:
        assert stage.held_after(MINUTE) == 2
    finally:
        SEEN.servers.clear()


def test_one_that_is_replaced_leaves_its_quota_first(database):
    # Given a quota that is used up, and may be
    stage = Stage(database, quota=2)
    stage.pool._quota_headroom = 0
    stage.held_after(MINUTE, quantity=2)
    stage.settle(template_key='older')
    stage.quota = 0
    # Then a new one is asked for when the old one is gone
    assert stage.held_after(MINUTE) == 1
    assert stage.held_after(MINUTE) == 1
    stage.forget()
    stage.quota = 1
    assert stage.held_after(MINUTE) == 2


def test_what_is_to_be_released_anyway_is_not_replaced(database):
    stage = stale(database)
    assert stage.held_after(MINUTE, quantity=2) == 3
    assert all(one.state is State.AVAILABLE for one in (
        stage.manager.members(stage.record)))


def test_while_an_alarm_takes_the_others_none_is_given_up(database):
    # given three that wait, the youngest of them of an older template
    stage = Stage(database)
    stage.held_after(MINUTE, quantity=3)
    stage.settle()
    *others, old = stage.manager.members(stage.record)
    database.write(lambda session: db_shadow.update_instance(
        session, old, template_key='older'))

    # when an alarm takes the others while the cloud is asked for its room
    def growth(record):
        stage.moves.promote(samples.TOKEN, len(others), stage.now, 'alarm')
        return stage.growth
    stage.pool._growth = growth
    stage.held_after(MINUTE)
    # then the last one is kept, as old as it is
    assert [member.state for member in stage.manager.members(
        stage.record)] == [State.PROMOTING, State.PROMOTING, State.AVAILABLE]
