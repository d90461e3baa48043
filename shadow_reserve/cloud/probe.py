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

"""Whether a tenant's server answers over HTTP."""

from collections.abc import Iterable
import ipaddress

import requests

_TIMEOUT = 2.0


class Prober:
    """Asks servers, where the operator lets it.

    Tenants choose the addresses of their servers, and could choose one
    that in our own network is something else's: so nothing is asked but
    what lies in networks that the operator names.

    :param networks: in CIDR notation
    :raises ValueError: when one is not
    """

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks = [ipaddress.ip_network(each) for each in networks]

    def answers(self, addresses: Iterable[str], port: int,
                path: str) -> bool:
        """Whether one of the addresses answers with a status under 400."""
        return any(self._answers(address, port, path)
                   for address in addresses if self._may_ask(address))

    def _may_ask(self, address: str) -> bool:
        return any(ipaddress.ip_address(address) in network
                   for network in self._networks)

    @staticmethod
    def _answers(address: str, port: int, path: str) -> bool:
        host = f'[{address}]' if ':' in address else address
        try:
            with requests.get(f'http://{host}:{port}{path}',
                              timeout=_TIMEOUT, stream=True,
                              allow_redirects=False) as response:
                return response.status_code < 400
        except requests.RequestException:
            return False
