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


"""The load on the application, live, and Ceilometer's polls of it."""

import collections.abc
import dataclasses
import datetime
import random
import threading
from typing import Any

from pocket_cloud.demo import checks
from pocket_cloud.demo import history
from pocket_cloud.demo import metering
from pocket_cloud.demo import meters
from pocket_cloud.demo import recording
from pocket_cloud.demo import sharing
from pocket_cloud.demo import trace

#: Between two polls, which are at whole multiples of it: so all buckets of
#: Gnocchi's have samples at the same places, and their means do not jitter.
INTERVAL = datetime.timedelta(seconds=5)
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
#: Failures in a row after which it gives up.
_PATIENCE = 5
_CHANGE_TIMEOUT = 60


@dataclasses.dataclass(frozen=True, slots=True)
class Push:
    """A sample that was sent to Gnocchi."""

    moment: datetime.datetime
    server_id: str
    cpu: float


class LoadGenerator(threading.Thread):
    """Puts a demand on whichever servers serve, and polls their meters.

    The application's own servers serve, and those of its shadow that have
    been shelved once and run again: a shadow instance that only settles
    gets no load. The load is shared, so more servers are less busy.

    :param servers: lists the servers of the application at Nova
    :param create: makes the resources of a server that is new to Gnocchi
    :param begun: when the history ended, on the same meters
    """

    def __init__(
            self, servers: collections.abc.Callable[[], list[Any]],
            create: collections.abc.Callable[[str], metering.Metered],
            gnocchi: metering.Metering, members: list[history.Member],
            size: history.Size, demand: trace.Demand,
            begun: datetime.datetime) -> None:
        super().__init__(name='load', daemon=True)
        self._servers = servers
        self._create = create
        self._gnocchi = gnocchi
        self._members = {member.metered.server_id: member
                         for member in members}
        self._primary = tuple(self._members)
        self._size = size
        self._demand = demand
        self._last = begun
        self._shelved_once: set[str] = set()
        self._dice = random.Random(0)
        self._stopped = threading.Event()
        self._next: trace.Demand | None = None
        self._changed = threading.Condition()
        self._error: Exception | None = None
        self.samples: list[recording.LiveSample] = []
        self.pushes: list[Push] = []

    def set_demand(self, demand: trace.Demand) -> datetime.datetime:
        """Change the demand with the next poll, so that none mixes two.

        :returns: when that was
        """
        with self._changed:
            self._next = demand
            self._changed.wait_for(
                lambda: self._next is None, timeout=_CHANGE_TIMEOUT)
            self.check()
            checks.require(self._next is None,
                           'The load generator does not answer.')
            return self._last

    def stop(self) -> None:
        self._stopped.set()
        if self.is_alive():
            self.join(timeout=30)

    def check(self) -> None:
        """:raises CheckFailed: when it had to give up"""
        checks.require(
            self._error is None,
            f'The load generator failed {_PATIENCE} times in a row: '
            f'{self._error!r}')

    def run(self) -> None:
        failures = 0
        while (moment := self._next_moment()) is not None:
            try:
                self._poll(moment)
                failures = 0
            except Exception as error:
                failures += 1
                if failures >= _PATIENCE:
                    self._error = error
                    return

    def _next_moment(self) -> datetime.datetime | None:
        """Wait for it; None when there is none any more."""
        now = datetime.datetime.now(datetime.UTC)
        moment = now - (now - _EPOCH) % INTERVAL + INTERVAL
        stopped = self._stopped.wait((moment - now).total_seconds())
        return None if stopped else moment

    def _poll(self, now: datetime.datetime) -> None:
        servers = self._servers()
        shelved = {server.id for server in servers
                   if server.status.startswith('SHELVED')}
        self._shelved_once |= shelved
        serving = [server.id for server in servers
                   if server.status == 'ACTIVE' and not server.task_state
                   and (server.id in self._primary
                        or server.id in self._shelved_once)]
        for server_id in serving:
            if server_id not in self._members:
                self._members[server_id] = history.Member(
                    self._create(server_id), meters.Meters(
                        self._size.vcpus, self._size.memory_mib))
        if not serving:
            return
        seconds = (now - self._last).total_seconds()
        self._last = now
        demand = self._waver(self._demand)
        self._push(now, seconds, serving, demand)
        primary = len(set(serving) & set(self._primary))
        self.samples.append(recording.LiveSample(
            now, demand.cpu_percent / 100 * len(self._primary)
            * self._size.vcpus, primary, len(serving) - primary,
            len(shelved)))
        with self._changed:
            if self._next is not None:
                self._demand, self._next = self._next, None
                self._changed.notify_all()

    def _waver(self, demand: trace.Demand) -> trace.Demand:
        factor = 1 + self._dice.gauss(0.0, 0.008)
        return dataclasses.replace(
            demand, cpu_percent=demand.cpu_percent * factor,
            disk_mib_per_second=demand.disk_mib_per_second * factor)

    def _push(self, now: datetime.datetime, seconds: float,
              serving: list[str], demand: trace.Demand) -> None:
        samples: dict[str, metering.Samples] = {}
        for index, server_id in enumerate(sorted(serving)):
            member = self._members[server_id]
            usage = sharing.share(
                demand, len(self._primary), len(serving), index,
                self._size.vcpus, self._size.memory_mib)
            member.meters.advance(usage, seconds)
            sample = member.meters.instance(usage)
            samples[server_id] = [(now, sample)]
            samples[member.metered.disk_id] = [(now, member.meters.disk())]
        self._gnocchi.push(samples)
        self.pushes += [Push(now, server_id, samples[server_id][0][1]['cpu'])
                        for server_id in serving]
