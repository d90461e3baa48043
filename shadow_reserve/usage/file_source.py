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

"""A file as a metric source, and as the input of a backtest.

Whatever the readings' own rhythm, they come out on the grid that forecasts
are made on: several in one step are averaged, and one that stands for more
than a step counts for each of them.
"""

from collections.abc import Collection
from collections.abc import Mapping
import dataclasses
import datetime
import pathlib
from typing import Any
from urllib import parse

import numpy as np

from shadow_reserve.cloud import exceptions
from shadow_reserve.records import demand
from shadow_reserve.records import usage
from shadow_reserve.usage import csv_tables
from shadow_reserve.usage import parquet_tables
from shadow_reserve.usage import series as series_module
from shadow_reserve.usage import source
from shadow_reserve.usage import tables

FloatArray = series_module.FloatArray

#: No backtest looks at more; a longer span is a stamp gone wrong.
LONGEST = datetime.timedelta(days=800)
#: Readings further apart than this say nothing of what lies between.
COARSEST = datetime.timedelta(hours=6)
#: Of the usual time from one reading to the next; after more than this, one
#: is missing between them. Less is a poller that is not on time.
LATE = 1.5


@dataclasses.dataclass(frozen=True, slots=True)
class Loaded:
    """The series of a file on one grid, and notes for who gave the file.

    Series without one reading that is a demand are left out, and named in
    the notes.
    """

    series: tuple[series_module.DemandSeries, ...]
    notes: tuple[str, ...]


