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
"""Usage from Gnocchi, as Ceilometer writes it there."""

from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
import datetime
import threading

from keystoneauth1 import session as ksa_session
import numpy as np

from shadow_reserve.cloud import exceptions
from shadow_reserve.cloud import gnocchi
from shadow_reserve.records import demand
from shadow_reserve.records import usage
from shadow_reserve.usage.gnocchi import cache as gnocchi_cache
from shadow_reserve.usage.gnocchi import latency as gnocchi_latency
from shadow_reserve.usage.gnocchi import live as gnocchi_live
from shadow_reserve.usage.gnocchi import members as gnocchi_members
from shadow_reserve.usage.gnocchi import meters as meters
from shadow_reserve.usage.gnocchi import reader as gnocchi_reader
from shadow_reserve.usage.gnocchi import spans as gnocchi_spans
from shadow_reserve.usage import series as series_module
from shadow_reserve.usage import source


def create(session: ksa_session.Session, *,
           granularity: datetime.timedelta,
           live_granularity: datetime.timedelta,
           concurrency: int,
           region_name: str | None = None,
           interface: str | None = None,
           endpoint_override: str | None = None) -> 'GnocchiSource':
    """The entry point: a source on the Gnocchi of the session's cloud."""
    return GnocchiSource(
        gnocchi.Gnocchi(session, region_name=region_name,
                        interface=interface,
                        endpoint_override=endpoint_override),
        granularity=granularity, live_granularity=live_granularity,
        concurrency=concurrency)


class GnocchiSource:
    """A metric source over the metrics of ``instance`` and its disks.

    What it read before is kept, so that the next histories of the same
    applications cost only the newest buckets.

    :param granularity: of the histories; each metric's archive policy must
        have it, or ``gnocchi.UnusableArchivePolicy`` says which has not
    :param live_granularity: the same for ``live`` and ``latencies``
    :param concurrency: how many requests are made at once
    """

    def __init__(self, door: gnocchi_members.Door, *,
                 granularity: datetime.timedelta,
                 live_granularity: datetime.timedelta,
                 concurrency: int) -> None:
        self._step = granularity
        self._members = gnocchi_members.Members(door, concurrency)
        self._reader = gnocchi_reader.Reader(door, granularity, concurrency)
        self._spans = gnocchi_spans.Spans(door, granularity)
        self._live = gnocchi_live.LiveReader(
            door, self._members, live_granularity)
        self._latency = gnocchi_latency.LatencyReader(
            door, self._members, live_granularity, concurrency)
        self._lock = threading.Lock()

    @property
    def nbytes(self) -> int:
        """Room that the kept histories take."""
        return self._reader.nbytes

    def histories(
            self, applications: Collection[usage.Application],
            start: datetime.datetime, stop: datetime.datetime,
            ) -> Mapping[str, source.History | exceptions.CloudError]:
        """See ``source.MetricSource``; steps are of ``granularity``."""
        grid = series_module.Grid.covering(start, stop, self._step)
        if not grid.count:
            return {one.token: source.History(series={})
                    for one in applications}
        window = gnocchi_cache.Window.of(grid)
        with self._lock:
            found = self._members.of(applications, grid.start)
            if any(one.servers for one in found.values()):
                self._spans.refresh(start, stop)
            errors = self._reader.refresh(
                _distinct(one.servers for one in found.values()),
                _distinct(one.disks for one in found.values()), window)
            return {one.token: self._history(
                one, found[one.token], errors, grid, window)
                for one in applications}

    def _history(self, application: usage.Application,
                 members: gnocchi_members.Found,
                 errors: Mapping[str, exceptions.CloudError],
                 grid: series_module.Grid,
                 window: gnocchi_cache.Window,
                 ) -> source.History | exceptions.CloudError:
        if members.error is not None:
            return members.error
        for server in members.servers:
            if server.resource_id in errors:
                return errors[server.resource_id]
        lacks: list[exceptions.CloudError] = []
        disks: Sequence[gnocchi.Resource] = members.disks
        for disk in disks:
            error = errors.get(disk.resource_id)
            if isinstance(error, gnocchi.UnusableArchivePolicy):
                # A size is made without the disks; half of them would be
                # a demand that nobody has.
                lacks.append(error)
                disks = ()
                break
            if error is not None:
                return error
        rows = self._reader.rows(members.servers, disks, window)
        found = _demand(rows, grid.count)
        ceilings = {} if application.vcpus is None else {
            demand.DemandResource.VCPU: series_module.capacity(
                rows.get(meters.Row.VCPU, []), application.vcpus,
                found[demand.DemandResource.VCPU])}
        return source.History(
            series={resource: series_module.DemandSeries(
                token=application.token, resource=resource,
                start=grid.start, step=grid.step, values=values,
                ceiling=ceilings.get(resource))
                for resource, values in found.items()
                if np.isfinite(values).any()},
            lacks=(*lacks, *self._spans.shortages((
                *members.servers, *disks))))

    def live(self, application: usage.Application, now: datetime.datetime,
             *, vcpus: int, memory_mib: int) -> usage.LiveUsage | None:
        """See ``source.MetricSource``."""
        return self._live.read(application, now, vcpus=vcpus,
                               memory_mib=memory_mib)

    def latencies(self, applications: Collection[usage.Application],
                  now: datetime.datetime,
                  ) -> Mapping[str, source.Latency]:
        """See ``source.MetricSource``; not for several threads at once."""
        return self._latency.read(applications, now)


def _distinct(groups: Iterable[Sequence[gnocchi.Resource]],
              ) -> list[gnocchi.Resource]:
    """An instance may be in several applications."""
    return list({one.resource_id: one
                 for group in groups for one in group}.values())


def _demand(rows: Mapping[meters.Row, Sequence[gnocchi_cache.Kept]],
            count: int,
            ) -> dict[demand.DemandResource, series_module.FloatArray]:
    result = {resource: series_module.total(rows.get(row, []), count)
              for resource, row in meters.SUMS.items()}
    result[demand.DemandResource.IO_LATENCY] = meters.latency(
        series_module.total(rows.get(meters.Row.IO_TIME, []), count),
        series_module.total(rows.get(meters.Row.IO_REQUESTS, []), count))
    return result
