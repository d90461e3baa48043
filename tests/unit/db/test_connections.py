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

"""What is said to a database beside the statements."""

from oslo_db import exception
import pytest
import sqlalchemy
from sqlalchemy import pool

from shadow_reserve.db import connections
from shadow_reserve.db import models
from shadow_reserve.db import reservations as db_reservations
from shadow_reserve.db import session as db_session
from tests.unit import samples


@pytest.fixture
def engine(tmp_path):
    return sqlalchemy.create_engine(
        f'sqlite:///{tmp_path}/test.sqlite?{connections.PARAMETERS}',
        poolclass=pool.QueuePool)


def spied(monkeypatch, owner, *names):
    """The names of those that are called, in their order."""
    called = []

    def spy(name, real):
        def run(*args, **kwargs):
            called.append(name)
            return real(*args, **kwargs)
        monkeypatch.setattr(owner, name, run)
    for name in names:
        spy(name, getattr(owner, name))
    return called


def test_a_transaction_is_ended_once_and_nothing_is_said_before_it(
        monkeypatch):
    # given a database that was used before
    database = db_session.Database('sqlite://')
    models.Base.metadata.create_all(database.engine)
    said = spied(monkeypatch, database.engine.dialect,
                 'do_ping', 'do_commit', 'do_rollback')
    # when something is written and read
    database.write(
        lambda session: db_reservations.add(session, samples.record()))
    database.read(
        lambda session: db_reservations.get(session, samples.TOKEN))
    # then each of them is ended, and that is all
    assert said == ['do_commit', 'do_rollback']


def test_what_failed_leaves_nothing_to_the_next_one():
    # given a change that fails when half of it is done
    database = db_session.Database('sqlite://')
    models.Base.metadata.create_all(database.engine)

    def work(session):
        db_reservations.add(session, samples.record())
        session.flush()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        database.write(work)
    # when the next one, on the same connection, is kept
    database.write(lambda session: None)
    # then nothing of the first one is
    assert database.read(lambda session: db_reservations.list_by_project(
        session, None, limit=10)) == []


def test_what_was_refused_is_not_kept_by_the_next_one():
    # given a change that is refused at its end, on the one connection
    database = db_session.Database('sqlite://')
    models.Base.metadata.create_all(database.engine)

    def refused(session):
        session.execute(sqlalchemy.text('PRAGMA defer_foreign_keys = on'))
        session.add(models.ShadowAllocation(
            allocation_id='a', reservation_id='nobody', resource_type='',
            quantity=0, status='available'))

    with pytest.raises(exception.DBReferenceError):
        database.write(refused)
    # when the next one is kept
    database.write(
        lambda session: db_reservations.add(session, samples.record()))
    # then nothing of the first one is
    assert database.read(lambda session: session.scalars(
        sqlalchemy.select(models.ShadowAllocation.reservation_id)).all(),
    ) == [samples.TOKEN]


def test_a_connection_is_tried_when_nobody_used_it_for_a_while(
        engine, monkeypatch):
    said = spied(monkeypatch, engine.dialect, 'do_ping')
    clock = [100.0]
    monkeypatch.setattr(connections.time, 'monotonic', lambda: clock[0])

    def use_after(seconds):
        """How often it was tried before it was used."""
        clock[0] += seconds
        said.clear()
        with engine.connect() as connection:
            connection.execute(sqlalchemy.text('SELECT 1'))
        return len(said)

    # given one that is new, was just used, or was not for a while
    assert use_after(0) == 0
    assert use_after(0.5) == 0
    assert use_after(2) == 1
    # and that is in use again
    assert use_after(0.5) == 0


def test_a_broken_connection_is_replaced_before_it_is_used(
        engine, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(connections.time, 'monotonic', lambda: clock[0])
    # given a connection that broke while nobody used it
    with engine.connect() as connection:
        broken = connection.connection.dbapi_connection
    broken.close()
    clock[0] += 2
    # when it is wanted, another one is there
    with engine.connect() as connection:
        assert connection.connection.dbapi_connection is not broken
        assert connection.scalar(sqlalchemy.text('SELECT 1')) == 1


def test_what_is_read_survives_a_connection_that_breaks():
    # given a database that hangs up once
    database = db_session.Database('sqlite://')
    models.Base.metadata.create_all(database.engine)
    asked = []

    def read(session):
        asked.append(None)
        if len(asked) == 1:
            raise exception.DBConnectionError
        return session.scalar(sqlalchemy.text('SELECT 1'))

    # then it is asked once more
    assert database.read(read) == 1
    # and no more than that, nor is anything written twice
    asked.clear()
    with pytest.raises(exception.DBConnectionError):
        database.write(read)
    assert len(asked) == 1
