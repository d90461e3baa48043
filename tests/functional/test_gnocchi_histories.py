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
"""Histories from a real Gnocchi: whole once, then only what is new."""

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import datetime
import os
import subprocess
from typing import Any
import uuid

import numpy as np
import openstack
import pytest

from shadow_reserve.cloud import exceptions
from shadow_reserve.cloud import gnocchi
from shadow_reserve.records import demand
from shadow_reserve.records import usage
from shadow_reserve.usage.gnocchi import source as gnocchi_source
from shadow_reserve.usage import series as usage_series
from shadow_reserve.usage import source as usage_source
from tests.functional import metered

STEP = datetime.timedelta(minutes=5)
STEPS = 288
Resource = demand.DemandResource
#: An archive policy.
BRIEF = 'metered-brief'


class WatchedDoor(gnocchi.Gnocchi):
    """Counts what it asks for."""

    def __init__(self) -> None:
        super().__init__(openstack.connect(cloud='shadow-reserve').session)
        self.searches = 0
        self.spans: list[datetime.timedelta] = []

    def resources(self, kind: str, query: Mapping[str, Any],
                  ) -> list[gnocchi.Resource]:
        self.searches += 1
        return super().resources(kind, query)

    def means(self, kind: str, resources: Sequence[gnocchi.Resource],
              metrics: Sequence[str], granularity: datetime.timedelta,
              start: datetime.datetime, stop: datetime.datetime,
              ) -> gnocchi.Answer:
        self.spans.append(stop - start)
        return super().means(kind, resources, metrics, granularity, start,
                             stop)


def source_on(door: gnocchi.Gnocchi) -> gnocchi_source.GnocchiSource:
    return gnocchi_source.GnocchiSource(
        door, granularity=STEP, live_granularity=STEP, concurrency=4)


@pytest.fixture
def writer() -> Iterator[metered.Writer]:
    writer = metered.Writer()
    try:
        yield writer
    finally:
        writer.remove()


class Shop:
    """Servers of one group that do the same in each step of a day."""

    def __init__(self, writer: metered.Writer,
                 end: datetime.datetime) -> None:
        self._writer = writer
        self._start = end - STEPS * STEP
        self.group = f'shop-{uuid.uuid4().hex[:8]}'
        self.application = usage.Application(
            token=self.group, project_id=writer.project_id, server_ids=(),
            server_group=self.group)
        self.members = [self.add() for _ in range(2)]

    def add(self) -> tuple[str, str]:
        server_id = self._writer.add_server(self.group)
        return server_id, self._writer.add_disk(server_id)

    def push(self, steps: Sequence[int]) -> None:
        """One vCPU, 512 MiB, 2 MiB/s, 1 GiB and 3 ms each."""
        for server_id, disk_id in self.members:
            self._writer.push({
                server_id: {'cpu': self._counter(steps, 1e9),
                            'memory.usage': self._gauge(steps, 512.0)},
                disk_id: {
                    'disk.device.read.bytes': self._counter(steps, 2.0 ** 20),
                    'disk.device.write.bytes':
                        self._counter(steps, 2.0 ** 20),
                    'disk.device.read.latency': self._counter(steps, 20e6),
                    'disk.device.read.requests': self._counter(steps, 10.0),
                    'disk.device.write.latency': self._counter(steps, 40e6),
                    'disk.device.write.requests': self._counter(steps, 10.0),
                    'disk.device.allocation':
                        self._gauge(steps, 2.0 ** 30)}})
        self._writer.settle()

    def _counter(self, steps: Sequence[int], rate: float) -> list[Any]:
        return [(self._start + step * STEP, rate * step * 300.0)
                for step in steps]

    def _gauge(self, steps: Sequence[int], value: float) -> list[Any]:
        return [(self._start + step * STEP, value) for step in steps]


def series_of(found: usage_source.History | exceptions.CloudError,
              ) -> Mapping[Resource, usage_series.DemandSeries]:
    assert isinstance(found, usage_source.History)
    return found.series


def assert_same(found: Mapping[Resource, usage_series.DemandSeries],
                expected: Mapping[Resource, usage_series.DemandSeries],
                ) -> None:
    assert found.keys() == expected.keys()
    for resource in expected:
        np.testing.assert_array_equal(
            found[resource].values, expected[resource].values)


