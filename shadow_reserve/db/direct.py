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
take as long as the change itself. Nor is a statement made up anew each
time, which takes as long again.
"""

from collections.abc import Mapping
import functools
from typing import Any, cast

import sqlalchemy
from sqlalchemy import orm

from shadow_reserve.db import models

#: Columns and what is in them; ``None`` for nothing.
Where = Mapping[str, Any]

_PREFIX = 'where_'


def insert(session: orm.Session, model: type[models.Base],
           **values: Any) -> None:
    session.flush()
    session.connection().execute(_insert(model), values)


def update(session: orm.Session, model: type[models.Base], where: Where,
           *also: sqlalchemy.ColumnElement[bool], **values: Any) -> int:
    """
    :param values: plain ones; what is computed is no case for this
    :returns: how many rows there were to change
    """
    assert where or also, 'that would change all rows'
    session.flush()
    statement = _update(model, *_split(where))
    return session.connection().execute(
        statement.where(*also) if also else statement,
        {**values, **_parameters(where)}).rowcount


def delete(session: orm.Session, model: type[models.Base],
           where: Where) -> int:
    """:returns: how many rows there were to delete"""
    assert where, 'that would delete all rows'
    session.flush()
    return session.connection().execute(
        sqlalchemy.delete(_table_of(model)).where(
            *_criteria(model, *_split(where))),
        _parameters(where)).rowcount


@functools.cache
def _insert(model: type[models.Base]) -> sqlalchemy.Insert:
    return sqlalchemy.insert(_table_of(model))


@functools.cache
def _update(model: type[models.Base], equal: tuple[str, ...],
            absent: tuple[str, ...]) -> sqlalchemy.Update:
    return sqlalchemy.update(_table_of(model)).where(
        *_criteria(model, equal, absent))


def _split(where: Where) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Columns with something in them, and those with nothing."""
    return (tuple(name for name, value in where.items()
                  if value is not None),
            tuple(name for name, value in where.items() if value is None))


def _criteria(model: type[models.Base], equal: tuple[str, ...],
              absent: tuple[str, ...],
              ) -> list[sqlalchemy.ColumnElement[bool]]:
    columns = _table_of(model).c
    return [
        *(columns[name] == sqlalchemy.bindparam(f'{_PREFIX}{name}')
          for name in equal),
        *(columns[name].is_(None) for name in absent)]


def _parameters(where: Where) -> dict[str, Any]:
    return {f'{_PREFIX}{name}': value for name, value in where.items()
            if value is not None}


def _table_of(model: type[models.Base]) -> sqlalchemy.Table:
    return cast(sqlalchemy.Table, model.__table__)
