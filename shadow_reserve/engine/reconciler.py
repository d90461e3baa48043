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

"""One pass over one reservation: what should be, against what is.

Every pass begins with what database and services say, and does the one
next thing wherever they differ. So it does not matter what woke it, how
often, or where the pass before it was cut off.
"""

from collections.abc import Callable
import dataclasses
import datetime
from typing import TypeVar

from sqlalchemy import orm

from shadow_reserve.cloud import exceptions as cloud_exceptions
from shadow_reserve.cloud import nova as cloud_nova
from shadow_reserve.cloud import trusts as cloud_trusts
from shadow_reserve.db import journal as db_journal
from shadow_reserve.db import reservations as db_reservations
from shadow_reserve.db import session as db_session
from shadow_reserve.db import shadow as db_shadow
from shadow_reserve.engine import ahead as engine_ahead
from shadow_reserve.engine import observation
from shadow_reserve.engine import pool as engine_pool
from shadow_reserve.engine import promoter as engine_promoter
from shadow_reserve.engine import scaling as engine_scaling
from shadow_reserve.lease import accounts as lease_accounts
from shadow_reserve.lease import terms as lease_terms
from shadow_reserve.records import journal
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow
from shadow_reserve.shadow import manager as shadow_manager
from shadow_reserve.trigger import alarms as trigger_alarms
from shadow_reserve.trigger import decision as trigger_decision
from shadow_reserve.trigger import gauge as trigger_gauge

T = TypeVar('T')
Status = reservation.ReservationStatus

