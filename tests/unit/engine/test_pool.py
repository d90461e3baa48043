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
from shadow_reserve.db import migration
from shadow_reserve.db import reservations as db_reservations
from shadow_reserve.db import session as db_session
from shadow_reserve.engine import lead_time
from shadow_reserve.engine import observation
from shadow_reserve.engine import pool as engine_pool
from shadow_reserve.records import shadow
from shadow_reserve.records import usage
from shadow_reserve.shadow import manager as shadow_manager
from shadow_reserve.shadow import moves as shadow_moves
from tests.unit import samples

MINUTE = samples.MINUTE
DELAY = 15 * MINUTE
LEAD = 5 * MINUTE
SEEN = observation.Observation(
    servers={}, primary=4, application=usage.Application(
        token=samples.TOKEN, project_id='project', server_ids=(),
        server_group=None, vcpus=2))


class Stage:
    """A pool over a database, and nothing else."""

    def __init__(self, database, **policy):
        self.database = database
        self.record = samples.record(
            trust_id=None, policy=samples.policy(**policy))
        self.manager = shadow_manager.ShadowManager(
            database, shadow_moves.Moves(
                database, lambda session, token, member, now: member),
            None, None, None, None)
        self.now = samples.NOW
        self.growth = (None, '')
        database.write(lambda session: db_reservations.add(
            session, self.record))
        self.pool = engine_pool.Pool(
            database, self.manager, None, None, maximum_failures=5,
            shrink_delay=DELAY, lead=lead_time.LeadTime(
                database, LEAD, samples.HOUR),
            growth=lambda record: self.growth)

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
