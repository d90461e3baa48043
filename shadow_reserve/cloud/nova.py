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

"""Nova: the servers that shadow instances are, and their neighbours."""

from collections.abc import Callable
from collections.abc import Iterator
import datetime
from typing import Any

from keystoneauth1 import adapter
from keystoneauth1 import session as ks_session

from shadow_reserve.cloud import exceptions
from shadow_reserve.cloud import nova_rows
from shadow_reserve.cloud import rest
from shadow_reserve.records import holding
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow

#: 2.52 tags at creation, 2.71 server groups of a server.
MICROVERSION = '2.79'

#: 2.91 names the host on which to unshelve.
UNSHELVE_MICROVERSION = '2.91'

_HOLD = {
    holding.Tier.SUSPENDED: 'suspend', holding.Tier.SHELVED: 'shelve',
    holding.Tier.STOPPED: 'os-stop', holding.Tier.OFFLOADED: 'shelve',
}
_WAKE = {
    holding.Tier.SUSPENDED: 'resume', holding.Tier.SHELVED: 'unshelve',
    holding.Tier.STOPPED: 'os-start', holding.Tier.OFFLOADED: 'unshelve',
}

_GROUPS_PER_PAGE = 1000

#: Statuses of a server whose cell is down, and of one that was deleted where
#: Nova has a ``reclaim_instance_interval``; listings leave the latter out.
_UNKNOWN = 'UNKNOWN'
_SOFT_DELETED = 'SOFT_DELETED'


