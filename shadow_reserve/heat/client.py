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

"""How heat-engine reaches the service; an entry point of heat.clients."""

from heat.engine.clients import client_plugin
from openstack.config import cloud_region
from openstack import connection
from openstack import exceptions

from shadow_reserve.client.sdk import _proxy
from shadow_reserve.client.sdk import description

CLIENT_NAME = 'shadow_reserve'


class ShadowReserveClientPlugin(client_plugin.ClientPlugin):
    """Gives resources the openstacksdk proxy of the service."""

    exceptions_module = exceptions

    service_types = [SHADOW_RESERVE] = [description.SERVICE_TYPE]

    def _create(self, version: str | None = None) -> _proxy.Proxy:
        interface = self._get_client_option(CLIENT_NAME, 'endpoint_type')
        config = cloud_region.from_session(
            name='local', session=self.context.keystone_session,
            config={f'{CLIENT_NAME}_interface': interface},
            region_name=self._get_region_name(), app_name='heat')
        return description.add_to(connection.Connection(config=config))

    def is_not_found(self, ex: Exception) -> bool:
        return isinstance(ex, exceptions.NotFoundException)

    def is_conflict(self, ex: Exception) -> bool:
        return isinstance(ex, exceptions.ConflictException)
