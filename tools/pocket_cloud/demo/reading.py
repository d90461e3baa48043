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


"""What the services say, each asked by somebody who may ask it."""

import dataclasses
import datetime
import json
from typing import Any

from keystoneauth1 import adapter
from openstack import connection
from openstack import exceptions

from pocket_cloud.demo import checks

CPU_ALARM = 'cpu'


@dataclasses.dataclass(frozen=True, slots=True)
class Claim:
    """What a consumer holds at Placement."""

    host: str
    resources: dict[str, int]

    def __str__(self) -> str:
        held = ', '.join(f'{name} {amount}' for name, amount
                         in sorted(self.resources.items(), reverse=True))
        return f'{held} on {self.host}'


@dataclasses.dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm, as Aodh has it."""

    alarm_id: str
    metric: str
    state: str
    threshold: float


@dataclasses.dataclass(frozen=True, slots=True)
class Transition:
    """A change of an alarm's state, out of Aodh's history of it."""

    happened_at: datetime.datetime
    state: str
    reason: str


class Reading:
    """:param admin: reads Placement, and Nova as its operator does
    :param service: the user of shadow_reserve, whose the alarms are
    :param tenant: reads our API
    """

    def __init__(self, admin: connection.Connection,
                 service: connection.Connection,
                 tenant: connection.Connection) -> None:
        self._admin = admin
        self._placement = adapter.Adapter(
            admin.session, service_type='placement',
            default_microversion='1.28')
        self._aodh = adapter.Adapter(
            service.session, service_type='alarming', raise_exc=False)
        self._keystone = adapter.Adapter(
            service.session, service_type='identity', interface='public')
        self._api = adapter.Adapter(
            tenant.session, service_type='shadow-reserve')
        self._tenant_id = tenant.current_project_id
        self._service_id = service.current_user_id
        self._hosts: dict[str, str] = {}

    def server(self, server_id: str) -> Any:
        """A server as Nova shows it to an admin; None if it has none."""
        try:
            return self._admin.compute.get_server(server_id)
        except exceptions.NotFoundException:
            return None

    def claim(self, server_id: str) -> Claim | None:
        """The claim of a server; None where it has none."""
        found = self._placement.get(
            f'/allocations/{server_id}').json()['allocations']
        if not found:
            return None
        checks.require(
            len(found) == 1, f'Placement holds allocations of server '
                             f'{server_id} on {len(found)} hosts, not one.')
        (provider, held), = found.items()
        return Claim(self._host(provider), held['resources'])

    def _host(self, provider_id: str) -> str:
        if provider_id not in self._hosts:
            self._hosts[provider_id] = self._placement.get(
                f'/resource_providers/{provider_id}').json()['name']
        return self._hosts[provider_id]

    def alarms(self, token: str) -> list[Alarm]:
        """The alarms of a reservation, the one on CPU first."""
        rows = self._aodh.get('/v2/alarms').json()
        prefix = f'shadow-reserve/{token}/'
        found = []
        for row in rows:
            if row['name'].startswith(prefix):
                rule = row[f'{row["type"]}_rule']
                found.append(Alarm(
                    row['alarm_id'], row['name'].removeprefix(prefix),
                    row['state'], rule['threshold']))
        return sorted(found, key=lambda one: one.metric != CPU_ALARM)

    def transitions(self, alarm_id: str) -> list[Transition]:
        """Oldest first."""
        rows = self._aodh.get(f'/v2/alarms/{alarm_id}/history').json()
        found = []
        for row in rows:
            if row['type'] == 'state transition':
                detail = json.loads(row['detail'])
                found.append(Transition(
                    datetime.datetime.fromisoformat(
                        row['timestamp']).replace(tzinfo=datetime.UTC),
                    detail['state'], detail.get('transition_reason', '')))
        return sorted(found, key=lambda one: one.happened_at)

    def trusts(self) -> set[str]:
        """Ids of what users of the tenant's project entrusted to us."""
        rows = self._keystone.get(
            '/OS-TRUST/trusts',
            params={'trustee_user_id': self._service_id}).json()['trusts']
        return {row['id'] for row in rows
                if row['project_id'] == self._tenant_id}

    def shadow(self, token: str) -> Any:
        """The shadow allocation with its instances, from our API."""
        return self._api.get(
            f'/v1/reservations/{token}/shadow').json()['shadow']

    def has_forecast(self, token: str) -> bool:
        """Whether there is one that something can be sized by."""
        forecast = self._api.get(
            f'/v1/reservations/{token}/forecast',
            params={'step_limit': '1'}).json()
        return any(profile['window_peak']
                   for profile in forecast['forecast']['profiles'])

    def reservations(self, name: str) -> list[str]:
        """Tokens of the tenant's reservations with that name."""
        rows = self._api.get('/v1/reservations', params={
            'name': name}).json()['reservations']
        return [row['token'] for row in rows]

    def delete_reservation(self, token: str) -> None:
        """To tidy up; the story itself uses the command line."""
        self._api.delete(f'/v1/reservations/{token}', raise_exc=False)
