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

from collections.abc import Callable
from collections.abc import Collection
import datetime
from typing import Any

from sqlalchemy import orm

from shadow_reserve.cloud import nova as cloud_nova
from shadow_reserve.cloud import trusts as cloud_trusts
from shadow_reserve.db import demand as db_demand
from shadow_reserve.db import journal as db_journal
from shadow_reserve.db import session as db_session
from shadow_reserve.db import shadow as db_shadow
from shadow_reserve.engine import lead_time
from shadow_reserve.engine import observation
from shadow_reserve.records import journal
from shadow_reserve.records import promotion
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow
from shadow_reserve.shadow import building
from shadow_reserve.shadow import hysteresis
from shadow_reserve.shadow import manager as shadow_manager
from shadow_reserve.shadow import schedule
from shadow_reserve.shadow import sizing

State = shadow.InstanceState

#: How many more members a reservation may have for the cloud's sake, and
#: what bounds them: ``cap`` or ``capacity``. ``None`` is no bound.
Growth = Callable[[reservation.ReservationRecord], tuple[int | None, str]]

#: Failed builds are forgiven after this time.
_FAILURE_WINDOW = datetime.timedelta(hours=1)


class Pool:
    """Sizes and resizes.

    :param maximum_failures: builds that may fail within an hour before
        no more are tried
    :param shrink_delay: members are released down to the largest size
        that was asked for within this time
    :param quota_headroom: instances that the tenant's quota is to have
        room for beside the shadow
    :param lead: how long a build takes
    :param growth: what the cloud has room for
    """

    def __init__(
            self, database: db_session.Database,
            manager: shadow_manager.ShadowManager, nova: cloud_nova.Nova,
            trusts: cloud_trusts.Trusts, maximum_failures: int,
            quota_headroom: int, shrink_delay: datetime.timedelta,
            lead: lead_time.LeadTime, growth: Growth) -> None:
        self._database = database
        self._manager = manager
        self._nova = nova
        self._trusts = trusts
        self._maximum_failures = maximum_failures
        self._quota_headroom = quota_headroom
        self._shrink_delay = shrink_delay
        self._lead = lead
        self._growth = growth

    def resize(self, record: reservation.ReservationRecord,
               seen: observation.Observation,
               now: datetime.datetime) -> bool:
        """Build what is missing, release what is too many.

        It grows at once but shrinks only after a while, so that a
        forecast that wavers does not make servers come and go. That more
        was asked for is read from the events: no engine remembers it.

        :returns: whether members were added, to be built
        """
        members = self._manager.members(record)
        held = [member for member in members
                if member.state in shadow.HELD_STATES]
        size, growth = self._size(record, seen, members, now)
        asked = self._write_size(record, size, now)
        if record.policy.mode is not reservation.Mode.ACTIVE:
            self._manager.release(
                record, 0, now, 'the policy is forecast_only')
            return False
        missing = size.quantity - len(held)
        old, added = None, 0
        if missing == 0 and growth != (0, 'capacity'):
            # What cannot be built again just now is not to be given up:
            # only of a whole pool one is replaced, and where there is room.
            old = self._find_old(record, seen, members, now)
        if (missing > 0 or old is not None) and (
                not self._builds_keep_failing(record, now)):
            if old is not None:
                member, why = old
                self._manager.replace(record, member, now, why)
            # Where its own room is needed, that must be free first.
            if growth[0] != 0:
                added = building.add_to_pool(
                    self._database, record, size.quantity, now, size.reason)
        keep = hysteresis.to_keep(asked, size, now, self._shrink_delay)
        if len(held) > keep:
            self._manager.release(record, keep, now, size.reason)
        return added > 0

    def _find_old(self, record: reservation.ReservationRecord,
                  seen: observation.Observation,
                  members: list[shadow.ShadowInstance],
                  now: datetime.datetime,
                  ) -> tuple[shadow.ShadowInstance, str] | None:
        """As the manager's. An alarm may have taken the others since the
        members were read; there hardly ever is one, and only then are they
        read again."""
        if self._manager.find_old(
                record, members, seen.servers, now) is None:
            return None
        return self._manager.find_old(
            record, self._manager.members(record), seen.servers, now)

    def build_serving(
            self, record: reservation.ReservationRecord, count: int,
            now: datetime.datetime, reason: str, signal: promotion.Signal,
            serving: Collection[str],
    ) -> tuple[list[shadow.ShadowInstance], str | None]:
        """Build up to ``count`` members that serve as soon as they run.

        All that bounds the pool bounds them, and nothing is built while
        builds keep failing.

        :param serving: ids of the members that served, or were on their
            way to, when that was decided; what has come since then counts
        :returns: the new members, and what bounded them: ``maximum``,
            ``quota``, ``budget``, ``cap``, ``capacity`` or ``failures``
        """
        members = self._manager.members(record)
        known = shadow.serving(members)
        spare, bound = self._spare(
            record, members, count - len(known.difference(serving)), now)
        if spare <= 0:
            return [], bound
        return building.add_serving(
            self._database, record, spare, now, reason, signal, known), bound

    def _spare(self, record: reservation.ReservationRecord,
               members: list[shadow.ShadowInstance], count: int,
               now: datetime.datetime) -> tuple[int, str | None]:
        """How many of ``count`` more members may be built, and what
        bounds them."""
        if self._builds_keep_failing(record, now):
            return 0, 'failures'
        held = [member for member in members
                if member.state in shadow.HELD_STATES]
        room = None
        if record.trust_id is not None:
            free = self._nova.quota_room(
                self._trusts.session_for(record.trust_id), record.size)
            # Those whose server is still to be made take of it as well.
            room = None if free is None else free - sum(
                1 for member in held if not member.server_id)
        limits = (
            (record.policy.maximum_shadow - len(held), 'maximum'),
            (room, 'quota'),
            (0 if self._is_spent(record) else None, 'budget'),
            self._growth(record))
        spare, bound = count, None
        for limit, name in limits:
            if limit is not None and spare > limit:
                spare, bound = max(limit, 0), name
        return spare, bound

    def _is_spent(self, record: reservation.ReservationRecord) -> bool:
        budget = record.policy.budget
        return budget is not None and self._database.read(
            lambda session: db_journal.shadow_charges(
                session, record.token)) >= budget

    def _size(self, record: reservation.ReservationRecord,
              seen: observation.Observation,
              members: list[shadow.ShadowInstance],
              now: datetime.datetime,
              ) -> tuple[sizing.ShadowSize, tuple[int | None, str]]:
        """:returns: with how many more members there may be just now, and
            what bounds them"""
        held = [member for member in members
                if member.state in shadow.HELD_STATES]
        profiles, spent = self._database.read(lambda session: (
            db_demand.list_profiles(session, record.token),
            db_journal.shadow_charges(session, record.token)))
        budget = record.policy.budget
        lead = self._lead.at(now)
        scheduled = schedule.quantity_at(record.policy.schedule, now, lead)
        free, room = None, None
        if record.trust_id is not None and (
                profiles or scheduled is not None):
            free = self._nova.quota_room(
                self._trusts.session_for(record.trust_id), record.size)
        more, scarce = self._growth(record)
        if free is not None:
            # A member takes quota from when its server is there until that
            # is gone.
            made = sum(1 for member in members if member.server_id and (
                member in held or member.instance_id in seen.servers))
            room = max(free + made - self._quota_headroom, 0)
            unmade = sum(1 for member in held if not member.server_id)
            if more is None or free - unmade < more:
                more, scarce = max(free - unmade, 0), 'quota'
        return sizing.size_shadow(
            record, profiles, primary=seen.primary, quota_room=room,
            budget_spent=budget is not None and spent >= budget,
            scheduled=scheduled, held=len(held), growth=(more, scarce),
            now=now, lead=lead), (more, scarce)

    def _write_size(self, record: reservation.ReservationRecord,
                    size: sizing.ShadowSize,
                    now: datetime.datetime,
                    ) -> list[tuple[datetime.datetime, int]]:
        """Write an event when another size is asked for.

        :returns: from when on which size was asked for, oldest first, as
            far as the shrink delay goes back
        """
        def work(session: orm.Session,
                 ) -> list[tuple[datetime.datetime, int]]:
            events = db_journal.events_in_force(
                session, record.token, 'shadow.sized',
                now - self._shrink_delay)
            if not events or any(
                    events[-1].details[key] != value
                    for key, value in asked.items()):
                db_journal.record(
                    session, record.token, now, 'shadow.sized', size.reason,
                    total=size.total,
                    binding=size.binding.value if size.binding else None,
                    **asked)
                db_shadow.set_quantity(
                    session, record.shadow_allocation_id, size.quantity)
            return [(event.happened_at, event.details['quantity'])
                    for event in events]
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
