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

"""Usage from Gnocchi, as Ceilometer writes it there.

Ceilometer keeps ``cpu`` and the disk metrics as counters that only grow.
They are read as bucket means and differenced here: that depends neither on
the interval of the polls nor on the archive policy having ``rate:``
aggregates, and a counter that was reset is seen for what it is.
"""

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import datetime
from typing import Any
from typing import Protocol

from keystoneauth1 import session as ksa_session
import numpy as np
from oslo_log import log as logging

from shadow_reserve.cloud import gnocchi
from shadow_reserve.records import demand
from shadow_reserve.records import usage
from shadow_reserve.usage import series as series_module

LOG = logging.getLogger(__name__)

FloatArray = series_module.FloatArray

INSTANCE = 'instance'
DISK = 'instance_disk'
NANOSECONDS = 1e9
MEBIBYTE = 2.0 ** 20
THROUGHPUT = ('disk.device.read.bytes', 'disk.device.write.bytes')
LATENCY = ('disk.device.read.latency', 'disk.device.write.latency')
REQUESTS = ('disk.device.read.requests', 'disk.device.write.requests')
#: Longest time that a server is believed to go on without a measure: two
#: polls of Ceilometer's slowest usual interval.
BRIDGE = datetime.timedelta(minutes=10)


class Door(Protocol):
    """What is needed of ``cloud.gnocchi.Gnocchi``."""

    def resources(self, kind: str, query: Mapping[str, Any]
                  ) -> list[gnocchi.Resource]: ...

    def means(self, kind: str, resources: Sequence[gnocchi.Resource],
              metrics: Sequence[str], granularity: datetime.timedelta,
              start: datetime.datetime, stop: datetime.datetime
              ) -> gnocchi.Measures: ...


def create(session: ksa_session.Session, *,
           granularity: datetime.timedelta,
           live_granularity: datetime.timedelta,
           region_name: str | None = None,
           interface: str | None = None,
           endpoint_override: str | None = None) -> 'GnocchiSource':
    """The entry point: a source on the Gnocchi of the session's cloud."""
    return GnocchiSource(
        gnocchi.Gnocchi(session, region_name=region_name,
                        interface=interface,
                        endpoint_override=endpoint_override),
        granularity=granularity, live_granularity=live_granularity)


