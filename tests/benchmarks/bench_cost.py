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

"""What fitting, refreshing and forecasting cost, for growing fleets.

    tox -e bench -- tests/benchmarks/bench_cost.py

Generated series of 14 days. The same is done for each size of fleet, so
that each figure has the one before it to be held against: what grows
faster than the fleet shows. ``SHADOW_RESERVE_FLEETS`` names other sizes
(``10000,100000``; 100,000 series take 4 GB and twenty minutes).

``refresh`` is done once a day, ``fit`` once a week, ``fan`` (288 steps of
four quantiles, made into profiles) and ``sizing`` every five minutes.
"""

from collections.abc import Callable
import dataclasses
import datetime
import json
import os
import resource
import time
from typing import TypeVar

import numpy as np

from shadow_reserve.records import demand
from shadow_reserve.usage import forecaster
from shadow_reserve.usage import series as series_module
from shadow_reserve.usage import settings as settings_module

DAYS = 14
DAY = 288
START = datetime.datetime(2026, 1, 5, tzinfo=datetime.UTC)
STEP = datetime.timedelta(minutes=5)
THREADS = 2

T = TypeVar('T')


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cost:
    series: int
    stage: str
    wall: float
    cpu: float
    peak_mib: int


def fleet(size: int) -> list[series_module.DemandSeries]:
    """Waves of a day with drift, noise and bursts, each its own."""
    random = np.random.default_rng(0)
    step = np.arange(DAYS * DAY)
    found = []
    for number in range(size):
        wave = random.gamma(2, 2) * np.sin(
            2 * np.pi * (step / DAY - random.random()))
        drift = 0.02 * random.normal(
            0, 0.3 + random.random(), len(step)).cumsum()
        burst = (random.random(len(step)) < 0.01) * random.exponential(
            5.0, len(step))
        values = 8 + wave + drift + burst + random.normal(
            0, 0.5, len(step))
        found.append(series_module.DemandSeries(
            token=str(number), resource=demand.DemandResource.VCPU,
            start=START, step=STEP, values=np.maximum(values, 0)))
    return found


def measured(costs: list[Cost], size: int, stage: str,
             work: Callable[[], T]) -> T:
    wall, cpu = time.perf_counter(), time.process_time()
    answer = work()
    costs.append(Cost(
        series=size, stage=stage, wall=time.perf_counter() - wall,
        cpu=time.process_time() - cpu,
        peak_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10))
    return answer


def measure(size: int, settings: settings_module.ForecastSettings,
            costs: list[Cost]) -> None:
    series = fleet(size)
    fitted = measured(
        costs, size, 'fit',
        lambda: forecaster.DemandForecaster(settings).fit(series, 0))
    known = measured(
        costs, size, 'refresh', lambda: fitted.refreshed(series))
    assert known is not None
    measured(costs, size, 'sizing', lambda: fitted.peaks(series, known))
    measured(costs, size, 'fan', lambda: sum(
        1 for _ in fitted.profiles(series, known)))


def test_what_forecasting_costs() -> None:
    sizes = [int(size) for size in os.environ.get(
        'SHADOW_RESERVE_FLEETS', '1000,10000').split(',')]
    settings = settings_module.ForecastSettings(threads=THREADS)
    costs: list[Cost] = []
    for size in sizes:
        measure(size, settings, costs)
    print(f'\n{"stage":10}{"series":>8}{"wall s":>9}{"CPU s":>9}'
          f'{"peak MiB":>10}{"CPU / fleet before":>20}')
    for stage in ('fit', 'refresh', 'sizing', 'fan'):
        before = None
        for one in costs:
            if one.stage != stage:
                continue
            ratio = f'{one.cpu / before.cpu:.1f}' if before else ''
            print(f'{stage:10}{one.series:8}{one.wall:9.1f}{one.cpu:9.1f}'
                  f'{one.peak_mib:10}{ratio:>20}')
            before = one
    print('\n' + json.dumps([dataclasses.asdict(one) for one in costs]))
