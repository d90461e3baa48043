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
"""How fast histories come out of Gnocchi, beside Gnocchi's own limit.

    tools/pocket-cloud run tox -e bench -- tests/benchmarks/bench_gnocchi.py

Fifty servers with a disk each and 14 days of points at five minutes are
written, and read back: by the metric source, and by bare requests of the
same data whose answers nobody looks into, as many at once. The fastest of
these is the limit. The ways take turns, and the best of two rounds counts,
since a machine has other things to do. After the whole comes the delta: what
one more step costs.
"""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from concurrent import futures
import dataclasses
import datetime
import json
import os
import time
from typing import Any
import uuid

import numpy as np
import openstack
import pytest
import requests

from shadow_reserve.cloud import gnocchi
from shadow_reserve.records import usage
from shadow_reserve.usage.gnocchi import source as gnocchi_source
from shadow_reserve.usage import series as series_module
from shadow_reserve.usage import source as usage_source
from tests.functional import metered

SERVERS = 50
#: Servers of one application.
MEMBERS = 5
STEPS = 14 * 288
STEP = datetime.timedelta(minutes=5)
CONCURRENCY = 4
ROUNDS = 2
OURS = 'the metric source'
KINDS = (('instance', metered.SERVER_METRICS),
         ('instance_disk', metered.DISK_METRICS))

pytestmark = pytest.mark.skipif(
    'POCKET_CLOUD_STATE' not in os.environ,
    reason='needs a pocket cloud that runs: tools/pocket-cloud run ...')


@dataclasses.dataclass(frozen=True)
class Span:
    """Of time."""

    start: datetime.datetime
    end: datetime.datetime


@dataclasses.dataclass(frozen=True)
class Row:
    """One way to read, as it was seen once."""

    reading: str
    way: str
    requests: int
    points: int
    seconds: float
    client_cpu_seconds: float

    @property
    def points_per_second(self) -> float:
        return self.points / self.seconds


class Data:
    """What was written: applications with their servers and disks."""

    def __init__(self, writer: metered.Writer) -> None:
        now = series_module.floor(datetime.datetime.now(datetime.UTC), STEP)
        self.whole = Span(now - STEPS * STEP, now - STEP)
        self.delta = Span(now - (STEPS - 1) * STEP, now)
        self.applications = []
        self.ids: dict[str, list[str]] = {kind: [] for kind, _ in KINDS}
        dice = np.random.default_rng(1)
        for number in range(SERVERS):
            if number % MEMBERS == 0:
                group = f'bench-{uuid.uuid4().hex[:8]}'
                self.applications.append(usage.Application(
                    token=group, project_id=writer.project_id,
                    server_ids=(), server_group=group))
            server_id = writer.add_server(group)
            disk_id = writer.add_disk(server_id)
            self.ids['instance'].append(server_id)
            self.ids['instance_disk'].append(disk_id)
            writer.push({
                server_id: self._measures(dice, metered.SERVER_METRICS),
                disk_id: self._measures(dice, metered.DISK_METRICS)})
        writer.settle()

    def _measures(self, dice: np.random.Generator,
                  metrics: Sequence[str]) -> metered.Measures:
        stamps = [self.whole.start + step * STEP for step in range(STEPS)]
        return {metric: list(zip(stamps, np.cumsum(
            dice.integers(0, 10 ** 11, STEPS)).tolist()))
            for metric in metrics}


class CountingDoor(gnocchi.Gnocchi):
    """Counts the requests for measures, and the points that came."""

    requests = 0
    points = 0

    def means(self, *args: Any, **kwargs: Any) -> gnocchi.Answer:
        answer = super().means(*args, **kwargs)
        self.requests += 1
        self.points += sum(
            len(points.values) for by_metric in answer.measures.values()
            for points in by_metric.values())
        return answer


class Bare:
    """Requests of which only the length of the answer matters."""

    def __init__(self) -> None:
        session = openstack.connect(cloud='shadow-reserve').session
        self._url = session.get_endpoint(service_type='metric').rstrip('/')
        self._http = requests.Session()
        self._http.headers['X-Auth-Token'] = session.get_token()

    def metric_ids(self, kind: str, ids: Sequence[str]) -> list[str]:
        answer = self._http.post(f'{self._url}/v1/search/resource/{kind}',
                                 json={'in': {'id': list(ids)}})
        return [metric for row in answer.json()
                for metric in row['metrics'].values()]

    def search(self, kind: str, ids: Sequence[str], metrics: Sequence[str],
               span: Span) -> int:
        return self._points(self._http.post(
            f'{self._url}/v1/aggregates', params=self._query(span),
            json={'operations': [
                'metric', *([name, 'mean'] for name in metrics)],
                'resource_type': kind, 'search': {'in': {'id': list(ids)}}}))

    def metric(self, metric_id: str, span: Span) -> int:
        return self._points(self._http.get(
            f'{self._url}/v1/metric/{metric_id}/measures',
            params={**self._query(span), 'aggregation': 'mean'}))

    @staticmethod
    def _query(span: Span) -> dict[str, str]:
        return {'start': span.start.isoformat(), 'fill': 'dropna',
                'stop': span.end.isoformat(), 'granularity': '300'}

    @staticmethod
    def _points(answer: requests.Response) -> int:
        answer.raise_for_status()
        return answer.content.count(b'+00:00')


