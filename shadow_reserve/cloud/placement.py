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

"""Placement: who holds how much of which host."""

from keystoneauth1 import adapter

from shadow_reserve.cloud import rest

#: 1.28 consumer generations.
MICROVERSION = '1.28'


class Placement:
    """The placement service, with the rights of the service user."""

    def __init__(self, placement: adapter.Adapter) -> None:
        self._placement = placement
        self._names: dict[str, str] = {}

    def claim_of(self, consumer_id: str) -> str | None:
        """The name of the host on which a consumer holds a claim.

        :param consumer_id: for a claim of Nova's, the server's id
        :returns: ``None`` when it holds none
        """
        response = rest.request(
            self._placement, 'placement', 'GET',
            f'/allocations/{consumer_id}', microversion=MICROVERSION)
        providers = sorted(response.json()['allocations'])
        return self._name(providers[0]) if providers else None

    def _name(self, provider_id: str) -> str:
        if provider_id not in self._names:
            response = rest.request(
                self._placement, 'placement', 'GET',
                f'/resource_providers/{provider_id}',
                microversion=MICROVERSION)
            self._names[provider_id] = response.json()['name']
        return self._names[provider_id]
