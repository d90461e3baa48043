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
from alembic import migration
from alembic import script

from shadow_reserve.db import session

_SCRIPTS = pathlib.Path(__file__).parent / 'migrations'


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
    with database.engine.connect() as connection:
        context = migration.MigrationContext.configure(connection)
        return context.get_current_revision()


def head(database: session.Database) -> str | None:
    """The newest revision that this code knows."""
    scripts = script.ScriptDirectory.from_config(_config(database))
    return scripts.get_current_head()
