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

"""What planning costs: sizes, schedules and what to keep of a pool.

    tox -e bench -- tests/benchmarks/bench_planning.py

A fleet of 10,000 reservations is planned as a pass plans one, without the
database and the services: each with a day's forecast of vCPU and memory
and some sizes of the last minutes. Once none has a schedule, once a tenth
has one of its own, and once all have. The first figure stands in for the
fleet; the others show what a schedule costs on top.
"""

import dataclasses
import datetime
import time

from shadow_reserve.records import demand
from shadow_reserve.records import reservation
from shadow_reserve.shadow import hysteresis
from shadow_reserve.shadow import schedule
from shadow_reserve.shadow import sizing
from tests.unit import samples

FLEET = 10_000
#: Seconds of CPU that planning the fleet may take.
LIMIT = 2.0
LEAD = 5 * samples.MINUTE
DELAY = 15 * samples.MINUTE
STEPS = 288


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    record: reservation.ReservationRecord
    profiles: list[demand.DemandProfile]
    asked: list[tuple[datetime.datetime, int]]


def fleet(every: int | None) -> list[Case]:
    """:param every: which reservation has a schedule; ``None`` for none"""
    cases = []
    for number in range(FLEET):
        entries = ()
        if every is not None and number % every == 0:
            entries = (reservation.ScheduledShadow(
                start=f'{number % 60} {number // 60 % 24} * * '
                      f'{number // 1440}',
                duration=4 * samples.HOUR, quantity=10,
                timezone='Europe/Berlin'),)
        profiles = []
        for resource, scale in ((demand.DemandResource.VCPU, 1.0),
                                (demand.DemandResource.MEMORY, 1024.0)):
            row = tuple(scale * (number % 13 + one)
                        for one in (1.0, 2.0, 3.0, 4.0))
            profiles.append(dataclasses.replace(
                samples.profile(row, resource), quantiles=(row,) * STEPS))
        cases.append(Case(
            record=samples.record(policy=samples.policy(schedule=entries)),
            profiles=profiles,
            asked=[(samples.NOW - minutes * samples.MINUTE, minutes % 7)
                   for minutes in range(20, 0, -4)]))
    return cases


def plan(cases: list[Case], now: datetime.datetime) -> int:
    """:returns: how many members are to be kept, all in all"""
    kept = 0
    for case in cases:
        size = sizing.size_shadow(
            case.record, case.profiles, primary=4, quota_room=20,
            budget_spent=False, scheduled=schedule.quantity_at(
                case.record.policy.schedule, now, LEAD),
            held=3, growth=(2, 'capacity'), now=now, lead=LEAD)
        kept += hysteresis.to_keep(case.asked, size, now, DELAY)
    return kept


def seconds(cases: list[Case]) -> float:
    """CPU seconds of a plan; the least of three, minutes apart."""
    found = []
    for minute in range(3):
        started = time.process_time()
        plan(cases, samples.NOW + minute * samples.MINUTE)
        found.append(time.process_time() - started)
    return min(found)


def test_ten_thousand_reservations_are_planned_in_two_seconds():
    costs = {name: seconds(fleet(every)) for name, every in (
        ('none', None), ('a tenth', 10), ('all', 1))}
    for name, cost in costs.items():
        print(f'planning {FLEET}, {name} with a schedule of its own: '
              f'{cost:.2f} s CPU')
    assert max(costs.values()) <= LIMIT
    # Who has no schedule does not pay for those of others.
    assert costs['a tenth'] - costs['none'] <= 0.2 * (
        costs['all'] - costs['none']) + 0.1
