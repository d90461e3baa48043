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

import threading

import pytest
import sqlalchemy

from shadow_reserve.cmd import options
from shadow_reserve.db import migration
from shadow_reserve.db import reservations as db_reservations
from shadow_reserve.db import session as db_session
from shadow_reserve import exceptions
from tests.unit import samples


def test_no_update_is_lost_or_refused_when_many_write_at_once(tmp_path):
    # given a reservation that four threads change, each five times
    database = db_session.Database(f'sqlite:///{tmp_path}/busy.sqlite')
    migration.upgrade(database)
    database.write(
        lambda session: db_reservations.add(session, samples.record()))
    failures = []

    def increment(session):
        record = db_reservations.get(session, samples.TOKEN)
        db_reservations.update(
            session, record, samples.NOW, quantity=record.quantity + 1)

    def work():
        try:
            for _ in range(5):
                database.write(increment)
        except Exception as error:
            failures.append(error)

    # when they do so at once
    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    # then all of it is there
    assert failures == []
    record = database.read(
        lambda session: db_reservations.get(session, samples.TOKEN))
    assert record.quantity == samples.record().quantity + 20


def test_what_was_read_before_is_not_written_again_and_again(caplog):
    # given a change that is built on what somebody else has changed
    database = db_session.Database('sqlite://')
    runs = []

    def work(session):
        runs.append(session)
        raise exceptions.ConcurrentUpdate('read it again')

    # then who wanted it is told at once, and no operator
    with pytest.raises(exceptions.ConcurrentUpdate):
        database.write_as_read(work)
    assert len(runs) == 1
    assert not caplog.records


def test_what_operators_say_of_connections_is_heard(tmp_path):
    # given parameters of the database, and a switch of SQLite's
    path = tmp_path / 'test.sqlite'
    config = tmp_path / 'shadow_reserve.conf'
    config.write_text(
        f'[database]\nconnection = sqlite:///{path}\n'
        'connection_parameters = timeout=7&cached_statements=3\n'
        'sqlite_synchronous = false\n')
    conf = options.load(['--config-file', str(config)], program='test')

    # when the service opens it
    database = db_session.from_options(conf)

    # then it is opened so, beside what we say ourselves
    assert database.engine.url.query == {
        'timeout': '7', 'cached_statements': '3'}
    assert database.read(lambda session: session.scalar(
        sqlalchemy.text('PRAGMA synchronous'))) == 0
