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

"""All reservations at a glance: a few listings instead of many looks."""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import datetime
from typing import TypeVar

from sqlalchemy import orm

from shadow_reserve.cloud import aodh as cloud_aodh
from shadow_reserve.cloud import exceptions as cloud_exceptions
from shadow_reserve.cloud import nova as cloud_nova
from shadow_reserve.cloud import nova_rows
from shadow_reserve.cloud import servers as cloud_servers
from shadow_reserve.db import alarms as db_alarms
from shadow_reserve.db import fleet as db_fleet
from shadow_reserve.db import hooks as db_hooks
from shadow_reserve.db import session as db_session
from shadow_reserve.engine import due
from shadow_reserve.engine import known as engine_known
from shadow_reserve.engine import observation
from shadow_reserve.engine import precedence as engine_precedence
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow

T = TypeVar('T')
SelectorKind = reservation.SelectorKind


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Glance:
    """``failures`` are of listings: what they would say is ``None`` in the
    facts."""

    facts: Sequence[due.Facts]
    failures: Sequence[cloud_exceptions.CloudError]


class Fleet:
    """Looks at all live reservations.

    What it keeps of the last look only saves reading it again.
    """

    def __init__(self, database: db_session.Database,
                 known: engine_known.Known, nova: cloud_nova.Nova,
                 aodh: cloud_aodh.Aodh,
                 relist_interval: datetime.timedelta,
                 precedence: engine_precedence.Precedence) -> None:
        self._database = database
        self._known = known
        self._nova = nova
        self._aodh = aodh
        self._precedence = precedence
        self._view = cloud_servers.ServerView(nova, relist_interval)
        self._servers: _Servers | None = None
        #: What the last look found; other threads may read it.
        self.facts: Sequence[due.Facts] = ()
        self._primary: Mapping[str, int] = {}

    def look(self, now: datetime.datetime) -> Glance:
        """The facts about every live reservation."""
        failures: list[cloud_exceptions.CloudError] = []
        everything, quantities, alarm_ids, unsettled = self._database.read(
            self._read)
        active = [record for record in everything.records.values() if
                  record.status is reservation.ReservationStatus.ACTIVE]
        alarms = servers = None
        if active:
            alarms = _attempt(self._list_alarms, failures)
            servers = _attempt(
                lambda: self._list_servers(active, now), failures)
        self.facts = [
            self._facts(
                record, everything.members_of(record),
                quantities.get(record.token, 0),
                alarm_ids.get(record.token, {}), servers, alarms,
                unsettled)
            for record in self._precedence.in_pieces(
                everything.records.values())]
        self._primary = {
            one.record.token: one.seen.primary for one in self.facts
            if one.seen is not None}
        return Glance(failures=failures, facts=self.facts)

    def primary(self, token: str) -> int | None:
        """How many servers of its own an application had at the last
        look; ``None`` where that could not be seen."""
        return self._primary.get(token)

    def list_shadow_servers(self, token: str) -> list[shadow.Server]:
        """As Nova's, but out of the last look's listing if it can be.

        Where a look is recent enough, as for a forecast, it saves Nova
        two requests for each reservation.
        """
        servers = self._servers
        if servers is None or token not in servers.tokens:
            return self._nova.list_shadow_servers(token)
        return servers.list_shadow_servers(token)

    def list_members(self, project_id: str,
                     selector: reservation.Selector) -> list[str]:
        """Likewise."""
        servers = self._servers
        if (servers is None
                or (project_id, selector) not in servers.selectors):
            return self._nova.list_members(project_id, selector)
        return servers.list_members(project_id, selector)

    @staticmethod
    def _facts(
            record: reservation.ReservationRecord,
            members: Sequence[shadow.ShadowInstance], quantity: int,
            alarm_ids: Mapping[str, str | None],
            servers: '_Servers | None',
            alarms: Mapping[str, cloud_aodh.Alarm] | None,
            unsettled: frozenset[str]) -> due.Facts:
        seen = None
        if servers is not None:
            seen = observation.observe(servers, record, members)
        return due.Facts(
            record=record, members=members, quantity=quantity,
            alarm_ids=alarm_ids, seen=seen, alarms=alarms,
            unsettled=unsettled)

    def _read(self, session: orm.Session,
              ) -> tuple[engine_known.Everything, dict[str, int],
                         dict[str, dict[str, str | None]], frozenset[str]]:
        # What is known comes first, as it must.
        return (self._known.within(session),
                db_fleet.quantities(session, reservation.LIVE_STATUSES),
                db_alarms.list_all(session),
                db_hooks.list_unsettled(session))

    def _list_alarms(self) -> dict[str, cloud_aodh.Alarm]:
        return {alarm.alarm_id: alarm
                for alarm in self._aodh.list_alarms(
                    after_page=self._precedence.let_by)}

    def _list_servers(self, active: list[reservation.ReservationRecord],
                      now: datetime.datetime) -> '_Servers':
        self._view.refresh({record.project_id for record in active}, now)
        groups: Mapping[str, frozenset[str]] = {}
        if any(record.selector.kind is SelectorKind.SERVER_GROUP
               for record in active):
            groups = self._nova.list_server_groups()
        self._servers = _Servers(self._view.servers, active, groups)
        return self._servers


class _Servers:
    """What was listed, by whom it belongs to.

    :param records: the reservations that may be asked about
    """

    def __init__(self, listed: Mapping[str, cloud_servers.Listed],
                 records: Iterable[reservation.ReservationRecord],
                 groups: Mapping[str, frozenset[str]]) -> None:
        self._listed = listed
        self._groups = groups
        self.tokens = frozenset(record.token for record in records)
        self.selectors = frozenset(
            (record.project_id, record.selector) for record in records)
        self._shadow: dict[str, list[shadow.Server]] = {}
        self._running: dict[tuple[str, str, str], list[str]] = {}
        keys: dict[str, set[str]] = {}
        for project_id, selector in self.selectors:
            if selector.kind is SelectorKind.METADATA:
                keys.setdefault(project_id, set()).add(selector.key)
        for one in listed.values():
            self._sort_in(one, keys.get(one.server.project_id, ()))

    def _sort_in(self, one: cloud_servers.Listed,
                 keys: Iterable[str]) -> None:
        server = one.server
        if (server.instance_id and nova_rows.TAG in one.tags
                and nova_rows.token_tag(server.token) in one.tags):
            self._shadow.setdefault(server.token, []).append(server)
        if server.status == 'ACTIVE':
            for key in keys:
                value = one.metadata.get(key)
                if value is not None:
                    self._running.setdefault(
                        (server.project_id, key, value), []).append(
                            server.server_id)

    def list_shadow_servers(self, token: str) -> list[shadow.Server]:
        return self._shadow.get(token, [])

    def list_members(self, project_id: str,
                     selector: reservation.Selector) -> list[str]:
        if selector.kind is SelectorKind.METADATA:
            return self._running.get(
                (project_id, selector.key, selector.value), [])
        return [
            server_id for server_id
            in self._groups.get(selector.value, frozenset())
            if (one := self._listed.get(server_id)) is not None
            and one.server.project_id == project_id
            and one.server.status == 'ACTIVE']


def _attempt(listing: Callable[[], T],
             failures: list[cloud_exceptions.CloudError]) -> T | None:
    try:
        return listing()
    except cloud_exceptions.CloudError as error:
        failures.append(error)
        return None
