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

from shadow_reserve.db import migration
from shadow_reserve.db import reservations as db_reservations
from shadow_reserve.db import session as db_session
from shadow_reserve.engine import reconciler as engine_reconciler
from shadow_reserve.records import reservation
from tests.unit import samples

Status = reservation.ReservationStatus


@pytest.fixture
def database(tmp_path):
    database = db_session.Database(f'sqlite:///{tmp_path}/test.sqlite')
    migration.upgrade(database)
    return database


def reconcile(database, now, **changes):
    """A pass that needs no other service."""
    database.write(lambda session: db_reservations.add(
        session, samples.record(**changes)))
    rooms = engine_reconciler.Rooms(
        database=database, accounts=None, manager=None, promoter=None,
        pool=None, scaling=None, ahead=None, alarms=None, gauge=None,
        nova=None, trusts=None)
    return engine_reconciler.Reconciler(
        rooms, samples.HOUR, samples.MINUTE, lambda: now,
    ).reconcile(samples.TOKEN, now)


@pytest.mark.parametrize('status', [Status.TERMINATED, Status.DELETED])
def test_nothing_is_owed_to_a_reservation_that_is_over(database, status):
    assert reconcile(database, samples.NOW, status=status) is None


def test_a_reservation_waits_for_its_start(database):
    before = samples.NOW - samples.MINUTE
    assert reconcile(database, before, status=Status.PENDING) == []


def test_a_half_made_reservation_is_given_up_after_its_grace(database):
    later = samples.NOW + 2 * samples.MINUTE
    assert reconcile(database, later, status=Status.CREATING) == []
    assert database.read(lambda session: db_reservations.list_by_status(
        session, [Status.CREATING])) == []


def test_a_half_made_reservation_is_left_alone_within_its_grace(database):
    reconcile(database, samples.NOW, status=Status.CREATING)
    assert database.read(lambda session: db_reservations.list_by_status(
        session, [Status.CREATING]))
