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
"""What Ceilometer measures of a server and of a disk, in units of demand.

Ceilometer keeps ``cpu`` and the disk metrics as counters that only grow.
They are read as bucket means and differenced here: that depends neither on
the interval of the polls nor on the archive policy having ``rate:``
aggregates, and a counter that was reset is seen for what it is.

A disk's size is its ``disk.device.allocation``: what the data in it occupy
at the host. Of the two others, ``disk.device.capacity`` is what the flavor
or the volume says and does not move, and ``disk.device.usage`` is the
length of the image file, which is the capacity again where that is raw.
"""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import datetime
import enum

import numpy as np

from shadow_reserve.records import demand
from shadow_reserve.usage import series as series_module

FloatArray = series_module.FloatArray

NANOSECONDS = 1e9
NANOSECONDS_A_MS = 1e6
MEBIBYTE = 2.0 ** 20
GIBIBYTE = 2.0 ** 30
CPU = 'cpu'
MEMORY = 'memory.usage'
STORAGE = 'disk.device.allocation'
THROUGHPUT = ('disk.device.read.bytes', 'disk.device.write.bytes')
LATENCY = ('disk.device.read.latency', 'disk.device.write.latency')
REQUESTS = ('disk.device.read.requests', 'disk.device.write.requests')
#: Longest time that a server is believed to go on without a measure: two
#: polls of Ceilometer's slowest usual interval.
BRIDGE = datetime.timedelta(minutes=10)


class Row(enum.StrEnum):
    """One thing that is known of a member in each bucket."""

    VCPU = 'vcpu'
    MEMORY = 'memory'
    THROUGHPUT = 'throughput'
    STORAGE = 'storage'
    #: Milliseconds that requests took together, in each second.
    IO_TIME = 'io_time'
    #: Requests in each second, of those whose time is known.
    IO_REQUESTS = 'io_requests'


#: What adds up over the members.
SUMS = {
    demand.DemandResource.VCPU: Row.VCPU,
    demand.DemandResource.MEMORY: Row.MEMORY,
    demand.DemandResource.DISK_THROUGHPUT: Row.THROUGHPUT,
    demand.DemandResource.STORAGE: Row.STORAGE,
}

#: Bucket means by metric.
Means = Mapping[str, FloatArray]
Rows = dict[Row, FloatArray]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """A resource type of Gnocchi, and what is made of its metrics.

    ``rows(means, step, bridge)`` gives arrays as long as the means. What
    they say of a bucket depends on no bucket that is more than ``lead``
    earlier, and what they say changes by nothing in a bucket that is more
    than ``reach`` later.
    """

    name: str
    metrics: tuple[str, ...]
    rows: Callable[[Means, datetime.timedelta, int], Rows]


def lead(bridge: int) -> int:
    """The value that is held over a gap may be ``bridge`` buckets old, and
    the growth that it is made of began one more than that before it."""
    return 2 * bridge + 1


def reach(bridge: int) -> int:
    """The counter's next value fills a gap of ``bridge`` buckets, and what
    is known then bridges one of as many before it."""
    return 2 * bridge


def growth(counters: FloatArray, step: datetime.timedelta,
           bridge: int) -> FloatArray:
    """A counter's growth a second; a reboot leaves no hole in the total."""
    return series_module.bridged(
        series_module.rates(counters, step, bridge), bridge)


def _server_rows(means: Means, step: datetime.timedelta,
                 bridge: int) -> Rows:
    rows = {}
    if CPU in means:
        rows[Row.VCPU] = series_module.held_at_end(
            growth(means[CPU], step, bridge)) / NANOSECONDS
    if MEMORY in means:
        rows[Row.MEMORY] = series_module.held_at_end(
            series_module.bridged(means[MEMORY], bridge))
    return rows


def _disk_rows(means: Means, step: datetime.timedelta, bridge: int) -> Rows:
    rows = {}
    moved = [series_module.held_at_end(
        growth(means[name], step, bridge)) / MEBIBYTE
        for name in THROUGHPUT if name in means]
    if moved:
        rows[Row.THROUGHPUT] = _both(moved)
    if STORAGE in means:
        rows[Row.STORAGE] = series_module.held_at_end(
            series_module.bridged(means[STORAGE], bridge)) / GIBIBYTE
    rows |= {row: series_module.held_at_end(values) for row, values
             in io_rows(means, step, bridge).items()}
    return rows


def io_rows(means: Means, step: datetime.timedelta, bridge: int) -> Rows:
    """How long a disk's requests took, and how many there were, as far as
    both are known; nothing is held over a gap."""
    spent, done = [], []
    for latency, requests in zip(LATENCY, REQUESTS):
        if latency in means and requests in means:
            time = series_module.rates(means[latency], step, bridge)
            count = series_module.rates(means[requests], step, bridge)
            known = np.isfinite(time) & np.isfinite(count)
            spent.append(np.where(known, time / NANOSECONDS_A_MS, np.nan))
            done.append(np.where(known, count, np.nan))
    if not spent:
        return {}
    return {Row.IO_TIME: _both(spent), Row.IO_REQUESTS: _both(done)}


def _both(ways: list[FloatArray]) -> FloatArray:
    """Read and written together; one alone, where that is all there is."""
    return series_module.total(ways, len(ways[0]))


def latency(spent: FloatArray, done: FloatArray) -> FloatArray:
    """Milliseconds an I/O request took; a gap where there was none.

    :param spent: the total of ``Row.IO_TIME`` over all members
    :param done: the total of ``Row.IO_REQUESTS``
    """
    with np.errstate(divide='ignore', invalid='ignore', over='ignore'):
        return np.where(done > 0, spent / done, np.nan)


def requests(disks: Iterable[Rows], count: int) -> FloatArray:
    """Of all disks together, in each second, from their ``io_rows``."""
    return series_module.total(
        [rows[Row.IO_REQUESTS] for rows in disks if rows], count)


def mean_latency(disks: Sequence[Rows], count: int) -> FloatArray:
    """The ``latency`` over all of these disks, from the same."""
    return latency(
        series_module.total(
            [rows[Row.IO_TIME] for rows in disks if rows], count),
        requests(disks, count))


SERVER = Kind(name='instance', metrics=(CPU, MEMORY), rows=_server_rows)
DISK = Kind(name='instance_disk',
            metrics=(*THROUGHPUT, *LATENCY, *REQUESTS, STORAGE),
            rows=_disk_rows)
