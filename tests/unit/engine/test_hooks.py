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

"""Hooks as an engine runs them, told to a receiver that is really there."""

import datetime
import http.server
import json
import threading

import pytest

from shadow_reserve.records import hook
from shadow_reserve.records import shadow
from shadow_reserve.shadow import lifecycle
from tests.unit.engine import one_engine
from tests.unit.engine import test_idle
from tests.unit import samples

State = shadow.InstanceState


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length']))
        self.server.told.append((json.loads(body), self.server.look()))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *args):
        pass


@pytest.fixture
def world():
    """A reservation whose webhook leads to ``receiver``, one held."""
    receiver = http.server.ThreadingHTTPServer(('127.0.0.1', 0), _Handler)
    receiver.told, receiver.status = [], 204
    threading.Thread(
        target=receiver.serve_forever, args=(0.01,), daemon=True).start()
    world = one_engine.World()
    world.receiver = receiver
    receiver.look = lambda: {
        row['status'] for row in world.shadow_servers()}
    for _ in range(2):
        world.cloud.add_server(metadata=one_engine.APPLICATION)
    world.hooks = (hook.Hook(
        kind=hook.HookKind.WEBHOOK,
        url=f'http://127.0.0.1:{receiver.server_address[1]}/'),)
    world.add(policy=samples.policy(hooks=world.hooks, minimum_shadow=1))
    world.forecast(1.0, 1.0, 1.0, 1.0)
    world.settle()
    yield world
    receiver.shutdown()
    receiver.server_close()


def serve(world):
    world.source.cpu = 95.0
    world.set_alarms('alarm')
    until(world, State.ALLOCATED)


def go_back(world):
    world.source.cpu = 5.0
    world.set_alarms('ok')
    world.evaluate_low()


def until(world, state, rounds=10):
    for _ in range(rounds):
        if [member.state for member in world.members()] == [state]:
            return
        world.round(later=5 * samples.MINUTE)
        world.work()
    raise AssertionError(world.kinds())


def test_told_when_it_serves_and_before_it_is_held_again(world):
    assert world.receiver.told == []
    serve(world)
    [(told, statuses)] = world.receiver.told
    assert told['event'] == 'join' and statuses == {'ACTIVE'}
    [member] = world.members()
    assert member.joined_at == world.now

    go_back(world)
    until(world, State.AVAILABLE)
    [_, (told, statuses)] = world.receiver.told
    assert told['event'] == 'leave' and statuses == {'ACTIVE'}
    assert 'instance.left' in world.kinds()


def test_a_receiver_that_is_away_keeps_nothing_for_ever(world):
    world.receiver.status = 503
    serve(world)
    for _ in range(3):
        world.round(later=2 * samples.MINUTE)
        world.work()
    [member] = world.members()
    assert member.state is State.ALLOCATED and member.joined_at
    go_back(world)
    until(world, State.AVAILABLE)
    world.settle()
    assert world.rows()['member_hooks'] == []


def test_a_reservation_that_is_deleted_leaves_first(world):
    serve(world)
    world.cloud.change_server(
        world.shadow_servers()[0]['id'], status='DELETED', tags=[])
    for _ in range(4):
        world.round()
        world.work()
    assert [told['event'] for told, _ in world.receiver.told][:2] == [
        'join', 'leave']
    assert 'instance.gone' in world.kinds()


@pytest.mark.parametrize('step', [
    'nothing', 'hour', 'deleted', 'started', 'failed', 'untagged'])
def test_nothing_is_forgotten_of_members_with_hooks(step):
    # It may not go there, so that it is tried, given up and abandoned.
    refused = hook.Hook(
        kind=hook.HookKind.WEBHOOK, url='http://10.0.0.1/')
    test_idle.check(['busy', step, 'calm', 'policy'], grouped=False,
                    settled=True, hooks=(refused,))


def test_a_hook_that_took_its_time_drains_nobody_longer(world):
    # given a receiver that takes four seconds to let one go
    serve(world)
    go_back(world)
    look = world.receiver.look

    def slowly():
        world.now += datetime.timedelta(seconds=4)
        return look()
    world.receiver.look = slowly
    world.now += samples.HOUR

    # when it goes back, by a policy without a time to drain
    world.reconciler.reconcile(samples.TOKEN, world.now)
    world.reconciler.reconcile(samples.TOKEN, world.now)

    # then it is held at once, and its owner is told of no draining
    [server] = world.shadow_servers()
    assert server['status'] == 'SHELVED'
    assert lifecycle.DRAIN_KEY not in server['metadata']
