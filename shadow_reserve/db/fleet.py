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

"""All reservations at once: few queries, each of few columns.

Reading a record takes many times longer than reading that it has not
changed. So what is asked for here are the generations of all of them; the
records themselves are read only where those are new.
"""

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
import itertools
from typing import Any, TypeVar

import sqlalchemy
from sqlalchemy import orm

from shadow_reserve.db import models
from shadow_reserve.db import reservations
from shadow_reserve.db import shadow as db_shadow
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow

T = TypeVar('T')

#: Names in one query; SQLite takes no more than 32766.
_CHUNK = 1000


def list_tokens(
        session: orm.Session,
        statuses: Collection[reservation.ReservationStatus]) -> list[str]:
    """Tokens of all reservations in some statuses, oldest first."""
    model = models.Reservation
    return list(session.scalars(
        sqlalchemy.select(model.token)
        .where(_has_status(statuses)).order_by(model.created_at)))


def reservation_generations(
        session: orm.Session,
        statuses: Collection[reservation.ReservationStatus],
) -> dict[str, int]:
    """By token."""
    model = models.Reservation
    return _pairs(session.execute(
        sqlalchemy.select(model.token, model.generation)
        .where(_has_status(statuses))))


def quantities(
        session: orm.Session,
        statuses: Collection[reservation.ReservationStatus],
) -> dict[str, int]:
    """How many members the last sizing asked for, by token."""
    model = models.ShadowAllocation
    return _pairs(session.execute(
        sqlalchemy.select(model.reservation_id, model.quantity)
        .join(models.Reservation,
              models.Reservation.token == model.reservation_id)
        .where(_has_status(statuses))))


def instance_generations(session: orm.Session) -> dict[str, int]:
    """Of all members that there are, by their id."""
    model = models.ShadowInstance
    return _pairs(session.execute(
        sqlalchemy.select(model.instance_id, model.generation)))


def get_reservations(
        session: orm.Session, tokens: Iterable[str],
) -> list[reservation.ReservationRecord]:
    """Those of the named reservations that there are."""
    model = models.Reservation
    return _in_chunks(tokens, lambda names: [
        reservations.to_record(row) for row in session.scalars(
            sqlalchemy.select(model).where(model.token.in_(names)))])


def get_instances(
        session: orm.Session, instance_ids: Iterable[str],
) -> list[shadow.ShadowInstance]:
    """Those of the named members that there are."""
    return _in_chunks(instance_ids, lambda names: list(
        db_shadow.get_instances(session, names).values()))


def _has_status(
        statuses: Collection[reservation.ReservationStatus],
) -> sqlalchemy.ColumnElement[bool]:
    return models.Reservation.status.in_(
        [status.value for status in statuses])


def _pairs(rows: Iterable[Any]) -> dict[str, int]:
    # A result has keys() of its own, by which dict would go.
    return dict(iter(rows))


def _in_chunks(names: Iterable[str],
               ask: Callable[[Sequence[str]], list[T]]) -> list[T]:
    return list(itertools.chain.from_iterable(
        ask(chunk) for chunk in _chunks(names)))


def _chunks(names: Iterable[str]) -> Iterator[Sequence[str]]:
    rest = iter(names)
    while chunk := list(itertools.islice(rest, _CHUNK)):
        yield chunk
