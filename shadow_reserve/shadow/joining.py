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

"""Runs the hooks of members that have come to serve, and undoes them."""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import datetime
from typing import Any
import uuid

from sqlalchemy import orm

from shadow_reserve.cloud import exceptions as cloud_exceptions
from shadow_reserve.db import hooks as db_hooks
from shadow_reserve.db import journal as db_journal
from shadow_reserve.db import promotions as db_promotions
from shadow_reserve.db import session as db_session
from shadow_reserve.db import shadow as db_shadow
from shadow_reserve.db import volumes as db_volumes
from shadow_reserve import exceptions
from shadow_reserve.records import hook
from shadow_reserve.records import journal
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow
from shadow_reserve.records import volume
from shadow_reserve.shadow import hook_asking
from shadow_reserve.shadow import hook_requests
from shadow_reserve.shadow import hook_steps

Answer = hook_asking.Answer
Kind = hook_steps.Kind
Place = hook_asking.Place
Request = hook_asking.Request
State = shadow.InstanceState
HookState = hook.HookState

#: Steps that follow at once from the one before, at the most.
_STEPS_PER_PASS = 4

#: Requests that are made side by side for one reservation. What is more
#: than these waits for the next pass.
_AT_ONCE = 8

#: A volume in these is not waited for: it is there, or somebody else's.
_VOLUMES_DONE = frozenset({
    volume.VolumeState.ATTACHED, volume.VolumeState.TAKEN})


