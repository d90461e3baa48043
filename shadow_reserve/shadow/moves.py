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

"""Moves of shadow instances from state to state: once, and charged."""

from collections.abc import Callable
from collections.abc import Sequence
import dataclasses
import datetime
from typing import Any
import uuid

from sqlalchemy import orm

from shadow_reserve.db import journal as db_journal
from shadow_reserve.db import promotions as db_promotions
from shadow_reserve.db import reservations as db_reservations
from shadow_reserve.db import session as db_session
from shadow_reserve.db import shadow as db_shadow
from shadow_reserve import exceptions
from shadow_reserve.records import journal
from shadow_reserve.records import promotion
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow
from shadow_reserve.shadow import holding as shadow_holding

State = shadow.InstanceState

#: Charges a member, in the caller's transaction, up to a time.
Charge = Callable[
    [orm.Session, str, shadow.ShadowInstance, datetime.datetime],
    shadow.ShadowInstance]

#: From building on a member takes capacity, but it is charged only from
#: the moment at which it could be of use, and not while nothing is held
#: for it.
CHARGED_STATES = frozenset({
    State.SETTLING, State.AVAILABLE, State.PROMOTING, State.ALLOCATED,
    State.RETURNING,
})


#: Where a member that holds nothing costs nothing.
_COSTS_NOTHING_UNHELD = frozenset({State.AVAILABLE, State.PROMOTING})

#: Where a promotion goes that fails.
_FAILED = frozenset({State.ERROR, State.DELETING, State.AVAILABLE})


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """A reservation and the members of its shadow, as they were read."""

    record: reservation.ReservationRecord
    members: Sequence[shadow.ShadowInstance]


