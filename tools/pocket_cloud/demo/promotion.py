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


"""Steps 5 and 6: more load than four servers carry, and what follows."""

import datetime
import decimal
from typing import Any

from pocket_cloud.demo import checks
from pocket_cloud.demo import holding
from pocket_cloud.demo import load as demo_load
from pocket_cloud.demo import metering
from pocket_cloud.demo import reading
from pocket_cloud.demo import recording
from pocket_cloud.demo import stage as demo_stage
from pocket_cloud.demo import trace

HIGH_PERCENT = 95.0

ALARM_TIMEOUT = 240
PROMOTION_TIMEOUT = 120
#: The ledger is settled every quarter of a minute in the pocket cloud.
LEASE_TIMEOUT = 90


def demand_of(cpu_percent: float) -> trace.Demand:
    return trace.Demand(cpu_percent, trace.memory_percent(cpu_percent),
                        trace.disk_mib_per_second(cpu_percent))


def raise_load(stage: demo_stage.Stage) -> None:
    """5. The demand goes up, and Gnocchi sees it."""
    load = stage.load
    assert load is not None
    raised = load.set_demand(demand_of(HIGH_PERCENT))
    stage.raised = raised
    vcpus = HIGH_PERCENT / 100 * demo_stage.PRIMARY * stage.size.vcpus
    stage.mark(raised, 'load raised', 'load generator')
    stage.tell.say(
        'demo', f'{raised:%H:%M:%S} UTC: the application now needs '
                f'{vcpus:.2f} vCPU, {HIGH_PERCENT:g} % of its '
                f'{demo_stage.PRIMARY} servers')
    push = stage.wait_for(lambda: _first_push(load, raised), 60,
                          'The load generator pushes nothing', 0.05)
    seen = stage.wait_for(
        lambda: _visible(stage, push), 60,
        'Gnocchi does not show the measure that was pushed', 0.2)
    leg(stage, 'a sample is pushed → Gnocchi shows it', push.moment, seen)


def _first_push(load: demo_load.LoadGenerator,
                raised: datetime.datetime) -> demo_load.Push | None:
    return next((push for push in list(load.pushes)
                 if push.moment > raised), None)


def _visible(stage: demo_stage.Stage,
             push: demo_load.Push) -> datetime.datetime | None:
    """Now, once the counter is there as it was pushed.

    The maximum of a bucket of a counter is the newest of its samples.
    """
    length = datetime.timedelta(seconds=metering.LIVE_GRANULARITY)
    found = stage.gnocchi.measures(
        'instance', [push.server_id], ['cpu'], 'max',
        length.total_seconds(), push.moment - length)
    points = found.get(push.server_id, {}).get('cpu', [])
    newest = max((value for _, _, value in points), default=0.0)
    return demo_stage.utcnow() if newest >= push.cpu else None


def leg(stage: demo_stage.Stage, name: str, start: datetime.datetime,
        end: datetime.datetime) -> None:
    """Put down how long a part of the way took, and say so."""
    taken = recording.Leg(name, start, end)
    stage.record.legs.append(taken)
    stage.tell.say('time', f'{taken!s:>8}  {name}')


def promote(stage: demo_stage.Stage) -> None:
    """6a. Alarm, decision, servers."""
    alarm = stage.reading.alarms(stage.token)[0]
    transition: reading.Transition = stage.wait_for(
        lambda: _transition(stage, alarm.alarm_id, 'alarm'), ALARM_TIMEOUT,
        'Aodh has not put the CPU alarm into the state "alarm"')
    active = _Watch(stage)
    stage.wait_for(active.is_over, PROMOTION_TIMEOUT,
                   'No shadow instance was promoted', 0.25)
    stage.tell.say('aodh', f'alarm on CPU → "{transition.state}": '
                           f'{transition.reason}')
    stage.mark(transition.happened_at, 'alarm', 'Aodh')
    decision = _decision(stage)
    promoted = decision['Details']['count']
    stage.tell.say('api', f'event trigger.promote: {promoted} because '
                          f'{decision["Message"]}')
    stage.mark(decision['Happened At'], f'decision: promote {promoted}',
               'our API')
    for server_id in active.seen:
        server = stage.reading.server(server_id)
        stage.tell.say('nova', f'{server.name} is {server.status} on '
                               f'{server.hypervisor_hostname}')
    checks.require(
        len(active.seen) == promoted,
        f'{promoted} instances were to be promoted, but Nova has '
        f'{len(active.seen)} of the shadow ACTIVE.')
    _check_allocated(stage)
    last = max(active.seen.values())
    stage.mark(last, f'{promoted} ACTIVE', 'Nova')
    assert stage.raised is not None
    leg(stage, 'the load is raised → Aodh\'s alarm (two periods of 30 s)',
        stage.raised, transition.happened_at)
    leg(stage, 'alarm → notification heard, the engine looks and decides',
        transition.happened_at, decision['Happened At'])
    leg(stage, '… → all of them are ACTIVE at Nova',
        decision['Happened At'], last)
    leg(stage, 'alarm → capacity', transition.happened_at, last)


