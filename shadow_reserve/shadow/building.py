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

"""Writes down the intent to build members, for the pool or to serve."""

from collections.abc import Collection
from collections.abc import Iterable
import datetime
import uuid

from sqlalchemy import orm

from shadow_reserve.db import journal as db_journal
from shadow_reserve.db import session as db_session
from shadow_reserve.db import shadow as db_shadow
from shadow_reserve.records import holding
from shadow_reserve.records import promotion
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow
from shadow_reserve.shadow import holding as shadow_holding
from shadow_reserve.shadow import moves as shadow_moves

State = shadow.InstanceState


def add_to_pool(
        database: db_session.Database,
        record: reservation.ReservationRecord, quantity: int,
        now: datetime.datetime, reason: str) -> int:
    """Write down the intent to build members until there are
    ``quantity``, each for the tier of the policy's mix that lacks one.

    One that has failed counts until it is gone: it is replaced no sooner.

    :returns: how many were added
    """
    def work(session: orm.Session) -> int:
        # No two engines may do it for one need.
        db_shadow.lock_allocation(session, record.shadow_allocation_id)
        members = db_shadow.list_instances(
            session, record.shadow_allocation_id)
        failed = sum(member.state is State.ERROR for member in members)
        held = [member for member in members
                if member.state in shadow.HELD_STATES]
        new = _new(record, (one.tier for one in held),
                   quantity - len(held) - failed, now, reason,
                   State.BUILDING)
        for member in new:
            db_shadow.add_instance(session, member)
            db_journal.record(
                session, record.token, now, 'instance.building', reason,
                instance_id=member.instance_id, tier=member.tier.value)
        return len(new)
    return database.write(work)


def add_serving(
        database: db_session.Database,
        record: reservation.ReservationRecord, count: int,
        now: datetime.datetime, reason: str, signal: promotion.Signal,
        serving: Collection[str]) -> list[shadow.ShadowInstance]:
    """Write down the intent to build ``count`` members that serve as
    soon as they run: promotions that found nothing in the pool. None where
    status or policy are others by now.

    :param serving: ids of the members that served, or were on their way
        to, when that was decided; those that another engine has promoted or
        begun to build meanwhile count
    """
    def work(session: orm.Session) -> list[shadow.ShadowInstance]:
        # No two engines may do it for one need.
        db_shadow.lock_allocation(session, record.shadow_allocation_id)
        if not shadow_moves.wants_still(session, record):
            return []
        held = _held(session, record)
        begun = shadow.serving(held).difference(serving)
        added = _new(record, (one.tier for one in held), count - len(begun),
                     now, reason, State.PROMOTING, uses=1)
        for member in added:
            db_shadow.add_instance(session, member)
            session.flush()
            shadow_moves.open_promotion(
                session, record.token, member, now, signal)
            db_journal.record(
                session, record.token, now, 'instance.promoting', reason,
                instance_id=member.instance_id, cold=True)
        return added
    return database.write(work)


def _held(session: orm.Session, record: reservation.ReservationRecord,
          ) -> list[shadow.ShadowInstance]:
    return [member for member in db_shadow.list_instances(
        session, record.shadow_allocation_id)
        if member.state in shadow.HELD_STATES]


def _new(record: reservation.ReservationRecord,
         held: Iterable[holding.Tier], count: int, now: datetime.datetime,
         reason: str, state: State, uses: int = 0,
         ) -> list[shadow.ShadowInstance]:
    """:param held: the tiers of the members that there are"""
    tiers = list(held)
    new = []
    for _ in range(count):
        tiers.append(shadow_holding.tier_for(record.policy.hold, tiers))
        new.append(shadow.ShadowInstance(
            instance_id=str(uuid.uuid4()),
            allocation_id=record.shadow_allocation_id, state=state,
            generation=0, server_id=None, host=None, attempts=0,
            reason=reason, state_since=now, charged_until=None,
            created_at=now, tier=tiers[-1], uses=uses))
    return new
