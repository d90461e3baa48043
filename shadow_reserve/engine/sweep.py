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

"""Finds what no record stands behind, and takes it away.

An engine or API process that dies between a request and writing down its
answer leaves a server, trust or alarm that nothing points to. All of them
say whose they are, so they can be found. What belongs to a reservation
that this database has never heard of is left alone: it may be another
deployment's.
"""

import datetime
import functools
import logging

from shadow_reserve.cloud import aodh as cloud_aodh
from shadow_reserve.cloud import nova as cloud_nova
from shadow_reserve.cloud import trusts as cloud_trusts
from shadow_reserve.db import alarms as db_alarms
from shadow_reserve.db import journal as db_journal
from shadow_reserve.db import reservations as db_reservations
from shadow_reserve.db import session as db_session
from shadow_reserve.db import shadow as db_shadow
from shadow_reserve import exceptions
from shadow_reserve.records import journal
from shadow_reserve.records import reservation
from shadow_reserve.trigger import alarms as trigger_alarms

LOG = logging.getLogger(__name__)


class Sweep:
    """One search after another for what was left behind.

    :param grace: for how long something must have been seen without a
        record before it goes; a record may be on its way
    """

    def __init__(
            self, database: db_session.Database, nova: cloud_nova.Nova,
            aodh: cloud_aodh.Aodh, trusts: cloud_trusts.Trusts,
            grace: datetime.timedelta) -> None:
        self._database = database
        self._nova = nova
        self._aodh = aodh
        self._trusts = trusts
        self._grace = grace
        self._first_seen: dict[str, datetime.datetime] = {}

    def run(self, now: datetime.datetime) -> None:
        """Each listing comes before the records are read: what is listed
        had its intent written down before, so if there is none, there
        will be none."""
        self._sweep_servers(now)
        self._sweep_alarms(now)
        self._sweep_trusts(now)

    def _sweep_servers(self, now: datetime.datetime) -> None:
        servers = self._nova.list_shadow_servers()
        members = self._database.read(
            lambda session: db_shadow.get_instances(
                session, [server.instance_id for server in servers]))
        for server in servers:
            member = members.get(server.instance_id)
            if member is not None and member.server_id in (
                    None, server.server_id):
                continue
            # The name is the third thing that must be ours: a tenant who
            # copies metadata to a server of their own shall keep it.
            if (not server.name.endswith(server.instance_id[:8])
                    or self._find(server.token) is None):
                continue
            if self._is_old(server.server_id, now):
                self._nova.delete_server(server.server_id)
                self._tell(server.token, now, 'server', server.server_id)

    def _sweep_alarms(self, now: datetime.datetime) -> None:
        for alarm in self._aodh.list_alarms():
            token = trigger_alarms.token_of(alarm.name)
            record = self._find(token) if token else None
            if token is None or record is None:
                continue
            known = self._database.read(functools.partial(
                db_alarms.list_alarms, token=token))
            metric = alarm.name.rpartition('/')[2]
            if metric in known and known[metric] in (None, alarm.alarm_id):
                continue
            if self._is_old(alarm.alarm_id, now):
                self._aodh.delete_alarm(alarm.alarm_id)
                self._tell(token, now, 'alarm', alarm.alarm_id)

    def _sweep_trusts(self, now: datetime.datetime) -> None:
        trusts = self._trusts.list_trusts()
        known = {record.trust_id for record in self._database.read(
            lambda session: db_reservations.list_by_status(
                session, reservation.LIVE_STATUSES))}
        for trust in trusts:
            if trust.trust_id in known:
                continue
            if self._is_old(trust.trust_id, now):
                self._trusts.delete(trust.trust_id)
                LOG.warning('Deleted trust %s of project %s, which no '
                            'reservation stood behind',
                            trust.trust_id, trust.project_id)

    def _is_old(self, identifier: str, now: datetime.datetime) -> bool:
        first = self._first_seen.setdefault(identifier, now)
        if now - first < self._grace:
            return False
        del self._first_seen[identifier]
        return True

    def _find(self, token: str) -> reservation.ReservationRecord | None:
        try:
            return self._database.read(
                lambda session: db_reservations.get(session, token))
        except exceptions.ReservationNotFound:
            return None

    def _tell(self, token: str, now: datetime.datetime, what: str,
              identifier: str) -> None:
        message = f'{what} {identifier} had no record and was deleted'
        LOG.warning('Reservation %s: %s', token, message)
        self._database.write(lambda session: db_journal.record(
            session, token, now, f'sweep.{what}', message,
            journal.Severity.WARNING, **{f'{what}_id': identifier}))
