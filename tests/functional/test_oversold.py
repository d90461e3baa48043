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

"""Many claims at once on what is left of a host.

A Placement whose database reads repeatably (MariaDB as it comes) tries a
write again that met with another one, and then knows the new generation of
the host but the old usage of it: it sells the same room twice.
"""

from collections.abc import Iterator
import concurrent.futures
import uuid

from keystoneauth1 import adapter
import openstack
import pytest

from shadow_reserve.cloud import placement as cloud_placement
from shadow_reserve.records import holding

ROUNDS = 25
#: At once, of each engine.
CLAIMS = 4


class Host:
    """Nothing but a name in Placement, with room for one."""

    def __init__(self, placement: adapter.Adapter) -> None:
        self._placement = placement
        self.provider_id = str(uuid.uuid4())
        self.candidate = holding.Candidate(
            host='oversold', provider_id=self.provider_id, free={'VCPU': 1},
            allocations={self.provider_id: {'resources': {'VCPU': 1}}})
        placement.post('/resource_providers', json={
            'uuid': self.provider_id, 'name': f'host-{self.provider_id}'})
        placement.put(
            f'/resource_providers/{self.provider_id}/inventories', json={
                'resource_provider_generation': 0,
                'inventories': {'VCPU': {'total': 1}}})

    def remove(self) -> None:
        self._placement.delete(f'/resource_providers/{self.provider_id}')


@pytest.fixture
def placement() -> adapter.Adapter:
    return adapter.Adapter(
        openstack.connect(cloud='shadow-reserve').session,
        service_type='placement',
        default_microversion=cloud_placement.MICROVERSION)


@pytest.fixture
def host(placement: adapter.Adapter) -> Iterator[Host]:
    host = Host(placement)
    try:
        yield host
    finally:
        host.remove()


@pytest.mark.parametrize('engines', [1, 2])
def test_what_is_left_is_held_once(
        placement: adapter.Adapter, host: Host, engines: int) -> None:
    doors = [cloud_placement.Placement(placement) for _ in range(engines)]
    witness = cloud_placement.Placement(placement)
    with concurrent.futures.ThreadPoolExecutor(CLAIMS * engines) as pool:
        for number in range(ROUNDS):
            # when many ask for what one of them can have
            asked = [(str(uuid.uuid4()), door)
                     for door in doors * CLAIMS]
            told = list(pool.map(
                lambda one: one[1].put_claim(one[0], host.candidate),
                asked))

            # then one has it, and no other thinks so. Two engines may be
            # in each other's way, so that none has it for now.
            left = witness.free_on(host.provider_id)['VCPU']
            for consumer_id, _ in asked:
                witness.release(consumer_id)
            assert left == 1 - sum(told), number
            assert left >= 0, number
            assert engines > 1 or left == 0, number
