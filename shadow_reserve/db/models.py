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

"""The tables. Rooms never see these classes, only records made of them."""

import datetime
import decimal
from typing import Any

from oslo_db.sqlalchemy import models
import sqlalchemy
from sqlalchemy import orm

from shadow_reserve.db import types

_ID = sqlalchemy.String(36)
_NAME = sqlalchemy.String(255)
_WORD = sqlalchemy.String(64)


class Base(models.ModelBase, orm.DeclarativeBase):
    __table_args__ = {'mysql_engine': 'InnoDB', 'mysql_charset': 'utf8mb4'}


class Reservation(Base):
    __tablename__ = 'reservations'

    token: orm.Mapped[str] = orm.mapped_column(_ID, primary_key=True)
    name: orm.Mapped[str] = orm.mapped_column(_NAME)
    user_id: orm.Mapped[str] = orm.mapped_column(_WORD)
    project_id: orm.Mapped[str] = orm.mapped_column(_WORD, index=True)
    resource_type: orm.Mapped[str] = orm.mapped_column(_NAME)
    size: orm.Mapped[Any] = orm.mapped_column(types.Json, nullable=False)
    quantity: orm.Mapped[int]
    start_time: orm.Mapped[datetime.datetime] = orm.mapped_column(
        types.UtcDateTime)
    duration: orm.Mapped[datetime.timedelta] = orm.mapped_column(
        types.Duration)
    contracted_duration: orm.Mapped[datetime.timedelta] = orm.mapped_column(
        types.Duration)
    shadow_allocation_id: orm.Mapped[str] = orm.mapped_column(_ID)
    status: orm.Mapped[str] = orm.mapped_column(_WORD, index=True)
    lease_backend: orm.Mapped[str] = orm.mapped_column(_WORD)
    lease_id: orm.Mapped[str | None] = orm.mapped_column(_ID)
    cost: orm.Mapped[decimal.Decimal] = orm.mapped_column(types.Money)
    policy: orm.Mapped[Any] = orm.mapped_column(types.Json, nullable=False)
    template: orm.Mapped[Any] = orm.mapped_column(types.Json, nullable=False)
    selector: orm.Mapped[Any] = orm.mapped_column(types.Json, nullable=False)
    trust_id: orm.Mapped[str | None] = orm.mapped_column(_WORD)
    generation: orm.Mapped[int]
    created_at: orm.Mapped[datetime.datetime] = orm.mapped_column(
        types.UtcDateTime)
    updated_at: orm.Mapped[datetime.datetime] = orm.mapped_column(
        types.UtcDateTime)


class ShadowAllocation(Base):
    __tablename__ = 'shadow_allocations'

    allocation_id: orm.Mapped[str] = orm.mapped_column(_ID, primary_key=True)
    reservation_id: orm.Mapped[str] = orm.mapped_column(
        _ID, sqlalchemy.ForeignKey('reservations.token'), unique=True)
    resource_type: orm.Mapped[str] = orm.mapped_column(_NAME)
    quantity: orm.Mapped[int]
    status: orm.Mapped[str] = orm.mapped_column(_WORD)


class ShadowInstance(Base):
    __tablename__ = 'shadow_instances'

    instance_id: orm.Mapped[str] = orm.mapped_column(_ID, primary_key=True)
    allocation_id: orm.Mapped[str] = orm.mapped_column(
        _ID, sqlalchemy.ForeignKey('shadow_allocations.allocation_id'),
        index=True)
    state: orm.Mapped[str] = orm.mapped_column(_WORD, index=True)
    generation: orm.Mapped[int]
    server_id: orm.Mapped[str | None] = orm.mapped_column(_ID)
    host: orm.Mapped[str | None] = orm.mapped_column(_NAME)
    attempts: orm.Mapped[int]
    reason: orm.Mapped[str] = orm.mapped_column(sqlalchemy.Text)
    state_since: orm.Mapped[datetime.datetime] = orm.mapped_column(
        types.UtcDateTime)
    charged_until: orm.Mapped[datetime.datetime | None] = orm.mapped_column(
        types.UtcDateTime)
    created_at: orm.Mapped[datetime.datetime] = orm.mapped_column(
        types.UtcDateTime)
    tier: orm.Mapped[str] = orm.mapped_column(
        _WORD, server_default='shelved')
    uses: orm.Mapped[int] = orm.mapped_column(server_default='0')
    template_key: orm.Mapped[str] = orm.mapped_column(
        _WORD, server_default='')
    lent_at: orm.Mapped[datetime.datetime | None] = orm.mapped_column(
        types.UtcDateTime)
    slot: orm.Mapped[Any] = orm.mapped_column(types.Json, nullable=True)
    joined_at: orm.Mapped[datetime.datetime | None] = orm.mapped_column(
        types.UtcDateTime)


