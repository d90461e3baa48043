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

"""The servers of some projects, kept up with few requests.

A listing of everything is dear to Nova. So a project is listed as a whole
only now and then; in between, one request for all of them asks what has
changed. What Nova does not count as a change of a server (its metadata
and tags) is seen when its project is listed again.
"""

from collections.abc import Collection
from collections.abc import Mapping
import dataclasses
import datetime
from typing import Any

from shadow_reserve.cloud import nova as cloud_nova
from shadow_reserve.cloud import nova_rows
from shadow_reserve.records import shadow

#: Changes are asked for from so long before the last request: clocks
#: differ, and a change is written a little after its time is taken.
_OVERLAP = datetime.timedelta(seconds=60)

#: More projects than these are listed together with all others.
_ONE_BY_ONE = 20


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """A server with what a selector looks at.

    ``tags`` are those of the service only.
    """

    server: shadow.Server
    metadata: Mapping[str, str]
    tags: frozenset[str]


class ServerView:
    """What Nova said last of the servers of some projects.

    It may be lost at any time: then everything is listed again.

    :param relist_interval: after which a project is listed as a whole
    """

    def __init__(self, nova: cloud_nova.Nova,
                 relist_interval: datetime.timedelta) -> None:
        self._nova = nova
        self._relist_interval = relist_interval
        self._listed_at: dict[str, datetime.datetime] = {}
        self._changes_seen: datetime.datetime | None = None
        self._servers: dict[str, Listed] = {}

    @property
    def servers(self) -> Mapping[str, Listed]:
        """By server id, as of the last ``refresh``."""
        return self._servers

    def refresh(self, projects: Collection[str],
                now: datetime.datetime) -> None:
        """Bring the view up to date.

        :param projects: whose servers are of interest
        :raises CloudError: the view is then as old as it was
        """
        self._forget_others(frozenset(projects))
        if not projects:
            return
        stale = sorted(
            project for project in projects
            if (at := self._listed_at.get(project)) is None
            or now - at >= self._relist_interval)
        # Before the listings: whatever changes while they are made is
        # asked for the next time.
        if self._changes_seen is not None and len(stale) < len(projects):
            since = self._changes_seen - _OVERLAP
            self._take(self._nova.list_rows(**{
                'changes-since': since.isoformat()}))
        if len(stale) > _ONE_BY_ONE:
            self._replace(frozenset(projects), {}, now)
        else:
            for project in stale:
                self._replace(
                    frozenset([project]), {'project_id': project}, now)
        self._changes_seen = now

    def _forget_others(self, projects: frozenset[str]) -> None:
        gone = self._listed_at.keys() - projects
        if gone:
            for project in gone:
                del self._listed_at[project]
            self._servers = {
                server_id: listed
                for server_id, listed in self._servers.items()
                if listed.server.project_id in projects}

    def _replace(self, projects: frozenset[str], query: dict[str, str],
                 now: datetime.datetime) -> None:
        found: dict[str, Listed] = {}
        for row in self._nova.list_rows(**query):
            if row.get('tenant_id') not in projects:
                continue
            if _is_whole(row):
                found[row['id']] = _to_listed(row)
            elif row['id'] in self._servers:
                found[row['id']] = self._servers[row['id']]
        self._servers = found | {
            server_id: listed
            for server_id, listed in self._servers.items()
            if listed.server.project_id not in projects}
        self._listed_at.update(dict.fromkeys(projects, now))

    def _take(self, rows: Any) -> None:
        for row in rows:
            if row.get('tenant_id') not in self._listed_at:
                continue
            if row['status'] == 'DELETED':
                self._servers.pop(row['id'], None)
            elif _is_whole(row):
                self._servers[row['id']] = _to_listed(row)


def _is_whole(row: dict[str, Any]) -> bool:
    """Of a server whose cell does not answer, Nova tells next to nothing."""
    return 'metadata' in row and 'name' in row


def _to_listed(row: dict[str, Any]) -> Listed:
    return Listed(
        server=nova_rows.to_server(row), metadata=row['metadata'],
        tags=frozenset(tag for tag in row.get('tags', ())
                       if tag.startswith(nova_rows.TAG)))