class Nova:
    """The compute service, with the rights of the service user.

    Requests in the name of a tenant take a session within their trust.

    :param adapter_for: makes the way to Nova, for the service user or,
        given a session, for another
    """

    def __init__(
            self, adapter_for: Callable[
                [ks_session.Session | None], adapter.Adapter]) -> None:
        self._adapter_for = adapter_for
        self._admin = adapter_for(None)

    def list_shadow_servers(
            self, token: str | None = None) -> list[shadow.Server]:
        """Servers of one reservation's shadow, or of all of them."""
        tags = nova_rows.TAG
        if token:
            tags += f',{nova_rows.token_tag(token)}'
        rows = self.list_rows(tags=tags)
        return [nova_rows.to_server(row) for row in rows
                if nova_rows.INSTANCE_KEY in row.get('metadata', ())]

    def list_rows(self, **query: str) -> Iterator[dict[str, Any]]:
        """Servers of all projects as Nova shows them, page by page.

        Of those in a cell that is down it knows little more than the id:
        their status is UNKNOWN.
        """
        last: list[str] = []
        while True:
            marker = {'marker': last[-1]} if last else {}
            try:
                response = self._request(
                    'GET', '/servers/detail',
                    params={'all_tenants': '1', **query, **marker})
            except (exceptions.ServiceUnavailable, exceptions.Forbidden):
                raise
            except exceptions.CloudError:
                # Purged since that page: the one before it marks as well.
                if len(last) < 2:
                    raise
                last.pop()
                continue
            body = response.json()
            yield from body['servers']
            if not body.get('servers_links'):
                return
            last = [row['id'] for row in body['servers'][-3:]]

    def list_server_groups(self) -> dict[str, frozenset[str]]:
        """Members of the server groups of all projects, by group."""
        groups: dict[str, frozenset[str]] = {}
        while True:
            # This listing has no marker.
            page = self._request('GET', '/os-server-groups', params={
                'all_projects': 'True', 'limit': str(_GROUPS_PER_PAGE),
                'offset': str(len(groups))}).json()['server_groups']
            new = {group['id']: frozenset(group['members'])
                   for group in page if group['id'] not in groups}
            groups.update(new)
            if not new:
                return groups

    def get_server(self, server_id: str) -> shadow.Server | None:
        """The server as Nova has it; ``None`` when Nova has it no more, or
        has it only to bring it back if somebody asks.

        :raises ServiceUnavailable: also when its cell is down
        """
        try:
            response = self._request('GET', f'/servers/{server_id}')
        except exceptions.NotFound:
            return None
        row = response.json()['server']
        if row['status'] == _UNKNOWN:
            raise exceptions.ServiceUnavailable(
                'nova', f'the cell of server {server_id} is down')
        return (None if row['status'] == _SOFT_DELETED
                else nova_rows.to_server(row))

    def list_members(
            self, project_id: str,
            selector: reservation.Selector) -> list[str]:
        """Ids of a project's servers that run and that the selector finds.

        :raises ServiceUnavailable: also when a cell with some of them is
            down
        """
        rows = list(self.list_rows(project_id=project_id))
        if any(row['status'] == _UNKNOWN for row in rows):
            raise exceptions.ServiceUnavailable(
                'nova', f'a cell with servers of project {project_id} is '
                        f'down')
        rows = [row for row in rows if row['status'] == 'ACTIVE']
        if selector.kind is reservation.SelectorKind.METADATA:
            found = {row['id'] for row in rows
                     if row['metadata'].get(selector.key) == selector.value}
        else:
            found = self._group_members(selector.value)
        return [row['id'] for row in rows if row['id'] in found]

    def _group_members(self, group_id: str) -> set[str]:
        """A listing of servers does not say which groups they are in."""
        try:
            response = self._request('GET', f'/os-server-groups/{group_id}')
        except exceptions.NotFound:
            return set()
        return set(response.json()['server_group']['members'])

    def create_server(
            self, session: ks_session.Session,
            record: reservation.ReservationRecord,
            instance: shadow.ShadowInstance) -> str:
        """Ask for the server of a shadow instance.

        :param session: within the trust of the reservation's owner
        :returns: the server's id
        """
        response = self._request(
            'POST', '/servers', session,
            json=nova_rows.body_of(record, instance))
        return str(response.json()['server']['id'])

    def hold(self, session: ks_session.Session, server_id: str,
             tier: holding.Tier) -> None:
        """Have a server wait as a tier has it; an offloaded one is shelved
        first."""
        self._act(server_id, {_HOLD[tier]: None}, session)

    def wake(self, server_id: str, tier: holding.Tier) -> bool:
        """Have a server run again, on its host if it still has one.

        As the service user, as it is deleted: a tenant's trust may be
        broken, and what was built under it must serve all the same. Nor
        has anybody to wait for a token within the trust.

        :returns: whether Nova does it; it does not where the server does
            not wait in that tier, or is gone
        """
        try:
            return self._act(server_id, {_WAKE[tier]: None})
        except exceptions.NotFound:
            return False

    def offload(self, server_id: str) -> None:
        """Have a shelved server leave its host. Only an administrator
        may."""
        self._act(server_id, {'shelveOffload': None})

    def unshelve_onto(self, server_id: str, host: str) -> None:
        """Have an offloaded server run again on that host.

        Nova answers before it has looked whether it fits there. Only an
        administrator may name a host.

        :param host: as Nova calls it
        """
        self._act(server_id, {'unshelve': {'host': host}},
                  microversion=UNSHELVE_MICROVERSION)

    def was_unshelved(self, server_id: str,
                      since: datetime.datetime) -> bool:
        """Whether an unshelve was asked for since then."""
        actions = self._request(
            'GET', f'/servers/{server_id}/os-instance-actions').json()
        return any(
            action['action'] == 'unshelve'
            and datetime.datetime.fromisoformat(
                action['start_time']).replace(tzinfo=datetime.UTC)
            # Nova cuts off parts of a second.
            >= since.replace(microsecond=0)
            for action in actions['instanceActions'])

    def set_metadata(self, session: ks_session.Session, server_id: str,
                     key: str, value: str) -> None:
        self._request('PUT', f'/servers/{server_id}/metadata/{key}',
                      session, json={'meta': {key: value}})

    def delete_metadata(self, session: ks_session.Session, server_id: str,
                        key: str) -> None:
        try:
            self._request(
                'DELETE', f'/servers/{server_id}/metadata/{key}', session)
        except exceptions.NotFound:
            pass

    def delete_server(self, server_id: str) -> None:
        """Delete a server, as the service user: a tenant's trust may be
        broken, and what was built under it must go all the same."""
        try:
            self._request('DELETE', f'/servers/{server_id}')
        except exceptions.NotFound:
            pass

    def quota_room(self, session: ks_session.Session,
                   size: reservation.InstanceSize) -> int | None:
        """How many more instances the project's quota has room for."""
        limits = self._request('GET', '/limits', session).json()
        absolute = limits['limits']['absolute']
        rooms = [
            (absolute[f'maxTotal{maximum}'] - absolute[f'total{used}Used'])
            // each
            for maximum, used, each in (
                ('Instances', 'Instances', 1),
                ('Cores', 'Cores', size.vcpus),
                ('RAMSize', 'RAM', size.memory_mib))
            if each > 0 and absolute[f'maxTotal{maximum}'] >= 0]
        return max(min(rooms), 0) if rooms else None

    def _act(self, server_id: str, action: dict[str, Any],
             session: ks_session.Session | None = None,
             microversion: str | None = None) -> bool:
        """A Conflict means that it is under way or done: look again.

        :returns: whether there was none
        """
        try:
            self._request('POST', f'/servers/{server_id}/action', session,
                          microversion, json=action)
        except exceptions.Conflict:
            return False
        return True

    def _request(self, method: str, path: str,
                 session: ks_session.Session | None = None,
                 microversion: str | None = None, **kwargs: Any) -> Any:
        way = self._adapter_for(session) if session else self._admin
        return rest.request(way, 'nova', method, path,
                            microversion=microversion or MICROVERSION,
                            **kwargs)
