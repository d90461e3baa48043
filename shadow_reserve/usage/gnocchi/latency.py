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

"""The I/O latency of many applications, as alarms look at it."""

from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import datetime
import functools

import numpy as np
from oslo_log import log as logging

from shadow_reserve.cloud import exceptions
from shadow_reserve.cloud import gnocchi
from shadow_reserve.records import usage
from shadow_reserve.usage.gnocchi import members as gnocchi_members
from shadow_reserve.usage.gnocchi import meters
from shadow_reserve.usage import parallel
from shadow_reserve.usage import series as series_module
from shadow_reserve.usage import source

LOG = logging.getLogger(__name__)

#: The newest intervals that are read, since some come to be seen late;
#: and one more before them to see the growth of counters from.
_INTERVALS = 4
#: Intervals without a poll that do not break a rate.
_BRIDGE = 1
#: Disks that one request asks for.
_DISKS_AT_ONCE = 100
#: After which disks are looked up again, of servers that stay the same.
_KNOWN_FOR = datetime.timedelta(minutes=5)


@dataclasses.dataclass(frozen=True, slots=True)
class _Known:
    application: usage.Application
    disks: tuple[str, ...]
    since: datetime.datetime


class LatencyReader:
    """Reads the last few intervals; it keeps in mind whose disks are whose.

    :param step: length of an interval, and the granularity that each
        metric's archive policy must have
    :param concurrency: how many requests are made at once
    """

    def __init__(self, door: gnocchi_members.Door,
                 members: gnocchi_members.Members,
                 step: datetime.timedelta, concurrency: int) -> None:
        self._door = door
        self._members = members
        self._step = step
        self._concurrency = concurrency
        self._known: dict[str, _Known] = {}
        self._resources: dict[str, gnocchi.Resource] = {}

    def read(self, applications: Collection[usage.Application],
             now: datetime.datetime) -> dict[str, source.Latency]:
        """See ``source.MetricSource.latencies``."""
        errors = self._find(applications, now)
        disks = {disk: self._resources[disk]
                 for known in self._known.values() for disk in known.disks}
        end = series_module.floor(now, self._step)
        grid = series_module.Grid.covering(
            end - (_INTERVALS + 1) * self._step, end, self._step)
        rows, failed = self._read(list(disks.values()), grid)
        return {one.token: errors.get(one.token) or self._latency(
            self._known[one.token].disks, rows, failed, grid)
            for one in applications}

    def _find(self, applications: Collection[usage.Application],
              now: datetime.datetime) -> dict[str, exceptions.CloudError]:
        """See to it that the disks of all of them are known.

        :returns: why those of others are not, by token
        """
        # Servers that left a group do no I/O any more.
        asked = {one.token: dataclasses.replace(one, server_group=None)
                 for one in applications}
        self._known = {
            token: known for token, known in self._known.items()
            if known.application == asked.get(token)
            and now - known.since < _KNOWN_FOR}
        new = [one for token, one in asked.items()
               if token not in self._known]
        errors = {}
        for token, found in self._members.of(new, now).items():
            if found.error is not None:
                errors[token] = found.error
                continue
            # A server that Gnocchi has not heard of yet will soon have
            # disks.
            complete = len(found.servers) == len(asked[token].server_ids)
            self._known[token] = _Known(
                asked[token], tuple(one.resource_id for one in found.disks),
                now if complete else now - _KNOWN_FOR)
            self._resources.update(
                (one.resource_id, one) for one in found.disks)
        wanted = {disk for known in self._known.values()
                  for disk in known.disks}
        self._resources = {disk: one for disk, one
                           in self._resources.items() if disk in wanted}
        return errors

    def _read(self, disks: Sequence[gnocchi.Resource],
              grid: series_module.Grid,
              ) -> tuple[dict[str, meters.Rows],
                         dict[str, exceptions.CloudError]]:
        """What is known of each disk, or why nothing is."""
        rows: dict[str, meters.Rows] = {}
        failed: dict[str, exceptions.CloudError] = {}
        parts = [disks[first:first + _DISKS_AT_ONCE]
                 for first in range(0, len(disks), _DISKS_AT_ONCE)]
        for place, answer in parallel.gather(
                [functools.partial(
                    self._door.means, meters.DISK.name, part,
                    meters.LATENCY + meters.REQUESTS, grid.step, grid.start,
                    grid.stop) for part in parts], self._concurrency):
            if isinstance(answer, exceptions.CloudError):
                failed.update((one.resource_id, answer)
                              for one in parts[place])
                continue
            failed.update(answer.unusable)
            for disk, points in answer.measures.items():
                rows[disk] = meters.io_rows({
                    name: series_module.means_at(
                        one.stamps, one.values, grid)
                    for name, one in points.items()}, grid.step, _BRIDGE)
        return rows, failed

    @staticmethod
    def _latency(disks: Sequence[str], rows: Mapping[str, meters.Rows],
                 failed: Mapping[str, exceptions.CloudError],
                 grid: series_module.Grid) -> source.Latency:
        for disk in disks:
            if disk in failed:
                # The latency of the others would be another one.
                return failed[disk]
        values = meters.mean_latency(
            [rows[disk] for disk in disks if disk in rows], grid.count)
        return [
            usage.Measure(at=grid.start + (int(place) + 1) * grid.step,
                          value=float(values[place]))
            for place in np.flatnonzero(series_module.plausible(values))]
