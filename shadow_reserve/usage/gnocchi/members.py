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
"""Which resources of Gnocchi are an application's, as Ceilometer has them."""

from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import datetime
import functools
from typing import Any
from typing import Protocol
from typing import TypeVar

from shadow_reserve.cloud import exceptions
from shadow_reserve.cloud import gnocchi
from shadow_reserve.records import usage
from shadow_reserve.usage.gnocchi import meters as meters
from shadow_reserve.usage import parallel

T = TypeVar('T')

#: Applications, or servers, that one search names.
SEARCHED_AT_ONCE = 100


class Door(Protocol):
    """What is needed of ``cloud.gnocchi.Gnocchi``; by several threads."""

    def resources(self, kind: str, query: Mapping[str, Any]
                  ) -> list[gnocchi.Resource]: ...

    def means(self, kind: str, resources: Sequence[gnocchi.Resource],
              metrics: Sequence[str], granularity: datetime.timedelta,
              start: datetime.datetime, stop: datetime.datetime
              ) -> gnocchi.Answer: ...

    def kept_short(self, metrics: Sequence[str],
                   granularity: datetime.timedelta,
                   span: datetime.timedelta) -> Mapping[str, str]: ...


@dataclasses.dataclass(kw_only=True, slots=True)
class Found:
    """The members of one application, or why they are not known."""

    servers: list[gnocchi.Resource] = dataclasses.field(default_factory=list)
    disks: list[gnocchi.Resource] = dataclasses.field(default_factory=list)
    error: exceptions.CloudError | None = None


class Members:
    """Finds the servers of applications and their disks.

    :param concurrency: how many searches are made at once
    """

    def __init__(self, door: Door, concurrency: int) -> None:
        self._door = door
        self._concurrency = concurrency

    def servers(self, application: usage.Application,
                ) -> list[gnocchi.Resource]:
        """The servers of now.

        :raises CloudError: see ``cloud.gnocchi``
        """
        now = dataclasses.replace(application, server_group=None)
        return self._search_servers([now], None) if now.server_ids else []

    def disks(self, servers: Sequence[gnocchi.Resource],
              since: datetime.datetime | None = None,
              ) -> list[gnocchi.Resource]:
        """The disks of servers.

        :param since: without those that were gone by then
        :raises CloudError: see ``cloud.gnocchi``
        """
        if not servers:
            return []
        return self._door.resources(meters.DISK.name, _lasting({
            'in': {'instance_id': [one.resource_id for one in servers]}},
            since))

    def of(self, applications: Collection[usage.Application],
           since: datetime.datetime) -> dict[str, Found]:
        """The members of each application, by token.

        They are the servers of now, all that ever were in the group, and
        the disks of either, without those that were gone before ``since``.
        """
        result = {one.token: Found() for one in applications}
        asking = [one for one in applications
                  if one.server_ids or one.server_group is not None]
        self._find_servers(asking, since, result)
        self._find_disks(result, since)
        return result

    def _find_servers(self, applications: Sequence[usage.Application],
                      since: datetime.datetime,
                      result: Mapping[str, Found]) -> None:
        parts = _parts(applications)
        refused: list[usage.Application] = []
        for place, answer in parallel.gather(
                [functools.partial(self._search_servers, part, since)
                 for part in parts], self._concurrency):
            part = parts[place]
            if not isinstance(answer, exceptions.CloudError):
                _share(answer, part, result)
            elif (len(part) == 1
                    or isinstance(answer, exceptions.ServiceUnavailable)):
                for one in part:
                    result[one.token].error = answer
            else:
                refused += part
        # One that is refused must not keep the others: each by itself.
        for place, answer in parallel.gather(
                [functools.partial(self._search_servers, [one], since)
                 for one in refused], self._concurrency):
            one = refused[place]
            if isinstance(answer, exceptions.CloudError):
                result[one.token].error = answer
            else:
                _share(answer, [one], result)

    def _search_servers(self, applications: Sequence[usage.Application],
                        since: datetime.datetime | None,
                        ) -> list[gnocchi.Resource]:
        queries = [_query(one) for one in applications]
        return self._door.resources(meters.SERVER.name, _lasting(
            queries[0] if len(queries) == 1 else {'or': queries}, since))

    def _find_disks(self, result: Mapping[str, Found],
                    since: datetime.datetime) -> None:
        owners: dict[str, list[Found]] = {}
        servers = {}
        for found in result.values():
            for server in found.servers:
                owners.setdefault(server.resource_id, []).append(found)
                servers[server.resource_id] = server
        parts = _parts(list(servers.values()))
        for place, answer in parallel.gather(
                [functools.partial(self.disks, part, since)
                 for part in parts], self._concurrency):
            if isinstance(answer, exceptions.CloudError):
                for server in parts[place]:
                    for found in owners[server.resource_id]:
                        found.error = answer
                continue
            for disk in answer:
                for found in owners.get(
                        disk.attributes['instance_id'], []):
                    found.disks.append(disk)


def _parts(items: Sequence[T]) -> list[Sequence[T]]:
    return [items[first:first + SEARCHED_AT_ONCE]
            for first in range(0, len(items), SEARCHED_AT_ONCE)]


def _query(application: usage.Application) -> dict[str, Any]:
    members: list[dict[str, Any]] = []
    if application.server_ids:
        members.append({'in': {'id': list(application.server_ids)}})
    if application.server_group is not None:
        members.append({'=': {'server_group': application.server_group}})
    return {'and': [{'=': {'project_id': application.project_id}},
                    {'or': members}]}


def _lasting(query: dict[str, Any],
             since: datetime.datetime | None) -> dict[str, Any]:
    if since is None:
        return query
    return {'and': [query, {'or': [
        {'=': {'ended_at': None}},
        {'>=': {'ended_at': since.isoformat()}}]}]}


def _share(servers: Sequence[gnocchi.Resource],
           applications: Sequence[usage.Application],
           result: Mapping[str, Found]) -> None:
    """Give each application those of the servers that are its own."""
    by_id = {one.resource_id: one for one in servers}
    by_group: dict[tuple[str, str], list[gnocchi.Resource]] = {}
    for one in servers:
        group = one.attributes.get('server_group')
        if group is not None:
            by_group.setdefault(
                (one.attributes['project_id'], group), []).append(one)
    for application in applications:
        own = {server_id: by_id[server_id]
               for server_id in application.server_ids
               if server_id in by_id and application.project_id
               == by_id[server_id].attributes['project_id']}
        if application.server_group is not None:
            own |= {one.resource_id: one for one in by_group.get(
                (application.project_id, application.server_group), [])}
        result[application.token].servers.extend(own.values())
