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
"""What was read of the members before, so that only the newest is read.

It may be lost at any time: a member that is not in it is read whole. With
it or without, what is known of a member is the same, as long as measures
come no later than ``RE_READ``, or are all that a metric has beyond a point
(Gnocchi folds the measures of a metric in turn, so a backlog is its end
that is missing; of a server that has ended, it is waited for as long as
``PATIENCE``). What came later still is seen within a day.
"""

from collections.abc import Mapping
import dataclasses
import datetime
import zlib

import numpy as np
from numpy import typing as npt

from shadow_reserve.cloud import gnocchi
from shadow_reserve.usage.gnocchi import meters as meters
from shadow_reserve.usage import series as series_module

#: Half of the room of the usual floats, and more exact than any meter.
Kept = npt.NDArray[np.float32]

#: Measures may be this much late.
RE_READ = datetime.timedelta(hours=1)
#: A metric without measures for longer than this has gone silent: it is not
#: the store that is behind.
PATIENCE = datetime.timedelta(hours=3)
#: Each member is read whole once in this time, each at a time of its own.
REFRESH = datetime.timedelta(days=1)
#: A member that was not asked for in this time is forgotten.
FORGET = datetime.timedelta(hours=1)


@dataclasses.dataclass(frozen=True, slots=True)
class Window:
    """Buckets ``begin`` to ``end - 1``, counted from 1970 on."""

    begin: int
    end: int

    @classmethod
    def of(cls, grid: series_module.Grid) -> 'Window':
        begin = (grid.start - series_module.EPOCH) // grid.step
        return cls(begin, begin + grid.count)


@dataclasses.dataclass(kw_only=True, slots=True)
class _Member:
    """``rows`` cover ``window``; ``newest`` is the last bucket with a
    measure, by metric."""

    metrics: Mapping[str, str]
    window: Window
    asked: int
    read_whole: int
    rows: dict[meters.Row, Kept]
    newest: dict[str, int]


@dataclasses.dataclass(slots=True)
class _Refused:
    metrics: Mapping[str, str]
    asked: int
    error: gnocchi.UnusableArchivePolicy


