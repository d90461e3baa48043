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
"""Shadow on a real cloud: how soon it serves, whether it is there, and
whether it is in the way.

    tools/pocket-cloud run tox -e bench -- tests/benchmarks/bench_shadow.py

An engine with short delays takes the place of the pocket cloud's own. How
much is measured: ``SHADOW_RESERVE_PAIRS``, ``SHADOW_RESERVE_RACES`` and
``SHADOW_RESERVE_CREATIONS``.
"""

from collections.abc import Callable
from collections.abc import Iterator
import concurrent.futures
import configparser
import contextlib
import os
import pathlib
import statistics
import subprocess
import threading
import time
from typing import Any
import uuid

import openstack
import oslo_messaging
import pytest

from shadow_reserve.cmd import options
from tests.functional import application
from tests.functional import engine_process
from tests.functional import pocket

PAIRS = int(os.environ.get('SHADOW_RESERVE_PAIRS', '10'))
RACES = int(os.environ.get('SHADOW_RESERVE_RACES', '20'))
CREATIONS = int(os.environ.get('SHADOW_RESERVE_CREATIONS', '50'))
#: A promotion over a bare unshelve of the same server.
LIMIT = 1.15
#: Seconds between two looks at a server.
POLL = 0.1
#: Seconds after which a client tries once more.
PAUSE = 1.5
PATIENCE = 180
#: Seconds for which what was given back is left alone: longer than a
#: client's pause, or we would take it back under its hands.
RECLAIM_DELAY = 10
#: Members of each reservation; reservations are passed over side by side.
MEMBERS = 5
#: Tenants' servers that are asked for at one time.
RACERS = 2

BARE = {'shelved': 'unshelve', 'offloaded': 'unshelve',
        'suspended': 'resume', 'stopped': 'os-start'}

pytestmark = pytest.mark.skipif(
    'POCKET_CLOUD_STATE' not in os.environ,
    reason='needs a pocket cloud that runs: tools/pocket-cloud run ...')

wait_for = application.wait_for


@contextlib.contextmanager
def engine(folder: pathlib.Path, topic: str | None = None,
           interval: int = 1) -> Iterator[None]:
    """One that holds all it can.

    :param topic: where it hears, if not where Nova says who found no host
    :param interval: seconds between two rounds
    """
    options: dict[str, dict[str, str]] = {
        'DEFAULT': {'log_file': str(folder / 'engine.log')},
        'engine': {'reconcile_interval': str(interval)},
        'forecast': {'interval': '10'},
        'shadow': {
            'settle_time': '0', 'low_water_mark': '0', 'maximum_share': '1',
            'reclaim_delay': str(RECLAIM_DELAY), 'error_backoff': '1',
            'maximum_failures': '1000'}}
    if topic is not None:
        options['trigger'] = {'notification_topic': topic}
    overrides = configparser.ConfigParser()
    overrides.read_dict(options)
    with (folder / 'overrides.conf').open('w') as file:
        overrides.write(file)
    process = engine_process.EngineProcess(
        [pocket.service_config(), folder / 'overrides.conf'],
        folder / 'engine.out')
    with pocket.without('shadow-reserve-engine'):
        process.start()
        try:
            yield
        finally:
            process.stop()


@contextlib.contextmanager
def scheduler_without_the_filter(folder: pathlib.Path) -> Iterator[None]:
    nova = pocket.state() / 'etc' / 'nova'
    mine = folder / 'scheduler.conf'
    mine.write_text('[filter_scheduler]\nenabled_filters = ComputeFilter,'
                    'ComputeCapabilitiesFilter,ImagePropertiesFilter\n')
    command = [str(pocket.state() / 'venv' / 'bin' / 'nova-scheduler')]
    for path in (nova / 'nova.conf', nova / 'databases.conf', mine):
        command += ['--config-file', str(path)]
    with pocket.without('nova-scheduler'), (
            folder / 'scheduler.out').open('wb') as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT)
        try:
            time.sleep(10)
            assert process.poll() is None
            yield
        finally:
            process.terminate()
            process.wait()


class Tenant:
    """Somebody who has nothing to do with us."""

    def __init__(self, name: str) -> None:
        self.cloud: Any = openstack.connect(cloud=name)
        image: Any = self.cloud.image.find_image('pocket')
        flavor: Any = self.cloud.compute.find_flavor('m1.small')
        self._image, self._flavor = image.id, flavor.id
        self.created: list[str] = []

    def create(self) -> bool:
        """A server, from the request until it runs or does not."""
        server = self.cloud.compute.create_server(
            name='ordinary', flavor_id=self._flavor, image_id=self._image,
            networks='none')
        self.created.append(server.id)
        while server.status not in ('ACTIVE', 'ERROR'):
            time.sleep(POLL)
            server = self.cloud.compute.get_server(server.id)
        return bool(server.status == 'ACTIVE')

    def delete_last(self) -> None:
        self.delete(self.created.pop())

    def delete(self, server_id: str) -> None:
        self.cloud.compute.delete_server(server_id, ignore_missing=True)

    def fill(self) -> None:
        while room():
            self.create()

    def remove(self) -> None:
        while self.created:
            self.delete_last()


