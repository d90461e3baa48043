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

"""Promotions while the broker and the engines die.

``SHADOW_RESERVE_PROMOTIONS`` says how many there are at least.
"""

from collections.abc import Iterator
import contextlib
import os
import pathlib
import random
import threading
import time
from typing import Any

import pytest

from tests.functional import application as test_application
from tests.functional import engine_process
from tests.functional import pocket

wait_for = test_application.wait_for

PROMOTIONS = int(os.environ.get('SHADOW_RESERVE_PROMOTIONS', '12'))
SEED = int(os.environ.get('SHADOW_RESERVE_SEED', '5'))
#: As many as two hosts and a half have room for.
RESERVATIONS = 3
MEMBERS = 4
HOLD = [{'tier': 'shelved', 'count': 2}, {'tier': 'stopped', 'count': 1},
        {'tier': 'offloaded'}]
PATIENCE = 300
#: Nova's actions that put a server to use.
WAKING = frozenset({'unshelve', 'start', 'resume'})

QUICK = {'engine': {'reconcile_interval': '3'},
         'forecast': {'interval': '10'},
         'shadow': {'settle_time': '1', 'promotion_timeout': '120'}}


@pytest.fixture
def engines(tmp_path: pathlib.Path,
            ) -> Iterator[list[engine_process.Engine]]:
    with contextlib.ExitStack() as stack:
        both = []
        for name in ('one', 'two'):
            folder = tmp_path / name
            folder.mkdir()
            both.append(stack.enter_context(
                engine_process.running(folder, {}, QUICK)))
        yield both


class Trouble:
    """Kills an engine or the broker now and then, until it is told."""

    def __init__(self, engines: list[engine_process.Engine]) -> None:
        self._engines = engines
        self._random = random.Random(SEED)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.broker_deaths = 0

    def __enter__(self) -> 'Trouble':
        self._thread.start()
        return self

    def __exit__(self, *error: Any) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(self._random.uniform(1, 8)):
            if self._random.random() < 0.2:
                pocket.command('stop', 'rabbitmq')
                time.sleep(self._random.uniform(0, 3))
                # That starts the cloud's own engine as well.
                pocket.command('start')
                pocket.command('stop', 'shadow-reserve-engine')
                self.broker_deaths += 1
            else:
                self._random.choice(self._engines).process.kill('trouble')


def test_each_promotion_is_made_once_whatever_dies(
        application: test_application.Application,
        engines: list[engine_process.Engine]) -> None:
    api = pocket.Api(application.tenant)
    witness = pocket.Witness()

    # given reservations whose shadow waits in different ways
    tokens = [api.create(
        name=f'{application.name}-{number}', flavor='m1.small', quantity=2,
        duration=7200, template={'image': 'pocket'},
        selector={'kind': 'metadata', 'key': 'metering.server_group',
                  'value': application.name},
        policy={'mode': 'active', 'minimum_shadow': MEMBERS,
                'maximum_shadow': MEMBERS, 'cooldown': 86400,
                'hold': HOLD})['token'] for number in range(RESERVATIONS)]

    def reach(state: str) -> None:
        for token in tokens:
            wait_for(f'{token} is {state}', PATIENCE,
                     lambda token=token: api.states(token)
                     == [state] * MEMBERS)
    reach('available')

    # when they are promoted and returned again and again, and things die
    promoted = 0
    with Trouble(engines) as trouble:
        while promoted < PROMOTIONS or not trouble.broker_deaths or not all(
                engine.process.deaths for engine in engines):
            for way, state in (('promote', 'allocated'),
                               ('return', 'available')):
                for token in tokens:
                    assert api.request(
                        'POST', f'/v1/reservations/{token}/shadow/{way}',
                        json={'count': MEMBERS}).status_code == 202
                reach(state)
            promoted += RESERVATIONS * MEMBERS
    print(f'\n{promoted} promotions, the broker died '
          f'{trouble.broker_deaths} times, the engines '
          f'{[len(engine.process.deaths) for engine in engines]} times')

    # then each was asked of Nova once, and none is forgotten
    for token in tokens:
        rows = api.request(
            'GET', f'/v1/reservations/{token}/promotions',
        ).json()['promotions']
        assert {row['outcome'] for row in rows} == {'ended'}
        servers = {server.id: 0 for server in witness.servers(token)}
        assert len(servers) == MEMBERS
        for row in rows:
            servers[row['server_id']] += 1
        for server_id, count in servers.items():
            assert witness.actions(server_id, WAKING) == count

    # and nothing of it stays
    for token in tokens:
        api.delete(token)
    for token in tokens:
        wait_for(f'{token} is gone', PATIENCE,
                 lambda token=token: api.is_gone(token))
        assert not witness.servers(token)
