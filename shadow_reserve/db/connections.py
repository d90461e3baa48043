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

"""What is said to a database beside the statements themselves.

oslo.db has each connection tried before it is used, and SQLAlchemy has each
rolled back once more when it is given back. A transaction of ours is mostly
a statement or two, so that half of all that went to the database and back
was that.
"""

import time
from typing import Any

from sqlalchemy.dialects import plugins
from sqlalchemy import engine as sqlalchemy_engine
from sqlalchemy import event
from sqlalchemy import exc

#: Seconds after which a connection that nobody used is tried first. One that
#: broke since then is found out by the first statement, and the others in the
#: pool are renewed then.
_IDLE = 1.0

#: When a connection was given back, in what the pool keeps with it,
_SINCE = 'shadow_reserve_since'
#: and whether anything failed on it until then.
_FAILED = 'shadow_reserve_failed'

_NAME = 'shadow_reserve'

#: What has an engine of oslo.db use it.
PARAMETERS = f'plugin={_NAME}'


class Connections(sqlalchemy_engine.CreateEnginePlugin):
    """How an engine keeps its connections.

    Sessions end what they begin, but where that itself fails: SQLAlchemy
    holds a COMMIT that was refused for an end, and what was refused would be
    kept by the next one.
    """

    def update_url(self, url: sqlalchemy_engine.URL,
                   ) -> sqlalchemy_engine.URL:
        return url

    def handle_pool_kwargs(self, pool_cls: type[Any],
                           pool_args: dict[str, Any]) -> None:
        pool_args.update(pre_ping=False, reset_on_return=None)

    def engine_created(self, engine: sqlalchemy_engine.Engine) -> None:
        dialect = engine.dialect

        @event.listens_for(engine, 'handle_error')
        def failed(context: Any) -> None:
            if context.connection is not None:
                context.connection.info[_FAILED] = True

        @event.listens_for(engine, 'reset')
        def ended(connection: Any, record: Any, state: Any) -> None:
            if record is not None and record.info.pop(_FAILED, False):
                # Where this fails too the pool gives the connection up.
                dialect.do_rollback(connection)

        @event.listens_for(engine, 'checkin')
        def given_back(connection: Any, record: Any) -> None:
            record.info[_SINCE] = time.monotonic()

        @event.listens_for(engine, 'checkout')
        def taken(connection: Any, record: Any, proxy: Any) -> None:
            now = time.monotonic()
            if now - record.info.get(_SINCE, now) < _IDLE:
                return
            try:
                dialect.do_ping(connection)
            except dialect.loaded_dbapi.Error as error:
                raise exc.InvalidatePoolError from error


plugins.register(_NAME, __name__, Connections.__name__)