class Promotion(Base):
    __tablename__ = 'promotions'

    sequence: orm.Mapped[int] = orm.mapped_column(
        primary_key=True, autoincrement=True)
    promotion_id: orm.Mapped[str] = orm.mapped_column(_ID, unique=True)
    token: orm.Mapped[str] = orm.mapped_column(
        _ID, sqlalchemy.ForeignKey('reservations.token'), index=True)
    # Its member may be forgotten while it is remembered.
    instance_id: orm.Mapped[str] = orm.mapped_column(_ID, index=True)
    server_id: orm.Mapped[str | None] = orm.mapped_column(_ID)
    tier: orm.Mapped[str] = orm.mapped_column(_WORD)
    source: orm.Mapped[str] = orm.mapped_column(_WORD)
    metric: orm.Mapped[str | None] = orm.mapped_column(_WORD)
    signalled_at: orm.Mapped[datetime.datetime | None] = orm.mapped_column(
        types.UtcDateTime)
    heard_at: orm.Mapped[datetime.datetime | None] = orm.mapped_column(
        types.UtcDateTime)
    claimed_at: orm.Mapped[datetime.datetime] = orm.mapped_column(
        types.UtcDateTime)
    requested_at: orm.Mapped[datetime.datetime | None] = orm.mapped_column(
        types.UtcDateTime)
    active_at: orm.Mapped[datetime.datetime | None] = orm.mapped_column(
        types.UtcDateTime)
    joined_at: orm.Mapped[datetime.datetime | None] = orm.mapped_column(
        types.UtcDateTime)
    ended_at: orm.Mapped[datetime.datetime | None] = orm.mapped_column(
        types.UtcDateTime)
    outcome: orm.Mapped[str] = orm.mapped_column(_WORD)
    reason: orm.Mapped[str] = orm.mapped_column(sqlalchemy.Text)
    useful: orm.Mapped[bool | None]


class ShadowVolume(Base):
    __tablename__ = 'shadow_volumes'

    instance_id: orm.Mapped[str] = orm.mapped_column(
        _ID, sqlalchemy.ForeignKey('shadow_instances.instance_id'),
        primary_key=True)
    position: orm.Mapped[int] = orm.mapped_column(
        primary_key=True, autoincrement=False)
    volume_id: orm.Mapped[str | None] = orm.mapped_column(_ID, unique=True)
    state: orm.Mapped[str] = orm.mapped_column(_WORD)
    since: orm.Mapped[datetime.datetime] = orm.mapped_column(
        types.UtcDateTime)
    asked_at: orm.Mapped[datetime.datetime | None] = orm.mapped_column(
        types.UtcDateTime)
    reason: orm.Mapped[str] = orm.mapped_column(sqlalchemy.Text)
    generation: orm.Mapped[int]


class MemberHook(Base):
    """``hook_id`` tells hooks apart, ``hook`` is what it was when joined:
    the policy may have another one by now."""

    __tablename__ = 'member_hooks'

    instance_id: orm.Mapped[str] = orm.mapped_column(
        _ID, sqlalchemy.ForeignKey('shadow_instances.instance_id'),
        primary_key=True)
    hook_id: orm.Mapped[str] = orm.mapped_column(_ID, primary_key=True)
    hook: orm.Mapped[Any] = orm.mapped_column(types.Json, nullable=False)
    state: orm.Mapped[str] = orm.mapped_column(_WORD, index=True)
    since: orm.Mapped[datetime.datetime] = orm.mapped_column(
        types.UtcDateTime)
    deadline: orm.Mapped[datetime.datetime] = orm.mapped_column(
        types.UtcDateTime)
    delivery_id: orm.Mapped[str] = orm.mapped_column(_ID)
    asked_at: orm.Mapped[datetime.datetime | None] = orm.mapped_column(
        types.UtcDateTime)
    attempts: orm.Mapped[int]
    reason: orm.Mapped[str] = orm.mapped_column(sqlalchemy.Text)
    generation: orm.Mapped[int]


