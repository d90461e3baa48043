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

"""Queries on shadow allocations and their members."""

from collections.abc import Collection
from collections.abc import Iterable
import dataclasses
import datetime
from typing import Any

import sqlalchemy
from sqlalchemy import orm

from shadow_reserve.db import direct
from shadow_reserve.db import models
from shadow_reserve.db import reservations as db_reservations
from shadow_reserve import exceptions
from shadow_reserve.records import holding
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow


def _to_record(row: models.ShadowInstance) -> shadow.ShadowInstance:
    return shadow.ShadowInstance(
        instance_id=row.instance_id, allocation_id=row.allocation_id,
        state=shadow.InstanceState(row.state), generation=row.generation,
        server_id=row.server_id, host=row.host, attempts=row.attempts,
        reason=row.reason, state_since=row.state_since,
        charged_until=row.charged_until, created_at=row.created_at,
        tier=holding.Tier(row.tier), uses=row.uses,
        template_key=row.template_key, lent_at=row.lent_at,
        slot=None if row.slot is None else holding.Slot(**row.slot),
        joined_at=row.joined_at)


def _slot_to_json(slot: holding.Slot | None) -> dict[str, Any] | None:
    return None if slot is None else {
        'resources': dict(slot.resources), 'room': dict(slot.room)}


def get_allocation(
        session: orm.Session, token: str) -> shadow.ShadowAllocationRecord:
    """:raises ReservationNotFound: where the reservation has none"""
    row = session.scalar(sqlalchemy.select(models.ShadowAllocation).where(
        models.ShadowAllocation.reservation_id == token))
    if row is None:
        raise exceptions.ReservationNotFound(token)
    return shadow.ShadowAllocationRecord(
        allocation_id=row.allocation_id, reservation_id=row.reservation_id,
        resource_type=row.resource_type, quantity=row.quantity,
        status=shadow.AllocationStatus(row.status))


def set_quantity(
        session: orm.Session, allocation_id: str, quantity: int) -> None:
    direct.update(session, models.ShadowAllocation,
                  {'allocation_id': allocation_id}, quantity=quantity)


def lock_allocation(session: orm.Session, allocation_id: str) -> None:
    """Let no other transaction come this far until this one is over; to
    be called before anything is read."""
    model = models.ShadowAllocation
    session.execute(
        sqlalchemy.update(model).where(model.allocation_id == allocation_id)
        .values(quantity=model.quantity))


#: Made up once: every alarm asks, and that takes as long as the answer.
_OF_ALLOCATION = (
    sqlalchemy.select(models.ShadowInstance)
    .where(models.ShadowInstance.allocation_id
           == sqlalchemy.bindparam('allocation_id'))
    .order_by(models.ShadowInstance.created_at,
              models.ShadowInstance.instance_id))
_STATES = (
    sqlalchemy.select(
        models.ShadowInstance.instance_id, models.ShadowInstance.state,
        models.Reservation.generation)
    .join(models.ShadowAllocation, models.ShadowInstance.allocation_id
          == models.ShadowAllocation.allocation_id)
    .join(models.Reservation, models.Reservation.token
          == models.ShadowAllocation.reservation_id)
    .where(models.ShadowInstance.allocation_id
           == sqlalchemy.bindparam('allocation_id')))
_BY_ID = sqlalchemy.select(models.ShadowInstance).where(
    models.ShadowInstance.instance_id == sqlalchemy.bindparam('instance_id'))
_PROMOTING = (
    sqlalchemy.select(models.Reservation, models.ShadowInstance)
    .join(models.ShadowAllocation, models.ShadowInstance.allocation_id
          == models.ShadowAllocation.allocation_id)
    .join(models.Reservation, models.Reservation.token
          == models.ShadowAllocation.reservation_id)
    .where(models.ShadowInstance.state
           == shadow.InstanceState.PROMOTING.value,
           models.ShadowInstance.server_id
           == sqlalchemy.bindparam('server_id'))
    .limit(1))


def list_instances(
        session: orm.Session, allocation_id: str,
) -> list[shadow.ShadowInstance]:
    """Members of an allocation, oldest first."""
    rows = session.scalars(_OF_ALLOCATION, {'allocation_id': allocation_id})
    return [_to_record(row) for row in rows]


