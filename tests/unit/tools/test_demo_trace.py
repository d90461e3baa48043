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


from hypothesis import given
from hypothesis import strategies
from pocket_cloud.demo import meters
from pocket_cloud.demo import sharing
from pocket_cloud.demo import trace
import pytest


def hours(generated: trace.Trace, day: int) -> list[float]:
    """CPU of a day before the end, by the hour."""
    cpu = [one.cpu_percent for one in generated.demand]
    end = len(cpu) - day * trace.STEPS_A_DAY
    part = cpu[end - trace.STEPS_A_DAY:end]
    return [sum(part[first:first + 12]) / 12 for first in range(0, 288, 12)]


def test_the_same_seed_gives_the_same_trace() -> None:
    assert trace.generate(5) == trace.generate(5)
    assert trace.generate(5) != trace.generate(6)


@pytest.mark.parametrize('seed', range(5))
def test_it_has_the_shape_of_day_and_week(seed: int) -> None:
    generated = trace.generate(seed)
    assert len(generated.demand) == 14 * 288
    today, saturday = hours(generated, 0), hours(generated, 4)
    assert max(today) > 3 * min(today)
    assert max(today) > 1.4 * max(saturday)


@pytest.mark.parametrize('seed', range(20))
def test_it_ends_calm_and_shortly_before_its_peak(seed: int) -> None:
    generated = trace.generate(seed)
    assert 60 < generated.last.cpu_percent < 78
    yesterday = [one.cpu_percent for one in generated.demand][-288:-276]
    assert max(yesterday) > 62


def test_it_stays_within_what_there_is() -> None:
    for one in trace.generate(3).demand:
        assert 0 < one.cpu_percent < 100
        assert 0 < one.memory_percent < 40
        assert one.disk_mib_per_second > 0


@given(strategies.lists(strategies.tuples(
    strategies.floats(0, 2), strategies.floats(0, 600)), max_size=30))
def test_counters_only_grow(steps: list[tuple[float, float]]) -> None:
    counters = meters.Meters(1, 1024)
    before = {**counters.disk(), 'cpu': 0.0}
    for busy, seconds in steps:
        usage = meters.Usage(busy, 100.0, busy * 10)
        counters.advance(usage, seconds)
        now = {**counters.disk(),
               'cpu': counters.instance(usage)['cpu']}
        assert all(now[name] >= before[name] for name in before)
        before = now


def test_a_busy_vcpu_is_a_second_of_nanoseconds() -> None:
    counters = meters.Meters(2, 1024)
    usage = meters.Usage(1.5, 2000.0, 10.0)
    counters.advance(usage, 10)
    assert counters.instance(usage) == {
        'cpu': 15_000_000_000, 'memory.usage': 1024, 'memory': 1024,
        'vcpus': 2}
    disk = counters.disk()
    assert (disk['disk.device.read.bytes']
            + disk['disk.device.write.bytes']) == 100 * 2 ** 20
    latency = (disk['disk.device.read.latency']
               / disk['disk.device.read.requests'])
    assert 1e6 < latency < 5e6


@given(strategies.integers(1, 6))
def test_more_servers_have_less_to_do(serving: int) -> None:
    demand = trace.Demand(80.0, 40.0, 12.0)
    parts = [sharing.share(demand, 4, serving, index, 1, 1024)
             for index in range(serving)]
    total = sum(part.busy_vcpus for part in parts)
    assert total == pytest.approx(4 * 0.8, rel=0.03)
    assert sum(part.disk_mib_per_second
               for part in parts) == pytest.approx(12.0)
