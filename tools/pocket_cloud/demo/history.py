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


"""Two weeks of the application's past, written as if they had been polled."""

from collections.abc import Mapping
import dataclasses
import datetime
import time

from pocket_cloud.demo import checks
from pocket_cloud.demo import metering
from pocket_cloud.demo import meters
from pocket_cloud.demo import sharing
from pocket_cloud.demo import trace

#: Polls of the current bucket, whose history is incomplete: as the load
#: generator does them.
FINE_STEP = datetime.timedelta(seconds=5)
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


@dataclasses.dataclass(frozen=True, slots=True)
class Member:
    """A server of the application and its meters."""

    metered: metering.Metered
    meters: meters.Meters


@dataclasses.dataclass(frozen=True, slots=True)
class Size:
    """Of one server."""

    vcpus: int
    memory_mib: int


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """When the steps of a trace are polled.

    Each five-minute bucket has one poll, in its middle: then the mean of a
    counter over the bucket stays where it was when the polls become dense.
    The bucket that is not over yet has dense ones.
    """

    times: tuple[datetime.datetime, ...]
    fine: tuple[datetime.datetime, ...]

    @classmethod
    def ending(cls, now: datetime.datetime) -> 'Plan':
        end = now - (now - _EPOCH) % trace.STEP
        first = end - trace.STEPS * trace.STEP + trace.STEP / 2
        fine = []
        moment = end
        while moment <= now:
            fine.append(moment)
            moment += FINE_STEP
        return cls(tuple(first + index * trace.STEP
                         for index in range(trace.STEPS)), tuple(fine))

    @property
    def start(self) -> datetime.datetime:
        return self.times[0] - trace.STEP / 2


def samples(plan: Plan, past: trace.Trace, members: list[Member],
            size: Size) -> dict[str, metering.Samples]:
    """Every sample of every resource; the meters are left at their end."""
    result: dict[str, metering.Samples] = {}
    schedule = [(moment, demand, trace.STEP)
                for moment, demand in zip(plan.times, past.demand)]
    before = plan.times[-1]
    for moment in plan.fine:
        schedule.append((moment, past.calm, moment - before))
        before = moment
    for index, member in enumerate(members):
        instance: metering.Samples = []
        disk: metering.Samples = []
        for moment, demand, length in schedule:
            usage = sharing.share(demand, len(members), len(members), index,
                                  size.vcpus, size.memory_mib)
            member.meters.advance(usage, length.total_seconds())
            instance.append((moment, member.meters.instance(usage)))
            disk.append((moment, member.meters.disk()))
        result[member.metered.server_id] = instance
        result[member.metered.disk_id] = disk
    return result


def push(gnocchi: metering.Metering,
         written: Mapping[str, metering.Samples]) -> int:
    """Write it, a resource a request.

    A metric's points go in one request: Gnocchi drops those that are older
    than what it has folded already by more than its back window.

    :returns: how many points that were
    """
    count = 0
    for resource_id, each in written.items():
        gnocchi.push({resource_id: each})
        count += sum(len(sample) for _, sample in each)
    return count


def read_back(gnocchi: metering.Metering, plan: Plan,
              members: list[Member], wait: float) -> dict[str, int]:
    """Five-minute means that Gnocchi has, by metric, of complete buckets.

    :param wait: seconds until which the last bucket must be there
    :raises CheckFailed: when it is not
    """
    kinds = (
        ('instance', [one.metered.server_id for one in members],
         meters.INSTANCE_METRICS),
        ('instance_disk', [one.metered.disk_id for one in members],
         meters.DISK_METRICS))
    last = plan.times[-1] - trace.STEP / 2
    deadline = time.monotonic() + wait
    while not all(_is_there(gnocchi, last, *kind) for kind in kinds):
        checks.require(
            time.monotonic() < deadline,
            f'Gnocchi has not folded the history within {wait:.0f} s; '
            f'does gnocchi-metricd run?')
        time.sleep(0.5)
    counts: dict[str, int] = {}
    for kind, ids, metrics in kinds:
        for metric in metrics:
            found = gnocchi.measures(
                kind, ids, [metric], 'mean', trace.STEP.total_seconds(),
                plan.start)
            counts[metric] = sum(
                1 for by_metric in found.values()
                for stamp, _, _ in by_metric.get(metric, [])
                if stamp <= last)
    return counts


def _is_there(gnocchi: metering.Metering, last: datetime.datetime,
              kind: str, ids: list[str], metrics: tuple[str, ...]) -> bool:
    found = gnocchi.measures(kind, ids, metrics, 'mean',
                             trace.STEP.total_seconds(), last)
    return len(found) == len(ids) and all(
        any(stamp == last for stamp, _, _ in by_metric.get(metric, []))
        for by_metric in found.values() for metric in metrics)