def states(session: orm.Session, allocation_id: str,
           ) -> tuple[dict[str, shadow.InstanceState], int | None]:
    """The states of an allocation's members, by their ids, and the
    generation of its reservation; ``None`` where it has no members."""
    rows = session.execute(
        _STATES, {'allocation_id': allocation_id}).all()
    return ({instance_id: shadow.InstanceState(state)
             for instance_id, state, _ in rows},
            rows[0].generation if rows else None)


def list_in_states(
        session: orm.Session, states: Collection[shadow.InstanceState],
        since: datetime.datetime | None = None,
) -> list[shadow.ShadowInstance]:
    """Members of all allocations in these states, oldest first.

    :param since: only those that were created then or later
    """
    model = models.ShadowInstance
    query = sqlalchemy.select(model).where(
        model.state.in_([state.value for state in states]))
    if since is not None:
        query = query.where(model.created_at >= since)
    rows = session.scalars(
        query.order_by(model.created_at, model.instance_id))
    return [_to_record(row) for row in rows]


def get_instances(
        session: orm.Session, instance_ids: Collection[str],
) -> dict[str, shadow.ShadowInstance]:
    """Those of the named members that there are, by their id."""
    model = models.ShadowInstance
    rows = session.scalars(sqlalchemy.select(model).where(
        model.instance_id.in_(instance_ids)))
    return {row.instance_id: _to_record(row) for row in rows}


def find_instance(session: orm.Session, instance_id: str,
                  ) -> shadow.ShadowInstance | None:
    """A member, if it is there."""
    row = session.scalar(_BY_ID, {'instance_id': instance_id})
    return None if row is None else _to_record(row)


def list_promoting(
        session: orm.Session, token: str | None = None,
) -> dict[str, list[shadow.ShadowInstance]]:
    """Members on their way to serve, by their reservation.

    Those that are built for it and have no server yet are not among them:
    only a listing tells whether it was made.

    :param token: of one reservation only
    """
    model = models.ShadowInstance
    query = (
        sqlalchemy.select(models.ShadowAllocation.reservation_id, model)
        .join(models.ShadowAllocation, model.allocation_id
              == models.ShadowAllocation.allocation_id)
        .where(model.state == shadow.InstanceState.PROMOTING.value,
               model.server_id.is_not(None)))
    if token is not None:
        query = query.where(
            models.ShadowAllocation.reservation_id == token)
    return _by_token(session.execute(
        query.order_by(model.created_at, model.instance_id)))


def find_promoting(
        session: orm.Session, server_id: str,
) -> tuple[reservation.ReservationRecord, shadow.ShadowInstance] | None:
    """The member on its way to serve whose server that is, if any, and
    its reservation."""
    row = session.execute(_PROMOTING, {'server_id': server_id}).first()
    return None if row is None else (
        db_reservations.to_record(row[0]), _to_record(row[1]))


def is_joining(session: orm.Session, token: str) -> bool:
    """Whether a member of a reservation serves, but not yet where its
    hooks say."""
    model = models.ShadowInstance
    return session.scalar(
        sqlalchemy.select(model.instance_id)
        .join(models.ShadowAllocation, model.allocation_id
              == models.ShadowAllocation.allocation_id)
        .where(models.ShadowAllocation.reservation_id == token,
               model.state == shadow.InstanceState.ALLOCATED.value,
               model.joined_at.is_(None))
        .limit(1)) is not None


def list_slots(
        session: orm.Session) -> list[tuple[str, str, holding.Slot]]:
    """What promotions under way have let go: for which server, and where.

    Columns, no rows of the model: nova-scheduler waits for it.
    """
    model = models.ShadowInstance
    found = session.execute(
        sqlalchemy.select(model.server_id, model.host, model.slot)
        .where(model.state == shadow.InstanceState.PROMOTING.value,
               model.server_id.is_not(None), model.host.is_not(None),
               model.slot.is_not(None))
        .order_by(model.instance_id))
    return [(str(server_id), str(host), holding.Slot(**slot))
            for server_id, host, slot in found]


def list_by_token(
        session: orm.Session) -> dict[str, list[shadow.ShadowInstance]]:
    """All members there are, by their reservation."""
    model = models.ShadowInstance
    rows = session.execute(
        sqlalchemy.select(models.ShadowAllocation.reservation_id, model)
        .join(models.ShadowAllocation, model.allocation_id
              == models.ShadowAllocation.allocation_id)
        .order_by(model.created_at, model.instance_id))
    return _by_token(rows)