class GnocchiSource:
    """A metric source over the metrics of ``instance`` and its disks.

    :param granularity: of the history; each metric's archive policy must
        have it, or ``gnocchi.UnusableArchivePolicy`` says which has not
    :param live_granularity: the same for ``live``
    """

    def __init__(self, door: Door, *, granularity: datetime.timedelta,
                 live_granularity: datetime.timedelta) -> None:
        self._door = door
        self._granularity = granularity
        self._live_granularity = live_granularity

    def history(
            self, application: usage.Application, start: datetime.datetime,
            stop: datetime.datetime,
            ) -> Mapping[demand.DemandResource, series_module.DemandSeries]:
        """See ``source.MetricSource``; steps are of ``granularity``."""
        step = self._granularity
        # One bucket more, for the first difference.
        grid = series_module.Grid.covering(start - step, stop, step)
        if grid.count < 2:
            return {}
        servers = self._servers(application, application.server_group)
        disks = self._disks(servers)
        bridge = BRIDGE // step
        members: dict[demand.DemandResource, list[FloatArray]] = {
            demand.DemandResource.VCPU: [
                _rates(points, grid, bridge) / NANOSECONDS
                for points in self._points(INSTANCE, servers, ['cpu'], grid)],
            demand.DemandResource.MEMORY: [
                _gauge(points, grid, bridge) for points in self._points(
                    INSTANCE, servers, ['memory.usage'], grid)],
            demand.DemandResource.DISK_THROUGHPUT: [
                _rates(points, grid, bridge) / MEBIBYTE
                for points in self._points(DISK, disks, THROUGHPUT, grid)],
        }
        result = {}
        for resource, rows in members.items():
            if not rows:
                continue
            held = [series_module.held_at_end(one) for one in rows]
            result[resource] = series_module.DemandSeries(
                token=application.token, resource=resource,
                start=grid.start + step, step=step,
                values=series_module.total(held, grid.count)[1:])
        return result

    def live(self, application: usage.Application, now: datetime.datetime,
             *, vcpus: int, memory_mib: int) -> usage.LiveUsage | None:
        """See ``source.MetricSource``.

        Each server counts with its newest complete bucket, which may be
        ``BRIDGE`` old where it is polled so seldom.
        """
        step = self._live_granularity
        grid = series_module.Grid.covering(now - 2 * BRIDGE, now, step)
        servers = self._servers(application, None)
        if not servers:
            return None
        cpu = self._means(INSTANCE, servers, ['cpu'], grid)
        memory = self._means(INSTANCE, servers, ['memory.usage'], grid)
        sizes = self._optional(INSTANCE, servers, ['vcpus', 'memory'], grid)
        bridge = BRIDGE // step
        newest: list[int] = []
        busy, used = [], []
        for server in servers:
            one = server.resource_id
            size = sizes.get(one, {})
            rate = _latest(_rates(cpu.get(one, {}).get('cpu', []), grid,
                                  bridge), bridge, newest)
            if rate is not None:
                count = _size(size.get('vcpus', []), vcpus)
                busy.append((one, 100 * rate / (count * NANOSECONDS)))
            held = _latest(series_module.bucket_means(
                memory.get(one, {}).get('memory.usage', []), grid),
                bridge, newest)
            if held is not None:
                used.append((one, 100 * held / _size(
                    size.get('memory', []), memory_mib)))
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
        """Milliseconds an I/O request took, mean over the servers' disks.

        Disks that had none lately have no latency.
        """
        disks = self._disks(servers)
        by_disk = self._optional(DISK, disks, LATENCY + REQUESTS, grid)
        each = []
        for points in by_disk.values():
            spent = _sum_of(points, LATENCY, grid, bridge)
            done = _sum_of(points, REQUESTS, grid, bridge)
            with np.errstate(divide='ignore', invalid='ignore'):
                per_request = np.where(done > 0, spent / done, np.nan)
            latest = _latest(per_request, bridge, [])
            if latest is not None:
                each.append(latest / 1e6)
        return _mean(each)

    def _servers(self, application: usage.Application,
                 server_group: str | None) -> list[gnocchi.Resource]:
        """The servers of now, and all that ever were in the group."""
        members: list[dict[str, Any]] = []
        if application.server_ids:
            members.append({'in': {'id': list(application.server_ids)}})
        if server_group is not None:
            members.append({'=': {'server_group': server_group}})
        if not members:
            return []
        return self._door.resources(INSTANCE, {'and': [
            {'=': {'project_id': application.project_id}},
            {'or': members}]})

    def _disks(self, servers: Sequence[gnocchi.Resource]
               ) -> list[gnocchi.Resource]:
        if not servers:
            return []
        return self._door.resources(DISK, {'in': {'instance_id': [
            server.resource_id for server in servers]}})

    def _points(self, kind: str, resources: Sequence[gnocchi.Resource],
                metrics: Sequence[str], grid: series_module.Grid
                ) -> Iterator[list[series_module.Measure]]:
        found = self._means(kind, resources, metrics, grid)
        for by_metric in found.values():
            yield from (by_metric[name] for name in metrics
                        if by_metric.get(name))

    def _means(self, kind: str, resources: Sequence[gnocchi.Resource],
               metrics: Sequence[str], grid: series_module.Grid
               ) -> gnocchi.Measures:
        return self._door.means(kind, resources, metrics, grid.step,
                                grid.start, grid.stop)

    def _optional(self, kind: str, resources: Sequence[gnocchi.Resource],
                  metrics: Sequence[str], grid: series_module.Grid
                  ) -> gnocchi.Measures:
        """As ``_means``, of what a decision can be made without."""
        try:
            return self._means(kind, resources, metrics, grid)
        except gnocchi.UnusableArchivePolicy as error:
            LOG.warning('Left out of the live usage: %s', error)
            return {}


def _rates(points: Iterable[series_module.Measure],
           grid: series_module.Grid, bridge: int) -> FloatArray:
    """A counter's growth a second; a reboot leaves no hole in the total."""
    return series_module.bridged(series_module.rates(
        series_module.bucket_means(points, grid), grid.step, bridge), bridge)


def _gauge(points: Iterable[series_module.Measure],
           grid: series_module.Grid, bridge: int) -> FloatArray:
    return series_module.bridged(
        series_module.bucket_means(points, grid), bridge)


def _sum_of(points: Mapping[str, list[series_module.Measure]],
            names: Sequence[str], grid: series_module.Grid,
            bridge: int) -> FloatArray:
    return series_module.total(
        [series_module.rates(series_module.bucket_means(
            points[name], grid), grid.step, bridge)
            for name in names if name in points], grid.count)


def _latest(values: FloatArray, bridge: int,
            newest: list[int]) -> float | None:
    """The newest value that is recent enough; notes down where it was."""
    known = np.flatnonzero(series_module.plausible(values))
    if not len(known) or known[-1] < len(values) - 1 - bridge:
        return None
    newest.append(int(known[-1]))
    return float(values[known[-1]])


def _size(points: Sequence[series_module.Measure], default: int) -> float:
    """The newest of the measured sizes, or the default; never zero."""
    measured = max(points, default=None)
    if measured is not None and measured[1] > 0:
        return float(measured[1])
    return float(max(default, 1))


def _mean(values: Iterable[float]) -> float | None:
    found = list(values)
    return float(np.mean(found)) if found else None