def room() -> int:
    """Hosts that could take one more, as Placement says."""
    admin: Any = openstack.connect(cloud='admin')
    response = admin.placement.get(
        '/allocation_candidates', microversion='1.38',
        params={'resources': 'VCPU:1,MEMORY_MB:1024,DISK_GB:5'})
    return len(response.json()['allocation_requests'])


class Held:
    """A reservation with a server and the shadow of it."""

    def __init__(self, count: int, hold: list[dict[str, Any]]) -> None:
        self._application = application.Application(
            f'bench-{uuid.uuid4().hex[:8]}', servers=1)
        # Without a forecast nothing is held.
        self._application.back_fill(days=2)
        self.cloud: Any = self._application.tenant
        self.api = pocket.Api(self.cloud)
        self._count = count
        self._told = 0
        #: Members that lost a race, each as often as it did.
        self.losers: list[str] = []
        self.token = self.api.create(
            name='bench', flavor='m1.small', quantity=1, duration=7200,
            template={'image': 'pocket'},
            selector={'kind': 'metadata', 'key': 'metering.server_group',
                      'value': self._application.name},
            policy={'mode': 'active', 'minimum_shadow': count,
                    'maximum_shadow': count, 'cooldown': 86400,
                    'hold': hold})['token']

    def members(self) -> list[dict[str, Any]]:
        answer: list[dict[str, Any]] = self.api.request(
            'GET', f'/v1/reservations/{self.token}/shadow').json()[
                'shadow']['instances']
        return answer

    def move(self, way: str) -> None:
        response = self.api.request(
            'POST', f'/v1/reservations/{self.token}/shadow/{way}',
            json={'count': self._count})
        assert response.status_code == 202, response.text

    def reach(self, state: str) -> None:
        """All of them, and with their claims."""
        wait_for(f'{self.token} is {state}', PATIENCE, lambda: (
            [state] * self._count == self.api.states(self.token) and (
                state != 'available' or all(
                    one['claim_held'] for one in self.members()))))

    def look(self) -> None:
        """Take note of the races that were lost meanwhile."""
        for event in self.api.events_after(self.token, self._told):
            self._told = event['sequence']
            if event['kind'] == 'instance.promotion_lost':
                self.losers.append(event['details']['instance_id'])

    def has_raced(self, before: int) -> bool:
        """Whether each member serves, or has lost since then."""
        self.look()
        return all(one['state'] == 'allocated'
                   or one['instance_id'] in self.losers[before:]
                   for one in self.members())

    def remove(self) -> None:
        self.api.delete(self.token)
        wait_for(f'{self.token} is gone', PATIENCE,
                 lambda: self.api.is_gone(self.token))
        self._application.remove()


class Watch:
    """Hears from Nova's computes when a server runs.

    Asking the API for it again and again would slow down what is measured.
    """

    _EVENTS = frozenset({'instance.power_on.end', 'instance.resume.end',
                         'instance.unshelve.end'})

    def __init__(self) -> None:
        conf = options.load(
            [], program='bench', config_files=[str(pocket.service_config())])
        self._runs: dict[str, threading.Event] = {}
        self._listener: Any = oslo_messaging.get_notification_listener(
            oslo_messaging.get_notification_transport(conf),
            [oslo_messaging.Target(topic='versioned_notifications')],
            [self], executor='threading')

    def info(self, context: Any, publisher_id: str, event_type: str,
             payload: Any, metadata: Any) -> None:
        if event_type in self._EVENTS:
            server_id = payload['nova_object.data']['uuid']
            self._runs.setdefault(server_id, threading.Event()).set()

    def __enter__(self) -> 'Watch':
        self._listener.start()
        return self

    def __exit__(self, *error: Any) -> None:
        self._listener.stop()
        self._listener.wait()

    def time(self, server_id: str, ask: Callable[[], Any]) -> float:
        """Seconds from the request until the server runs."""
        runs = self._runs[server_id] = threading.Event()
        start = time.perf_counter()
        ask()
        assert runs.wait(PATIENCE), f'{server_id} does not run'
        return time.perf_counter() - start


