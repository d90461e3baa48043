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

"""Transactions: the only way to the tables."""

from collections.abc import Callable
from typing import Any, TypeVar

from oslo_config import cfg
from oslo_db import api as oslo_db_api
from oslo_db import exception
from oslo_db.sqlalchemy import enginefacade
from sqlalchemy import exc
from sqlalchemy import orm

from shadow_reserve.db import connections
from shadow_reserve import exceptions

T = TypeVar('T')

#: Times a transaction is run again after a deadlock or a lost race.
MAXIMUM_RETRIES = 10

#: Options of oslo.db's section that say how to connect.
_ENGINE_OPTIONS = ('slave_connection', 'max_retries', 'retry_interval',
                   'max_pool_size', 'max_overflow', 'pool_timeout',
                   'connection_recycle_time', 'connection_parameters',
                   'connection_debug', 'connection_trace', 'mysql_sql_mode',
                   'mysql_wsrep_sync_wait', 'sqlite_synchronous')


@enginefacade.transaction_context_provider
class _Context:
    """What oslo.db hangs a transaction on; one for each of them."""


def _is_deadlock(error: Exception) -> bool:
    # SQLite's word for a deadlock, which oslo.db does not translate.
    locked = (isinstance(error, exc.OperationalError)
              and 'database is locked' in str(error))
    return locked or isinstance(error, exception.DBDeadlock)


def _is_worth_a_retry(error: Exception) -> bool:
    return (_is_deadlock(error)
            or isinstance(error, exceptions.ConcurrentUpdate))


class Database:
    """A database, and work that is done in it as a whole or not at all.

    :param connection: SQLAlchemy URL
    :param connection_parameters: what is added to it
    """

    def __init__(self, connection: str, connection_parameters: str = '',
                 **engine_options: Any) -> None:
        self._facade = enginefacade.transaction_context()
        self._facade.configure(
            connection=connection, sqlite_fk=True,
            connection_parameters='&'.join(filter(None, (
                connection_parameters, connections.PARAMETERS))),
            # To sleep after each transaction is of use to greenlets only.
            thread_checkin=False, **engine_options)

    def read(self, work: Callable[[orm.Session], T]) -> T:
        """The answer of ``work`` in a read-only transaction.

        It is asked once more on another connection where the one that it
        had turns out to be broken, as all are when the database moves.
        """
        try:
            return self._read(work)
        except exception.DBConnectionError:
            return self._read(work)

    def _read(self, work: Callable[[orm.Session], T]) -> T:
        with self._facade.reader.using(_Context()) as session:
            return work(session)

    def write(self, work: Callable[[orm.Session], T]) -> T:
        """The answer of ``work`` in a transaction that is kept.

        ``work`` may run several times, after a deadlock or when it raises
        ConcurrentUpdate, so it must change nothing but the database and
        read afresh what it builds on.
        """
        return self._write(work, _is_worth_a_retry)

    def write_as_read(self, work: Callable[[orm.Session], T]) -> T:
        """The same for a change of something that was read before.

        :raises ConcurrentUpdate: at once, when it was changed since then:
            to run it again would be in vain
        """
        return self._write(work, _is_deadlock)

    def _write(self, work: Callable[[orm.Session], T],
               is_worth_a_retry: Callable[[Exception], bool]) -> T:
        retrying = oslo_db_api.wrap_db_retry(
            max_retries=MAXIMUM_RETRIES, retry_interval=0.05,
            inc_retry_interval=True, max_retry_interval=1,
            exception_checker=is_worth_a_retry)
        answer: T = retrying(self._run)(work)
        return answer

    def _run(self, work: Callable[[orm.Session], T]) -> T:
        with self._facade.writer.using(_Context()) as session:
            return work(session)

    @property
    def engine(self) -> Any:
        """The SQLAlchemy engine, for migrations."""
        return self._facade.writer.get_engine()


def from_options(conf: cfg.ConfigOpts) -> Database:
    """The database of the section ``database``, as oslo.db reads it."""
    section = dict(conf.database)
    connection = section.pop('connection')
    return Database(connection, **{
        name: section[name] for name in _ENGINE_OPTIONS
        if section.get(name) is not None})
