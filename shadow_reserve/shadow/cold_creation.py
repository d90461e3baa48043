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

"""Members that are built from nothing to serve at once."""

from collections.abc import Collection
import datetime
import uuid

from sqlalchemy import orm

from shadow_reserve.db import journal as db_journal
from shadow_reserve.db import promotions as db_promotions
from shadow_reserve.db import session as db_session
from shadow_reserve.db import shadow as db_shadow
from shadow_reserve.records import promotion
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow
from shadow_reserve.shadow import holding as shadow_holding

State = shadow.InstanceState


def add_serving(
        database: db_session.Database,
        record: reservation.ReservationRecord, count: int,
        now: datetime.datetime, reason: str, signal: promotion.Signal,
        known: Collection[str]) -> list[shadow.ShadowInstance]:
    """Write down the intent to build ``count`` members that serve as
    soon as they run: promotions that found nothing in the pool.

    :param known: ids of the members by which that was decided; those
        that another engine has begun to build meanwhile count
    """
    def work(session: orm.Session) -> list[shadow.ShadowInstance]:
        # No two engines may do it for one need.
        db_shadow.lock_allocation(session, record.shadow_allocation_id)
        members = [member for member in db_shadow.list_instances(
            session, record.shadow_allocation_id)
            if member.state in shadow.HELD_STATES]
        begun = sum(1 for member in members
                    if member.state is State.PROMOTING
                    and member.instance_id not in known)
        tiers = [member.tier for member in members]
        added = []
        for _ in range(count - begun):
            tiers.append(shadow_holding.tier_for(
                record.policy.hold, tiers))
            member = shadow.ShadowInstance(
                instance_id=str(uuid.uuid4()),
                allocation_id=record.shadow_allocation_id,
                state=State.PROMOTING, generation=0, server_id=None,
                host=None, attempts=0, reason=reason, state_since=now,
                charged_until=None, created_at=now, tier=tiers[-1],
                uses=1)
            db_shadow.add_instance(session, member)
            session.flush()
            db_promotions.add(session, promotion.Promotion(
                promotion_id=str(uuid.uuid4()), token=record.token,
                instance_id=member.instance_id, server_id=None,
                tier=member.tier, signal=signal, claimed_at=now,
                reason=reason))
            db_journal.record(
                session, record.token, now, 'instance.promoting',
                reason, instance_id=member.instance_id, cold=True)
            added.append(member)
        return added
    return database.write(work)
