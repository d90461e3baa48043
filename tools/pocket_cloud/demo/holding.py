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


"""Step 4: the forecast, and the shadow that it asks for."""

import datetime
from typing import Any

from pocket_cloud.demo import checks
from pocket_cloud.demo import metering
from pocket_cloud.demo import meters
from pocket_cloud.demo import reading
from pocket_cloud.demo import recording
from pocket_cloud.demo import stage as demo_stage

#: Engine intervals, a build and a shelve, on a busy machine.
FORECAST_TIMEOUT = 180
BUILD_TIMEOUT = 240

_UNITS = {'vcpu': 'vCPU', 'memory_mib': 'MiB',
          'disk_mib_per_second': 'MiB/s', 'storage_gib': 'GiB',
          'io_latency_ms': 'ms'}


def foresee(stage: demo_stage.Stage) -> None:
    """4a. What the service expects the application to need."""
    stage.wait_for(
        lambda: stage.reading.has_forecast(stage.token), FORECAST_TIMEOUT,
        'The service has made no forecast')
    rows = stage.command.shadow(
        'forecast', 'show', stage.name, '--all-steps')
    peaks = {row['Resource']: row for row in reversed(rows)}
    for resource, row in sorted(peaks.items(), reverse=True):
        values = ', '.join(
            f'{name} {value:.4g}' for name, value in row.items()
            if name.startswith('P') and value is not None)
        stage.tell.say(
            'api', f'{resource}: peak of the next {row["Length (s)"] // 60} '
                   f'minutes {values or "not known"} '
                   f'{_UNITS.get(resource, "")} ({row["Made From"]})')
    checks.require(
        peaks.get('vcpu', {}).get('P95') is not None,
        'The forecast says nothing about vCPUs.')
    stage.record.forecast = _forecast(
        [row for row in rows if row['Resource'] == 'vcpu'])


def _forecast(rows: list[dict[str, Any]]) -> recording.Forecast:
    """The first row is the peak, the others are steps."""
    names = [name for name in rows[0] if name.startswith('P')
             and rows[0][name] is not None]
    steps = rows[1:]
    return recording.Forecast(
        origin=datetime.datetime.fromisoformat(steps[0]['From']),
        step=datetime.timedelta(seconds=steps[0]['Length (s)']),
        levels=tuple(float(name[1:]) / 100 for name in names),
        quantiles=tuple(tuple(row[name] for name in names)
                        for row in steps),
        summary=rows[0]['Made From'])


def hold(stage: demo_stage.Stage) -> None:
    """4b. Built, settled, shelved, and their capacity claimed."""
    watch = _States(stage)
    shadow = stage.wait_for(
        watch.all_available, BUILD_TIMEOUT,
        'The shadow is not built and shelved', interval=1.0)
    stage.mark(demo_stage.utcnow(),
               f'{shadow["quantity"]} held in the shadow', 'our API')
    sized = next(row for row in reversed(stage.events())
                 if row['Kind'] == 'shadow.sized')
    stage.tell.say('api', f'event shadow.sized: {sized["Message"]}')
    quantity = shadow['quantity']
    least = 1 if stage.own_trace else 2
    checks.require(
        least <= quantity <= 3,
        f'The shadow should have {least} to 3 members, not {quantity}.')
    show_instances(stage)
    check_held(stage, [row['server_id'] for row in shadow['instances']])
    alarms = stage.reading.alarms(stage.token)
    checks.require(alarms and alarms[0].metric == 'cpu',
                   'Aodh has no alarm on CPU for the reservation.')
    for alarm in alarms:
        stage.tell.say('aodh', f'alarm on {alarm.metric} is '
                               f'"{alarm.state}", threshold '
                               f'{_threshold(stage, alarm)}')
    checks.require(alarms[0].state != 'alarm',
                   'The CPU alarm stands before the load is raised.')


def _threshold(stage: demo_stage.Stage, alarm: reading.Alarm) -> str:
    """In Aodh's unit, and as a share of what a server has."""
    if alarm.metric == reading.CPU_ALARM:
        whole = (stage.size.vcpus * metering.LIVE_GRANULARITY
                 * meters.NANOSECONDS)
        return (f'{alarm.threshold / meters.NANOSECONDS:g} s of CPU in '
                f'{metering.LIVE_GRANULARITY} s, '
                f'{alarm.threshold / whole:.0%}')
    return (f'{alarm.threshold:g} MiB, '
            f'{alarm.threshold / stage.size.memory_mib:.0%}')


def show_instances(stage: demo_stage.Stage) -> None:
    """As the tenant lists them."""
    for row in stage.command.shadow('instance', 'list', stage.name):
        claim = 'its claim is held' if row['Claim Held'] else 'NO CLAIM'
        stage.tell.say('api', f'{row["Instance ID"][:8]} is '
                              f'{row["State"]}, {claim}')


class _States:
    """Says each state of the shadow's members once, as they come."""

    def __init__(self, stage: demo_stage.Stage) -> None:
        self._stage = stage
        self._said: dict[str, str] = {}

    def all_available(self) -> Any:
        shadow = self._stage.reading.shadow(self._stage.token)
        instances = shadow['instances']
        for row in instances:
            checks.require(
                row['state'] != 'error',
                f'Shadow instance {row["instance_id"]} failed: '
                f'{row["reason"]}')
            if self._said.get(row['instance_id']) != row['state']:
                self._said[row['instance_id']] = row['state']
                self._stage.tell.say(
                    'api', f'shadow {row["instance_id"][:8]} is '
                           f'{row["state"]}: {row["reason"]}')
        ready = (instances and len(instances) == shadow['quantity']
                 and all(row['state'] == 'available' for row in instances))
        return shadow if ready else None


def check_held(stage: demo_stage.Stage, server_ids: list[str]) -> None:
    """Nova has each of them shelved, and Placement its claim."""
    for server_id in server_ids:
        server = stage.reading.server(server_id)
        checks.require(server, f'Nova has no server {server_id}.')
        stage.tell.say('nova', f'{server.name} is {server.status}')
        checks.require(
            server.status == 'SHELVED',
            f'Server {server.name} should be SHELVED, not {server.status}.')
        claim = stage.reading.claim(server_id)
        checks.require(
            claim, f'Placement holds nothing for {server.name}.')
        stage.tell.say('placement', f'{server.name} holds {claim}')