_OVER = {
    Status.ENDING: Status.TERMINATED,
    Status.DELETING: Status.DELETED,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rooms:
    """What a pass needs of the house."""

    database: db_session.Database
    accounts: lease_accounts.Accounts
    manager: shadow_manager.ShadowManager
    promoter: engine_promoter.Promoter
    pool: engine_pool.Pool
    scaling: engine_scaling.Scaling
    ahead: engine_ahead.Ahead
    alarms: trigger_alarms.AlarmKeeper
    gauge: trigger_gauge.Gauge
    nova: cloud_nova.Nova
    trusts: cloud_trusts.Trusts


class Reconciler:
    """Passes over reservations.

    :param settle_interval: after which an unchanged member is charged
    :param creation_grace: after which a reservation whose trust was never
        written down is given up
    :param clock: what a step does is told by it: a pass may take seconds
    """

    def __init__(self, rooms: Rooms, settle_interval: datetime.timedelta,
                 creation_grace: datetime.timedelta,
                 clock: Callable[[], datetime.datetime]) -> None:
        self._rooms = rooms
        self._settle_interval = settle_interval
        self._creation_grace = creation_grace
        self._clock = clock

    def reconcile(self, token: str, now: datetime.datetime,
                  ) -> list[cloud_exceptions.CloudError] | None:
        """Take one reservation one step on.

        :returns: what failed on the way; empty when all went well;
            ``None`` when nothing is owed to the reservation any more
        :raises ReservationNotFound: when there is no such reservation
        """
        record = self._rooms.database.read(
            lambda session: db_reservations.get(session, token))
        if record.status is Status.CREATING:
            self._give_up_creation(record, now)
            return []
        if record.status is Status.PENDING and now >= record.start_time:
            record = self._set_status(
                record, Status.ACTIVE, now, 'reservation.started',
                'the lease has begun')
        if record.status is Status.ACTIVE and now >= record.end_time:
            # What served until its end may have put that off.
            record = self._settle(record, now, datetime.timedelta())
        if record.status is Status.ACTIVE and now >= record.end_time:
            record = self._set_status(
                record, Status.ENDING, now, 'reservation.ending',
                'the lease is over')
        if record.status is Status.ACTIVE:
            return self._hold(record)
        if record.status in _OVER:
            return self._take_down(record, now)
        return [] if record.status in reservation.LIVE_STATUSES else None

    def is_joining(self, token: str) -> bool:
        """Whether hooks are still to be run for one that serves."""
        return self._rooms.database.read(
            lambda session: db_shadow.is_joining(session, token))

    def _hold(self, record: reservation.ReservationRecord,
              ) -> list[cloud_exceptions.CloudError]:
        """The steps do not depend on each other: when Gnocchi is down,
        shelving goes on all the same. Members on their way to serve go
        first: for them somebody waits, and a listing may take its time."""
        failures = self._rooms.promoter.drive(record)

        def attempt(step: Callable[[], T]) -> T | None:
            try:
                return step()
            except cloud_exceptions.CloudError as error:
                failures.append(error)
                return None

        rooms, clock = self._rooms, self._clock
        members = rooms.manager.members(record)
        seen = attempt(
            lambda: observation.observe(rooms.nova, record, members))
        if seen is not None:
            failures += rooms.manager.drive(
                record, seen.servers, clock(), but_promoting=True)
            members = rooms.manager.members(record)
            alarms = attempt(lambda: rooms.alarms.ensure(
                record, seen.application, serving=shadow.serves(members),
                cooling=trigger_decision.is_cooling(
                    record.policy, shadow.last_change(members), clock())))
            moved = attempt(lambda: rooms.scaling.scale(
                record, seen, members, alarms))
            if not moved:
                moved = attempt(lambda: rooms.ahead.promote(
                    record, seen, members, clock()))
            if moved:
                failures += rooms.promoter.drive(record)
            grown = attempt(lambda: rooms.pool.resize(
                record, seen, clock()))
            if moved or grown:
                failures += rooms.manager.drive(
                    record, seen.servers, clock(), but_promoting=True)
        now = clock()
        interval = lease_terms.settle_after(
            record, self._settle_interval, now)
        if any(shadow.owes(member, interval, now) for member in members):
            self._settle(record, now, interval)
        return failures

    def _settle(self, record: reservation.ReservationRecord,
                now: datetime.datetime, interval: datetime.timedelta,
                ) -> reservation.ReservationRecord:
        """Charge members that were not charged for that long.

        :returns: the reservation as it is then
        """
        def work(session: orm.Session) -> reservation.ReservationRecord:
            for member in db_shadow.list_instances(
                    session, record.shadow_allocation_id):
                if shadow.owes(member, interval, now):
                    self._rooms.accounts.charge(
                        session, record.token, member, now)
            return db_reservations.get(session, record.token)
        return self._rooms.database.write(work)

    def _take_down(self, record: reservation.ReservationRecord,
                   now: datetime.datetime,
                   ) -> list[cloud_exceptions.CloudError]:
        """Servers first, then alarms, and the trust last, since all that
        was made under it must be gone by then."""
        rooms = self._rooms
        reason = f'the reservation is {record.status.value}'
        if not rooms.manager.take_down(record, now, reason):
            try:
                seen = observation.observe(
                    rooms.nova, record, rooms.manager.members(record))
            except cloud_exceptions.CloudError as error:
                return [error]
            return rooms.manager.drive(record, seen.servers, now)
        try:
            rooms.alarms.remove(record.token)
            rooms.gauge.remove(record.token)
            if record.trust_id is not None:
                rooms.trusts.delete(record.trust_id)
        except cloud_exceptions.CloudError as error:
            return [error]
        status = _OVER[record.status]
        self._set_status(record, status, now, f'reservation.{status.value}',
                         'all that was held for it is gone', trust_id=None)
        return []

    def _give_up_creation(self, record: reservation.ReservationRecord,
                          now: datetime.datetime) -> None:
        """The API died between the row and the trust. The trust, if it
        was made, has no row then and is swept away."""
        if now - record.created_at >= self._creation_grace:
            self._rooms.database.write(
                lambda session: db_reservations.remove(
                    session, record.token))

    def _set_status(
            self, record: reservation.ReservationRecord, status: Status,
            now: datetime.datetime, kind: str, message: str,
            **changes: str | None) -> reservation.ReservationRecord:
        def work(session: orm.Session) -> reservation.ReservationRecord:
            fresh = db_reservations.get(session, record.token)
            if fresh.status is not record.status:
                return fresh
            db_journal.record(session, record.token, now, kind, message,
                              journal.Severity.INFO)
            return db_reservations.update(
                session, fresh, now, status=status, **changes)
        return self._rooms.database.write(work)
