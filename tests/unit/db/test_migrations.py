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

"""The migrations build, from nothing, just what the models say."""

from alembic import autogenerate
from alembic import migration as alembic_migration

from shadow_reserve.db import migration
from shadow_reserve.db import models
from shadow_reserve.db import session


def test_an_upgraded_database_is_what_the_models_say(tmp_path):
    database = session.Database(f'sqlite:///{tmp_path}/empty.sqlite')
    assert migration.current(database) is None

    migration.upgrade(database)

    assert migration.current(database) == migration.head(database)
    with database.engine.connect() as connection:
        context = alembic_migration.MigrationContext.configure(connection)
        differences = autogenerate.compare_metadata(
            context, models.Base.metadata)
    assert differences == []


def test_upgrading_twice_changes_nothing(tmp_path):
    database = session.Database(f'sqlite:///{tmp_path}/twice.sqlite')
    migration.upgrade(database)
    before = migration.current(database)

    migration.upgrade(database)

    assert migration.current(database) == before
