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


"""The meters of one server, as Ceilometer polls them from a hypervisor."""

import dataclasses

NANOSECONDS = 1_000_000_000
MEBIBYTE = 2 ** 20
#: How much of the disk traffic is read.
READ_SHARE = 0.4
REQUEST_BYTES = 64 * 1024
#: Of one request, at rest; it grows as the disk gets busier.
LATENCY_NANOSECONDS = 1_800_000

#: What the data on a new disk occupy, and the share of what is written that
#: adds to it instead of taking the place of something older.
FIRST_ALLOCATION = 1.5 * 2 ** 30
KEPT_SHARE = 0.0005

INSTANCE_METRICS = ('cpu', 'memory.usage', 'memory', 'vcpus')
DISK_COUNTERS = tuple(
    f'disk.device.{way}.{what}' for what in ('bytes', 'requests', 'latency')
    for way in ('read', 'write'))
ALLOCATION = 'disk.device.allocation'
DISK_METRICS = (*DISK_COUNTERS, ALLOCATION)

#: Values by metric.
Sample = dict[str, float]


@dataclasses.dataclass(frozen=True, slots=True)
class Usage:
    """What one server does during some seconds."""

    busy_vcpus: float
    memory_mib: float
    disk_mib_per_second: float


class Meters:
    """Counters that only grow, and gauges.

    :param vcpus: of the server's flavor
    :param memory_mib: of the server's flavor
    """

    def __init__(self, vcpus: int, memory_mib: int) -> None:
        self._vcpus = vcpus
        self._memory_mib = memory_mib
        self._cpu = 0.0
        self._disk = dict.fromkeys(DISK_COUNTERS, 0.0)
        self._allocation = FIRST_ALLOCATION

    def advance(self, usage: Usage, seconds: float) -> None:
        """Let the server do this for so long."""
        busy = min(usage.busy_vcpus, float(self._vcpus))
        self._cpu += busy * seconds * NANOSECONDS
        moved = usage.disk_mib_per_second * seconds * MEBIBYTE
        latency = LATENCY_NANOSECONDS * (
            1 + usage.disk_mib_per_second / 50)
        for way, share in (('read', READ_SHARE),
                           ('write', 1 - READ_SHARE)):
            requests = moved * share / REQUEST_BYTES
            name = f'disk.device.{way}'
            self._disk[f'{name}.bytes'] += moved * share
            self._disk[f'{name}.requests'] += requests
            self._disk[f'{name}.latency'] += requests * latency
        self._allocation += moved * (1 - READ_SHARE) * KEPT_SHARE

    def instance(self, usage: Usage) -> Sample:
        """What a poll of the server gives just now."""
        return {
            'cpu': round(self._cpu),
            'memory.usage': round(
                min(usage.memory_mib, self._memory_mib), 2),
            'memory': self._memory_mib,
            'vcpus': self._vcpus,
        }

    def disk(self) -> Sample:
        """What a poll of its disk gives."""
        return {ALLOCATION: round(self._allocation), **{
            name: round(value) for name, value in self._disk.items()}}
