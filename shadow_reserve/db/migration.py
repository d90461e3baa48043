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

"""The schema's versions: bring a database up to the newest one."""

import pathlib

from alembic import command
from alembic import config
from alembic import script
import sqlalchemy

from shadow_reserve.db import session
from shadow_reserve import exceptions

_SCRIPTS = pathlib.Path(__file__).parent / 'migrations'
#: Where alembic keeps the revision.
_TABLE = 'alembic_version'


def _config(database: session.Database) -> config.Config:
    answer = config.Config()
    answer.set_main_option('script_location', str(_SCRIPTS))
    answer.attributes['engine'] = database.engine
    return answer


def upgrade(database: session.Database, revision: str = 'head') -> None:
    """Apply what is missing up to ``revision``, from empty if need be."""
    command.upgrade(_config(database), revision)


def current(database: session.Database) -> str | None:
    """The revision the database is at; ``None`` when it is empty."""
    # Not through alembic's context, which logs two lines each time.
    with database.engine.connect() as connection:
        if not sqlalchemy.inspect(connection).has_table(_TABLE):
            return None
        revision: str | None = connection.scalar(
            sqlalchemy.text(f'SELECT version_num FROM {_TABLE}'))
        return revision


def head(database: session.Database) -> str | None:
    """The newest revision that this code knows."""
    return _scripts(database).get_current_head()


def check(database: session.Database) -> None:
    """Is the schema at least the one that this code needs?

    A revision that is not known here is of a later version: to migrate
    would be no help.

    :raises SchemaOutdated: when there is something to migrate
    """
    at, scripts = current(database), _scripts(database)
    needed = scripts.get_current_head()
    known = {one.revision for one in scripts.walk_revisions()}
    if at is None or (at in known and at != needed):
        raise exceptions.SchemaOutdated(at, needed)


def _scripts(database: session.Database) -> script.ScriptDirectory:
    return script.ScriptDirectory.from_config(_config(database))
