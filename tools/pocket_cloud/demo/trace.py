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


"""What an application needed lately: generated, from a seed."""

import dataclasses
import datetime
import math
import random

STEP = datetime.timedelta(minutes=5)
DAYS = 14
STEPS_A_DAY = datetime.timedelta(days=1) // STEP
STEPS = DAYS * STEPS_A_DAY


CALM_CPU_PERCENT = 72.0
CALM_MEMORY_PERCENT = 60.0


@dataclasses.dataclass(frozen=True, slots=True)
class Demand:
    """Of the whole application, not of one of its servers.

    CPU and memory are percent of what all of its servers have together.
    """

    cpu_percent: float
    memory_percent: float
    disk_mib_per_second: float


@dataclasses.dataclass(frozen=True, slots=True)
class Trace:
    """Demand step by step, the last step just over."""

    demand: tuple[Demand, ...]
    origin: str

    @property
    def last(self) -> Demand:
        return self.demand[-1]

    @property
    def calm(self) -> Demand:
        """The last, but no more than leaves every alarm alone: the live
        phase begins with it."""
        return Demand(min(self.last.cpu_percent, CALM_CPU_PERCENT),
                      min(self.last.memory_percent, CALM_MEMORY_PERCENT),
                      self.last.disk_mib_per_second)


#: The rush is over the night's level by this much at its peak.
NIGHT_PERCENT = 16.0
RUSH_PERCENT = 54.0
#: The trace ends a little before the daily peak, whatever the hour, so
#: that there is something to foresee.
STEPS_TO_PEAK = 5
#: Days before the last that are a weekend.
QUIET_DAYS = (3, 4, 10, 11)
#: No burst in the last steps: what is seen live is the load generator's.
CALM_STEPS = 24


def generate(seed: int = 1) -> Trace:
    """Two weeks with the shape of day and week, noise and bursts.

    Days and weeks are turned so that the end of the trace is on a working
    day, shortly before its peak.
    """
    dice = random.Random(seed)
    bursts = _bursts(dice)
    noise, demand = 0.0, []
    for index in range(STEPS):
        noise = 0.8 * noise + dice.gauss(0.0, 1.2)
        cpu = _shape(index) + noise + bursts[index]
        cpu = min(max(cpu, 2.0), 98.0)
        demand.append(Demand(
            cpu_percent=round(cpu, 2),
            memory_percent=round(
                memory_percent(cpu) + dice.gauss(0.0, 0.4), 2),
            disk_mib_per_second=round(
                disk_mib_per_second(cpu) * dice.uniform(0.8, 1.2), 3)))
    return Trace(tuple(demand), f'generated, seed {seed}')


def memory_percent(cpu_percent: float) -> float:
    """What the work takes, over what the servers take by themselves."""
    return 12.0 + 0.2 * cpu_percent


def disk_mib_per_second(cpu_percent: float) -> float:
    return 1.0 + 0.15 * cpu_percent


def _shape(index: int) -> float:
    """Day and week: percent of CPU, without anything random."""
    to_peak = (STEPS + STEPS_TO_PEAK - index) / STEPS_A_DAY
    day: float = ((1 + math.cos(2 * math.pi * to_peak)) / 2) ** 1.6
    # The second, smaller peak of the day, five hours before the first.
    before: float = (
        (1 + math.cos(2 * math.pi * (to_peak - 5 / 24))) / 2) ** 6
    weekend = (STEPS - 1 - index) // STEPS_A_DAY in QUIET_DAYS
    height = RUSH_PERCENT * (0.45 if weekend else 1.0)
    return NIGHT_PERCENT + height * max(day, 0.75 * before)


def _bursts(dice: random.Random) -> list[float]:
    """A quick rise and a slower fall, about every day and a half."""
    added = [0.0] * STEPS
    for _ in range(DAYS * 2 // 3):
        start = dice.randrange(STEPS - CALM_STEPS)
        height = dice.uniform(12.0, 26.0)
        length = dice.randrange(4, 13)
        for index in range(start, min(start + length, STEPS - CALM_STEPS)):
            left = 1 - (index - start) / length
            added[index] = max(added[index], height * left)
    return added