def _ways(bare: Bare, data: Data, span: Span,
          ) -> dict[str, list[Callable[[], int]]]:
    """The same data in requests of different kinds and sizes."""
    ways: dict[str, list[Callable[[], int]]] = {}

    def add(way: str, question: Callable[..., int], *args: Any) -> None:
        ways.setdefault(way, []).append(lambda: question(*args, span))

    for kind, metrics in KINDS:
        ids = data.ids[kind]
        for size, each in ((16, False), (SERVERS, False), (2, True),
                           (SERVERS, True)):
            for first in range(0, len(ids), size):
                part = ids[first:first + size]
                if each:
                    add(f'bare: {size} resources, all metrics',
                        bare.search, kind, part, metrics)
                    continue
                for metric in metrics:
                    add(f'bare: {size} resources, one metric',
                        bare.search, kind, part, [metric])
        for metric_id in bare.metric_ids(kind, ids):
            add('bare: one metric a request', bare.metric, metric_id)
    return ways


def _timed(reading: str, way: str, read: Callable[..., tuple[int, int]],
           what: Any) -> Row:
    began, cpu = time.perf_counter(), time.process_time()
    asked, points = read(what)
    return Row(reading, way, asked, points, time.perf_counter() - began,
               time.process_time() - cpu)


def _barely(questions: Sequence[Callable[[], int]]) -> tuple[int, int]:
    with futures.ThreadPoolExecutor(CONCURRENCY) as pool:
        return len(questions), sum(pool.map(lambda ask: ask(), questions))


class Ours:
    """A source that has read nothing yet."""

    def __init__(self, data: Data) -> None:
        self._door = CountingDoor(
            openstack.connect(cloud='shadow-reserve').session)
        self.source = gnocchi_source.GnocchiSource(
            self._door, granularity=STEP, live_granularity=STEP,
            concurrency=CONCURRENCY)
        self._data = data

    def read(self, span: Span) -> tuple[int, int]:
        self._door.requests = self._door.points = 0
        found = self.source.histories(
            self._data.applications, span.start, span.end)
        assert all(
            isinstance(one, usage_source.History) and len(one.series) == 5
            for one in found.values())
        return self._door.requests, self._door.points


@pytest.fixture
def data() -> Iterator[Data]:
    writer = metered.Writer()
    try:
        yield Data(writer)
    finally:
        writer.remove()


def test_reading_back_is_as_fast_as_gnocchi_is(data: Data) -> None:
    bare = Bare()
    rows: list[Row] = []
    # What a delta reads again, so that late measures are seen.
    newest = Span(data.delta.end - 22 * STEP, data.delta.end)
    for _ in range(ROUNDS):
        ours = Ours(data)
        rows.append(_timed('whole', OURS, ours.read, data.whole))
        rows.append(_timed('delta', OURS, ours.read, data.delta))
        for reading, span in (('whole', data.whole), ('delta', newest)):
            for way, questions in _ways(bare, data, span).items():
                rows.append(_timed(reading, way, _barely, questions))
    best = [min((row for row in rows if (row.reading, row.way) == one),
                key=lambda row: row.seconds)
            for one in dict.fromkeys((row.reading, row.way) for row in rows)]
    _report(best, ours.source.nbytes)


def _report(best: Sequence[Row], kept_bytes: int) -> None:
    print(f'\n{SERVERS} servers with a disk each, {STEPS} steps, '
          f'{CONCURRENCY} requests at once, best of {ROUNDS}; '
          f'{kept_bytes / 2 ** 20:.1f} MiB are kept')
    print(f'{"":6} {"way":38} {"requests":>8} {"points":>9} {"s":>7} '
          f'{"points/s":>9} {"client s":>8}')
    for row in sorted(best, key=lambda row: (row.reading != 'whole',
                                             row.seconds)):
        print(f'{row.reading:6} {row.way:38} {row.requests:8} '
              f'{row.points:9} {row.seconds:7.2f} '
              f'{row.points_per_second:9.0f} {row.client_cpu_seconds:8.2f}')
    shares = {}
    for reading in ('whole', 'delta'):
        each = [row for row in best if row.reading == reading]
        limit = min(row.seconds for row in each if row.way != OURS)
        mine = min(row.seconds for row in each if row.way == OURS)
        shares[reading] = limit / mine
        print(f'{reading}: {limit / mine:.0%} of the speed of the fastest '
              f'bare way')
    print('\n' + json.dumps({
        'servers': SERVERS, 'steps': STEPS, 'concurrency': CONCURRENCY,
        'kept_bytes': kept_bytes, 'share_of_limit': shares,
        'rows': [dataclasses.asdict(row) for row in best]}))
