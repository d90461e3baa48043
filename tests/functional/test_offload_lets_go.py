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

"""An offloaded member is on no host: neither its ports nor its volumes.

Nova has left ports bound (LP 1983471) and volumes connected (LP 1547142) to
the host that a server was offloaded from. The host then knows of them what
is true no more, and a promotion elsewhere meets with it.
"""

from collections.abc import Iterator
import pathlib
from typing import Any

import openstack
import pytest

from tests.functional import application as test_application
from tests.functional import engine_process
from tests.functional import pocket

wait_for = test_application.wait_for


@pytest.fixture
def engine(cinder: None, tmp_path: pathlib.Path,
           ) -> Iterator[engine_process.Engine]:
    options = {'engine': {'reconcile_interval': '1'},
               'forecast': {'interval': '10'},
               'shadow': {'settle_time': '1'}}
    with engine_process.running(tmp_path, {}, options) as engine:
        yield engine


class Reach:
    """What Neutron and Cinder say of the only member of a reservation."""

    def __init__(self, tenant: Any) -> None:
        self._admin: Any = openstack.connect(cloud='admin')
        self._tenant = tenant
        self._volumes_before = self._volumes()
        self.token = ''

    def server(self) -> Any:
        [found] = pocket.Witness().servers(self.token)
        return found

    def bound_to(self) -> list[str]:
        """The hosts that its ports are bound to; '' where none is."""
        return [port.binding_host_id or '' for port in (
            self._admin.network.ports(device_id=self.server().id))]

    def connected_to(self) -> list[str]:
        """The hosts that its volumes are connected to. Cinder does not
        show an attachment that is only reserved."""
        return [attachment['host_name']
                for volume in self._volumes() - self._volumes_before
                for attachment in self._admin.block_storage.get_volume(
                    volume).attachments]

    def volume_statuses(self) -> list[str]:
        return [self._admin.block_storage.get_volume(volume).status
                for volume in self._volumes() - self._volumes_before]

    def _volumes(self) -> set[str]:
        return {volume.id for volume in self._tenant.block_storage.volumes()}


def test_ports_and_volumes_follow_the_server(
        application: test_application.Application,
        engine: engine_process.Engine) -> None:
    api = pocket.Api(application.tenant)
    member = Reach(application.tenant)
    token = member.token = api.create(
        name=application.name, flavor='m1.small', quantity=2, duration=7200,
        template={'image': 'pocket', 'networks': ['private'],
                  'volumes': [{'size': 1, 'attach': 'build'}]},
        selector={'kind': 'metadata', 'key': 'metering.server_group',
                  'value': application.name},
        policy={'mode': 'active', 'minimum_shadow': 1, 'maximum_shadow': 1,
                'cooldown': 86400, 'hold': [{'tier': 'offloaded'}]})['token']
    witness = pocket.Witness()

    def reach(state: str) -> None:
        wait_for(state, 300, lambda: api.states(token) == [state])

    def is_offloaded() -> bool:
        return witness.statuses(token) == ['SHELVED_OFFLOADED']

    # given a member that was offloaded, then no host knows of it
    reach('available')
    wait_for('it is offloaded', 60, is_offloaded)
    wait_for('its port is unbound', 30, lambda: member.bound_to() == [''])
    wait_for('its volume is its own, and nowhere', 30, lambda: (
        member.volume_statuses(), member.connected_to()) == (
            ['reserved'], []))

    # when it is promoted, then both are where it is
    assert api.request(
        'POST', f'/v1/reservations/{token}/shadow/promote',
        json={'count': 1}).status_code == 202
    reach('allocated')
    host = member.server().compute_host
    assert host
    assert member.bound_to() == [host]
    wait_for('its volume is there', 30, lambda: (
        member.volume_statuses(), member.connected_to()) == (
            ['in-use'], [host]))

    # when it goes back, then they are nowhere again
    assert api.request(
        'POST', f'/v1/reservations/{token}/shadow/return',
        json={'count': 1}).status_code == 202
    reach('available')
    wait_for('it is offloaded again', 60, is_offloaded)
    wait_for('its port is unbound', 30, lambda: member.bound_to() == [''])
    wait_for('its volume is nowhere', 30,
             lambda: not member.connected_to())

    # and when all ends, nothing of it is left
    server_id = member.server().id
    api.delete(token)
    wait_for('it is gone', 300, lambda: api.is_gone(token))
    wait_for('no port is left', 60, lambda: not list(
        application.tenant.network.ports(device_id=server_id)))
    wait_for('no volume is left', 60, lambda: not member.volume_statuses())
