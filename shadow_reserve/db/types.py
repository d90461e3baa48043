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

"""Column types that keep on every database what Python gave them."""

import datetime
import decimal
import json
from typing import Any

import sqlalchemy
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import interfaces
from sqlalchemy import types


class UtcDateTime(types.TypeDecorator[datetime.datetime]):
    """An aware time, stored as naive UTC down to the microsecond."""

    impl = sqlalchemy.DateTime
    cache_ok = True

    def load_dialect_impl(
            self, dialect: interfaces.Dialect) -> types.TypeEngine[Any]:
        if dialect.name == 'mysql':
            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        return dialect.type_descriptor(sqlalchemy.DateTime())

    def process_bind_param(
            self, value: datetime.datetime | None,
            dialect: interfaces.Dialect) -> datetime.datetime | None:
        if value is None:
            return None
        return value.astimezone(datetime.UTC).replace(tzinfo=None)

    def process_result_value(
            self, value: datetime.datetime | None,
            dialect: interfaces.Dialect) -> datetime.datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=datetime.UTC)


class Duration(types.TypeDecorator[datetime.timedelta]):
    """A length of time, stored in whole microseconds."""

    impl = sqlalchemy.BigInteger
    cache_ok = True

    def process_bind_param(
            self, value: datetime.timedelta | None,
            dialect: interfaces.Dialect) -> int | None:
        if value is None:
            return None
        return value // datetime.timedelta(microseconds=1)

    def process_result_value(
            self, value: int | None,
            dialect: interfaces.Dialect) -> datetime.timedelta | None:
        if value is None:
            return None
        return datetime.timedelta(microseconds=value)


class Money(types.TypeDecorator[decimal.Decimal]):
    """A Decimal as text: SQLite has no exact numbers."""

    impl = sqlalchemy.String(64)
    cache_ok = True

    def process_bind_param(
            self, value: decimal.Decimal | None,
            dialect: interfaces.Dialect) -> str | None:
        return None if value is None else format(value, 'f')

    def process_result_value(
            self, value: str | None,
            dialect: interfaces.Dialect) -> decimal.Decimal | None:
        return None if value is None else decimal.Decimal(value)


class Json(types.TypeDecorator[Any]):
    """JSON in a text column, large enough for a day's forecast."""

    impl = sqlalchemy.Text
    cache_ok = True

    def load_dialect_impl(
            self, dialect: interfaces.Dialect) -> types.TypeEngine[Any]:
        if dialect.name == 'mysql':
            return dialect.type_descriptor(mysql.MEDIUMTEXT())
        return dialect.type_descriptor(sqlalchemy.Text())

    def process_bind_param(
            self, value: Any, dialect: interfaces.Dialect) -> str | None:
        return None if value is None else json.dumps(value, sort_keys=True)

    def process_result_value(
            self, value: str | None, dialect: interfaces.Dialect) -> Any:
        return None if value is None else json.loads(value)


class Blob(types.TypeDecorator[bytes]):
    """Some megabytes."""

    impl = sqlalchemy.LargeBinary
    cache_ok = True

    def load_dialect_impl(
            self, dialect: interfaces.Dialect) -> types.TypeEngine[Any]:
        if dialect.name == 'mysql':
            return dialect.type_descriptor(mysql.LONGBLOB())
        return dialect.type_descriptor(sqlalchemy.LargeBinary())