def load(path: pathlib.Path, step: datetime.timedelta,
         resource: demand.DemandResource = demand.DemandResource.VCPU
         ) -> Loaded:
    """Read a file onto the grid of ``step``: Parquet by its ending, or CSV.

    :param resource: what the values are of; their unit stays the file's
    :raises tables.BadFile: when the file cannot be used
    """
    kind = (parquet_tables if path.suffix in parquet_tables.ENDINGS
            else csv_tables)
    table = kind.read(path)
    if not table.series:
        raise tables.BadFile(f'{path}: has time stamps and no series.')
    begun = min(float(one.seconds.min()) for one in table.series)
    ended = max(float(one.seconds.max()) for one in table.series)
    if ended - begun > LONGEST.total_seconds():
        raise tables.BadFile(
            f'{path}: goes from {_moment(begun)} to {_moment(ended)}, more '
            f'than {LONGEST.days} days. Correct the stamps, or cut it.')
    seconds = step.total_seconds()
    first, last = int(begun // seconds), int(ended // seconds)
    notes = _Notes(step)
    found = []
    for one in table.series:
        values = _on_grid(one, first, last - first + 1, seconds, notes)
        found.append(series_module.DemandSeries(
            token=one.name, resource=resource, step=step,
            start=series_module.EPOCH + first * step, values=values))
    kept = tuple(one for one in found if one.points)
    notes.empty = [one.token for one in found if not one.points]
    if not kept:
        raise tables.BadFile(
            f'{path}: no series has a reading that is a demand: all are '
            'gaps, negative, or beyond measure.')
    return Loaded(kept, (*table.notes, *notes.lines()))


class _Notes:
    """What was done to the readings, counted over all series."""

    def __init__(self, step: datetime.timedelta) -> None:
        self._step = step
        self.unsorted: list[str] = []
        self.twice: list[str] = []
        self.finer: list[str] = []
        self.coarser: list[str] = []
        self.empty: list[str] = []
        self.absurd = 0

    def lines(self) -> list[str]:
        minutes = self._step.total_seconds() / 60
        result = [f'{text}: {series_module.named(names)}' for names, text in (
            (self.unsorted, 'not in the order of time, and sorted'),
            (self.twice, 'a stamp came twice, and the last one counts'),
            (self.finer, f'readings less than {minutes:g} minutes apart, '
                         'and averaged'),
            (self.coarser, f'readings more than {minutes:g} minutes apart, '
                           'each of which counts until the next'),
            (self.empty, 'left out, as nothing in it is a demand')) if names]
        if self.absurd:
            result.append(f'{self.absurd} readings are negative, infinite '
                          'or beyond 1e12, and taken for gaps')
        return result


def _on_grid(one: tables.Readings, first: int, count: int, step: float,
             notes: _Notes) -> FloatArray:
    seconds, values = one.seconds, one.values
    if (np.diff(seconds) < 0).any():
        notes.unsorted.append(one.name)
        order = np.argsort(seconds, kind='stable')
        seconds, values = seconds[order], values[order]
    last = np.append(np.diff(seconds) > 0, True)
    if not last.all():
        notes.twice.append(one.name)
        seconds, values = seconds[last], values[last]
    good = series_module.plausible(values)
    notes.absurd += int((~good & ~np.isnan(values)).sum())
    apart = float(np.median(np.diff(seconds))) if len(seconds) > 1 else step
    seconds, values = seconds[good], values[good]
    if not len(seconds):
        return np.full(count, np.nan)
    buckets = (seconds // step).astype(np.int64) - first
    filled = np.bincount(buckets, minlength=count)
    sums = np.bincount(buckets, weights=values, minlength=count)
    if (filled > 1).any():
        notes.finer.append(one.name)
    # What the latest reading says of the steps that have none
    latest = np.full(count, -1)
    latest[buckets] = np.arange(len(buckets))
    latest = np.maximum.accumulate(latest)
    until = _counting_until(seconds, apart) // step - first
    held = (filled == 0) & (latest >= 0) & (np.arange(count) < until[latest])
    if held.any():
        notes.coarser.append(one.name)
    return np.where(filled > 0, sums / np.maximum(filled, 1),
                    np.where(held, values[latest], np.nan))


def _counting_until(seconds: FloatArray, apart: float) -> FloatArray:
    """Until when each reading counts: the next, if none is missing there.

    :param apart: the usual time between two, after which the others end
    """
    longest = COARSEST.total_seconds()
    following = np.append(seconds[1:], np.inf)
    near = following - seconds <= min(LATE * apart, longest)
    result: FloatArray = np.where(
        near, following, seconds + min(apart, longest))
    return result


def _moment(seconds: float) -> str:
    return (series_module.EPOCH + datetime.timedelta(seconds=seconds)
            ).isoformat(timespec='seconds')


def create(session: Any, *, granularity: datetime.timedelta,
           live_granularity: datetime.timedelta, concurrency: int,
           region_name: str | None = None, interface: str | None = None,
           endpoint_override: str | None = None) -> 'FileSource':
    """The entry point; ``endpoint_override`` is the file, or its URL.

    :raises ValueError: when it is not given
    """
    if not endpoint_override:
        raise ValueError('the metric source "file" takes the file as its '
                         'endpoint_override, file:///path/to/usage.csv')
    path = parse.unquote(parse.urlsplit(endpoint_override).path)
    return FileSource(pathlib.Path(path), granularity)


class FileSource:
    """The metric source ``file``: history only, and never live.

    A series belongs to an application when it has the name of its token,
    its server group or one of its servers; ``/memory_mib`` and
    ``/disk_mib_per_second`` after that say what it is of, and without it a
    series is of vCPUs.
    """

    def __init__(self, path: pathlib.Path,
                 granularity: datetime.timedelta) -> None:
        self._path = path
        self._granularity = granularity
        self._read: tuple[tuple[int, int], Loaded] | None = None

    def histories(
            self, applications: Collection[usage.Application],
            start: datetime.datetime, stop: datetime.datetime,
            ) -> Mapping[str, source.History | exceptions.CloudError]:
        """See ``source.MetricSource``."""
        grid = series_module.Grid.covering(start, stop, self._granularity)
        try:
            loaded = self._loaded()
        except exceptions.CloudError as error:
            return {one.token: error for one in applications}
        return {one.token: self._history(one, loaded, grid)
                for one in applications}

    @staticmethod
    def _history(
            application: usage.Application, loaded: Loaded,
            grid: series_module.Grid) -> source.History:
        names = {application.token, application.server_group,
                 *application.server_ids}
        members: dict[demand.DemandResource, list[FloatArray]] = {}
        for one in loaded.series:
            name, _, kind = one.token.partition('/')
            if name not in names:
                continue
            try:
                resource = demand.DemandResource(
                    kind or demand.DemandResource.VCPU)
            except ValueError:
                continue
            members.setdefault(resource, []).append(_cut(one, grid))
        return source.History(series={
            resource: series_module.DemandSeries(
                token=application.token, resource=resource, start=grid.start,
                step=grid.step, values=series_module.total(rows, grid.count))
            for resource, rows in members.items() if grid.count})

    def live(self, application: usage.Application, now: datetime.datetime,
             *, vcpus: int, memory_mib: int) -> None:
        """A file says nothing of just now."""
        return

    def latencies(self, applications: Collection[usage.Application],
                  now: datetime.datetime) -> Mapping[str, source.Latency]:
        """Nor of this."""
        return {}

    def _loaded(self) -> Loaded:
        """The file, read again when it has changed."""
        try:
            found = self._path.stat()
            seen = (found.st_mtime_ns, found.st_size)
            if self._read is None or self._read[0] != seen:
                self._read = seen, load(self._path, self._granularity)
        except (OSError, tables.BadFile) as error:
            raise exceptions.CloudError('file', str(error)) from error
        return self._read[1]


def _cut(one: series_module.DemandSeries,
         grid: series_module.Grid) -> FloatArray:
    """The steps of the grid; gaps where the series has none."""
    result = np.full(grid.count, np.nan)
    shift = (one.start - grid.start) // grid.step
    low, high = max(shift, 0), min(shift + len(one.values), grid.count)
    if low < high:
        result[low:high] = one.values[low - shift:high - shift]
    return result
