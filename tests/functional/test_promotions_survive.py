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
PATIENCE = 600
#: Seconds between two deaths.
PAUSES = (3, 12)
#: What Nova's services tell each other is lost with the broker, and a
#: server may be shelving for ever then: it takes until ``build_timeout``
#: until we do without it. So it dies only so often.
BROKER_DEATHS = 4
#: Nova's actions that put a server to use.
WAKING = frozenset({'unshelve', 'start', 'resume'})

QUICK = {'engine': {'reconcile_interval': '3'},
         'forecast': {'interval': '10'},
         'shadow': {'settle_time': '1', 'promotion_timeout': '120',
                    'build_timeout': '120'}}

pytestmark = pytest.mark.skipif(
    'SHADOW_RESERVE_PROMOTIONS' not in os.environ,
    reason='takes long: SHADOW_RESERVE_PROMOTIONS says how many')


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
    """Kills an engine or the broker now and then, until it is told.

    An engine gets going for some seconds before it is killed again.
    """

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
        victims: list[engine_process.Engine | None] = []
        while not self._over.wait(self._random.uniform(*PAUSES)):
            if not victims:
                victims = [*self._engines, *self._engines, None]
                self._random.shuffle(victims)
            victim = victims.pop()
            if victim is not None:
                victim.process.kill('trouble')
            elif self.broker_deaths < BROKER_DEATHS:
                self._kill_broker()

    def _kill_broker(self) -> None:
        pocket.command('stop', 'rabbitmq')
        time.sleep(self._random.uniform(0, 3))
        # That starts the cloud's own engine as well.
        pocket.command('start')
        pocket.command('stop', 'shadow-reserve-engine')
        self.broker_deaths += 1


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

    try:
        _promote(api, tokens, engines)
        _check(api, witness, tokens)
    finally:
        for token in tokens:
            api.delete(token)
        for token in tokens:
            wait_for(f'{token} is gone', PATIENCE,
                     lambda token=token: api.is_gone(token))
    # and nothing of it stays
    assert not any(witness.servers(token) for token in tokens)


def _promote(api: pocket.Api, tokens: list[str],
             engines: list[engine_process.Engine]) -> None:
    """Promote and return again and again, while things die."""
    def reach(*ends: str) -> None:
        for token in tokens:
            wait_for(f'{token} is {ends}', PATIENCE, lambda token=token: (
                len(states := api.states(token)) == MEMBERS
                and set(states) <= set(ends)))

    def move(way: str, *ends: str) -> None:
        for token in tokens:
            response = api.request(
                'POST', f'/v1/reservations/{token}/shadow/{way}',
                json={'count': MEMBERS})
            # Perhaps none of them came to serve.
            assert response.status_code in (202, 409), response.text
        reach(*ends)
    reach('available')
    with Trouble(engines) as trouble:
        while (promoted := sum(len(api.promotions(token))
                               for token in tokens)) < PROMOTIONS or not (
                trouble.broker_deaths
                and all(engine.process.deaths for engine in engines)):
            # One that Nova lost together with the broker's messages is
            # given up in the end, and another one is built.
            move('promote', 'allocated', 'available')
            move('return', 'available')
    print(f'\n{promoted} promotions, the broker died '
          f'{trouble.broker_deaths} times, the engines '
          f'{[len(engine.process.deaths) for engine in engines]} times')


def _check(api: pocket.Api, witness: pocket.Witness,
           tokens: list[str]) -> None:
    """Each was asked of Nova once, and none is forgotten."""
    failed = 0
    for token in tokens:
        rows = api.promotions(token)
        assert {row['outcome'] for row in rows} <= {'ended', 'failed'}
        failed += sum(row['outcome'] == 'failed' for row in rows)
        servers = witness.servers(token)
        assert len(servers) == MEMBERS
        for server in servers:
            asked = [row['outcome'] for row in rows
                     if row['server_id'] == server.id]
            assert (asked.count('ended')
                    <= witness.actions(server.id, WAKING) <= len(asked))
    print(f'{failed} of them failed')
