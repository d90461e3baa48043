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
"""Reads the newest of many members in few requests."""

from collections.abc import Iterable
from collections.abc import Sequence
import dataclasses
import datetime
import functools

from shadow_reserve.cloud import exceptions
from shadow_reserve.cloud import gnocchi
from shadow_reserve.usage.gnocchi import cache as gnocchi_cache
from shadow_reserve.usage.gnocchi import members as gnocchi_members
from shadow_reserve.usage.gnocchi import meters as meters
from shadow_reserve.usage import parallel
from shadow_reserve.usage import series as series_module

#: Points that one request asks for. Gnocchi makes a few ten thousand a
#: second, and its answer is held in memory at both ends.
POINTS_AT_ONCE = 65_536
#: Resources that one request asks for, however little of each.
RESOURCES_AT_ONCE = 100


@dataclasses.dataclass(frozen=True, slots=True)
class Want:
    """A resource, and the first bucket to read of it."""

    first: int
    resource: gnocchi.Resource


@dataclasses.dataclass(frozen=True, slots=True)
class _Batch:
    kind: meters.Kind
    first: int
    resources: list[gnocchi.Resource]


class Reader:
    """Keeps what is known of members up to date.

    :param step: length of a bucket
    :param concurrency: how many requests are made at once
    """

    def __init__(self, door: gnocchi_members.Door, step: datetime.timedelta,
                 concurrency: int) -> None:
        self._door = door
        self._step = step
        self._concurrency = concurrency
        bridge = meters.BRIDGE // step
        self._caches = {
            kind.name: gnocchi_cache.MemberCache(kind, step, bridge)
            for kind in (meters.SERVER, meters.DISK)}

    @property
    def nbytes(self) -> int:
        return sum(cache.nbytes for cache in self._caches.values())

    def refresh(self, servers: Sequence[gnocchi.Resource],
                disks: Sequence[gnocchi.Resource],
                window: gnocchi_cache.Window,
                ) -> dict[str, exceptions.CloudError]:
        """Read what may be new of all these, and forget the others.

        :returns: why some are not up to date, by resource
        """
        errors: dict[str, exceptions.CloudError] = {}
        batches = [
            *self._plan(meters.SERVER, servers, window, errors),
            *self._plan(meters.DISK, disks, window, errors)]
        while batches:
            again: dict[str, list[Want]] = {}
            for place, answer in parallel.gather(
                    [functools.partial(self._read, batch, window)
                     for batch in batches], self._concurrency):
                self._take(batches[place], answer, window, errors, again)
            batches = [
                *_batches(meters.SERVER, again.get(meters.SERVER.name, []),
                          window),
                *_batches(meters.DISK, again.get(meters.DISK.name, []),
                          window)]
        for cache in self._caches.values():
            cache.forget(window)
        return errors

    def _plan(self, kind: meters.Kind,
              resources: Sequence[gnocchi.Resource],
              window: gnocchi_cache.Window,
              errors: dict[str, exceptions.CloudError]) -> list[_Batch]:
        cache = self._caches[kind.name]
        wants = []
        for one in resources:
            refusal = cache.refusal(one, window)
            if refusal is not None:
                errors[one.resource_id] = refusal
            elif (first := cache.first(one, window)) is not None:
                wants.append(Want(first, one))
        return _batches(kind, wants, window)

    def _read(self, batch: _Batch,
              window: gnocchi_cache.Window) -> gnocchi.Answer:
        return self._door.means(
            batch.kind.name, batch.resources, batch.kind.metrics,
            self._step, series_module.EPOCH + batch.first * self._step,
            series_module.EPOCH + window.end * self._step)

    def _take(self, batch: _Batch,
              answer: gnocchi.Answer | exceptions.CloudError,
              window: gnocchi_cache.Window,
              errors: dict[str, exceptions.CloudError],
              again: dict[str, list[Want]]) -> None:
        if isinstance(answer, exceptions.CloudError):
            errors.update((one.resource_id, answer)
                          for one in batch.resources)
            return
        cache = self._caches[batch.kind.name]
        for one in batch.resources:
            refusal = answer.unusable.get(one.resource_id)
            if refusal is not None:
                cache.refuse(one, refusal, window)
                errors[one.resource_id] = refusal
                continue
            first = cache.store(
                one, batch.first, answer.measures.get(one.resource_id, {}),
                window)
            if first is not None:
                again.setdefault(batch.kind.name, []).append(
                    Want(first, one))

    def rows(self, servers: Iterable[gnocchi.Resource],
             disks: Iterable[gnocchi.Resource],
             window: gnocchi_cache.Window,
             ) -> dict[meters.Row, list[gnocchi_cache.Kept]]:
        """What is known of these, of which no one has an error."""
        result: dict[meters.Row, list[gnocchi_cache.Kept]] = {}
        for kind, resources in ((meters.SERVER, servers),
                                (meters.DISK, disks)):
            for one in resources:
                for row, values in self._caches[kind.name].rows(
                        one, window).items():
                    result.setdefault(row, []).append(values)
        return result


def _batches(kind: meters.Kind, wants: Sequence[Want],
             window: gnocchi_cache.Window) -> list[_Batch]:
    """Those that begin at about the same time in one request."""
    result: list[_Batch] = []
    for want in sorted(wants, key=lambda want: want.first):
        batch = result[-1] if result else None
        if batch is not None:
            span = window.end - batch.first
            count = len(batch.resources) + 1
            if (count <= RESOURCES_AT_ONCE
                    and count * span * len(kind.metrics) <= POINTS_AT_ONCE
                    and span <= 2 * (window.end - want.first)):
                batch.resources.append(want.resource)
                continue
        result.append(_Batch(kind, want.first, [want.resource]))
    return result
