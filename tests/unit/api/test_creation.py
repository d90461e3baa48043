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

"""A reservation comes to be as a whole or not at all, whatever dies."""

import contextlib

import pytest

from shadow_reserve.api import callers
from shadow_reserve.api import creation
from shadow_reserve.api import errors
from shadow_reserve.cloud import exceptions as cloud_exceptions
from shadow_reserve.db import journal as db_journal
from shadow_reserve.db import migration
from shadow_reserve.db import reservations as db_reservations
from shadow_reserve.db import session as db_session
from shadow_reserve import exceptions
from shadow_reserve.records import reservation
from tests.api import fakes
from tests.api import fixtures

Status = reservation.ReservationStatus

FIELDS = {
    'name': 'web', 'flavor': 'small', 'quantity': 2.0, 'duration': 7200,
    'template': {'image': 'cirros'},
    'selector': {'kind': 'metadata', 'key': 'app', 'value': 'web'},
}


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def database(tmp_path):
    made = db_session.Database(f'sqlite:///{tmp_path}/api.db')
    migration.upgrade(made)
    return made


@pytest.fixture
def trusts():
    return fakes.Trusts()


@pytest.fixture
def parts(database, trusts):
    return fixtures.make_parts(
        fixtures.make_conf('sqlite://'), database, trusts,
        lambda token: None, lambda record, members, now: None)


@pytest.fixture
def creator(parts):
    return creation.Creation(parts)


def caller(person='demo'):
    user_id, project_id, roles = fakes.PEOPLE[person]
    return callers.Caller(
        user_id=user_id, project_id=project_id, roles=roles, auth=person,
        context=None)


def rows(database):
    return database.read(
        lambda session: db_reservations.list_by_status(
            session, list(Status)))


def test_row_trust_and_price_are_there_together(
        creator, database, trusts):
    made = creator.create(caller(), FIELDS)
    row, = rows(database)
    assert row == made
    assert row.status is Status.ACTIVE
    assert row.quantity == 2 and isinstance(row.quantity, int)
    assert trusts.made == {row.trust_id: (
        'user-demo', 'project-one', ('member', 'reader'))}
    (_, entry), = database.read(
        lambda session: db_journal.list_entries(session, row.token))
    assert entry.amount == row.cost > 0


def test_an_intent_is_written_before_the_trust_is_made(
        creator, database, trusts, monkeypatch):
    def die(*arguments, **options):
        row, = rows(database)
        assert (row.status, row.trust_id) == (Status.CREATING, None)
        raise Killed
    monkeypatch.setattr(trusts, 'create', die)
    with pytest.raises(Killed):
        creator.create(caller(), FIELDS)
    # The engine gives this one up after a while.
    row, = rows(database)
    assert row.status is Status.CREATING


@pytest.mark.parametrize(('person', 'kind'), [
    ('bound', errors.Problem),
    ('unlucky', cloud_exceptions.ServiceUnavailable)])
def test_without_a_trust_there_is_no_row(creator, database, person, kind):
    with pytest.raises(kind):
        creator.create(caller(person), FIELDS)
    assert rows(database) == []


def test_a_trust_is_given_back_when_its_row_cannot_be_written(
        creator, database, trusts, parts, monkeypatch):
    def fail(*arguments):
        raise RuntimeError('the database has gone away')
    monkeypatch.setattr(parts.accounts, 'open', fail)
    with pytest.raises(RuntimeError):
        creator.create(caller(), FIELDS)
    assert trusts.made == {}
    # Nothing of the second half was kept.
    row, = rows(database)
    assert (row.status, row.trust_id) == (Status.CREATING, None)


def test_the_error_is_told_when_the_trust_cannot_be_given_back(
        creator, trusts, parts, monkeypatch):
    def fail(*arguments):
        raise RuntimeError('the database has gone away')

    def refuse(trust_id):
        raise cloud_exceptions.ServiceUnavailable('keystone', 'gone')
    monkeypatch.setattr(parts.accounts, 'open', fail)
    monkeypatch.setattr(trusts, 'delete', refuse)
    with pytest.raises(RuntimeError, match='database'):
        creator.create(caller(), FIELDS)


@pytest.mark.parametrize(('meanwhile', 'kind'), [
    (lambda session, row: db_reservations.update(
        session, row, fixtures.NOW, status=Status.DELETING),
     errors.Problem),
    (lambda session, row: db_reservations.remove(session, row.token),
     exceptions.ReservationNotFound)])
def test_a_row_that_is_deleted_meanwhile_stays_so(
        creator, database, trusts, monkeypatch, meanwhile, kind):
    make = trusts.create

    def slowly(*arguments, **options):
        row, = rows(database)
        database.write(lambda session: meanwhile(session, row))
        return make(*arguments, **options)
    monkeypatch.setattr(trusts, 'create', slowly)
    with pytest.raises(kind):
        creator.create(caller(), FIELDS)
    assert trusts.made == {}
    with contextlib.suppress(ValueError):
        row, = rows(database)
        assert row.status is Status.DELETING


def test_nothing_is_asked_of_keystone_for_a_bad_request(
        creator, database, trusts):
    with pytest.raises(errors.Problem):
        creator.create(caller(), FIELDS | {'flavor': 'huge'})
    assert (rows(database), trusts.made) == ([], {})
