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

"""The pocket cloud the tests run on, and what its services say."""

from collections.abc import Collection
from collections.abc import Iterator
import contextlib
import os
import pathlib
import subprocess
from typing import Any

from keystoneauth1 import exceptions as ks_exceptions
import openstack
from openstack import connection as sdk_connection

from shadow_reserve.cloud import nova_rows
from shadow_reserve.cloud import placement as cloud_placement
from shadow_reserve.trigger import alarms as trigger_alarms

ROOT = pathlib.Path(__file__).parents[2]
COMMAND = ROOT / 'tools' / 'pocket-cloud'


def state() -> pathlib.Path:
    return pathlib.Path(os.environ['POCKET_CLOUD_STATE'])


def service_config() -> pathlib.Path:
    """The configuration that the pocket cloud gave our service."""
    return state() / 'etc' / 'shadow_reserve' / 'shadow_reserve.conf'


def command(*arguments: str) -> None:
    subprocess.run(
        [str(COMMAND), '--state', str(state()), '--port-offset',
         os.environ['POCKET_CLOUD_PORT_OFFSET'], *arguments], check=True)


def endpoint(service_type: str) -> str | None:
    """Where a service is; ``None`` where this cloud has none, as it has
    Cinder only when it is asked to."""
    session = openstack.connect(cloud='shadow-reserve').session
    try:
        found: str | None = session.get_endpoint(
            service_type=service_type, interface='public')
    except ks_exceptions.EndpointNotFound:
        return None
    return found


def said(process: str, text: str) -> int:
    """In how many lines of its log a process says something."""
    log = state() / 'logs' / f'{process}.log'
    with log.open(errors='replace') as lines:
        return sum(1 for line in lines if text in line)


@contextlib.contextmanager
def without(service: str) -> Iterator[None]:
    """With one of its services stopped for a while."""
    command('stop', service)
    try:
        yield
    finally:
        command('start')


class Api:
    """Our API, as a tenant."""

    def __init__(self, tenant: sdk_connection.Connection) -> None:
        self._session = tenant.session
        self._filter = {'service_type': 'shadow-reserve',
                        'interface': 'public'}

    def request(self, method: str, path: str, **kwargs: Any) -> Any:
        return self._session.request(
            path, method, endpoint_filter=self._filter, raise_exc=False,
            **kwargs)

    def create(self, **fields: Any) -> dict[str, Any]:
        response = self.request('POST', '/v1/reservations',
                                json={'reservation': fields})
        assert response.status_code == 201, response.text
        answer: dict[str, Any] = response.json()['reservation']
        return answer

    def show(self, token: str) -> dict[str, Any]:
        response = self.request('GET', f'/v1/reservations/{token}')
        answer: dict[str, Any] = response.json()['reservation']
        return answer

    def is_gone(self, token: str) -> bool:
        response = self.request('GET', f'/v1/reservations/{token}')
        return bool(response.status_code == 404)

    def delete(self, token: str) -> None:
        response = self.request('DELETE', f'/v1/reservations/{token}')
        assert response.status_code in (202, 204), response.text

    def states(self, token: str) -> list[str]:
        """The states of the members, sorted."""
        response = self.request('GET', f'/v1/reservations/{token}/shadow')
        members = response.json()['shadow']['instances']
        return sorted(member['state'] for member in members)

    def profiles(self, token: str) -> list[dict[str, Any]]:
        response = self.request(
            'GET', f'/v1/reservations/{token}/forecast')
        answer: list[dict[str, Any]] = response.json()['forecast'][
            'profiles']
        return answer

    def promotions(self, token: str) -> list[dict[str, Any]]:
        response = self.request(
            'GET', f'/v1/reservations/{token}/promotions')
        answer: list[dict[str, Any]] = response.json()['promotions']
        return answer

    def events(self, token: str, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events_after(token, 0)
                if event['kind'] == kind]

    def events_after(self, token: str,
                     sequence: int) -> list[dict[str, Any]]:
        """Of all kinds, those that are newer than one."""
        return self._list(token, 'events', sequence)

    def ledger(self, token: str) -> list[dict[str, Any]]:
        return self._list(token, 'ledger', 0)

    def _list(self, token: str, name: str,
              after: int) -> list[dict[str, Any]]:
        """All pages."""
        found: list[dict[str, Any]] = []
        while True:
            page = self.request(
                'GET', f'/v1/reservations/{token}/{name}',
                params={'after': after}).json()
            found += page[name]
            if f'{name}_links' not in page:
                return found
            after = found[-1]['sequence']


