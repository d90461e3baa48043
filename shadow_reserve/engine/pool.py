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

"""Brings the shadow to the size that forecast and policy ask for."""

import datetime
from typing import Any

from sqlalchemy import orm

from shadow_reserve.cloud import nova as cloud_nova
from shadow_reserve.cloud import trusts as cloud_trusts
from shadow_reserve.db import demand as db_demand
from shadow_reserve.db import journal as db_journal
from shadow_reserve.db import session as db_session
from shadow_reserve.db import shadow as db_shadow
from shadow_reserve.engine import observation
from shadow_reserve.records import journal
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow
from shadow_reserve.shadow import manager as shadow_manager
from shadow_reserve.shadow import sizing

State = shadow.InstanceState

#: Failed builds are forgiven after this time.
_FAILURE_WINDOW = datetime.timedelta(hours=1)


class Pool:
    """Sizes and resizes.

    :param maximum_failures: builds that may fail within an hour before
        no more are tried
    :param shrink_delay: for how long a smaller size must stand before
        members are released for it
    """

    def __init__(
            self, database: db_session.Database,
            manager: shadow_manager.ShadowManager, nova: cloud_nova.Nova,
            trusts: cloud_trusts.Trusts, maximum_failures: int,
            shrink_delay: datetime.timedelta) -> None:
        self._database = database
        self._manager = manager
        self._nova = nova
        self._trusts = trusts
        self._maximum_failures = maximum_failures
        self._shrink_delay = shrink_delay

    def resize(self, record: reservation.ReservationRecord,
               seen: observation.Observation,
               now: datetime.datetime) -> None:
        """Build what is missing, release what is too many.

        It grows at once but shrinks only after a while, so that a
        forecast that wavers does not make servers come and go.
        """
        held = [member for member in self._manager.members(record)
                if member.state in shadow.HELD_STATES]
        size = self._size(record, seen, held)
        since = self._write_size(record, size, now)
        if record.policy.mode is not reservation.Mode.ACTIVE:
            self._manager.release(
                record, len(held), now, 'the policy is forecast_only')
            return
        missing = size.quantity - len(held)
        if missing > 0 and not self._builds_keep_failing(record, now):
            self._manager.add(record, missing, now, size.reason)
        surplus = len(held) - size.quantity
        if surplus > 0 and now - since >= self._shrink_delay:
            self._manager.release(record, surplus, now, size.reason)

    def _size(self, record: reservation.ReservationRecord,
              seen: observation.Observation,
              held: list[shadow.ShadowInstance]) -> sizing.ShadowSize:
        profiles, spent = self._database.read(lambda session: (
            db_demand.list_profiles(session, record.token),
            db_journal.shadow_charges(session, record.token)))
        budget = record.policy.budget
        room = None
        if record.trust_id is not None and profiles:
            free = self._nova.quota_room(
                self._trusts.session_for(record.trust_id), record.size)
            # A member takes quota from the moment its server is there.
            built = sum(1 for member in held if member.server_id)
            room = None if free is None else free + built
        return sizing.size_shadow(
            record, profiles, primary=seen.primary, quota_room=room,
            budget_spent=budget is not None and spent >= budget)

    def _write_size(self, record: reservation.ReservationRecord,
                    size: sizing.ShadowSize,
                    now: datetime.datetime) -> datetime.datetime:
        """:returns: since when this size has been asked for"""
        def work(session: orm.Session) -> datetime.datetime:
            latest = db_journal.latest_event(
                session, record.token, 'shadow.sized')
            if latest is not None and all(
                    latest.details[key] == value
                    for key, value in asked.items()):
                return latest.happened_at
            db_journal.record(
                session, record.token, now, 'shadow.sized', size.reason,
                total=size.total,
                binding=size.binding.value if size.binding else None,
                **asked)
            db_shadow.set_quantity(
                session, record.shadow_allocation_id, size.quantity)
            return now
        asked: dict[str, Any] = {
            'quantity': size.quantity, 'bound': size.bound,
            'mode': record.policy.mode.value}
        return self._database.write(work)

    def _builds_keep_failing(self, record: reservation.ReservationRecord,
                             now: datetime.datetime) -> bool:
        def work(session: orm.Session) -> bool:
            failures = db_journal.failures_since(
                session, record.token, now - _FAILURE_WINDOW)
            if failures < self._maximum_failures:
                return False
            latest = db_journal.latest_event(
                session, record.token, 'shadow.builds_stopped')
            if (latest is None
                    or now - latest.happened_at >= _FAILURE_WINDOW):
                db_journal.record(
                    session, record.token, now, 'shadow.builds_stopped',
                    f'{failures} shadow instances failed within an hour; '
                    f'no more are built until an hour after the first of '
                    f'them. See the events instance.error for the cause.',
                    journal.Severity.ERROR, failures=failures)
            return True
        return self._database.write(work)
