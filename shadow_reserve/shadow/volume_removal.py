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

"""Takes away the volumes of a shadow instance that is being deleted."""

import datetime

from sqlalchemy import orm

from shadow_reserve.cloud import cinder as cloud_cinder
from shadow_reserve.cloud import exceptions as cloud_exceptions
from shadow_reserve.db import journal as db_journal
from shadow_reserve.db import session as db_session
from shadow_reserve.db import volumes as db_volumes
from shadow_reserve.records import journal
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow
from shadow_reserve.records import volume
from shadow_reserve.shadow import volume_steps

#: In which Cinder deletes a volume that is not attached.
_DELETABLE = frozenset({'available', 'error', 'error_restoring',
                        'error_extending', 'error_managing'})


class VolumeRemoval:
    """Deletes what carries our metadata for that member, nothing else."""

    def __init__(self, database: db_session.Database,
                 cinder: cloud_cinder.Cinder,
                 limits: volume_steps.Limits) -> None:
        self._database = database
        self._cinder = cinder
        self._limits = limits

    def drive(self, record: reservation.ReservationRecord,
              member: shadow.ShadowInstance, server: shadow.Server | None,
              now: datetime.datetime) -> bool:
        """:returns: whether no volume of the member's is left"""
        rows = self._database.read(lambda session: db_volumes.list_volumes(
            session, member.instance_id))
        if not rows:
            return True
        if server is not None:
            # Nova detaches them when it deletes the server.
            return False
        found = {one.volume_id: one for one in self._cinder.list_volumes(
            record.project_id, member.instance_id)}
        pending = bool(found)
        for one in found.values():
            self._remove(record, member, one, now)
        for row in rows.values():
            if row.volume_id is None:
                # A request that is still on its way makes one to come.
                pending = pending or (
                    row.asked_at is not None
                    and now - row.asked_at < self._limits.create_grace)
            elif row.volume_id not in found:
                pending = self._is_there(record, row, now) or pending
        if pending:
            return False
        self._database.write(lambda session: db_volumes.remove_volumes(
            session, member.instance_id))
        return True

    def _remove(self, record: reservation.ReservationRecord,
                member: shadow.ShadowInstance, found: volume.Volume,
                now: datetime.datetime) -> None:
        age = now - member.state_since
        if set(found.attachments.values()) - {member.server_id}:
            self._leave(record, found, now,
                        'somebody else attached it to another server')
        elif found.attachments:
            # Nova ends them before a server is gone, or never does.
            if age >= self._limits.create_grace:
                for attachment_id in found.attachments:
                    self._cinder.delete_attachment(attachment_id)
        elif age >= self._limits.timeout:
            self._try_to_delete(record, found, now, last=True)
        elif found.status in _DELETABLE:
            self._try_to_delete(record, found, now, last=False)

    def _try_to_delete(self, record: reservation.ReservationRecord,
                       found: volume.Volume, now: datetime.datetime, *,
                       last: bool) -> None:
        """Cinder refuses as long as there are snapshots of it."""
        try:
            self._cinder.delete_volume(found.volume_id, force=last)
        except cloud_exceptions.ServiceUnavailable:
            raise
        except cloud_exceptions.CloudError as error:
            if last:
                self._leave(record, found, now, error.message)

    def _leave(self, record: reservation.ReservationRecord,
               found: volume.Volume, now: datetime.datetime,
               reason: str) -> None:
        """The event is first: once it is disowned, none would come."""
        self._database.write(lambda session: db_journal.record(
            session, record.token, now, 'volume.left',
            f'{reason}: it is left to its owner', journal.Severity.WARNING,
            instance_id=found.instance_id, position=found.position,
            volume_id=found.volume_id))
        self._cinder.disown_volume(found.volume_id)

    def _is_there(self, record: reservation.ReservationRecord,
                  row: volume.ShadowVolume,
                  now: datetime.datetime) -> bool:
        """One that is not listed as ours may be one that is no more ours,
        because its tenant or we took our metadata off it."""
        assert row.volume_id is not None
        found = self._cinder.get_volume(row.volume_id)
        if found is not None and found.instance_id == row.instance_id:
            return True
        message = 'gone' if found is None else (
            'not ours by its metadata, and so not deleted')

        def work(session: orm.Session) -> None:
            db_volumes.update_volume(
                session, row, volume_id=None, asked_at=None)
            db_journal.record(
                session, record.token, now, 'volume.gone', message,
                instance_id=row.instance_id, position=row.position,
                volume_id=row.volume_id)
        self._database.write(work)
        return False