class Joining:
    """Puts serving members where the policy's hooks say, and takes them
    away from there.

    What fails is told by events and tried again. It never keeps a server
    from serving, and one that goes back only until a deadline.

    :param timeout: for how long a hook is tried
    :param clock: what came of a request is told by it: hooks take seconds
    """

    def __init__(self, database: db_session.Database,
                 requests: hook_requests.HookRequests,
                 timeout: datetime.timedelta,
                 clock: Callable[[], datetime.datetime]) -> None:
        self._database = database
        self._asking = hook_asking.Asking(requests)
        self._timeout = timeout
        self._clock = clock

    def held_back(self, members: Sequence[shadow.ShadowInstance],
                  now: datetime.datetime) -> frozenset[str]:
        """Ids of those that are not to be drained, held or deleted yet,
        since they may still be sent work."""
        going = [member for member in members if member.state in (
            State.RETURNING, State.DELETING)]
        rows = self._rows(going)
        return frozenset(
            member.instance_id for member in going
            if hook_steps.holds_back(
                member, rows.get(member.instance_id, {}).values(), now))

    def is_undone(self, member: shadow.ShadowInstance) -> bool:
        """Whether nothing is left of a member's hooks."""
        return not self._rows([member])

    def drive(self, record: reservation.ReservationRecord,
              members: Sequence[shadow.ShadowInstance],
              servers: Mapping[str, shadow.Server],
              now: datetime.datetime) -> None:
        """Take each hook of each member one step on.

        :param servers: by instance id, as just listed
        """
        rows = self._rows(members)
        concerned = [
            member for member in members
            if member.instance_id in rows
            or (member.state is State.ALLOCATED
                and (record.policy.hooks or member.joined_at is None))]
        requests: list[Request] = []
        for member in concerned:
            place = Place(
                record=record, member=member, now=now,
                server=servers.get(member.instance_id))
            if self._awaits_volumes(place):
                continue
            try:
                requests += self._prepare(place)
            except exceptions.ConcurrentUpdate:
                # Another engine is at it.
                continue
        for group in self._ask(list(hook_asking.groups(requests))[:_AT_ONCE]):
            for request, error in group:
                try:
                    self._close(request, error)
                except exceptions.ConcurrentUpdate:
                    continue

    def _rows(self, members: Sequence[shadow.ShadowInstance],
              ) -> dict[str, dict[str, hook.MemberHook]]:
        if not members:
            return {}
        return self._database.read(lambda session: db_hooks.list_hooks(
            session, [member.instance_id for member in members]))

    def _awaits_volumes(self, place: Place) -> bool:
        """Whether a member that has just come to serve lacks volumes that
        may still come."""
        wanted = len(place.record.template.volumes)
        member = place.member
        if (not wanted or member.state is not State.ALLOCATED
                or member.joined_at is not None
                or place.now - member.state_since >= self._timeout):
            return False
        rows = self._database.read(lambda session: db_volumes.list_volumes(
            session, member.instance_id))
        return sum(row.state in _VOLUMES_DONE
                   for row in rows.values()) < wanted

    def _prepare(self, place: Place) -> list[Request]:
        """Write down what is to be done, as far as that can be done
        without asking anybody.

        :returns: what is to be asked
        """
        def work(session: orm.Session) -> list[Request]:
            known = _hooks_of(session, place.member.instance_id)
            changed = False
            for _ in range(_STEPS_PER_PASS):
                steps = hook_steps.steps(
                    place.member, place.server, place.record.policy.hooks,
                    known, place.now)
                quiet = [self._write(session, place, one, kind, known)
                         for one, kind in steps]
                if not any(quiet):
                    break
                changed = True
            if changed or place.member.joined_at is None:
                _settle(session, place, changed)
            return [Request(place=place, row=known[one.hook_id], kind=kind)
                    for one, kind in steps if kind in hook_steps.REQUESTS]
        return self._database.write(work)

    def _write(self, session: orm.Session, place: Place, one: hook.Hook,
               kind: Kind, known: dict[str, hook.MemberHook]) -> bool:
        """:returns: whether another step may follow at once"""
        hook_id = one.hook_id
        row = known.get(hook_id)
        match kind:
            case Kind.TO_JOIN if row is None:
                row = hook.MemberHook(
                    instance_id=place.member.instance_id, hook=one,
                    **self._afresh(HookState.JOINING, place.now))
                db_hooks.add_hook(session, row)
                known[hook_id] = row
                return True
            case Kind.DONE | Kind.WAIT | Kind.JOIN | Kind.LEAVE:
                return False
        assert row is not None
        match kind:
            case Kind.TO_JOIN:
                changes = self._afresh(HookState.JOINING, place.now)
            case Kind.TO_LEAVE:
                changes = self._afresh(HookState.LEAVING, place.now)
                if row.state is HookState.GIVEN_UP:
                    # Nobody waits for what most likely never stood.
                    changes['deadline'] = place.now
            case Kind.GIVE_UP:
                changes = {'state': HookState.GIVEN_UP}
                _tell_failure(session, place, row, (
                    f'{row.reason or "it did not come about"}; given up: '
                    f'it serves without, until it is promoted again'))
            case _:
                if kind is Kind.ABANDON:
                    _tell_failure(session, place, row, (
                        f'{row.reason or "it did not come about"}; given '
                        f'up: see to it yourself that it is undone'))
                db_hooks.remove_hook(session, row)
                del known[hook_id]
                return True
        known[hook_id] = db_hooks.update_hook(session, row, **changes)
        return True

    def _afresh(self, state: HookState,
                now: datetime.datetime) -> dict[str, Any]:
        return {'state': state, 'since': now,
                'deadline': now + self._timeout,
                'delivery_id': str(uuid.uuid4()), 'asked_at': None,
                'attempts': 0, 'reason': ''}

    def _ask(self, groups: Sequence[Sequence[Request]],
             ) -> Iterable[list[Answer]]:
        """The attempts are written down first: what was asked for once is
        undone, whether it came about or not."""
        def work(session: orm.Session) -> list[list[Request]]:
            return [[dataclasses.replace(request, row=db_hooks.update_hook(
                session, request.row, asked_at=request.place.now,
                attempts=request.row.attempts + 1)) for request in group]
                for group in groups]
        if not groups:
            return []
        try:
            begun = self._database.write(work)
        except exceptions.ConcurrentUpdate:
            return []
        return self._asking.ask(begun)

    def _close(self, request: Request,
               error: cloud_exceptions.CloudError | None) -> None:
        place = dataclasses.replace(request.place, now=self._clock())
        match error:
            case None:
                self._done(place, request.row)
            case cloud_exceptions.Conflict():
                # It has another change to carry out first.
                self._busy(request.row, error)
            case _:
                self._failed(place, request.row, error)

    def _busy(self, row: hook.MemberHook,
              error: cloud_exceptions.CloudError) -> None:
        self._database.write(lambda session: db_hooks.update_hook(
            session, row, attempts=0, reason=str(error)))

    def _failed(self, place: Place, row: hook.MemberHook,
                error: cloud_exceptions.CloudError) -> None:
        def work(session: orm.Session) -> None:
            reason = str(error)
            db_hooks.update_hook(session, row, reason=reason)
            if reason != row.reason:
                _tell_failure(session, place, row,
                              f'{reason}; it is tried again')
        self._database.write(work)

    def _done(self, place: Place, row: hook.MemberHook) -> None:
        def work(session: orm.Session) -> None:
            if row.state is HookState.JOINING:
                db_hooks.update_hook(
                    session, row, state=HookState.JOINED, reason='')
            else:
                db_hooks.remove_hook(session, row)
            _settle(session, place, True)
        self._database.write(work)


