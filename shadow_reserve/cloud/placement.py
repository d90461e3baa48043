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

from collections.abc import Mapping
import threading
from typing import Any

from keystoneauth1 import adapter
from keystoneauth1 import exceptions as ks_exceptions

from shadow_reserve.cloud import exceptions
from shadow_reserve.cloud import rest
from shadow_reserve.records import holding

#: 1.28 consumer generations, 1.38 consumer types.
MICROVERSION = '1.38'

#: What our own claims are called in Placement.
CONSUMER_TYPE = 'SHADOW'

#: Candidates that are asked for at once, as many as Nova asks for: those of
#: the right zone or server group may be the last of them.
_CANDIDATES = 1000


class Placement:
    """The placement service, with the rights of the service user.

    Everything here raises ServiceUnavailable and the like as
    :mod:`shadow_reserve.cloud.rest` has them.
    """

    def __init__(self, placement: adapter.Adapter) -> None:
        self._placement = placement
        self._names: dict[str, str] = {}
        self._claiming = threading.Lock()

    def claim_of(self, consumer_id: str) -> str | None:
        """The name of the host on which a consumer holds a claim.

        :param consumer_id: for a claim of Nova's, the server's id
        :returns: ``None`` when it holds none
        """
        claim = self.claim(consumer_id)
        return None if claim is None else claim.host

    def claim(self, consumer_id: str) -> holding.Claim | None:
        """What a consumer holds; ``None`` when it holds nothing."""
        held = self._request('GET', f'/allocations/{consumer_id}').json()[
            'allocations']
        if not held:
            return None
        main = _main(held)
        return holding.Claim(host=self._name(main), provider_id=main,
                             resources=holding.total(held))

    def candidates(
            self, query: Mapping[str, str]) -> list[holding.Candidate]:
        """Ways to hold some resources, of which each could be had now.

        :param query: as allocation candidates take it, without a limit
        """
        answer = self._request(
            'GET', '/allocation_candidates',
            params={**query, 'limit': str(_CANDIDATES)}).json()
        summaries = answer['provider_summaries']
        found = []
        for request in answer['allocation_requests']:
            allocations = request['allocations']
            root = summaries[_main(allocations)]['root_provider_uuid']
            free = {name: entry['capacity'] - entry['used'] for name, entry
                    in summaries[root]['resources'].items()}
            found.append(holding.Candidate(
                host=self._name(root), provider_id=root,
                allocations=allocations, free=free))
        return found

    def put_claim(self, consumer_id: str,
                  candidate: holding.Candidate) -> bool:
        """Hold what a candidate offers, for a consumer that holds nothing.

        The claim is the service's own, not the tenant's, whose quota Nova
        would count it against.

        Placement itself does not keep two from taking the last room at
        once: where its database reads repeatably, a write that it tries
        again knows the new generation of the host, but its old usage. So
        ours go one at a time, and what came of it is looked at.

        :returns: whether it is held; ``False`` when somebody else has
            taken it meanwhile, or changed the host at the same time
        """
        claim = {'allocations': candidate.allocations,
                 'project_id': self._own('get_project_id'),
                 'user_id': self._own('get_user_id'),
                 'consumer_generation': None,
                 'consumer_type': CONSUMER_TYPE}
        try:
            with self._claiming:
                self._request(
                    'PUT', f'/allocations/{consumer_id}', json=claim)
        except exceptions.Conflict:
            return False
        try:
            oversold = any(
                self.free_on(provider_id)[name] < 0
                for provider_id, part in candidate.allocations.items()
                for name in part['resources'])
        except exceptions.CloudError:
            self.release(consumer_id)
            raise
        if oversold:
            self.release(consumer_id)
        return not oversold

    def release(self, consumer_id: str) -> None:
        """Let go of a consumer's claim; it is no error if there is none."""
        try:
            self._request('DELETE', f'/allocations/{consumer_id}')
        except exceptions.NotFound:
            pass

    def free_on(self, provider_id: str) -> dict[str, int]:
        """What is left of a host, by resource class; negative where it is
        oversold."""
        inventories = self._request(
            'GET', f'/resource_providers/{provider_id}/inventories',
        ).json()['inventories']
        usages = self._request(
            'GET', f'/resource_providers/{provider_id}/usages',
        ).json()['usages']
        return {name: int((entry['total'] - entry['reserved'])
                          * entry['allocation_ratio']) - usages.get(name, 0)
                for name, entry in inventories.items()}

    def _own(self, what: str) -> str:
        try:
            value: str | None = getattr(self._placement, what)()
        except ks_exceptions.ClientException as error:
            raise exceptions.ServiceUnavailable(
                'keystone', str(error)) from error
        if value is None:
            raise exceptions.ServiceUnavailable(
                'keystone', 'it does not say who the service user is')
        return value

    def _name(self, provider_id: str) -> str:
        if provider_id not in self._names:
            response = self._request(
                'GET', f'/resource_providers/{provider_id}')
            self._names[provider_id] = response.json()['name']
        return self._names[provider_id]

    def _request(self, method: str, path: str, **kwargs: Any) -> Any:
        return rest.request(self._placement, 'placement', method, path,
                            microversion=MICROVERSION, **kwargs)


def _main(allocations: holding.Allocations) -> str:
    """The provider that is the host: it holds the memory. Others are below
    it and hold devices, or are shared between hosts and hold disks."""
    return min(allocations, key=lambda provider: (
        'MEMORY_MB' not in allocations[provider]['resources'], provider))
