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

"""Changes of tables that pass the ORM by.

What these change is not looked up among the session's objects, which would
take as long as the change itself.
"""

from typing import Any, cast

import sqlalchemy
from sqlalchemy import orm

from shadow_reserve.db import models


def insert(session: orm.Session, model: type[models.Base],
           **values: Any) -> None:
    session.flush()
    session.connection().execute(
        sqlalchemy.insert(_table_of(model)), values)


def update(session: orm.Session, model: type[models.Base],
           *where: sqlalchemy.ColumnElement[bool], **values: Any) -> int:
    """:returns: how many rows there were to change"""
    session.flush()
    return session.connection().execute(
        sqlalchemy.update(_table_of(model)).where(*where).values(**values)
    ).rowcount


def delete(session: orm.Session, model: type[models.Base],
           *where: sqlalchemy.ColumnElement[bool]) -> int:
    """:returns: how many rows there were to delete"""
    session.flush()
    return session.connection().execute(
        sqlalchemy.delete(_table_of(model)).where(*where)).rowcount


def _table_of(model: type[models.Base]) -> sqlalchemy.Table:
    return cast(sqlalchemy.Table, model.__table__)
