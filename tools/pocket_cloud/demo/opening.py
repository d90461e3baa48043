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


"""Steps 1 to 3: an application, its past, and a reservation."""

import datetime
import functools
import itertools
from typing import Any

from pocket_cloud.demo import checks
from pocket_cloud.demo import history
from pocket_cloud.demo import meters
from pocket_cloud.demo import recording
from pocket_cloud.demo import stage as demo_stage
from pocket_cloud.demo import trace

#: Of the history that the report shows.
SHOWN = datetime.timedelta(days=2)

CPU_THRESHOLD = 80.0
MAXIMUM_SHADOW = 3
#: Held in any case for a trace that nobody knows beforehand.
MINIMUM_SHADOW = 2


def build(stage: demo_stage.Stage) -> None:
    """1. Four servers, as any member of a project can make them."""
    auth: Any = stage.tenant.session.auth
    roles = sorted(auth.get_access(stage.tenant.session).role_names)
    stage.tell.say('keystone', f'user demo has the roles '
                               f'{", ".join(roles)} in project demo')
    checks.require('admin' not in roles and 'member' in roles,
                   'The tenant must be an ordinary member.')
    stage.application.create(demo_stage.PRIMARY)
    for server_id in stage.application.server_ids:
        server = stage.wait_for(
            functools.partial(_active, stage, server_id), 180,
            f'Nova has not made server {server_id} ACTIVE')
        stage.tell.say('nova', f'{server.name} is {server.status} on '
                               f'{server.hypervisor_hostname}, flavor '
                               f'{server.flavor.original_name}')
        stage.members.append(history.Member(
            stage.gnocchi.create(server),
            meters.Meters(stage.size.vcpus, stage.size.memory_mib)))


def _active(stage: demo_stage.Stage, server_id: str) -> object:
    server = stage.reading.server(server_id)
    checks.require(server is not None and server.status != 'ERROR',
                   f'Nova could not build server {server_id}.')
    return server if server.status == 'ACTIVE' else None


def back_fill(stage: demo_stage.Stage) -> None:
    """2. Two weeks of measures, and the load that goes on from there."""
    plan = history.Plan.ending(demo_stage.utcnow())
    written = history.samples(plan, stage.past, stage.members, stage.size)
    stage.tell.say('demo', f'the trace: {stage.past.origin}; '
                           f'{trace.STEPS} steps of 5 minutes')
    points = history.push(stage.gnocchi, written)
    last = (*plan.times, *plan.fine)[-1]
    stage.start_load(last)
    stage.tell.say('demo', f'pushed {points} points as Ceilometer would; '
                           f'live polls go on with CPU at '
                           f'{stage.past.calm.cpu_percent:.0f} %')
    counts = history.read_back(stage.gnocchi, plan, stage.members, 120)
    expected = trace.STEPS * len(stage.members)
    wrong = {name: count for name, count in counts.items()
             if count != expected}
    checks.require(not wrong, f'Gnocchi should have {expected} five-minute '
                              f'means of each metric, but has {wrong}.')
    stage.tell.say('gnocchi', f'{sum(counts.values())} five-minute means '
                              f'read back: {len(counts)} metrics, '
                              f'{expected} each')
    stage.record.history = _demand(stage, plan)
    busy = max(value for _, value in stage.record.history)
    stage.tell.say('gnocchi', f'CPU demand of the last two days: up to '
                              f'{busy:.2f} vCPU, now '
                              f'{stage.record.history[-1][1]:.2f} of '
                              f'{demo_stage.PRIMARY * stage.size.vcpus}')


def _demand(stage: demo_stage.Stage,
            plan: history.Plan) -> recording.Points:
    """vCPUs that all servers kept busy, from their counters."""
    step = trace.STEP
    start = plan.times[-1] - step / 2 - SHOWN
    found = stage.gnocchi.measures(
        'instance', stage.application.server_ids, ['cpu'], 'mean',
        step.total_seconds(), start - step)
    demand: dict[datetime.datetime, float] = {}
    for by_metric in found.values():
        points = by_metric['cpu']
        for (_, _, before), (stamp, _, value) in itertools.pairwise(
                points):
            rate = (value - before) / step.total_seconds()
            demand[stamp] = (demand.get(stamp, 0.0)
                             + rate / meters.NANOSECONDS)
    last = plan.times[-1] - step / 2
    # Between two polls, each in the middle of its bucket.
    return [(stamp, value) for stamp, value
            in sorted(demand.items()) if stamp <= last]


def reserve(stage: demo_stage.Stage) -> None:
    """3. A reservation with an active policy, from the command line."""
    before = stage.reading.trusts()
    words = [
        'reservation', 'create', stage.name,
        '--flavor', 'm1.small', '--quantity', str(demo_stage.PRIMARY),
        '--duration', '8h', '--image', 'pocket', '--network', 'none',
        '--selector-metadata', f'metering.server_group={stage.name}',
        '--mode', 'active', '--service-level', '0.95',
        '--safety-margin', '0.2', '--maximum-shadow', str(MAXIMUM_SHADOW),
        '--cpu-threshold', f'{CPU_THRESHOLD:g}', '--cooldown', '60s']
    if stage.own_trace:
        words += ['--minimum-shadow', str(MINIMUM_SHADOW)]
    stage.record.threshold_percent = CPU_THRESHOLD
    created = stage.command.shadow(*words)
    stage.token = created['token']
    stage.record.before = created
    stage.mark(demo_stage.utcnow(), 'reserved', 'our API')
    stage.tell.say('api', f'token {stage.token}, {created["status"]}, until '
                          f'{created["end_time"]}, cost {created["cost"]}')
    stage.trusts = stage.reading.trusts() - before
    checks.require(stage.trusts, 'Keystone has no trust for the '
                                 'reservation.')
    stage.tell.say('keystone', 'the tenant entrusts the service: trust '
                               + ', '.join(sorted(stage.trusts)))
