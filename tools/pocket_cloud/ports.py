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

"""Which port is whose: one compact block a cloud, moved by the offset."""

from pocket_cloud import errors

FIRST = 21000
#: Offsets are multiples of this, so that two blocks never overlap.
STEP = 100
#: Above it the kernel hands out ports to anybody's outgoing connections.
LAST = 32767

#: The order is the port's distance from the first: append only.
NAMES = (
    'keystone', 'placement', 'glance', 'neutron', 'nova', 'gnocchi', 'aodh',
    'shadow-reserve', 'mariadb', 'rabbitmq', 'rabbitmq-distribution',
    'epmd', 'memcached', 'cinder',
)


class Ports:
    """The ports of the cloud at ``offset``."""

    def __init__(self, offset: int = 0) -> None:
        largest = (LAST - FIRST - STEP) // STEP * STEP
        if offset % STEP or not 0 <= offset <= largest:
            raise errors.PocketCloudError(
                f'--port-offset {offset} is not a multiple of {STEP} '
                f'between 0 and {largest}: choose one that is.')
        self.offset = offset

    def __getitem__(self, name: str) -> int:
        return FIRST + self.offset + NAMES.index(name)

    def all(self) -> dict[str, int]:
        """Every port by the name of what listens on it."""
        return {name: self[name] for name in NAMES}

    def url(self, name: str) -> str:
        """Where an HTTP service of this cloud is."""
        return f'http://127.0.0.1:{self[name]}'