class Moves:
    """Compare-and-swap changes of members, each with charge and event.

    :param charge: what puts a member's time on the ledger
    """

    def __init__(self, database: db_session.Database,
                 charge: Charge) -> None:
        self._database = database
        self._charge = charge

    def move(
            self, token: str, instance: shadow.ShadowInstance,
            state: State, now: datetime.datetime, reason: str,
            severity: journal.Severity = journal.Severity.INFO,
            **changes: Any) -> shadow.ShadowInstance | None:
        """Bring a member to ``state``, if it is still as it was read.

        :param changes: further fields of the member with new values
        :returns: the member as it is now, or ``None`` when somebody else
            changed its state first
        """
        def work(session: orm.Session) -> shadow.ShadowInstance | None:
            fresh = db_shadow.find_instance(session, instance.instance_id)
            if fresh is None or fresh.state is not instance.state:
                return None
            if _gives_up(fresh, state) and fresh.slot is not None:
                # Another engine has found it a host after all.
                return None
            signal = None
            if fresh.state is State.PROMOTING and state in _FAILED:
                signal = db_promotions.open_signal(
                    session, fresh.instance_id)
            moved = self._move(session, token, fresh, state, now, reason,
                               severity, **changes)
            if signal is not None:
                self._claim_another(session, token, moved, now, signal)
            return moved
        return self._database.write(work)

    def _claim_another(
            self, session: orm.Session, token: str,
            failed: shadow.ShadowInstance, now: datetime.datetime,
            signal: promotion.Signal) -> None:
        """One that was to serve will not: another one does instead, so
        that as many come to serve as were asked for, and no more."""
        record = db_reservations.get(session, token)
        if record.status is not reservation.ReservationStatus.ACTIVE:
            return
        members = db_shadow.list_instances(
            session, record.shadow_allocation_id)
        if failed.state is State.AVAILABLE:
            # There was no room for it, nor is there for others like it.
            members = [member for member in members
                       if member.host is not None and member.lent_at is None]
        others = self._claim(
            session, record, members, 1, now,
            f'in place of shadow instance {failed.instance_id}: '
            f'{failed.reason}', signal)
        for other in others:
            db_journal.record(
                session, token, now, 'promotion.passed_on',
                f'shadow instance {other.instance_id} is promoted in place '
                f'of {failed.instance_id}: {failed.reason}',
                journal.Severity.WARNING, instance_id=other.instance_id,
                server_id=other.server_id, failed=failed.instance_id)

    def promote(
            self, token: str, count: int, now: datetime.datetime,
            reason: str, signal: promotion.Signal = promotion.BY_HAND, *,
            seen: Seen | None = None,
            first: Callable[[orm.Session], bool] | None = None,
    ) -> list[shadow.ShadowInstance]:
        """Claim up to ``count`` available members for promotion.

        Those whose capacity is held go first, of these the tiers in the
        order of the policy's mix, and in each the oldest.

        :param seen: what ``count`` was decided by; when a member has
            changed its state since then, or the reservation its status or
            policy, none is claimed
        :param first: run before all else in the same transaction; when
            its answer is ``False``, none is claimed
        """
        def work(session: orm.Session) -> list[shadow.ShadowInstance]:
            found = seen or _look(session, token)
            if seen is not None and not _is_still(session, seen):
                return []
            if first is not None and not first(session):
                return []
            return self._claim(session, found.record, found.members, count,
                               now, reason, signal)
        if seen is None:
            return self._database.write(work)
        try:
            return self._database.write_as_read(work)
        except exceptions.ConcurrentUpdate:
            return []

    def _claim(
            self, session: orm.Session,
            record: reservation.ReservationRecord,
            members: Sequence[shadow.ShadowInstance], count: int,
            now: datetime.datetime, reason: str,
            signal: promotion.Signal) -> list[shadow.ShadowInstance]:
        waiting = shadow_holding.promotion_order(record.policy.hold, (
            member for member in members
            if member.state is State.AVAILABLE))
        moved = [self._move(
            session, record.token, member, State.PROMOTING, now, reason,
            uses=member.uses + 1, attempts=0, lent_at=None)
            for member in waiting[:count]]
        for member in moved:
            open_promotion(session, record.token, member, now, signal)
        return moved

    def lend(self, token: str, instance: shadow.ShadowInstance,
             now: datetime.datetime, reason: str) -> bool:
        """Write down that an available member's capacity is given back.

        :returns: whether it is; ``False`` when it is not available any
            more, or is lent already
        """
        def work(session: orm.Session) -> bool:
            fresh = db_shadow.find_instance(session, instance.instance_id)
            if (fresh is None or fresh.state is not State.AVAILABLE
                    or fresh.lent_at is not None):
                return False
            db_shadow.update_instance(
                session, fresh, lent_at=now, attempts=0, reason=reason)
            db_journal.record(
                session, token, now, 'shadow.lent', reason,
                instance_id=fresh.instance_id, server_id=fresh.server_id,
                host=fresh.host, tier=fresh.tier.value)
            return True
        return self._database.write(work)

    def return_to_pool(
            self, token: str, count: int, now: datetime.datetime,
            reason: str, *, seen: Seen | None = None,
    ) -> list[shadow.ShadowInstance]:
        """Send up to ``count`` serving members back, the newest first.

        Each goes back to the tier of the policy's mix that lacks one.

        :param seen: as ``promote`` takes it; none goes back then
        """
        def work(session: orm.Session) -> list[shadow.ShadowInstance]:
            if seen is not None and not _is_still(session, seen):
                return []
            mix = db_reservations.get(session, token).policy.hold
            waiting = [member.tier for member in self._members(
                session, token, *(shadow.HELD_STATES
                                  - shadow.SERVING_STATES))]
            members = shadow_holding.return_order(
                self._members(session, token, State.ALLOCATED))
            moved = []
            for member in members[:count]:
                tier = shadow_holding.tier_for(mix, waiting)
                waiting.append(tier)
                moved.append(self._move(
                    session, token, member, State.RETURNING, now, reason,
                    tier=tier))
            return moved
        return self._database.write(work)

    @staticmethod
    def _members(session: orm.Session, token: str,
                 *states: State) -> list[shadow.ShadowInstance]:
        allocation = db_shadow.get_allocation(session, token)
        return [member for member in db_shadow.list_instances(
            session, allocation.allocation_id) if member.state in states]

    def set_claim(
            self, token: str, instance: shadow.ShadowInstance,
            host: str | None, now: datetime.datetime, kind: str,
            message: str,
            severity: journal.Severity = journal.Severity.INFO,
            **changes: Any) -> None:
        """Write down that a member's capacity is held on ``host`` from now
        on, or nowhere: then it costs nothing.

        :raises ConcurrentUpdate: when it was changed since it was read
        """
        def work(session: orm.Session) -> None:
            charged = self._charge(session, token, instance, now)
            db_shadow.update_instance(
                session, charged, host=host, reason=message,
                charged_until=None if host is None
                else charged.charged_until or now, **changes)
            db_journal.record(
                session, token, now, kind, message, severity,
                instance_id=instance.instance_id,
                server_id=instance.server_id, host=host or instance.host)
        self._database.write_as_read(work)

    def note(
            self, token: str, instance: shadow.ShadowInstance,
            now: datetime.datetime, kind: str, message: str,
            severity: journal.Severity = journal.Severity.INFO,
            **details: Any) -> None:
        """Say what keeps a member where it is, once."""
        def work(session: orm.Session) -> None:
            fresh = db_shadow.find_instance(session, instance.instance_id)
            if fresh is None or fresh.reason == message:
                return
            db_shadow.set_reason(session, instance.instance_id, message)
            db_journal.record(
                session, token, now, kind, message, severity,
                instance_id=instance.instance_id,
                server_id=instance.server_id, **details)
        self._database.write(work)

    def update(self, instance: shadow.ShadowInstance,
               **changes: Any) -> shadow.ShadowInstance:
        """Change a member in nothing that its state or cost hangs on.

        :raises ConcurrentUpdate: when it was changed since it was read
        """
        return self._database.write_as_read(
            lambda session: db_shadow.update_instance(
                session, instance, **changes))

    def _move(
            self, session: orm.Session, token: str,
            instance: shadow.ShadowInstance, state: State,
            now: datetime.datetime, reason: str,
            severity: journal.Severity = journal.Severity.INFO,
            **changes: Any) -> shadow.ShadowInstance:
        # What waits and what is on its way cost the same: the next charge
        # takes both together, and an alarm does not wait for the books.
        charged = instance if (
            instance.state is State.AVAILABLE
            and state is State.PROMOTING) else self._charge(
                session, token, instance, now)
        if state is State.AVAILABLE:
            changes.setdefault('attempts', 0)
        host = changes.get('host', instance.host)
        if state not in CHARGED_STATES or (
                state in _COSTS_NOTHING_UNHELD and host is None):
            changes['charged_until'] = None
        elif charged.charged_until is None:
            changes['charged_until'] = now
        moved = db_shadow.update_instance(
            session, charged, state=state, state_since=now, reason=reason,
            slot=None, joined_at=None, **changes)
        _follow(session, token, instance, moved, now)
        db_journal.record(
            session, token, now, f'instance.{state.value}', reason,
            severity, instance_id=moved.instance_id,
            server_id=moved.server_id, tier=moved.tier.value,
            previous=instance.state.value)
        return moved


