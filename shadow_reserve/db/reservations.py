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

"""Queries on reservations. All take a session and give records."""

from collections.abc import Collection
import dataclasses
import datetime
from typing import Any

import sqlalchemy
from sqlalchemy import orm

from shadow_reserve.db import codec
from shadow_reserve.db import direct
from shadow_reserve.db import models
from shadow_reserve import exceptions
from shadow_reserve.records import reservation


def to_record(row: models.Reservation) -> reservation.ReservationRecord:
    """The record that a row is."""
    return reservation.ReservationRecord(
        token=row.token, name=row.name, user_id=row.user_id,
        project_id=row.project_id, resource_type=row.resource_type,
        size=codec.size_from_json(row.size),
        quantity=row.quantity, start_time=row.start_time,
        duration=row.duration, contracted_duration=row.contracted_duration,
        shadow_allocation_id=row.shadow_allocation_id,
        status=reservation.ReservationStatus(row.status),
        lease_backend=row.lease_backend, lease_id=row.lease_id,
        cost=row.cost, policy=codec.policy_from_json(row.policy),
        template=codec.template_from_json(row.template),
        selector=codec.selector_from_json(row.selector),
        trust_id=row.trust_id, generation=row.generation,
        created_at=row.created_at, updated_at=row.updated_at)


def add(session: orm.Session,
        record: reservation.ReservationRecord) -> None:
    """Write a new reservation and its empty shadow allocation."""
    session.add(models.Reservation(
        token=record.token, name=record.name, user_id=record.user_id,
        project_id=record.project_id, resource_type=record.resource_type,
        size=codec.size_to_json(record.size),
        quantity=record.quantity, start_time=record.start_time,
        duration=record.duration,
        contracted_duration=record.contracted_duration,
        shadow_allocation_id=record.shadow_allocation_id,
        status=record.status.value, lease_backend=record.lease_backend,
        lease_id=record.lease_id, cost=record.cost,
        policy=codec.policy_to_json(record.policy),
        template=codec.template_to_json(record.template),
        selector=codec.selector_to_json(record.selector),
        trust_id=record.trust_id, generation=record.generation,
        created_at=record.created_at, updated_at=record.updated_at))
    session.flush()
    session.add(models.ShadowAllocation(
        allocation_id=record.shadow_allocation_id,
        reservation_id=record.token, resource_type=record.resource_type,
        quantity=0, status='available'))


#: Made up once: every alarm asks, and that takes as long as the answer.
_BY_TOKEN = sqlalchemy.select(models.Reservation).where(
    models.Reservation.token == sqlalchemy.bindparam('token'))


def get(session: orm.Session, token: str) -> reservation.ReservationRecord:
    """:raises ReservationNotFound: where there is none"""
    row = session.scalar(_BY_TOKEN, {'token': token})
    if row is None:
        raise exceptions.ReservationNotFound(token)
    return to_record(row)


def list_by_project(
        session: orm.Session, project_id: str | None, *, limit: int,
        marker: str | None = None, name: str | None = None,
) -> list[reservation.ReservationRecord]:
    """Reservations that are not deleted, oldest first.

    :param project_id: whose; ``None`` for everybody's
    :param marker: token of the last one of the page before
    :param name: only those with exactly this name
    :raises ReservationNotFound: when the marker is not among them
    """
    model = models.Reservation
    query = sqlalchemy.select(model).where(
        model.status != reservation.ReservationStatus.DELETED.value)
    if project_id is not None:
        query = query.where(model.project_id == project_id)
    if name is not None:
        query = query.where(model.name == name)
    if marker is not None:
        last = session.get(model, marker)
        if last is None or project_id not in (None, last.project_id):
            raise exceptions.ReservationNotFound(marker)
        query = query.where(
            sqlalchemy.tuple_(model.created_at, model.token)
            > sqlalchemy.tuple_(last.created_at, last.token))
    query = query.order_by(model.created_at, model.token).limit(limit)
    return [to_record(row) for row in session.scalars(query)]


def list_by_status(
        session: orm.Session,
        statuses: Collection[reservation.ReservationStatus],
        allocation_ids: Collection[str] | None = None,
) -> list[reservation.ReservationRecord]:
    """Oldest first.

    :param allocation_ids: only those whose shadow is one of these
    """
    model = models.Reservation
    query = sqlalchemy.select(model).where(
        model.status.in_([status.value for status in statuses]))
    if allocation_ids is not None:
        query = query.where(model.shadow_allocation_id.in_(allocation_ids))
    return [to_record(row)
            for row in session.scalars(query.order_by(model.created_at))]


def update(
        session: orm.Session, record: reservation.ReservationRecord,
        now: datetime.datetime, **changes: Any,
) -> reservation.ReservationRecord:
    """Change a reservation that nobody has changed since it was read.

    :param changes: fields of the record with their new values
    :raises ConcurrentUpdate: when somebody has
    """
    model = models.Reservation
    columns = dict(changes)
    if 'policy' in columns:
        columns['policy'] = codec.policy_to_json(columns['policy'])
    if 'template' in columns:
        columns['template'] = codec.template_to_json(columns['template'])
    if 'status' in columns:
        columns['status'] = columns['status'].value
    if direct.update(
            session, model, {
                'token': record.token, 'generation': record.generation},
            generation=record.generation + 1, updated_at=now,
            **columns) != 1:
        raise exceptions.ConcurrentUpdate(
            f'Reservation {record.token} was changed meanwhile; '
            f'read it again.')
    session.expire_all()
    # As it was read, and nobody has changed it since.
    return dataclasses.replace(
        record, generation=record.generation + 1, updated_at=now, **changes)


def remove(session: orm.Session, token: str) -> None:
    """Forget a reservation that never came to be, with its allocation."""
    for model, column in (
            (models.Event, models.Event.token),
            (models.LedgerEntry, models.LedgerEntry.token),
            (models.Promotion, models.Promotion.token),
            (models.ShadowAllocation,
             models.ShadowAllocation.reservation_id),
            (models.Reservation, models.Reservation.token)):
        session.execute(sqlalchemy.delete(model).where(column == token))