def _by_token(rows: Iterable[Any]) -> dict[str, list[shadow.ShadowInstance]]:
    members: dict[str, list[shadow.ShadowInstance]] = {}
    for token, row in rows:
        members.setdefault(token, []).append(_to_record(row))
    return members


def add_instance(
        session: orm.Session, instance: shadow.ShadowInstance) -> None:
    session.add(models.ShadowInstance(
        instance_id=instance.instance_id,
        allocation_id=instance.allocation_id, state=instance.state.value,
        generation=instance.generation, server_id=instance.server_id,
        host=instance.host, attempts=instance.attempts,
        reason=instance.reason, state_since=instance.state_since,
        charged_until=instance.charged_until,
        created_at=instance.created_at, tier=instance.tier.value,
        uses=instance.uses, template_key=instance.template_key,
        lent_at=instance.lent_at, slot=_slot_to_json(instance.slot),
        joined_at=instance.joined_at))


def update_instance(
        session: orm.Session, instance: shadow.ShadowInstance,
        **changes: Any) -> shadow.ShadowInstance:
    """Change a member that nobody has changed since it was read.

    The allocation's status follows its members' states.

    :raises ConcurrentUpdate: when somebody has
    """
    columns = dict(changes)
    for name in columns.keys() & {'state', 'tier'}:
        columns[name] = columns[name].value
    if 'slot' in columns:
        columns['slot'] = _slot_to_json(columns['slot'])
    if direct.update(
            session, models.ShadowInstance, _as_read(instance),
            generation=instance.generation + 1, **columns) != 1:
        raise exceptions.ConcurrentUpdate(
            f'Shadow instance {instance.instance_id} was changed '
            f'meanwhile; read it again.')
    session.expire_all()
    if changes.get('state') in shadow.SERVING_STATES:
        _set_status(session, instance.allocation_id,
                    shadow.AllocationStatus.ALLOCATED)
    elif 'state' in changes:
        _follow_members(session, instance.allocation_id)
    # As it was read, and nobody has changed it since: to read it again
    # would tell nothing, and somebody waits for a promotion.
    return dataclasses.replace(
        instance, generation=instance.generation + 1, **changes)


def postpone_claims(session: orm.Session, now: datetime.datetime) -> None:
    """Have those whose capacity was given back wait anew for it."""
    model = models.ShadowInstance
    session.execute(
        sqlalchemy.update(model)
        .where(model.state == shadow.InstanceState.AVAILABLE.value,
               model.host.is_(None), model.lent_at.is_not(None))
        .values(lent_at=now, generation=model.generation + 1))


def set_reason(
        session: orm.Session, instance_id: str, reason: str) -> None:
    """Say something else of a member; that is no change to wait for."""
    direct.update(session, models.ShadowInstance,
                  {'instance_id': instance_id}, reason=reason)


def remove_instance(
        session: orm.Session, instance: shadow.ShadowInstance) -> None:
    """Forget a member whose server is gone.

    :raises ConcurrentUpdate: when it was changed since it was read
    """
    if direct.delete(
            session, models.ShadowInstance, _as_read(instance)) != 1:
        raise exceptions.ConcurrentUpdate(
            f'Shadow instance {instance.instance_id} was changed '
            f'meanwhile; read it again.')
    _follow_members(session, instance.allocation_id)


def _as_read(instance: shadow.ShadowInstance) -> direct.Where:
    return {'instance_id': instance.instance_id,
            'generation': instance.generation}


def _follow_members(session: orm.Session, allocation_id: str) -> None:
    serving = session.scalar(
        sqlalchemy.select(sqlalchemy.func.count())
        .select_from(models.ShadowInstance)
        .where(models.ShadowInstance.allocation_id == allocation_id,
               models.ShadowInstance.state.in_(
                   [state.value for state in shadow.SERVING_STATES])))
    _set_status(session, allocation_id,
                shadow.AllocationStatus.ALLOCATED if serving
                else shadow.AllocationStatus.AVAILABLE)


def _set_status(session: orm.Session, allocation_id: str,
                status: shadow.AllocationStatus) -> None:
    direct.update(session, models.ShadowAllocation,
                  {'allocation_id': allocation_id}, status=status.value)


def is_member(session: orm.Session, server_id: str) -> bool:
    """Whether a server is that of some member."""
    model = models.ShadowInstance
    return session.scalar(
        sqlalchemy.select(sqlalchemy.func.count()).select_from(model)
        .where(model.server_id == server_id)) != 0
