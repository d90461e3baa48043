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

import datetime

import pytest

from shadow_reserve.db import journal as db_journal
from shadow_reserve.db import reservations as db_reservations
from shadow_reserve.db import shadow as db_shadow
from shadow_reserve.records import journal
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow
from tests.unit.engine import alarmed
from tests.unit import samples

State = shadow.InstanceState
Status = reservation.ReservationStatus
world = alarmed.world


@pytest.fixture
def house(world):
    """A lease of two hours of one server, and a member that serves from its
    beginning on, and that another one waits beside."""
    house = alarmed.House(
        world, members=2, quantity=1, duration=2 * samples.HOUR,
        contracted_duration=2 * samples.HOUR,
        policy=samples.policy(maximum_extension=10.0))

    served, waits = house.members()
    world.cloud.servers[served.server_id]['status'] = 'ACTIVE'

    def begin(session):
        db_shadow.update_instance(
            session, served, state=State.ALLOCATED,
            charged_until=samples.NOW)
        db_shadow.update_instance(
            session, waits, charged_until=samples.NOW)
    world.database.write(begin)
    return house


def entries(world, house, kind):
    return [entry for _, entry in world.database.read(
        lambda session: db_journal.list_entries(session, house.token))
        if entry.kind is kind]


def record(world, house):
    return house.world.database.read(
        lambda session: db_reservations.get(session, house.token))


def test_what_served_until_the_end_puts_it_off(world, house):
    # given a use that was never settled
    world.now = house.record.end_time
    # when the lease is over
    world.reconciler.reconcile(house.token, world.now)
    # then it is longer, by what remained in the middle of the use
    after = record(world, house)
    assert after.status is Status.ACTIVE
    assert after.duration == 3 * samples.HOUR
    assert len(house.members(State.ALLOCATED)) == 1


def test_how_often_it_is_settled_changes_little(world, house):
    for _ in range(12):
        world.now += 10 * samples.MINUTE
        world.reconciler.reconcile(house.token, world.now)
        assert len(house.members(State.ALLOCATED)) == 1
    # What a piece has won counts for the next ones, so that it is more.
    longer = record(world, house).duration - 2 * samples.HOUR
    assert samples.HOUR <= longer < 1.6 * samples.HOUR


def test_nobody_pays_for_an_engine_that_is_late(world, house):
    # given engines that were away for an hour when the lease was over, and
    # that may not be extended
    world.database.write(lambda session: db_reservations.update(
        session, record(world, house), world.now,
        policy=samples.policy(maximum_extension=0.0)))
    end = house.record.end_time
    world.now = end + samples.HOUR
    # when one is back
    for _ in range(3):
        world.reconciler.reconcile(house.token, world.now)
        world.now += samples.MINUTE
    # then both members are charged up to the end
    assert record(world, house).status is not Status.ACTIVE
    for kind in (journal.LedgerKind.USE, journal.LedgerKind.HOLD):
        found = entries(world, house, kind)
        assert found, kind
        assert {entry.period_end for entry in found} == {end}
        assert sum((entry.period_end - entry.period_start for entry
                    in found), datetime.timedelta()) == 2 * samples.HOUR
