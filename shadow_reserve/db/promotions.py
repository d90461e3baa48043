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


"""Promotions: appended when members are claimed, filled in leg by leg."""

from collections.abc import Collection
import datetime
from typing import Any

import sqlalchemy
from sqlalchemy import orm

from shadow_reserve.db import direct
from shadow_reserve.db import models
from shadow_reserve.records import holding
from shadow_reserve.records import promotion

_SIGNAL = ('metric', 'signalled_at', 'heard_at')
_REST = ('promotion_id', 'token', 'instance_id', 'server_id', 'claimed_at',
         'requested_at', 'active_at', 'joined_at', 'ended_at', 'reason',
         'useful')


def add(session: orm.Session, one: promotion.Promotion) -> None:
    direct.insert(
        session, models.Promotion, tier=one.tier.value,
        source=one.signal.source.value, outcome=one.outcome.value,
        **{name: getattr(one.signal, name) for name in _SIGNAL},
        **{name: getattr(one, name) for name in _REST})


def list_promotions(
        session: orm.Session, token: str, *, limit: int | None = None,
        after: int = 0) -> list[tuple[int, promotion.Promotion]]:
    """Promotions with their sequence numbers, oldest first.

    :param after: sequence number of the last one already seen
    """
    model = models.Promotion
    rows = session.scalars(
        sqlalchemy.select(model)
        .where(model.token == token, model.sequence > after)
        .order_by(model.sequence).limit(limit))
    return [(row.sequence, _to_record(row)) for row in rows]


def latest_claim(session: orm.Session,
                 token: str) -> datetime.datetime | None:
    """When a member last was claimed for a promotion that did not fail."""
    model = models.Promotion
    latest: datetime.datetime | None = session.scalar(
        sqlalchemy.select(sqlalchemy.func.max(model.claimed_at))
        .where(model.token == token,
               model.outcome != promotion.Outcome.FAILED.value,
               model.source != promotion.Source.OUTSIDE.value))
    return latest


def list_unasked(session: orm.Session,
                 instance_ids: Collection[str]) -> set[str]:
    """Those of the named members of which a promotion is under way that
    Nova was not asked for yet."""
    model = models.Promotion
    return set(session.scalars(
        sqlalchemy.select(model.instance_id)
        .where(model.instance_id.in_(instance_ids),
               model.ended_at.is_(None), model.requested_at.is_(None))))


def open_signal(session: orm.Session,
                instance_id: str) -> promotion.Signal | None:
    """Why a member's promotion that is under way was asked for."""
    model = models.Promotion
    row = session.scalar(
        sqlalchemy.select(model)
        .where(model.instance_id == instance_id, model.ended_at.is_(None))
        .order_by(model.sequence.desc()).limit(1))
    return None if row is None else _signal_of(row)


def latest(session: orm.Session, instance_id: str,
           when: datetime.datetime) -> promotion.Promotion | None:
    """The last promotion of a member that was claimed by ``when``."""
    model = models.Promotion
    row = session.scalar(
        sqlalchemy.select(model)
        .where(model.instance_id == instance_id, model.claimed_at <= when)
        .order_by(model.sequence.desc()).limit(1))
    return None if row is None else _to_record(row)


def latest_of(session: orm.Session, instance_ids: Collection[str],
              ) -> dict[str, promotion.Promotion]:
    """The last promotion of each of these members that had one."""
    model = models.Promotion
    newest = (
        sqlalchemy.select(sqlalchemy.func.max(model.sequence))
        .where(model.instance_id.in_(instance_ids))
        .group_by(model.instance_id).scalar_subquery())
    rows = session.scalars(
        sqlalchemy.select(model).where(model.sequence.in_(newest)))
    return {row.instance_id: _to_record(row) for row in rows}


def last_sequence(session: orm.Session) -> int:
    return session.scalar(sqlalchemy.select(
        sqlalchemy.func.max(models.Promotion.sequence))) or 0


def list_since(
        session: orm.Session, after: int, also: Collection[int],
) -> list[tuple[int, promotion.Promotion]]:
    """Promotions of all reservations that came after a sequence number,
    and those with the numbers in ``also``."""
    model = models.Promotion
    rows = session.scalars(
        sqlalchemy.select(model).where(sqlalchemy.or_(
            model.sequence > after, model.sequence.in_(also)))
        .order_by(model.sequence))
    return [(row.sequence, _to_record(row)) for row in rows]


def update_open(session: orm.Session, instance_id: str,
                **changes: Any) -> None:
    """Fill in what is now known of a member's promotion that is not over;
    nothing if it has none."""
    if 'outcome' in changes:
        changes['outcome'] = changes['outcome'].value
    direct.update(session, models.Promotion, _open(instance_id), **changes)


def mark_requested(session: orm.Session, instance_id: str,
                   now: datetime.datetime) -> None:
    """Nova was asked; a second request changes nothing."""
    _mark_first(session, instance_id, 'requested_at', now)


def mark_joined(session: orm.Session, instance_id: str,
                now: datetime.datetime) -> None:
    """Its hooks stand; that they do once more later changes nothing."""
    _mark_first(session, instance_id, 'joined_at', now)


def _mark_first(session: orm.Session, instance_id: str, name: str,
                now: datetime.datetime) -> None:
    direct.update(session, models.Promotion,
                  {**_open(instance_id), name: None}, **{name: now})


def _open(instance_id: str) -> direct.Where:
    """A member's promotion that is not over."""
    return {'instance_id': instance_id, 'ended_at': None}


def mark_useful(session: orm.Session, token: str,
                claimed_at: datetime.datetime, useful: bool) -> None:
    """Say what became of those that were promoted ahead at a time."""
    direct.update(session, models.Promotion, {
        'token': token, 'claimed_at': claimed_at,
        'source': promotion.Source.AHEAD.value}, useful=useful)


def is_any(session: orm.Session, token: str,
           sources: Collection[promotion.Source], start: datetime.datetime,
           stop: datetime.datetime) -> bool:
    """Whether members were claimed for one of these within a time."""
    model = models.Promotion
    return session.scalar(
        sqlalchemy.select(model.sequence)
        .where(model.token == token,
               model.source.in_([source.value for source in sources]),
               model.claimed_at >= start, model.claimed_at <= stop)
        .limit(1)) is not None


def times(session: orm.Session, count: int) -> list[datetime.timedelta]:
    """How long members took from their claim until they served, the hooks
    included; the latest ``count`` of all reservations."""
    model = models.Promotion
    newest = session.scalar(
        sqlalchemy.select(sqlalchemy.func.max(model.sequence))) or 0
    rows = session.execute(
        sqlalchemy.select(model.claimed_at, model.active_at, model.joined_at)
        .where(model.sequence > newest - 10 * count,
               model.active_at.is_not(None),
               model.source != promotion.Source.OUTSIDE.value)
        .order_by(model.sequence.desc()).limit(count))
    return [served_at - claimed_at
            for claimed_at, active_at, joined_at in rows
            if (served_at := joined_at or active_at) is not None]


def _to_record(row: models.Promotion) -> promotion.Promotion:
    return promotion.Promotion(
        tier=holding.Tier(row.tier),
        outcome=promotion.Outcome(row.outcome),
        signal=_signal_of(row),
        **{name: getattr(row, name) for name in _REST})


def _signal_of(row: models.Promotion) -> promotion.Signal:
    return promotion.Signal(
        source=promotion.Source(row.source),
        **{name: getattr(row, name) for name in _SIGNAL})
