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


"""Steps 7 and 8: back into the pool, and nothing is left."""

from typing import Any

from pocket_cloud.demo import aftermath
from pocket_cloud.demo import checks
from pocket_cloud.demo import holding
from pocket_cloud.demo import promotion
from pocket_cloud.demo import reading
from pocket_cloud.demo import stage as demo_stage

LOW_PERCENT = 20.0

RETURN_TIMEOUT = 300


def calm(stage: demo_stage.Stage) -> None:
    """7. The load falls, and the members go back."""
    assert stage.load is not None
    fallen = stage.load.set_demand(promotion.demand_of(LOW_PERCENT))
    stage.mark(fallen, 'load falls', 'load generator')
    vcpus = LOW_PERCENT / 100 * demo_stage.PRIMARY * stage.size.vcpus
    stage.tell.say('demo', f'{fallen:%H:%M:%S} UTC: the application needs '
                           f'{vcpus:.2f} vCPU, {LOW_PERCENT:g} % of its '
                           f'{demo_stage.PRIMARY} servers')
    alarm = stage.reading.alarms(stage.token)[0]
    ok = stage.wait_for(
        lambda: _is_ok(stage, alarm.alarm_id), RETURN_TIMEOUT,
        'The CPU alarm has not gone back to "ok"')
    stage.tell.say('aodh', f'alarm on CPU → "{ok.state}": {ok.reason}')
    stage.mark(ok.happened_at, 'alarm ok', 'Aodh')
    shadow = stage.wait_for(
        lambda: _all_back(stage), RETURN_TIMEOUT,
        'The shadow has not gone back into the pool')
    back = demo_stage.utcnow()
    decided = _decision(stage)
    stage.tell.say('api', f'event trigger.return: {decided["Message"]}')
    stage.mark(decided['Happened At'], 'decision: return', 'our API')
    stage.mark(back, 'shelved again', 'Nova')
    holding.check_held(
        stage, [row['server_id'] for row in shadow['instances']])
    holding.show_instances(stage)
    stage.tell.say('api', f'the shadow allocation is {shadow["status"]}')
    promotion.leg(stage, 'the load falls → decision to return (cooldown '
                         '60 s since they served)',
                  fallen, decided['Happened At'])
    promotion.leg(stage, '… → all of them are SHELVED again',
                  decided['Happened At'], back)
    stage.record.alarm = aftermath.alarm_states(stage)
    stage.record.after = stage.show_reservation()
    stage.record.ledger = stage.command.shadow(
        'ledger', 'list', stage.name, quiet=True)


def _is_ok(stage: demo_stage.Stage,
           alarm_id: str) -> reading.Transition | None:
    """The newest transition, if it is the one to "ok"."""
    found = stage.reading.transitions(alarm_id)
    return found[-1] if found and found[-1].state == 'ok' else None


def _all_back(stage: demo_stage.Stage) -> Any:
    shadow = stage.reading.shadow(stage.token)
    if any(row['state'] != 'available' for row in shadow['instances']):
        return None
    return shadow if shadow['status'] == 'available' else None


def _decision(stage: demo_stage.Stage) -> dict[str, Any]:
    found = [row for row in stage.events() if row['Kind'] ==
             'trigger.return' and row['Details']['acted']]
    checks.require(found, 'There is no event trigger.return.')
    return found[-1]


def delete(stage: demo_stage.Stage) -> None:
    """8. The reservation goes, and with it all that was made for it."""
    shadow = list(stage.shadow_servers())
    stage.stop_load()
    stage.command.shadow('reservation', 'delete', stage.name, '--wait')
    stage.mark(demo_stage.utcnow(), 'reservation deleted', 'our API')
    for server_id in shadow:
        checks.require(
            stage.reading.server(server_id) is None,
            f'Shadow server {server_id} is still there.')
        checks.require(
            stage.reading.claim(server_id) is None,
            f'Placement still holds a claim of {server_id}.')
    stage.tell.say('nova', f'all {len(shadow)} shadow servers are gone')
    stage.tell.say('placement', 'and so are their claims')
    checks.require(not stage.reading.alarms(stage.token),
                   'The alarms are still there.')
    stage.tell.say('aodh', 'no alarm of the reservation is left')
    left = stage.reading.trusts()
    checks.require(stage.trusts - left, 'The trust is still there.')
    stage.tell.say('keystone', 'the trust is gone')
    for server_id in stage.application.server_ids:
        server = stage.reading.server(server_id)
        checks.require(
            server is not None and server.status == 'ACTIVE',
            f'The tenant\'s own server {server_id} was touched.')
        stage.tell.say('nova', f'{server.name} is {server.status}, as '
                               f'before')