def _gives_up(instance: shadow.ShadowInstance, state: State) -> bool:
    """Whether it is found no host for, and waits again."""
    return instance.state is State.PROMOTING and state is State.AVAILABLE


def _look(session: orm.Session, token: str) -> Seen:
    record = db_reservations.get(session, token)
    return Seen(record=record, members=db_shadow.list_instances(
        session, record.shadow_allocation_id))


def _is_still(session: orm.Session, seen: Seen) -> bool:
    """Whether members are in the same states, and the reservation wants
    what it wanted: between a look and what follows its owner may have
    changed the policy, or deleted it."""
    record = seen.record
    states, generation = db_shadow.states(
        session, record.shadow_allocation_id)
    if states != {member.instance_id: member.state
                  for member in seen.members}:
        return False
    # A lease that is longer now, or costs more, is another generation too.
    return generation == record.generation or wants_still(session, record)


def wants_still(session: orm.Session,
                record: reservation.ReservationRecord) -> bool:
    """Whether a reservation has the status and policy that it had."""
    fresh = db_reservations.get(session, record.token)
    return fresh.status is record.status and fresh.policy == record.policy


def open_promotion(
        session: orm.Session, token: str, member: shadow.ShadowInstance,
        now: datetime.datetime, signal: promotion.Signal,
        **known: Any) -> None:
    """Begin to write down how a member comes to serve.

    :param known: what is known of it already
    """
    db_promotions.add(session, promotion.Promotion(
        promotion_id=str(uuid.uuid4()), token=token,
        instance_id=member.instance_id, server_id=member.server_id,
        tier=member.tier, signal=signal, claimed_at=now,
        reason=member.reason, **known))


def _follow(session: orm.Session, token: str, before: shadow.ShadowInstance,
            member: shadow.ShadowInstance, now: datetime.datetime) -> None:
    """Keep the member's promotion in step with its state."""
    if member.state is State.ALLOCATED:
        if before.state is State.PROMOTING:
            db_promotions.update_open(
                session, member.instance_id, active_at=now,
                server_id=member.server_id,
                outcome=promotion.Outcome.SERVING)
        else:
            open_promotion(
                session, token, member, now,
                promotion.Signal(source=promotion.Source.OUTSIDE),
                active_at=now, outcome=promotion.Outcome.SERVING)
    elif before.state is State.PROMOTING:
        db_promotions.update_open(
            session, member.instance_id, ended_at=now, reason=member.reason,
            outcome=promotion.Outcome.FAILED)
    elif before.state is State.ALLOCATED:
        db_promotions.update_open(
            session, member.instance_id, ended_at=now, reason=member.reason,
            outcome=promotion.Outcome.ENDED)
