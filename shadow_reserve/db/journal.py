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

"""The ledger and the audit: written once, never changed."""

from collections.abc import Collection
from collections.abc import Mapping
import datetime
import decimal
from typing import Any
import uuid

import sqlalchemy
from sqlalchemy import orm

from shadow_reserve.db import direct
from shadow_reserve.db import models
from shadow_reserve.db import promotions as db_promotions
from shadow_reserve.records import journal
from shadow_reserve.records import promotion

#: So many of the newest events are searched for builds.
_EVENTS_FOR_BUILDS = 100_000
#: and so many for one that a member was held for the first time or again.
_SUCCESSES = 100


def add_entry(session: orm.Session, entry: journal.LedgerEntry) -> None:
    session.add(models.LedgerEntry(
        entry_id=entry.entry_id, token=entry.token, kind=entry.kind.value,
        period_start=entry.period_start, period_end=entry.period_end,
        amount=entry.amount, extension=entry.extension, rule=entry.rule,
        inputs=entry.inputs))


def list_entries(
        session: orm.Session, token: str, *, limit: int | None = None,
        after: int = 0) -> list[tuple[int, journal.LedgerEntry]]:
    """Entries with their sequence numbers, oldest first.

    :param after: sequence number of the last entry already seen
    """
    model = models.LedgerEntry
    rows = session.scalars(
        sqlalchemy.select(model)
        .where(model.token == token, model.sequence > after)
        .order_by(model.sequence).limit(limit))
    return [(row.sequence, journal.LedgerEntry(
        entry_id=row.entry_id, token=row.token,
        kind=journal.LedgerKind(row.kind), period_start=row.period_start,
        period_end=row.period_end, amount=row.amount,
        extension=row.extension, rule=row.rule, inputs=row.inputs))
        for row in rows]


def shadow_charges(session: orm.Session, token: str) -> decimal.Decimal:
    """The sum of what shadow has cost so far, the base price left out."""
    model = models.LedgerEntry
    amounts = session.scalars(
        sqlalchemy.select(model.amount)
        .where(model.token == token,
               model.kind != journal.LedgerKind.BASE.value))
    return sum(amounts, decimal.Decimal())


def record(
        session: orm.Session, token: str, now: datetime.datetime,
        kind: str, message: str,
        severity: journal.Severity = journal.Severity.INFO,
        **details: Any) -> None:
    """Append an event; ``details`` must be fit for JSON."""
    direct.insert(
        session, models.Event, event_id=str(uuid.uuid4()), token=token,
        happened_at=now, kind=kind, severity=severity.value,
        message=message, details=details)


def list_events(
        session: orm.Session, token: str, *, limit: int | None = None,
        after: int = 0) -> list[tuple[int, journal.Event]]:
    """Events with their sequence numbers, oldest first.

    :param after: sequence number of the last event already seen
    """
    model = models.Event
    rows = session.scalars(
        sqlalchemy.select(model)
        .where(model.token == token, model.sequence > after)
        .order_by(model.sequence).limit(limit))
    return [(row.sequence, _to_event(row)) for row in rows]


def list_unannounced(
        session: orm.Session, limit: int) -> list[journal.News]:
    """The oldest events that nobody announced so far, with what is known
    of their promotions now."""
    model, owner = models.Event, models.Reservation
    rows = session.execute(
        sqlalchemy.select(model, owner.project_id, owner.user_id)
        .join(owner, owner.token == model.token)
        # An index serves a plain comparison, but none serves IS FALSE.
        .where(model.announced == sqlalchemy.false())
        .order_by(model.sequence).limit(limit)).all()
    if not rows:
        return []
    latest = db_promotions.latest_of(session, {
        row.details['instance_id'] for row, _, _ in rows
        if 'instance_id' in row.details})
    return [journal.News(
        sequence=row.sequence, event=_to_event(row), project_id=project_id,
        user_id=user_id, last_promotion=_promotion_of(session, row, latest))
        for row, project_id, user_id in rows]


def _promotion_of(
        session: orm.Session, row: models.Event,
        latest: Mapping[str, promotion.Promotion],
) -> promotion.Promotion | None:
    """:param latest: of each member; seldom there is one since then"""
    instance_id = row.details.get('instance_id')
    found = latest.get(instance_id)
    if found is None or found.claimed_at <= row.happened_at:
        return found
    return db_promotions.latest(session, instance_id, row.happened_at)


