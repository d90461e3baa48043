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
"""All claims there are, which Placement has no one listing of."""

from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
import dataclasses
from typing import Any

from keystoneauth1 import adapter
from keystoneauth1 import exceptions as ks_exceptions

from shadow_reserve.cloud import exceptions
from shadow_reserve.cloud import placement as cloud_placement
from shadow_reserve.cloud import rest


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Holding:
    """What a consumer holds: amounts by resource class, by the name of
    the resource provider.

    ``generation`` changes with each change of it. ``is_ours``: by a
    claim of the service, not one of Nova's.
    """

    parts: Mapping[str, Mapping[str, int]]
    generation: int | None
    is_ours: bool

    @property
    def where(self) -> str:
        """The host: it has the memory, a nested provider only devices."""
        return min(self.parts, key=lambda name: (
            'MEMORY_MB' not in self.parts[name], name))

    def total(self, resource_class: str) -> int:
        return sum(part.get(resource_class, 0)
                   for part in self.parts.values())


class ClaimListing:
    """Placement, with the rights of the service user."""

    def __init__(self, placement: adapter.Adapter) -> None:
        self._placement = placement

    def count(self) -> int:
        """How many claims of ours there are; one cheap request."""
        usages = self._ask('/usages', params={
            'project_id': self._project_id(),
            'consumer_type': cloud_placement.CONSUMER_TYPE})['usages']
        ours = usages.get(cloud_placement.CONSUMER_TYPE, {})
        return int(ours.get('consumer_count', 0))

    def read(self, ours: Collection[str],
             others: Collection[str]) -> dict[str, Holding]:
        """What every consumer holds, by its id.

        One request for each provider, and, as long as not all of our
        claims are found, one for each consumer that nobody knows.

        :param ours: ids of consumers that only we make claims for
        :param others: ids of consumers that are known not to be ours
        """
        expected = self.count()
        parts: dict[str, dict[str, dict[str, int]]] = {}
        generations: dict[str, int | None] = {}
        for name, consumer_id, allocation in self._allocations():
            parts.setdefault(consumer_id, {})[name] = allocation['resources']
            generations[consumer_id] = allocation.get('consumer_generation')
        found = parts.keys() & set(ours)
        for consumer_id in parts.keys() - found - set(others):
            if len(found) >= expected:
                break
            if self._is_ours(consumer_id):
                found.add(consumer_id)
        return {consumer_id: Holding(
            parts=held, generation=generations[consumer_id],
            is_ours=consumer_id in found)
            for consumer_id, held in parts.items()}

    def remove(self, consumer_id: str, generation: int | None) -> None:
        """Take a claim away, unless it has changed meanwhile.

        :param generation: the claim's, when it was judged
        :raises Conflict: when it has
        """
        path = f'/allocations/{consumer_id}'
        now = self._ask(path)
        if not now['allocations']:
            return
        if now['consumer_generation'] != generation:
            raise exceptions.Conflict(
                'placement', f'the claim of {consumer_id} has changed')
        # Placement checks the generation again.
        rest.request(
            self._placement, 'placement', 'PUT', path,
            microversion=cloud_placement.MICROVERSION, json={
                'allocations': {}, 'consumer_generation': generation,
                **{key: now[key] for key in (
                    'project_id', 'user_id', 'consumer_type')}})

    def _allocations(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Name of the provider, id of the consumer, and what it holds."""
        for provider in self._ask('/resource_providers')[
                'resource_providers']:
            try:
                body = self._ask(
                    f'/resource_providers/{provider["uuid"]}/allocations')
            except exceptions.NotFound:
                continue
            for consumer_id, allocation in body['allocations'].items():
                yield provider['name'], consumer_id, allocation

    def _is_ours(self, consumer_id: str) -> bool:
        body = self._ask(f'/allocations/{consumer_id}')
        return (body.get('consumer_type') == cloud_placement.CONSUMER_TYPE
                and body.get('project_id') == self._project_id())

    def _project_id(self) -> str:
        try:
            project_id: str | None = self._placement.get_project_id()
        except ks_exceptions.ClientException as error:
            raise exceptions.ServiceUnavailable(
                'keystone', str(error)) from error
        if project_id is None:
            raise exceptions.ServiceUnavailable(
                'keystone', 'it does not say in which project we are')
        return project_id

    def _ask(self, path: str, **kwargs: Any) -> dict[str, Any]:
        answer: dict[str, Any] = rest.request(
            self._placement, 'placement', 'GET', path,
            microversion=cloud_placement.MICROVERSION, **kwargs).json()
        return answer
