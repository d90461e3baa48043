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

"""Keeps the volumes of shadow instances where they should be."""

import dataclasses
import datetime
from typing import Any

from sqlalchemy import orm

from shadow_reserve.cloud import cinder as cloud_cinder
from shadow_reserve.cloud import exceptions as cloud_exceptions
from shadow_reserve.cloud import trusts as cloud_trusts
from shadow_reserve.cloud import volume_attachments as cloud_attachments
from shadow_reserve.db import journal as db_journal
from shadow_reserve.db import session as db_session
from shadow_reserve.db import volumes as db_volumes
from shadow_reserve.records import journal
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow
from shadow_reserve.records import volume
from shadow_reserve.shadow import moves as shadow_moves
from shadow_reserve.shadow import volume_removal
from shadow_reserve.shadow import volume_steps

Kind = volume_steps.Kind
State = shadow.InstanceState
VolumeState = volume.VolumeState

#: Steps that follow at once from the one before, at the most.
_STEPS_PER_PASS = 4


class _GivenUp(Exception):
    """The member has been moved to ERROR: nothing more to be done."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class _Place:
    """One volume of one member, as this pass sees it."""

    record: reservation.ReservationRecord
    member: shadow.ShadowInstance
    server: shadow.Server
    position: int
    target: volume_steps.Target
    now: datetime.datetime

    @property
    def serves(self) -> bool:
        return self.member.state in shadow.SERVING_STATES


class VolumeKeeper:
    """Makes, attaches, detaches and deletes what the template asks for."""

    def __init__(
            self, database: db_session.Database,
            moves: shadow_moves.Moves, cinder: cloud_cinder.Cinder,
            attachments: cloud_attachments.VolumeAttachments,
            trusts: cloud_trusts.Trusts,
            limits: volume_steps.Limits) -> None:
        self._database = database
        self._moves = moves
        self._cinder = cinder
        self._attachments = attachments
        self._trusts = trusts
        self._limits = limits
        self._removal = volume_removal.VolumeRemoval(
            database, cinder, limits)

    def drive(self, record: reservation.ReservationRecord,
              member: shadow.ShadowInstance, server: shadow.Server | None,
              now: datetime.datetime) -> bool:
        """Take each of a member's volumes on, as its state wants them.

        A member whose volumes cannot be had is moved to ERROR, unless it
        serves: then an event says so and it goes on without.

        :param server: what Nova says of it just now
        :returns: whether they all are as they should be; while a member
            is being deleted, whether none is left
        :raises CloudError: Cinder or Nova failed; try again later
        """
        if member.state is State.DELETING:
            return self._removal.drive(record, member, server, now)
        templates = record.template.volumes
        if not templates or member.state in (State.BUILDING, State.ERROR):
            return True
        if server is None:
            return False
        rows = self._database.read(lambda session: db_volumes.list_volumes(
            session, member.instance_id))
        done = True
        try:
            for position, template in enumerate(templates):
                place = _Place(
                    record=record, member=member, server=server,
                    position=position, now=now,
                    target=volume_steps.target_of(
                        member.state, template.attach))
                done = self._keep(place, rows.get(position)) and done
        except _GivenUp:
            return False
        return done

    def _keep(self, place: _Place,
              row: volume.ShadowVolume | None) -> bool:
        if place.target is volume_steps.Target.AS_IS:
            return self._notice(place, row)
        for _ in range(_STEPS_PER_PASS):
            if row is not None and volume_steps.is_settled(
                    place.member, place.target, place.server, row):
                return True
            found = self._look(place, row)
            step = volume_steps.next_step(
                place.member, place.target, place.server, row, found,
                place.now, self._limits)
            if step.kind is Kind.WAIT:
                return False
            if row is None or step.kind is Kind.MAKE:
                row = self._make(place, row)
            elif step.kind is Kind.DONE:
                self._close(place, row, step)
                return True
            else:
                row = self._take(place, row, found, step)
            if row is None:
                return False
        return False

    def _notice(self, place: _Place,
                row: volume.ShadowVolume | None) -> bool:
        """What somebody detached while its server waits."""
        if row is not None and not volume_steps.is_settled(
                place.member, place.target, place.server, row):
            self._change(
                place, row, 'volume.taken', 'somebody else detached it; it '
                'is attached again when its server serves',
                journal.Severity.WARNING, state=VolumeState.FREE,
                since=place.now)
        return True

    def _look(self, place: _Place,
              row: volume.ShadowVolume | None) -> volume.Volume | None:
        if row is None:
            return None
        if row.volume_id is not None:
            return self._cinder.get_volume(row.volume_id)
        if row.asked_at is None:
            return None
        return next((
            one for one in self._cinder.list_volumes(
                place.record.project_id, row.instance_id)
            if one.position == row.position and one.status != 'deleting'),
            None)

    def _close(self, place: _Place, row: volume.ShadowVolume,
               step: volume_steps.Step) -> None:
        assert step.state is not None
        if row.state is step.state:
            return
        kind, message = (
            ('volume.attached', 'attached to its server')
            if step.state is VolumeState.ATTACHED
            else ('volume.detached', 'not attached any more'))
        self._change(place, row, kind, message, state=step.state,
                     since=place.now, reason='')

    def _take(self, place: _Place, row: volume.ShadowVolume,
              found: volume.Volume | None, step: volume_steps.Step,
              ) -> volume.ShadowVolume | None:
        """:returns: the row, where another step may follow at once"""
        match step.kind:
            case Kind.ADOPT:
                assert found is not None
                return self._update(row, volume_id=found.volume_id)
            case Kind.MADE:
                return self._change(
                    place, row, 'volume.made', 'Cinder has made it',
                    state=VolumeState.FREE, since=place.now, reason='')
            case Kind.LOST:
                return self._change(
                    place, row, 'volume.lost',
                    f'{step.reason}; a new one is made',
                    journal.Severity.WARNING, volume_id=None,
                    state=VolumeState.MAKING, since=place.now,
                    asked_at=None, reason='')
            case Kind.TAKEN:
                return self._change(
                    place, row, 'volume.taken', step.reason,
                    journal.Severity.WARNING, since=place.now,
                    state=VolumeState.TAKEN if place.serves
                    else VolumeState.FREE)
            case Kind.ATTACH | Kind.DETACH:
                self._ask_nova(place, row, step.kind)
            case Kind.FAIL:
                # What Nova or Cinder said is told again in time.
                self._fail(place, row, step.reason, row.reason)
            case Kind.BROKEN:
                self._fail(place, row, step.reason, step.reason)
        return None

    def _make(self, place: _Place, row: volume.ShadowVolume | None,
              ) -> volume.ShadowVolume | None:
        """The intent is written down before the request: if we die in
        between, the volume is looked for before another is asked for."""
        tenant = self._trusts.session_for(place.record.trust_id)
        if row is None:
            row = volume.ShadowVolume(
                instance_id=place.member.instance_id,
                position=place.position, volume_id=None,
                state=VolumeState.MAKING, since=place.now,
                asked_at=place.now, reason='', generation=0)
            new = row
            self._database.write(
                lambda session: db_volumes.add_volume(session, new))
        else:
            row = self._update(row, asked_at=place.now)
        try:
            volume_id = self._cinder.create_volume(
                tenant, place.record, row.instance_id, place.position)
        except cloud_exceptions.ServiceUnavailable as error:
            # It may have been made all the same. A full quota is told
            # like this too.
            self._update(row, reason=error.message)
            raise
        except cloud_exceptions.CloudError as error:
            self._refused(place, row, error)
            return None
        return self._update(row, volume_id=volume_id, reason='')

    def _ask_nova(self, place: _Place, row: volume.ShadowVolume,
                  kind: Kind) -> None:
        assert row.volume_id is not None
        tenant = self._trusts.session_for(place.record.trust_id)
        state, ask = {
            Kind.ATTACH: (VolumeState.ATTACHING, self._attachments.attach),
            Kind.DETACH: (VolumeState.DETACHING, self._attachments.detach),
        }[kind]
        changes: dict[str, Any] = {'asked_at': place.now}
        if row.state is not state:
            changes.update(state=state, since=place.now, reason='')
        row = self._update(row, **changes)
        assert row.volume_id is not None
        try:
            ask(tenant, place.server.server_id, row.volume_id)
        except cloud_exceptions.ServiceUnavailable:
            raise
        except cloud_exceptions.CloudError as error:
            # Busy, or done already by a request whose answer was lost:
            # it is looked at again, and asked for again.
            self._update(row, reason=error.message)

    def _refused(self, place: _Place, row: volume.ShadowVolume,
                 error: cloud_exceptions.CloudError) -> None:
        if not place.serves or row.reason != error.message:
            self._fail(place, row, str(error), error.message)

    def _fail(self, place: _Place, row: volume.ShadowVolume,
              reason: str, kept: str) -> None:
        if place.serves:
            self._change(place, row, 'volume.failed', reason,
                         journal.Severity.ERROR, since=place.now,
                         reason=kept)
            return
        self._moves.move(
            place.record.token, place.member, State.ERROR, place.now,
            f'volume {place.position}: {reason}', journal.Severity.ERROR)
        raise _GivenUp

    def _update(self, row: volume.ShadowVolume,
                **changes: Any) -> volume.ShadowVolume:
        return self._database.write(
            lambda session: db_volumes.update_volume(
                session, row, **changes))

    def _change(self, place: _Place, row: volume.ShadowVolume, kind: str,
                message: str,
                severity: journal.Severity = journal.Severity.INFO,
                **changes: Any) -> volume.ShadowVolume:
        """A change of the row, with the event that tells of it."""
        def work(session: orm.Session) -> volume.ShadowVolume:
            changed = db_volumes.update_volume(session, row, **changes)
            db_journal.record(
                session, place.record.token, place.now, kind, message,
                severity, instance_id=row.instance_id,
                server_id=place.server.server_id, position=row.position,
                volume_id=row.volume_id)
            return changed
        return self._database.write(work)
