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

"""How openstacksdk finds the service."""

from openstack import connection as sdk_connection
from openstack import service_description

from shadow_reserve.client.sdk import _proxy

SERVICE_TYPE = 'shadow-reserve'

DESCRIPTION = service_description.ServiceDescription[_proxy.Proxy](
    SERVICE_TYPE, supported_versions={'1': _proxy.Proxy})


def add_to(connection: sdk_connection.Connection) -> _proxy.Proxy:
    """Let a connection speak to the service, and give the way to it.

    It is ``connection.shadow_reserve`` from then on.
    """
    connection.add_service(DESCRIPTION)
    proxy: _proxy.Proxy = DESCRIPTION.__get__(connection, type(connection))
    return proxy