class DemandProfile(Base):
    __tablename__ = 'demand_profiles'

    token: orm.Mapped[str] = orm.mapped_column(
        _ID, sqlalchemy.ForeignKey('reservations.token'), primary_key=True)
    resource: orm.Mapped[str] = orm.mapped_column(_WORD, primary_key=True)
    origin: orm.Mapped[datetime.datetime] = orm.mapped_column(
        types.UtcDateTime)
    profile: orm.Mapped[Any] = orm.mapped_column(types.Json, nullable=False)


class DemandModel(Base):
    """``slot`` is the state where only one row may be in it, else NULL.

    No version comes twice: engines know a candidate by it.
    """

    __tablename__ = 'demand_models'
    __table_args__ = {**Base.__table_args__, 'sqlite_autoincrement': True}

    version: orm.Mapped[int] = orm.mapped_column(
        primary_key=True, autoincrement=True)
    state: orm.Mapped[str] = orm.mapped_column(_WORD)
    slot: orm.Mapped[str | None] = orm.mapped_column(_WORD, unique=True)
    created_at: orm.Mapped[datetime.datetime] = orm.mapped_column(
        types.UtcDateTime)
    since: orm.Mapped[datetime.datetime] = orm.mapped_column(
        types.UtcDateTime)
    scores: orm.Mapped[Any] = orm.mapped_column(types.Json, nullable=False)
    made_from: orm.Mapped[Any] = orm.mapped_column(
        types.Json, nullable=False)
    stored: orm.Mapped[bytes | None] = orm.mapped_column(
        types.Blob, deferred=True)


class LedgerEntry(Base):
    __tablename__ = 'ledger_entries'

    sequence: orm.Mapped[int] = orm.mapped_column(
        primary_key=True, autoincrement=True)
    entry_id: orm.Mapped[str] = orm.mapped_column(_ID, unique=True)
    token: orm.Mapped[str] = orm.mapped_column(
        _ID, sqlalchemy.ForeignKey('reservations.token'), index=True)
    kind: orm.Mapped[str] = orm.mapped_column(_WORD)
    period_start: orm.Mapped[datetime.datetime] = orm.mapped_column(
        types.UtcDateTime)
    period_end: orm.Mapped[datetime.datetime] = orm.mapped_column(
        types.UtcDateTime)
    amount: orm.Mapped[decimal.Decimal] = orm.mapped_column(types.Money)
    extension: orm.Mapped[datetime.timedelta] = orm.mapped_column(
        types.Duration)
    rule: orm.Mapped[str] = orm.mapped_column(_NAME)
    inputs: orm.Mapped[Any] = orm.mapped_column(types.Json, nullable=False)


class Event(Base):
    """``announced`` is whether it was sent as a notification of ours."""

    __tablename__ = 'events'

    sequence: orm.Mapped[int] = orm.mapped_column(
        primary_key=True, autoincrement=True)
    event_id: orm.Mapped[str] = orm.mapped_column(_ID, unique=True)
    token: orm.Mapped[str] = orm.mapped_column(
        _ID, sqlalchemy.ForeignKey('reservations.token'), index=True)
    happened_at: orm.Mapped[datetime.datetime] = orm.mapped_column(
        types.UtcDateTime)
    kind: orm.Mapped[str] = orm.mapped_column(_WORD)
    severity: orm.Mapped[str] = orm.mapped_column(_WORD)
    message: orm.Mapped[str] = orm.mapped_column(sqlalchemy.Text)
    details: orm.Mapped[Any] = orm.mapped_column(types.Json, nullable=False)
    announced: orm.Mapped[bool] = orm.mapped_column(
        server_default=sqlalchemy.false(), default=False, index=True)


class Turn(Base):
    """What one engine does at a time, and which of them until when."""

    __tablename__ = 'turns'

    name: orm.Mapped[str] = orm.mapped_column(_WORD, primary_key=True)
    holder: orm.Mapped[str] = orm.mapped_column(_ID)
    until: orm.Mapped[datetime.datetime] = orm.mapped_column(
        types.UtcDateTime)


class TriggerAlarm(Base):
    """``acted_for`` is the change of its state that was last acted on, by
    the time that Aodh gives it."""

    __tablename__ = 'trigger_alarms'

    token: orm.Mapped[str] = orm.mapped_column(
        _ID, sqlalchemy.ForeignKey('reservations.token'), primary_key=True)
    metric: orm.Mapped[str] = orm.mapped_column(_WORD, primary_key=True)
    alarm_id: orm.Mapped[str | None] = orm.mapped_column(_ID, unique=True)
    acted_for: orm.Mapped[str | None] = orm.mapped_column(_WORD)