class Witness:
    """What Nova, Placement, Aodh and Keystone say themselves."""

    def __init__(self) -> None:
        self._admin = openstack.connect(cloud='admin')
        self._service = openstack.connect(cloud='shadow-reserve')

    def servers(self, token: str) -> list[Any]:
        return [server for server in self._admin.compute.servers(
            all_projects=True)
            if server.metadata.get(nova_rows.TOKEN_KEY) == token]

    def statuses(self, token: str) -> list[str]:
        return sorted(server.status for server in self.servers(token))

    def actions(self, server_id: str, names: Collection[str]) -> int:
        """How often Nova was asked for actions of these names."""
        response = self._admin.compute.get(
            f'/servers/{server_id}/os-instance-actions')
        return sum(1 for action in response.json()['instanceActions']
                   if action['action'] in names)

    def allocations(self, consumer_id: str) -> dict[str, Any]:
        response = self._admin.placement.get(f'/allocations/{consumer_id}')
        answer: dict[str, Any] = response.json()['allocations']
        return answer

    def shadow_claims(self) -> int:
        """How many claims of the service Placement counts."""
        response = self._admin.placement.get(
            '/usages', microversion='1.38', params={
                'project_id': self._service.current_project_id,
                'consumer_type': cloud_placement.CONSUMER_TYPE})
        usages = response.json()['usages']
        return int(sum(of_type['consumer_count']
                       for of_type in usages.values()))

    def alarms(self, token: str) -> list[dict[str, Any]]:
        response = self._alarming('GET', '/v2/alarms')
        return [alarm for alarm in response.json()
                if trigger_alarms.token_of(alarm['name']) == token]

    def kinds(self, token: str) -> list[str]:
        """What the alarms of a reservation look at, sorted."""
        return sorted(alarm['name'].rpartition('/')[2]
                      for alarm in self.alarms(token))

    def alarm(self, token: str, kind: str) -> dict[str, Any]:
        [found] = [alarm for alarm in self.alarms(token)
                   if alarm['name'].endswith(f'/{kind}')]
        return found

    def transition(self, alarm_id: str) -> dict[str, Any]:
        """The payload of the latest notification of an alarm."""
        response = self._alarming('GET', f'/v2/alarms/{alarm_id}/history')
        changes = [change for change in response.json()
                   if change['type'] == 'state transition']
        latest: dict[str, Any] = max(
            changes, key=lambda change: str(change['timestamp']))
        return latest

    def spoil(self, alarm: dict[str, Any]) -> None:
        """Edit it, as an administrator may."""
        rule = f'{alarm["type"]}_rule'
        self._administer('PUT', alarm, json={
            'name': alarm['name'], 'type': alarm['type'], 'enabled': False,
            rule: {**alarm[rule], 'threshold': 1.0}})

    def delete_alarm(self, alarm: dict[str, Any]) -> None:
        self._administer('DELETE', alarm)

    def _administer(self, method: str, alarm: dict[str, Any],
                    **kwargs: Any) -> None:
        self._admin.session.request(
            f'/v2/alarms/{alarm["alarm_id"]}', method, endpoint_filter={
                'service_type': 'alarming', 'interface': 'public'},
            **kwargs)

    def create_alarm(self, name: str) -> str:
        """An alarm of the service's user, on nothing in particular."""
        response = self._alarming('POST', '/v2/alarms', json={
            'name': name, 'type': 'event', 'event_rule': {}})
        return str(response.json()['alarm_id'])

    def trusts(self) -> set[str]:
        """Ids of all trusts that the service's user has been given."""
        response = self._service.identity.get(
            '/OS-TRUST/trusts', params={
                'trustee_user_id': self._service.current_user_id})
        return {trust['id'] for trust in response.json()['trusts']}

    def _alarming(self, method: str, path: str, **kwargs: Any) -> Any:
        return self._service.session.request(
            path, method, endpoint_filter={
                'service_type': 'alarming', 'interface': 'public'},
            **kwargs)
