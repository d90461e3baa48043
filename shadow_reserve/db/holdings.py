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

"""All members that take capacity, of all reservations."""

import datetime

import sqlalchemy
from sqlalchemy import orm

from shadow_reserve.db import models
from shadow_reserve.db import reservations as db_reservations
from shadow_reserve.db import shadow as db_shadow
from shadow_reserve.records import capacity
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow


def list_holdings(
        session: orm.Session, since: datetime.datetime | None = None,
) -> list[capacity.Holding]:
    """Members that hold capacity or soon will, oldest first.

    :param since: only those that were created then or later
    """
    members = db_shadow.list_in_states(session, shadow.HELD_STATES, since)
    if not members:
        return []
    records = {
        record.shadow_allocation_id: record
        for record in db_reservations.list_by_status(
            session, reservation.LIVE_STATUSES,
            # Since some seconds ago it is a few, of a large fleet.
            None if since is None else {
                member.allocation_id for member in members})}
    return [capacity.Holding(
        member=member, record=records[member.allocation_id])
        for member in members if member.allocation_id in records]


def count_by_state(session: orm.Session) -> dict[tuple[str, str], int]:
    """Members by state and tier."""
    model = models.ShadowInstance
    rows = session.execute(
        sqlalchemy.select(model.state, model.tier, sqlalchemy.func.count())
        .group_by(model.state, model.tier))
    return {(state, tier): count for state, tier, count in rows}


def count_events(
        session: orm.Session, after: int | None,
) -> tuple[dict[str, int], int]:
    """Events by kind, of those that came after a sequence number.

    :param after: ``None`` to count none, and only learn the last number
    :returns: the counts, and the last sequence number there is
    """
    model = models.Event
    last = session.scalar(sqlalchemy.select(
        sqlalchemy.func.max(model.sequence))) or 0
    if after is None:
        return {}, last
    rows = session.execute(
        sqlalchemy.select(model.kind,
                          sqlalchemy.func.count().label('number'))
        .where(model.sequence > after, model.sequence <= last)
        .group_by(model.kind))
    return {row.kind: row.number for row in rows}, max(last, after)
