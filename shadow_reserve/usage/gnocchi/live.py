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
"""How the servers of an application do just now, from Gnocchi."""

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
import datetime

import numpy as np
from oslo_log import log as logging

from shadow_reserve.cloud import gnocchi
from shadow_reserve.records import usage
from shadow_reserve.usage.gnocchi import members as gnocchi_members
from shadow_reserve.usage.gnocchi import meters as meters
from shadow_reserve.usage import series as series_module

LOG = logging.getLogger(__name__)

FloatArray = series_module.FloatArray

SIZES = ('vcpus', 'memory')
#: Resources that one request asks for.
RESOURCES_AT_ONCE = 100


class LiveReader:
    """Reads the last half hour or less, and keeps nothing.

    :param granularity: that each metric's archive policy must have
    """

    def __init__(self, door: gnocchi_members.Door,
                 members: gnocchi_members.Members,
                 granularity: datetime.timedelta) -> None:
        self._door = door
        self._members = members
        self._granularity = granularity

    def read(self, application: usage.Application, now: datetime.datetime,
             *, vcpus: int, memory_mib: int) -> usage.LiveUsage | None:
        """See ``source.MetricSource.live``.

        Each server counts with its newest complete bucket, which may be
        ``BRIDGE`` old where it is polled so seldom.
        """
        step = self._granularity
        # A rate takes two complete buckets, however long they are.
        grid = series_module.Grid.covering(
            now - 2 * max(meters.BRIDGE, step) - 2 * step, now, step)
        servers = self._members.servers(application)
        if not servers:
            return None
        measured = self._means(meters.SERVER.name, servers,
                               meters.SERVER.metrics, grid)
        sizes = self._optional(meters.SERVER.name, servers, SIZES, grid)
        bridge = max(meters.BRIDGE // step, 1)
        newest: list[int] = []
        busy, used = [], []
        for server in servers:
            one = server.resource_id
            means = _bucketed(measured.get(one, {}), grid)
            size = sizes.get(one, {})
            rate = _latest(meters.growth(
                means[meters.CPU], step, bridge), bridge,
                newest) if meters.CPU in means else None
            if rate is not None:
                count = _size(size.get('vcpus'), vcpus)
                busy.append((one, 100 * rate / (count * meters.NANOSECONDS)))
            held = _latest(means[meters.MEMORY], bridge,
                           newest) if meters.MEMORY in means else None
            if held is not None:
                used.append((one, 100 * held / _size(
                    size.get('memory'), memory_mib)))
        if not newest:
            return None
        return usage.LiveUsage(
            as_of=grid.start + (max(newest) + 1) * step,
            members=len({one for one, _ in busy + used}),
            cpu_percent=_mean(value for _, value in busy),
            memory_percent=_mean(value for _, value in used),
            io_latency_ms=self._latency(servers, grid, bridge))

    def _latency(self, servers: Sequence[gnocchi.Resource],
                 grid: series_module.Grid, bridge: int) -> float | None:
        """Milliseconds an I/O request took, whichever disk it was for."""
        by_disk = self._optional(
            meters.DISK.name, self._members.disks(servers),
            meters.LATENCY + meters.REQUESTS, grid)
        rows = [meters.io_rows(_bucketed(points, grid), grid.step, bridge)
                for points in by_disk.values()]
        at: list[int] = []
        # Disks that do nothing now have no latency, whatever it was.
        if not _latest(meters.requests(rows, grid.count), bridge, at):
            return None
        return float(meters.mean_latency(rows, grid.count)[at[0]])

    def _means(self, kind: str, resources: Sequence[gnocchi.Resource],
               metrics: Sequence[str], grid: series_module.Grid,
               ) -> gnocchi.Measures:
        """:raises UnusableArchivePolicy: when one of them has it"""
        answer = self._read(kind, resources, metrics, grid)
        for error in answer.unusable.values():
            raise error
        return answer.measures

    def _optional(self, kind: str, resources: Sequence[gnocchi.Resource],
                  metrics: Sequence[str], grid: series_module.Grid,
                  ) -> gnocchi.Measures:
        """As ``_means``, of what a decision can be made without."""
        answer = self._read(kind, resources, metrics, grid)
        for text in sorted({str(each) for each in answer.unusable.values()}):
            LOG.warning('Left out of the live usage: %s', text)
        return answer.measures

    def _read(self, kind: str, resources: Sequence[gnocchi.Resource],
              metrics: Sequence[str], grid: series_module.Grid,
              ) -> gnocchi.Answer:
        measures: gnocchi.Measures = {}
        unusable: dict[str, gnocchi.UnusableArchivePolicy] = {}
        for first in range(0, len(resources), RESOURCES_AT_ONCE):
            answer = self._door.means(
                kind, resources[first:first + RESOURCES_AT_ONCE], metrics,
                grid.step, grid.start, grid.stop)
            measures.update(answer.measures)
            unusable.update(answer.unusable)
        return gnocchi.Answer(measures=measures, unusable=unusable)


def _bucketed(points: Mapping[str, gnocchi.Points],
              grid: series_module.Grid) -> dict[str, FloatArray]:
    return {name: series_module.means_at(one.stamps, one.values, grid)
            for name, one in points.items()}


def _latest(values: FloatArray, bridge: int,
            newest: list[int]) -> float | None:
    """The newest value that is recent enough; notes down where it was."""
    known = np.flatnonzero(series_module.plausible(values))
    if not len(known) or known[-1] < len(values) - 1 - bridge:
        return None
    newest.append(int(known[-1]))
    return float(values[known[-1]])


def _size(points: gnocchi.Points | None, default: int) -> float:
    """The newest of the measured sizes, or the default; never zero."""
    if points is not None and len(points.values) and points.values[-1] > 0:
        return float(points.values[-1])
    return float(max(default, 1))


def _mean(values: Iterable[float]) -> float | None:
    found = list(values)
    return float(np.mean(found)) if found else None
