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

"""Services that fail at random, and an engine that dies at random.

Over lives of reservations that are built, promoted, returned, lent and
deleted. In the end everything agrees, and nothing is left. How much of it:
``SHADOW_RESERVE_FAULTS`` is how often each kind of trouble is tried at
each service, ``SHADOW_RESERVE_KILLS`` how often the engine is killed.
"""

from collections.abc import Callable
from collections.abc import Iterator
import contextlib
import json
import os
import pathlib
import random
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

from shadow_reserve.cmd import options
from shadow_reserve.db import session as db_session
from shadow_reserve.db import shadow as db_shadow
from shadow_reserve.records import shadow
from shadow_reserve.shadow import moves as shadow_moves
from tests.functional import application as test_application
from tests.functional import engine_process
from tests.functional import pocket
from tests.functional import proxy as faulty_proxy

wait_for = test_application.wait_for

FAULTS = int(os.environ.get('SHADOW_RESERVE_FAULTS', '2'))
KILLS = int(os.environ.get('SHADOW_RESERVE_KILLS', '10'))
SEED = int(os.environ.get('SHADOW_RESERVE_SEED', '4'))

#: The share of requests that meet with trouble: those are few that a life
#: asks of Placement and Keystone.
RATES = {'nova': 0.2, 'placement': 0.7, 'keystone': 0.6}

SHADOW = 2
#: With troubles and deaths all the time.
PATIENCE = 400

#: What of the policy says how members wait.
MIXES: dict[str, dict[str, Any]] = {
    'shelved': {},
    'mixed': {'hold': [{'tier': 'shelved', 'count': 1},
                       {'tier': 'offloaded'}]},
}


@pytest.fixture
def engine(tmp_path: pathlib.Path) -> Iterator[engine_process.Engine]:
    quick = {
        'engine': {'reconcile_interval': '1', 'sweep_interval': '2',
                   'sweep_grace': '15', 'retry_maximum_delay': '2'},
        'forecast': {'interval': '10'},
        'shadow': {'settle_time': '1', 'promotion_timeout': '30',
                   'error_backoff': '2', 'maximum_failures': '1000'}}
    with engine_process.running(tmp_path, {}, quick) as engine:
        yield engine


class Life:
    """What a reservation goes through, with its shadow in some mix."""

    def __init__(self, application: test_application.Application,
                 mix: str, database: db_session.Database) -> None:
        self._api = pocket.Api(application.tenant)
        self._application = application
        self._mix = MIXES[mix]
        self._database = database
        self.tokens: list[str] = []

    def live(self) -> None:
        token = self._api.create(
            name=self._application.name, flavor='m1.small', quantity=2,
            duration=7200, template={'image': 'pocket'},
            selector={'kind': 'metadata', 'key': 'metering.server_group',
                      'value': self._application.name},
            policy={'mode': 'active', 'minimum_shadow': SHADOW,
                    'maximum_shadow': SHADOW, **self._mix})['token']
        self.tokens.append(token)
        self._reach(token, ['available', 'available'])
        self._move(token, 'promote')
        self._reach(token, ['allocated', 'available'])
        self._move(token, 'return')
        self._reach(token, ['available', 'available'])
        self._lend(token)
        time.sleep(3)
        self._api.delete(token)
        wait_for(f'{token} is gone', PATIENCE,
                 lambda: self._api.is_gone(token))

    def _reach(self, token: str, states: list[str]) -> None:
        wait_for(f'{token} is {states}', PATIENCE,
                 lambda: self._api.states(token) == states)

    def _move(self, token: str, way: str) -> None:
        wait_for(f'{way} {token}', PATIENCE, lambda: self._api.request(
            'POST', f'/v1/reservations/{token}/shadow/{way}',
            json={'count': 1}).status_code == 202)

    def _lend(self, token: str) -> None:
        """As the engine does when others need the room."""
        def members(session: Any) -> list[shadow.ShadowInstance]:
            return db_shadow.list_instances(
                session, db_shadow.get_allocation(
                    session, token).allocation_id)
        moves = shadow_moves.Moves(
            self._database, lambda session, token, member, now: member)
        member = self._database.read(members)[-1]
        moves.lend(token, member, member.state_since, 'a test wants it')


#: In a short run, the one that has something of each.
_TRIED = list(MIXES) if 'SHADOW_RESERVE_FAULTS' in os.environ else ['mixed']


@pytest.fixture(params=_TRIED)
def life(application: test_application.Application,
         request: pytest.FixtureRequest) -> Life:
    conf = options.load(
        [], program='test', config_files=[str(pocket.service_config())])
    return Life(application, request.param, db_session.from_options(conf))


def audit() -> dict[str, Any]:
    done = subprocess.run(
        [str(pathlib.Path(sys.executable).parent / 'shadow-reserve-manage'),
         '--config-file', str(pocket.service_config()), 'audit', '--grace',
         '20', '--format', 'json'], capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def live_until(life: Life, enough: Callable[[], bool]) -> None:
    """One life after the other, at least one."""
    life.live()
    while not enough():
        life.live()


def assert_that_nothing_is_left(
        life: Life, trusts_before: set[str]) -> None:
    witness = pocket.Witness()
    for token in life.tokens:
        wait_for('no server is left', 60,
                 lambda token=token: not witness.servers(token))
        wait_for('no alarm is left', 60,
                 lambda token=token: not witness.alarms(token))
    wait_for('no trust is left', 60,
             lambda: witness.trusts() <= trusts_before)
    wait_for('no claim is left', 60, lambda: not witness.shadow_claims())
    assert audit() == {'findings': []}


def test_services_that_fail_at_random(
        life: Life, engine: engine_process.Engine) -> None:
    trusts_before = pocket.Witness().trusts()
    makers = {}
    for number, (name, rate) in enumerate(RATES.items()):
        makers[name] = faulty_proxy.Troublemaker(
            SEED + number, FAULTS, rate)
        engine.proxies[name].troublemaker = makers[name]

    live_until(life, lambda: not any(
        maker.left for maker in makers.values()))

    assert_that_nothing_is_left(life, trusts_before)
    for name, maker in makers.items():
        print(name, {f'{trouble.name} {method}': count for (
            trouble, method), count in sorted(
                maker.done.items(), key=str)})


@contextlib.contextmanager
def killer(process: engine_process.EngineProcess) -> Iterator[None]:
    """Kills an engine again and again, and not only after it is up."""
    stopped = threading.Event()
    moments = random.Random(SEED)

    def work() -> None:
        while len(process.deaths) < KILLS and not stopped.wait(
                moments.uniform(0.3, 6.0)):
            process.kill('at random')
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def test_an_engine_that_dies_at_random(
        life: Life, engine: engine_process.Engine) -> None:
    trusts_before = pocket.Witness().trusts()

    with killer(engine.process):
        live_until(life, lambda: len(engine.process.deaths) >= KILLS)

    assert_that_nothing_is_left(life, trusts_before)
    print(f'{len(engine.process.deaths)} deaths in '
          f'{len(life.tokens)} lives')