def _transition(stage: demo_stage.Stage, alarm_id: str,
                state: str) -> reading.Transition | None:
    """The first into that state since the load was raised."""
    assert stage.raised is not None
    return next((one for one in stage.reading.transitions(alarm_id)
                 if one.state == state
                 and one.happened_at > stage.raised), None)


class _Watch:
    """Notes down when each of the shadow's servers was ACTIVE at Nova."""

    def __init__(self, stage: demo_stage.Stage) -> None:
        self._stage = stage
        self.seen: dict[str, datetime.datetime] = {}

    def is_over(self) -> bool:
        # First, since what is allocated then runs already: the other way
        # round both may come about in between.
        states = [row['state'] for row in self._stage.reading.shadow(
            self._stage.token)['instances']]
        for server_id, server in self._stage.shadow_servers().items():
            if server.status == 'ACTIVE' and not server.task_state:
                self.seen.setdefault(server_id, demo_stage.utcnow())
        return 'allocated' in states and 'promoting' not in states


def _decision(stage: demo_stage.Stage) -> dict[str, Any]:
    assert stage.raised is not None
    found = [row for row in stage.events()
             if row['Kind'] == 'trigger.promote' and row['Details']['acted']
             and row['Happened At'] > stage.raised]
    checks.require(found, 'There is no event trigger.promote.')
    return found[0]


def _check_allocated(stage: demo_stage.Stage) -> None:
    holding.show_instances(stage)
    status = stage.reading.shadow(stage.token)['status']
    stage.tell.say('api', f'the shadow allocation is {status}')
    checks.require(status == 'allocated',
                   f'The shadow allocation should be allocated, but is '
                   f'{status}.')


def extend(stage: demo_stage.Stage) -> None:
    """6b. The lease is longer, and costs what was really used."""
    before = stage.record.before
    kinds = {'use', 'extension'}
    ledger: list[dict[str, Any]] = []

    def settled() -> bool:
        ledger[:] = stage.command.shadow(
            'ledger', 'list', stage.name, quiet=True)
        return kinds <= {row['Kind'] for row in ledger}
    stage.wait_for(settled, LEASE_TIMEOUT,
                   'The ledger has no entries of use and extension', 2.0)
    after = stage.show_reservation()
    longer = (datetime.datetime.fromisoformat(after['end_time'])
              - datetime.datetime.fromisoformat(before['end_time']))
    stage.tell.say('api', f'end_time {before["end_time"]} → '
                          f'{after["end_time"]} (+{longer.total_seconds():.1f}'
                          f' s)')
    checks.require(longer > datetime.timedelta(),
                   'The use of shadow has not extended the lease.')
    costs = [decimal.Decimal(one['cost']) for one in (before, after)]
    stage.tell.say('api', f'cost {costs[0]} → {costs[1]}')
    checks.require(costs[1] > costs[0], 'The cost has not risen.')
    stage.command.shadow('ledger', 'list', stage.name)
    for kind in ('base', 'hold', 'use', 'extension'):
        rows = [row for row in ledger if row['Kind'] == kind]
        total = sum((decimal.Decimal(row['Amount']) for row in rows),
                    decimal.Decimal())
        stage.tell.say('api', f'ledger: {len(rows)} of kind {kind}, '
                              f'together {total}')
    stage.record.ledger = ledger
    first = next(row for row in ledger if row['Kind'] == 'extension')
    stage.mark(datetime.datetime.fromisoformat(first['Period End']),
               'lease extended', 'our API')