@pytest.mark.parametrize('tier', list(BARE))
def test_a_promotion_takes_no_longer(tier: str,
                                     tmp_path: pathlib.Path) -> None:
    ours, bare = [], []
    # What rounds ask of Nova is asked while it is busy with the promotion.
    with engine(tmp_path, interval=5), Watch() as watch, (
            contextlib.ExitStack()) as stack:
        held = Held(1, [{'tier': tier}])
        stack.callback(held.remove)
        held.reach('available')
        server_id = held.members()[0]['server_id']

        def by_hand() -> None:
            held.cloud.compute.post(
                f'/servers/{server_id}/action',
                json={BARE[tier]: None}).raise_for_status()
        for number in range(2 * PAIRS):
            if number % 2:
                bare.append(watch.time(server_id, by_hand))
            else:
                ours.append(watch.time(
                    server_id, lambda: held.move('promote')))
            # What is put to use by hand counts as promoted.
            held.reach('allocated')
            held.move('return')
            held.reach('available')
            assert held.members()[0]['server_id'] == server_id
    ratio = statistics.median(ours) / statistics.median(bare)
    print(f'\n{tier:10} {PAIRS} pairs: promotion median '
          f'{statistics.median(ours):.2f} s (max {max(ours):.2f}), by hand '
          f'{statistics.median(bare):.2f} s (max {max(bare):.2f}), '
          f'ratio {ratio:.2f}')
    print('  ours', [round(one, 2) for one in ours],
          'by hand', [round(one, 2) for one in bare])
    assert tier != 'shelved' or ratio <= LIMIT


class Racers:
    """Ask for servers while the gate is open, and delete them again."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self._over = threading.Event()
        self._pool = concurrent.futures.ThreadPoolExecutor(RACERS)
        self._work: list[Any] = []
        self.asked = 0
        self.won = 0

    def __enter__(self) -> 'Racers':
        self._work = [self._pool.submit(self._run) for _ in range(RACERS)]
        return self

    def __exit__(self, *error: Any) -> None:
        self._over.set()
        self.gate.set()
        for work in self._work:
            work.result()
        self._pool.shutdown()

    def _run(self) -> None:
        tenant = Tenant('other')
        while not self._over.is_set():
            if self.gate.wait(0.5) and not self._over.is_set():
                self.won += tenant.create()
                self.asked += 1
                tenant.delete_last()


@pytest.mark.parametrize('filtered', [True, False])
def test_a_race_for_what_is_let_go(filtered: bool,
                                   tmp_path: pathlib.Path) -> None:
    promoted = 0
    with contextlib.ExitStack() as stack:
        # It is not to lend meanwhile what the race is about.
        stack.enter_context(engine(tmp_path, 'nobody_says_anything'))
        if not filtered:
            stack.enter_context(scheduler_without_the_filter(tmp_path))
        tenant = Tenant('other')
        stack.callback(tenant.remove)
        held = [Held(MEMBERS, [{'tier': 'offloaded'}]) for _ in range(3)]
        for one in held:
            stack.callback(one.remove)
        for one in held:
            one.reach('available')
        tenant.fill()
        racers = stack.enter_context(Racers())
        start = time.monotonic()
        while promoted < RACES:
            assert not room()
            racers.gate.set()
            before = [len(one.losers) for one in held]
            for one in held:
                one.move('promote')
            for one, count in zip(held, before, strict=True):
                wait_for(f'{one.token} has raced', PATIENCE,
                         lambda one=one, count=count: one.has_raced(count))
            racers.gate.clear()
            # Who lost is tried again, and nothing is in its way any more.
            for one in held:
                one.reach('allocated')
            promoted += MEMBERS * len(held)
            for one in held:
                one.look()
            lost = sum(len(one.losers) for one in held)
            print(f'\n{promoted} promotions in '
                  f'{time.monotonic() - start:.0f} s, '
                  f'{"with" if filtered else "without"} the filter: {lost} '
                  f'lost and tried again; others asked {racers.asked} '
                  f'times, {racers.won} got a server', flush=True)
            for one in held:
                one.move('return')
            for one in held:
                one.reach('available')
            wait_for('the cloud is full', PATIENCE, lambda: not room())
        if filtered:
            assert (lost, racers.won) == (0, 0)
        else:
            # Who won took it from somebody who noticed; others may have
            # had the same room after them, before that one came back.
            assert lost or not racers.won


def test_a_full_cloud_has_room(tmp_path: pathlib.Path) -> None:
    shadow, seconds = 10, []
    again = failed = done = 0
    with contextlib.ExitStack() as stack:
        stack.enter_context(engine(tmp_path))
        filler, tenant = Tenant('other'), Tenant('other')
        stack.callback(filler.remove)
        held = Held(shadow, [{'tier': 'shelved', 'count': shadow // 2},
                             {'tier': 'offloaded'}])
        stack.callback(held.remove)
        stack.callback(tenant.remove)
        held.reach('available')
        filler.fill()
        while done < CREATIONS:
            for _ in range(min(shadow, CREATIONS - done)):
                start = time.monotonic()
                runs = tenant.create()
                if not runs:
                    again += 1
                    tenant.delete_last()
                    time.sleep(PAUSE)
                    runs = tenant.create()
                failed += not runs
                seconds.append(time.monotonic() - start)
                done += 1
            print(f'\n{done} servers on a full cloud: {again} needed a '
                  f'second try, {failed} failed twice; median '
                  f'{statistics.median(seconds):.1f} s, at most '
                  f'{max(seconds):.1f} s', flush=True)
            tenant.remove()
            held.reach('available')
            wait_for('the cloud is full', PATIENCE, lambda: not room())
    assert not failed
