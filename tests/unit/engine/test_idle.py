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

"""The property that rounds rest on: whom they leave alone needs no pass."""

import decimal
import itertools

import hypothesis
from hypothesis import strategies as st
import pytest

from shadow_reserve.records import reservation
from tests.unit.engine import one_engine
from tests.unit import samples

STEPS = [
    'nothing', 'time', 'hour', 'edited', 'deleted', 'offloaded', 'started',
    'failed', 'busy', 'calm', 'disabled', 'lost', 'grown', 'policy',
    'forecast_only', 'less', 'more', 'same', 'slow', 'quota', 'copied',
    'untagged', 'budget', 'group']


def happen(world, step):
    """One thing that can happen to a reservation in the world."""
    servers = world.shadow_servers()
    later = samples.MINUTE / 2
    if step == 'time':
        later = 6 * samples.MINUTE
    elif step == 'hour':
        later = samples.HOUR
    elif step in ('deleted', 'offloaded', 'started', 'failed') and servers:
        world.cloud.change_server(servers[0]['id'], status={
            'deleted': 'DELETED', 'offloaded': 'SHELVED_OFFLOADED',
            'started': 'ACTIVE', 'failed': 'ERROR'}[step])
    elif step in ('busy', 'calm'):
        world.source.cpu = 95.0 if step == 'busy' else 5.0
        world.set_alarms('alarm' if step == 'busy' else 'ok')
    elif step in ('disabled', 'edited', 'lost') and world.cloud.alarms:
        alarm_id = min(world.cloud.alarms)
        if step == 'lost':
            del world.cloud.alarms[alarm_id]
        elif step == 'edited':
            world.cloud.alarms[alarm_id]['severity'] = 'critical'
        else:
            world.cloud.alarms[alarm_id]['enabled'] = False
    elif step == 'grown':
        world.cloud.add_server(metadata=one_engine.APPLICATION)
    elif step == 'policy':
        world.change_policy(minimum_shadow=2, cpu_threshold=70.0)
    elif step == 'forecast_only':
        world.change_policy(mode=reservation.Mode.FORECAST_ONLY)
    elif step == 'budget':
        world.change_policy(budget=decimal.Decimal('0.05'))
    elif step in ('less', 'more', 'same', 'slow', 'quota'):
        world.source.latency = 99.0 if step == 'slow' else 1.0
        if step == 'quota':
            world.cloud.quota = 4
        world.forecast(*{
            'less': (1.0,) * 4, 'more': (15.0,) * 4, 'quota': (15.0,) * 4,
        }.get(step, (4.0, 6.0, 7.0, 9.0)))
    elif step == 'copied' and servers:
        world.cloud.add_server(
            metadata={**servers[0]['metadata'], **one_engine.APPLICATION})
    elif step == 'untagged' and servers:
        world.cloud.change_server(servers[0]['id'], tags=[])
    elif step == 'group':
        world.cloud.groups['other'] = {min(world.cloud.servers, default='')}
    return later


def check(steps, *, grouped, settled, hooks=()):
    # given a reservation over an application, its shadow built or not
    world = one_engine.World()
    group = {world.cloud.add_server(metadata=one_engine.APPLICATION)
             for _ in range(2)}
    world.cloud.groups['group'] = group
    selector = reservation.Selector(
        kind=reservation.SelectorKind.SERVER_GROUP, value='group')
    world.add(policy=samples.policy(hooks=hooks),
              **({'selector': selector} if grouped else {}))
    world.forecast(4.0, 6.0, 7.0, 9.0)
    if settled:
        world.settle()

    for step in [*itertools.chain(*([one, 'nothing', 'nothing', 'time']
                                    for one in steps))]:
        # when something happens to it, and a round comes by
        later = happen(world, step)
        world.evaluate_low()
        if world.round(later=later):
            world.work()
            continue
        # then either it has a pass, or a pass would have changed nothing
        before, changes = world.rows(), len(world.cloud.changes)
        assert world.reconciler.reconcile(samples.TOKEN, world.now) in (
            [], None)
        assert world.cloud.changes[changes:] == []
        assert world.rows() == before


@pytest.mark.parametrize('step', STEPS)
def test_after_one_thing_no_pass_would_change_what_no_round_wakes(step):
    check([step], grouped=False, settled=True)
    check(['busy', step, 'calm'], grouped=True, settled=True)


@hypothesis.settings(max_examples=20, deadline=None)
@hypothesis.given(st.lists(st.sampled_from(STEPS), min_size=1, max_size=8),
                  st.booleans(), st.booleans())
def test_what_no_round_wakes_no_pass_would_change(steps, grouped, settled):
    check(steps, grouped=grouped, settled=settled)