class MemberCache:
    """The members of one kind, by the id of their resource.

    :param step: length of a bucket
    :param bridge: see ``series``
    """

    def __init__(self, kind: meters.Kind, step: datetime.timedelta,
                 bridge: int) -> None:
        self._kind = kind
        self._step = step
        self._bridge = bridge
        self._lead = meters.lead(bridge)
        self._reach = meters.reach(bridge)
        self._re_read = max(RE_READ // step, 1)
        self._patience = self._re_read + PATIENCE // step
        self._members: dict[str, _Member] = {}
        self._refused: dict[str, _Refused] = {}

    def __len__(self) -> int:
        return len(self._members)

    @property
    def nbytes(self) -> int:
        """Room that the rows take."""
        return sum(row.nbytes for member in self._members.values()
                   for row in member.rows.values())

    def refuse(self, resource: gnocchi.Resource,
               error: gnocchi.UnusableArchivePolicy,
               window: Window) -> None:
        """Do not ask for these metrics again: an archive policy that has
        metrics neither gains granularities nor means."""
        self._members.pop(resource.resource_id, None)
        self._refused[resource.resource_id] = _Refused(
            self._wanted(resource), window.end, error)

    def refusal(self, resource: gnocchi.Resource, window: Window,
                ) -> gnocchi.UnusableArchivePolicy | None:
        """Why there is no use in asking, as long as the metrics are the
        same."""
        refused = self._refused.get(resource.resource_id)
        if refused is None or refused.metrics != self._wanted(resource):
            return None
        refused.asked = window.end
        return refused.error

    def first(self, resource: gnocchi.Resource,
              window: Window) -> int | None:
        """The first bucket to read; ``None`` when nothing can be new."""
        whole = window.begin - self._lead
        member = self._members.get(resource.resource_id)
        if (member is None or member.metrics != self._wanted(resource)
                or member.window.end <= window.begin
                # The clock was set back; a little costs only gaps.
                or member.window.end > window.end + self._re_read
                or self._is_stale(resource, member, window)):
            return whole
        member.asked = window.end
        ended = resource.attributes.get('ended_at')
        if ended and member.window.end > self._patience + (
                datetime.datetime.fromisoformat(ended)
                - series_module.EPOCH) // self._step:
            return None
        behind = [bucket + 1 for bucket in member.newest.values()
                  if bucket >= member.window.end - self._patience]
        return max(whole, self._before(min(
            [*behind, member.window.end, window.end])))

    def _before(self, bucket: int) -> int:
        """Where to begin, to know all that may have changed when a measure
        in this bucket is the first that is new."""
        return bucket - self._re_read - self._reach - self._lead

    def _wanted(self, resource: gnocchi.Resource) -> dict[str, str]:
        return {name: resource.metrics[name] for name in self._kind.metrics
                if name in resource.metrics}

    def _is_stale(self, resource: gnocchi.Resource, member: _Member,
                  window: Window) -> bool:
        day = REFRESH // self._step
        phase = zlib.crc32(resource.resource_id.encode()) % day
        return ((window.end + phase) // day
                > (member.read_whole + phase) // day)

    def store(self, resource: gnocchi.Resource, first: int,
              points: Mapping[str, gnocchi.Points],
              window: Window) -> int | None:
        """Take in what was read, from the bucket ``first`` on.

        :returns: ``None``; or an earlier bucket to read from instead, when
            a metric that had been silent has measures again: nobody knows
            what it measured since
        """
        grid = series_module.Grid(
            start=series_module.EPOCH + first * self._step, step=self._step,
            count=window.end - first)
        means = {name: series_module.means_at(one.stamps, one.values, grid)
                 for name, one in points.items()}
        newest = {name: first + int(known[-1])
                  for name, values in means.items()
                  if len(known := np.flatnonzero(np.isfinite(values)))}
        whole = window.begin - self._lead
        member = self._members.get(resource.resource_id)
        if first <= whole or member is None:
            member = _Member(
                metrics=self._wanted(resource), window=window,
                asked=window.end, read_whole=window.end, rows={}, newest={})
        else:
            known_to = [member.newest.get(name, whole) for name in newest]
            needed = min((bucket + 1 for bucket in known_to),
                         default=window.end) - self._reach - self._lead
            if needed < first:
                return max(whole, needed - self._re_read)
        self._merge(member, first + self._lead, window, self._kind.rows(
            means, self._step, self._bridge))
        member.newest.update(newest)
        self._members[resource.resource_id] = member
        return None

    def _merge(self, member: _Member, valid: int, window: Window,
               fresh: meters.Rows) -> None:
        """Replace what is known from the bucket ``valid`` on."""
        rows = {}
        for row in member.rows.keys() | fresh.keys():
            values = _moved(member.rows.get(row), member.window, window)
            values[max(valid - window.begin, 0):] = np.nan
            if row in fresh:
                new = fresh[row][-(window.end - max(valid, window.begin)):]
                values[-len(new):] = np.where(
                    series_module.plausible(new), new, np.nan)
            if np.isfinite(values).any():
                rows[row] = values
        member.rows = rows
        member.window = window

    def rows(self, resource: gnocchi.Resource,
             window: Window) -> dict[meters.Row, Kept]:
        """What is known of a member that was stored, in this window."""
        member = self._members[resource.resource_id]
        if member.window == window:
            return member.rows
        return {row: _moved(values, member.window, window)
                for row, values in member.rows.items()}

    def forget(self, window: Window) -> None:
        """Drop the members that nobody asks for any more."""
        before = window.end - FORGET // self._step
        for kept in (self._members, self._refused):
            for resource_id in [resource_id
                                for resource_id, one in kept.items()
                                if one.asked < before]:
                del kept[resource_id]


def _moved(values: Kept | None, was: Window, window: Window) -> Kept:
    """A row in another window; gaps where it was not known."""
    result = np.full(window.end - window.begin, np.nan, np.float32)
    begin, end = max(was.begin, window.begin), min(was.end, window.end)
    if values is not None and begin < end:
        result[begin - window.begin:end - window.begin] = values[
            begin - was.begin:end - was.begin]
    return result
