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
"""Looks at everything that an audit compares, and mends what it found."""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
import datetime
import logging
from typing import TypeVar

from sqlalchemy import orm

from shadow_reserve.cloud import aodh as cloud_aodh
from shadow_reserve.cloud import doors as cloud_doors
from shadow_reserve.cloud import exceptions as cloud_exceptions
from shadow_reserve.cloud import placement_audit
from shadow_reserve.cloud import trusts as cloud_trusts
from shadow_reserve.db import alarms as db_alarms
from shadow_reserve.db import hooks as db_hooks
from shadow_reserve.db import journal as db_journal
from shadow_reserve.db import reservations as db_reservations
from shadow_reserve.db import session as db_session
from shadow_reserve.db import shadow as db_shadow
from shadow_reserve.db import volumes as db_volumes
from shadow_reserve.engine import findings
from shadow_reserve import exceptions
from shadow_reserve.records import holding
from shadow_reserve.records import journal
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow
from shadow_reserve.records import volume
from shadow_reserve.trigger import alarms as trigger_alarms
from shadow_reserve.trigger import gauge as trigger_gauge

LOG = logging.getLogger(__name__)

T = TypeVar('T')


class Inspector:
    """One who looks from outside, and keeps nothing in mind."""

    def __init__(self, database: db_session.Database,
                 doors: cloud_doors.Doors) -> None:
        self._database = database
        self._nova = doors.nova
        self._claims = doors.claims
        self._trusts = doors.trusts
        self._aodh = doors.aodh
        self._cinder = doors.cinder
        self._gnocchi = doors.gnocchi

    def look(self) -> findings.Facts:
        """Everything, the records last.

        :raises CloudError: when a service cannot be asked
        """
        servers = self._nova.list_shadow_servers()
        servers += self._untagged(
            self._database.read(db_shadow.list_by_token), servers)
        return self._facts(
            servers, self._trusts.list_trusts(), self._aodh.list_alarms(),
            self._list_gauges(), self._read_claims(servers),
            self._volumes())

    def glance(self) -> tuple[
            findings.Facts, list[cloud_exceptions.CloudError]]:
        """What is enough to find what nothing points to.

        Claims are only read when there are more or fewer of ours than the
        records say.

        :returns: with what could not be asked; of that there is nothing
            in the facts
        """
        failures: list[cloud_exceptions.CloudError] = []

        def attempt(ask: Callable[[], list[T]]) -> list[T]:
            try:
                return ask()
            except cloud_exceptions.CloudError as error:
                failures.append(error)
                return []
        servers = attempt(self._nova.list_shadow_servers)
        trusts = attempt(self._trusts.list_trusts)
        alarms = attempt(self._aodh.list_alarms)
        gauges = attempt(self._list_gauges)
        claims = None
        try:
            if self._claims.count() != self._expected():
                claims = self._read_claims(servers)
        except cloud_exceptions.CloudError as error:
            failures.append(error)
        return self._facts(
            servers, trusts, alarms, gauges, claims), failures

    def _list_gauges(self) -> list[str]:
        return [one.resource_id for one in self._gnocchi.resources(
            trigger_gauge.RESOURCE_TYPE, {})]

    def _facts(self, servers: list[shadow.Server],
               trusts: list[cloud_trusts.Trust],
               alarms: list[cloud_aodh.Alarm], gauges: list[str],
               claims: Mapping[str, placement_audit.Holding] | None,
               volumes: list[volume.Volume] | None = None,
               ) -> findings.Facts:
        members = self._database.read(db_shadow.list_by_token)
        spoken_of = {server.token for server in servers} | members.keys()
        spoken_of |= {trigger_alarms.token_of(alarm.name) or ''
                      for alarm in alarms} | set(gauges)
        spoken_of |= {one.token for one in volumes or ()}
        return findings.Facts(
            servers=servers, claims=claims, trusts=trusts, alarms=alarms,
            gauges=gauges, members=members,
            reservations=self._reservations(spoken_of),
            alarm_rows=self._database.read(db_alarms.list_all),
            volumes=volumes,
            volume_rows=self._database.read(db_volumes.list_all))

    def _volumes(self) -> list[volume.Volume] | None:
        """A cloud need not have Cinder."""
        if not self._cinder.is_there():
            return None
        return self._cinder.list_volumes()

    def _read_claims(self, servers: list[shadow.Server],
                     ) -> dict[str, placement_audit.Holding]:
        members = self._database.read(db_shadow.list_by_token)
        return self._claims.read(
            {member.instance_id for some in members.values()
             for member in some},
            {server.server_id for server in servers})

    def _expected(self) -> int:
        """How many claims of ours there should be."""
        members = self._database.read(db_shadow.list_by_token)
        return sum(member.state is shadow.InstanceState.AVAILABLE
                   and member.tier is holding.Tier.OFFLOADED
                   and member.host is not None and member.lent_at is None
                   for some in members.values() for member in some)

    def _untagged(self, members: dict[str, list[shadow.ShadowInstance]],
                  servers: list[shadow.Server]) -> Iterator[shadow.Server]:
        """Servers that their owner took our tag off."""
        listed = {server.server_id for server in servers}
        for some in members.values():
            for member in some:
                if member.server_id and member.server_id not in listed:
                    server = self._nova.get_server(member.server_id)
                    if server is not None:
                        yield server

    def _reservations(self, tokens: Iterable[str],
                      ) -> dict[str, reservation.ReservationRecord]:
        def work(session: orm.Session,
                 ) -> dict[str, reservation.ReservationRecord]:
            records = {record.token: record
                       for record in db_reservations.list_by_status(
                           session, reservation.LIVE_STATUSES)}
            for token in set(tokens) - records.keys():
                try:
                    records[token] = db_reservations.get(session, token)
                except exceptions.ReservationNotFound:
                    continue
            return records
        return self._database.read(work)

    def mend(self, finding: findings.Finding, now: datetime.datetime) -> None:
        """Put one finding right, and write down that it was.

        :param finding: not one that is mended by the engine or by hand

        :raises CloudError: when a service does not let us
        :raises ConcurrentUpdate: when it has changed since it was found
        """
        match finding.mend:
            case findings.Mend.DELETE_SERVER:
                self._nova.delete_server(finding.identifier)
            case findings.Mend.DELETE_ALARM:
                self._aodh.delete_alarm(finding.identifier)
            case findings.Mend.DELETE_VOLUME:
                self._cinder.delete_volume(finding.identifier)
            case findings.Mend.DELETE_METRIC:
                self._gnocchi.delete_resource(finding.identifier)
            case findings.Mend.DELETE_TRUST:
                self._trusts.delete(finding.identifier)
            case findings.Mend.REMOVE_CLAIM:
                self._check_unchanged(finding)
                self._claims.remove(finding.identifier, finding.generation)
            case findings.Mend.REPLACE_CLAIM if finding.member is not None:
                # The record first: a claim that it knows nothing of is
                # found by the engine and kept, or by the next look.
                self._correct(finding.member, None)
                self._claims.remove(finding.identifier, finding.generation)
            case findings.Mend.FORGET_ALARM if finding.token is not None:
                self._forget_alarm(finding.token, finding.identifier)
            case findings.Mend.CORRECT_HOST if finding.member is not None:
                self._correct(finding.member, finding.host)
            case findings.Mend.FORGET_MEMBER if finding.member is not None:
                self._forget(finding.member)
            case _:
                raise ValueError(f'{finding.kind} is not mended here')
        self._tell(finding, now)

    def _check_unchanged(self, finding: findings.Finding) -> None:
        """An engine may have taken the member on since the look."""
        if finding.member is None:
            return
        instance_id = finding.member.instance_id
        fresh = self._database.read(
            lambda session: db_shadow.find_instance(session, instance_id))
        if fresh != finding.member:
            raise exceptions.ConcurrentUpdate(
                f'Member {instance_id} was changed meanwhile.')

    def _correct(self, member: shadow.ShadowInstance,
                 host: str | None) -> None:
        self._database.write_as_read(
            lambda session: db_shadow.update_instance(
                session, member, host=host,
                # What is not held costs nothing.
                charged_until=None if host is None
                else member.charged_until))

    def _forget(self, member: shadow.ShadowInstance) -> None:
        def work(session: orm.Session) -> None:
            db_hooks.remove_hooks(session, member.instance_id)
            db_shadow.remove_instance(session, member)
        self._database.write(work)

    def _forget_alarm(self, token: str, alarm_id: str) -> None:
        def work(session: orm.Session) -> None:
            rows = db_alarms.list_alarms(session, token)
            for metric, known in rows.items():
                if known == alarm_id:
                    db_alarms.remove_alarm(session, token, metric)
        self._database.write(work)

    def _tell(self, finding: findings.Finding, now: datetime.datetime) -> None:
        LOG.warning('Reservation %s: %s; mended: %s', finding.token,
                    finding.message, finding.mend.value)
        token = finding.token
        if token is not None:
            self._database.write(lambda session: db_journal.record(
                session, token, now, f'audit.{finding.kind.value}',
                f'{finding.message}; mended: {finding.mend.value}',
                journal.Severity.WARNING, identifier=finding.identifier))