def _hooks_of(session: orm.Session,
              instance_id: str) -> dict[str, hook.MemberHook]:
    return db_hooks.list_hooks(session, [instance_id]).get(instance_id, {})


def _settle(session: orm.Session, place: Place, changed: bool) -> None:
    """Write down that a member has joined or left, if it has.

    :param changed: whether any hook of its is in another state now
    """
    instance_id = place.member.instance_id
    member = db_shadow.find_instance(session, instance_id)
    if member is None:
        return
    rows = _hooks_of(session, instance_id)
    if member.state is not State.ALLOCATED:
        if changed and not rows:
            if member.state is State.RETURNING:
                # No new work is sent to it: only now does it drain.
                db_shadow.update_instance(
                    session, member, state_since=place.now)
            db_journal.record(
                session, place.token, place.now, 'instance.left',
                'its hooks are undone, but for those that were given up',
                instance_id=instance_id, server_id=member.server_id)
        return
    wanted = {one.hook_id for one in place.record.policy.hooks}
    if wanted != rows.keys() or any(
            row.state not in (HookState.JOINED, HookState.GIVEN_UP)
            for row in rows.values()):
        return
    if member.joined_at is None:
        # It may have come to serve just after this pass looked at the time.
        joined_at = max(place.now, member.state_since)
        db_shadow.update_instance(session, member, joined_at=joined_at)
        db_promotions.mark_joined(session, instance_id, joined_at)
    if changed:
        missing = [row.hook for row in rows.values()
                   if row.state is HookState.GIVEN_UP]
        db_journal.record(
            session, place.token, place.now, 'instance.joined',
            'it is where the hooks of its policy say' if not missing
            else 'it serves, but not at: ' + ', '.join(
                hook_requests.place_of(one) for one in missing),
            journal.Severity.WARNING if missing else journal.Severity.INFO,
            instance_id=instance_id, server_id=member.server_id,
            hooks=sorted(row.hook.kind.value for row in rows.values()
                         if row.state is HookState.JOINED))


def _tell_failure(session: orm.Session, place: Place,
                  row: hook.MemberHook, reason: str) -> None:
    what = ('take it to' if row.state is HookState.JOINING
            else 'take it from')
    db_journal.record(
        session, place.token, place.now, 'instance.hook_failed',
        f'cannot {what} {hook_requests.place_of(row.hook)}: {reason}',
        journal.Severity.WARNING, instance_id=row.instance_id,
        server_id=place.member.server_id, hook=row.hook.kind.value)