def count_unannounced(session: orm.Session) -> int:
    model = models.Event
    return session.scalar(
        sqlalchemy.select(sqlalchemy.func.count()).select_from(model)
        .where(model.announced == sqlalchemy.false())) or 0


def mark_announced(session: orm.Session,
                   sequences: Collection[int]) -> None:
    """These and no others are touched, so that nobody who appends an event
    meanwhile waits for it."""
    model = models.Event
    direct.update(session, model, {}, model.sequence.in_(sequences),
                  announced=True)


def _to_event(row: models.Event) -> journal.Event:
    return journal.Event(
        event_id=row.event_id, token=row.token,
        happened_at=row.happened_at, kind=row.kind,
        severity=journal.Severity(row.severity), message=row.message,
        details=row.details)


def latest_event(
        session: orm.Session, token: str, kind: str,
) -> journal.Event | None:
    """The newest event whose kind is like ``kind``, with SQL wildcards."""
    model = models.Event
    row = session.scalar(
        sqlalchemy.select(model)
        .where(model.token == token, model.kind.like(kind))
        .order_by(model.sequence.desc()).limit(1))
    return None if row is None else _to_event(row)


def latest_events(session: orm.Session, token: str,
                  kinds: Collection[str], count: int,
                  ) -> list[journal.Event]:
    """The newest ``count`` events of some kinds, oldest first."""
    model = models.Event
    rows = session.scalars(
        sqlalchemy.select(model)
        .where(model.token == token, model.kind.in_(kinds))
        .order_by(model.sequence.desc()).limit(count))
    return [_to_event(row) for row in rows][::-1]


def tokens_where_latest(session: orm.Session, kind: str,
                        other: str) -> set[str]:
    """Reservations with an event of ``kind`` after any of ``other``.

    It goes through all events.
    """
    model = models.Event
    latest = (
        sqlalchemy.select(sqlalchemy.func.max(model.sequence))
        .where(model.kind.in_((kind, other))).group_by(model.token))
    return set(session.scalars(
        sqlalchemy.select(model.token)
        .where(model.sequence.in_(latest), model.kind == kind)))


def failures_since(session: orm.Session, token: str,
                   start: datetime.datetime) -> int:
    """Instances that failed since ``start``, the last success forgiving
    those before it."""
    model = models.Event
    # One that was to serve and waits again is none.
    success = next((row.sequence for row in session.scalars(
        sqlalchemy.select(model)
        .where(model.token == token, model.kind == 'instance.available')
        .order_by(model.sequence.desc()).limit(_SUCCESSES))
        if row.details.get('previous') != 'promoting'), 0)
    return session.scalar(
        sqlalchemy.select(sqlalchemy.func.count()).select_from(model)
        .where(model.token == token, model.kind == 'instance.error',
               model.happened_at >= start,
               model.sequence > success)) or 0


def events_in_force(
        session: orm.Session, token: str, kind: str,
        start: datetime.datetime) -> list[journal.Event]:
    """Events of ``kind`` after ``start``, and the last one before them;
    oldest first."""
    model = models.Event
    ours = (model.token == token, model.kind == kind)
    before = (
        sqlalchemy.select(model.sequence)
        .where(*ours, model.happened_at <= start)
        .order_by(model.sequence.desc()).limit(1).scalar_subquery())
    rows = session.scalars(
        sqlalchemy.select(model)
        .where(*ours,
               model.sequence >= sqlalchemy.func.coalesce(before, 0))
        .order_by(model.sequence))
    return [_to_event(row) for row in rows]


def build_times(
        session: orm.Session, count: int) -> list[datetime.timedelta]:
    """How long members took from the intent to build them until they were
    held for the first time; the latest ``count`` of all reservations.

    Only the newest events are looked at, so that it costs the same however
    many there are.
    """
    model = models.Event
    newest = session.scalar(
        sqlalchemy.select(sqlalchemy.func.max(model.sequence))) or 0
    rows = session.execute(
        sqlalchemy.select(model.kind, model.happened_at, model.details)
        .where(model.sequence > newest - _EVENTS_FOR_BUILDS,
               model.kind.in_(('instance.building', 'instance.available')))
        .order_by(model.sequence.desc()).limit(10 * count)).all()
    begun: dict[str, datetime.datetime] = {}
    times = []
    for kind, happened_at, details in reversed(rows):
        instance_id = details['instance_id']
        if kind == 'instance.building':
            begun[instance_id] = happened_at
        elif instance_id in begun:
            times.append(happened_at - begun.pop(instance_id))
    return times[-count:]