def test_only_what_is_new_is_read_again(writer: metered.Writer) -> None:
    # given a day of two servers, whose polls were missed lately
    now = datetime.datetime.now(datetime.UTC)
    end = usage_series.floor(now, STEP) - 2 * STEP
    shop = Shop(writer, end)
    shop.push([step for step in range(STEPS) if not 275 <= step < 280])
    door = WatchedDoor()
    source = source_on(door)

    # when it is read
    start = end - (STEPS - 1) * STEP
    first = series_of(
        source.histories([shop.application], start, end)[shop.group])

    # then it is in the units of the demand, with a gap
    for resource, value in ((Resource.VCPU, 2.0), (Resource.MEMORY, 1024.0),
                            (Resource.DISK_THROUGHPUT, 4.0),
                            (Resource.STORAGE, 2.0),
                            (Resource.IO_LATENCY, 3.0)):
        values = first[resource].values
        assert len(values) == STEPS - 1
        np.testing.assert_allclose(values[np.isfinite(values)], value,
                                   rtol=1e-6)
        assert 0 < np.isnan(values).sum() <= 6

    # and when the missed polls come late, a step goes by, and a server is
    # new
    shop.push(range(275, 280))
    shop.members.append(shop.add())
    shop.push([STEPS])
    whole = list(door.spans)
    door.spans.clear()
    door.searches = 0
    second = series_of(source.histories(
        [shop.application], start + STEP, end + STEP)[shop.group])

    # then little is asked for but what the new one may have had
    short = [span for span in door.spans if span <= 24 * STEP]
    assert min(whole) > STEPS * STEP
    assert door.searches == 2
    assert len(short) == 2 and len(door.spans) <= 4
    # and it is what one whole read gives, without the gap
    assert_same(second, series_of(source_on(WatchedDoor()).histories(
        [shop.application], start + STEP, end + STEP)[shop.group]))
    np.testing.assert_allclose(second[Resource.VCPU].values, 2.0, rtol=1e-6)


def test_an_archive_policy_of_no_use_keeps_no_other_application(
        writer: metered.Writer) -> None:
    # given two applications, one with metrics not kept by five minutes
    now = datetime.datetime.now(datetime.UTC)
    end = usage_series.floor(now, STEP)
    shop = Shop(writer, end)
    shop.push(range(STEPS - 24, STEPS))
    coarse = usage.Application(
        token='coarse', project_id=writer.project_id, server_ids=(
            writer.add_server('coarse', metered.UNUSABLE_POLICY),))
    door = WatchedDoor()
    source = source_on(door)

    # when both are read
    found = source.histories(
        [coarse, shop.application], end - STEPS * STEP, end)

    # then the one is told what to do, and the other has its history
    error = found['coarse']
    assert isinstance(error, gnocchi.UnusableArchivePolicy)
    assert 'its archive policy medium keeps 60 s, 3600 s' in error.message
    assert series_of(found[shop.group])[Resource.VCPU].points == 23
    # and Gnocchi is not asked for it again
    door.spans.clear()
    again = source.histories([coarse], end - STEPS * STEP, end)
    assert again['coarse'] is error
    assert not door.spans


def test_an_archive_policy_that_ends_too_early_is_mended_as_it_says(
        writer: metered.Writer) -> None:
    # given an application whose measures are kept for half a day, and not
    # for a day
    end = usage_series.floor(datetime.datetime.now(datetime.UTC), STEP)
    writer.put_policy(BRIEF, [{'granularity': 300, 'points': STEPS // 2},
                              {'granularity': 60, 'points': 60}])
    server_id = writer.add_server('brief', BRIEF)
    writer.push({server_id: {'cpu': [
        (end - step * STEP, 300e9 * (24 - step)) for step in range(24)]}})
    writer.settle()
    brief = usage.Application(
        token='brief', project_id=writer.project_id, server_ids=(server_id,))

    def read() -> usage_source.History:
        found = source_on(WatchedDoor()).histories(
            [brief], end - STEPS * STEP, end)['brief']
        assert isinstance(found, usage_source.History)
        return found

    # when a day is read, then it is read, and said what to do
    found = read()
    assert found.series[Resource.VCPU].points == 22
    [text] = [str(error) for error in found.lacks]
    assert f'of cpu, memory.usage: archive policy {BRIEF} keeps' in text
    # and when that is done, nothing is lacking
    _, _, command = text.partition('To keep as much from now on: ')
    subprocess.run(command.split(), check=True,
                   env={**os.environ, 'OS_CLOUD': 'admin'})
    assert not read().lacks
