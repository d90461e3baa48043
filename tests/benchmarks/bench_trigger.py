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
"""From an alarm's notification on the bus to the request to Nova.

    tools/pocket-cloud run tox -e bench -- tests/benchmarks/bench_trigger.py

``SHADOW_RESERVE_FLEET`` (10,000) reservations with a server of their own
and two shelved members each, in a database of the benchmark's own on the
pocket cloud's server. An engine as operators run it, or
``SHADOW_RESERVE_ENGINES`` of them, hear on a topic of their own. Keystone,
Aodh, Placement, MariaDB and RabbitMQ are the pocket cloud's; Nova is played
by a process that answers at once, and says on the bus .3 s later that the
server runs; passes have no measures to read.

The alarms are written straight into Aodh's database: to make so many by its
API takes an hour. They are in a project that the pocket cloud's own engine
does not look at, and their next evaluation is far away.
``SHADOW_RESERVE_RATE`` (50) of them a second, for ``SHADOW_RESERVE_SECONDS``
(60), are brought into the state ``alarm`` as Aodh's evaluator does it, and
told of as it does; five seconds later they are calm again. Then as many
others, each told of twice. What is measured needs a quiet machine.
"""

from collections.abc import Iterator
import configparser
import contextlib
import dataclasses
import datetime
import getpass
import json
import os
import pathlib
import re
import statistics
import time
from typing import Any
from urllib import parse
import uuid

import kombu
import openstack
import pymysql
import pytest
import requests
import sqlalchemy

from shadow_reserve.cloud import nova_rows
from shadow_reserve.db import codec
from shadow_reserve.db import migration
from shadow_reserve.db import models
from shadow_reserve.db import session as db_session
from shadow_reserve.records import reservation
from shadow_reserve.records import usage
from shadow_reserve.shadow import template as shadow_template
from shadow_reserve.trigger import alarms as trigger_alarms
from shadow_reserve.trigger import rules as trigger_rules
from tests.benchmarks import bench_round
from tests.benchmarks import trigger_stub
from tests.functional import engine_process
from tests.functional import pocket
from tests.unit import samples

FLEET = int(os.environ.get('SHADOW_RESERVE_FLEET', '10000'))
RATE = float(os.environ.get('SHADOW_RESERVE_RATE', '50'))
SECONDS = float(os.environ.get('SHADOW_RESERVE_SECONDS', '60'))
ENGINES = int(os.environ.get('SHADOW_RESERVE_ENGINES', '1'))
COUNT = int(RATE * SECONDS)
#: Alarms of which each engine hears before it is measured.
WARM_UP = 20
MEDIAN, P99 = 0.030, 0.150
NAME = 'shadow_reserve_bench'
GRANULARITY, PERIODS = 60, 2
#: Seconds for which an alarm stands.
STANDS = 5.0
PATIENCE = 1800
NEVER = 10 ** 8

pytestmark = pytest.mark.skipif(
    'POCKET_CLOUD_STATE' not in os.environ,
    reason='needs a pocket cloud that runs: tools/pocket-cloud run ...')

uid = bench_round.uid


def token_of(number: int) -> str:
    return uid(0x10000000 + number)


def alarm_of(number: int) -> str:
    return uid(0x60000000 + number)


def members_of(number: int) -> list[str]:
    return [uid(0x40000000 + 2 * number + one) for one in range(2)]


class Fleet:
    """Rows of all reservations, and what Nova and Aodh have of them."""

    def __init__(self, aodh_project: str) -> None:
        self._aodh_project = aodh_project
        self._keeper = trigger_alarms.AlarmKeeper(
            None, None, trigger_rules.Defaults(  # type: ignore[arg-type]
                granularity=GRANULARITY, evaluation_periods=PERIODS))
        self.rows: dict[Any, list[dict[str, Any]]] = {model: [] for model in (
            models.Reservation, models.ShadowAllocation,
            models.ShadowInstance, models.DemandProfile,
            models.TriggerAlarm)}
        self.servers: list[dict[str, Any]] = []
        self.alarms: list[tuple[Any, ...]] = []
        self.now = datetime.datetime.now(datetime.UTC)
        for number in range(FLEET):
            self._add(number)

    def _add(self, number: int) -> None:
        token, pool = token_of(number), uid(0x20000000 + number)
        record = samples.record(
            token=token, shadow_allocation_id=pool, name=f'bench-{number}',
            template=reservation.InstanceTemplate(
                image_id=bench_round.IMAGE_ID),
            project_id=f'{number // 5:032x}', start_time=self.now,
            created_at=self.now, updated_at=self.now, trust_id=None,
            selector=dataclasses.replace(
                samples.record().selector, value=f'bench-{number}'),
            duration=1000 * samples.HOUR, policy=samples.policy(
                minimum_shadow=2, maximum_shadow=2, memory_threshold=None,
                io_latency_threshold=None))
        self.rows[models.Reservation].append({
            **{column.key: getattr(record, column.key)
               for column in models.Reservation.__table__.columns},
            'status': record.status.value,
            'size': dataclasses.asdict(record.size),
            'policy': codec.policy_to_json(record.policy),
            'template': codec.template_to_json(record.template),
            'selector': codec.selector_to_json(record.selector)})
        self.rows[models.ShadowAllocation].append({
            'allocation_id': pool, 'reservation_id': token,
            'resource_type': 'm1.small', 'quantity': 2,
            'status': 'available'})
        metadata = {record.selector.key: record.selector.value}
        self.servers.append(bench_round.server_row(
            uid(0x50000000 + number), record.project_id, 'ACTIVE', metadata,
            []))
        for server_id in members_of(number):
            self.servers.append(bench_round.server_row(
                server_id, record.project_id, 'SHELVED',
                {**metadata, nova_rows.TOKEN_KEY: token,
                 nova_rows.INSTANCE_KEY: server_id},
                [nova_rows.TAG, nova_rows.token_tag(token)]))
            # Of what is new the room for shadow is made up every second;
            # these have been there for long.
            member = samples.instance(
                instance_id=server_id, server_id=server_id,
                allocation_id=pool, created_at=self.now - samples.HOUR,
                template_key=shadow_template.key_of(record),
                state_since=self.now - samples.HOUR, charged_until=self.now)
            self.rows[models.ShadowInstance].append({
                **{column.key: getattr(member, column.key)
                   for column in models.ShadowInstance.__table__.columns},
                'state': member.state.value, 'tier': member.tier.value})
        # Without a forecast nothing is held.
        profile = dataclasses.replace(
            samples.profile((2.0, 2.0, 2.0, 2.0)), origin=self.now)
        self.rows[models.DemandProfile].append({
            'token': token, 'resource': profile.resource.value,
            'origin': profile.origin,
            'profile': codec.profile_to_json(profile)})
        self.rows[models.TriggerAlarm].append({
            'token': token, 'metric': 'cpu', 'alarm_id': alarm_of(number)})
        alarm = self._keeper.definitions(record, usage.Application(
            token=token, project_id=record.project_id,
            server_ids=(uid(0x50000000 + number),),
            server_group=record.selector.value,
            vcpus=record.size.vcpus), serving=False)['cpu']
        self.alarms.append((
            alarm_of(number), alarm.name, alarm.description,
            self._aodh_project, json.dumps(alarm.rule.to_body())))


class Databases:
    """The pocket cloud's MariaDB, as its root."""

    def __init__(self) -> None:
        self._connection = pymysql.connect(
            unix_socket=str(pocket.state() / 'run' / 'mariadb.sock'),
            user=getpass.getuser(), autocommit=True)

    def execute(self, statement: str, *rows: tuple[Any, ...]) -> None:
        with self._connection.cursor() as cursor:
            if rows:
                cursor.executemany(statement, rows)
            else:
                cursor.execute(statement)

    def drop(self) -> None:
        self.execute(f'DROP DATABASE IF EXISTS {NAME}')
        self.execute('DELETE FROM aodh.alarm WHERE alarm_id LIKE '
                     "'00000000-0000-0000-0000-00006%%'")

    def fill(self, url: str, fleet: Fleet) -> None:
        self.drop()
        self.execute(f'CREATE DATABASE {NAME} CHARACTER SET utf8mb4')
        self.execute(f'GRANT ALL ON {NAME}.* TO '
                     "'shadow_reserve'@'127.0.0.1'")
        database = db_session.Database(url)
        migration.upgrade(database)
        with database.engine.begin() as connection:
            for model, rows in fleet.rows.items():
                connection.execute(
                    sqlalchemy.insert(model.__table__), rows)
        database.engine.dispose()
        self.execute(
            'INSERT INTO aodh.alarm (alarm_id, name, description, '
            'project_id, rule, enabled, type, severity, timestamp, user_id, '
            'state, state_reason, state_timestamp, ok_actions, '
            'alarm_actions, insufficient_data_actions, repeat_actions, '
            'time_constraints, evaluate_timestamp) VALUES (%s, %s, %s, %s, '
            "%s, 1, 'gnocchi_aggregation_by_resources_threshold', 'low', "
            "NOW(6), '', 'ok', 'Not evaluated yet', NOW(6), '[]', '[]', "
            "'[]', 0, '[]', '2099-01-01')", *fleet.alarms)

    def set_alarm(self, number: int, state: str, reason: str) -> None:
        """As the evaluator: the time of the state stays as it was."""
        self.execute(
            'UPDATE aodh.alarm SET state = %s, state_reason = %s '
            'WHERE alarm_id = %s', (state, reason, alarm_of(number)))


@dataclasses.dataclass
class Engines:
    processes: list[engine_process.EngineProcess]
    logs: list[pathlib.Path]
    database: str

    def cpu_seconds(self) -> float:
        ticks = 0
        for process in self.processes:
            assert process._process is not None
            group = process._process.pid
            for stat in pathlib.Path('/proc').glob('[0-9]*/stat'):
                try:
                    fields = stat.read_text().rpartition(')')[2].split()
                except OSError:
                    continue
                if int(fields[2]) == group:
                    ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf('SC_CLK_TCK')

    def wait_until_idle(self) -> float:
        """New engines have a pass over each reservation."""
        start = time.monotonic()
        quiet = 0
        while quiet < 3:
            before = self.cpu_seconds()
            time.sleep(2)
            used = (self.cpu_seconds() - before) / 2
            quiet = quiet + 1 if used < 0.2 * ENGINES else 0
            assert time.monotonic() - start < PATIENCE
        return time.monotonic() - start


def write_usage(path: pathlib.Path) -> None:
    """A day of each reservation, to forecast from."""
    hour = int(time.time()) // 3600 * 3600
    with path.open('w') as file:
        print('time', *map(token_of, range(FLEET)), sep=',', file=file)
        for age in range(24, -1, -1):
            print(hour - 3600 * age, *(['1.5'] * FLEET), sep=',', file=file)


@contextlib.contextmanager
def engines(folder: pathlib.Path, topic: str, nova: str,
            url: str) -> Iterator[Engines]:
    auth = openstack.connect(cloud='admin').config.get_auth_args()
    found = Engines([], [], url)
    usage_file = folder / 'usage.csv'
    write_usage(usage_file)
    for number in range(ENGINES):
        mine = folder / f'engine-{number}'
        mine.mkdir()
        overrides = configparser.ConfigParser(interpolation=None)
        overrides.read_dict({
            'DEFAULT': {'log_file': str(mine / 'engine.log'),
                        'debug': 'false'},
            'database': {'connection': url},
            # Somebody whose alarms and trusts are not our service's.
            'service_credentials': {
                name: str(auth[name]) for name in
                ('username', 'password', 'project_name')},
            'trigger': {'notification_topic': topic,
                        'granularity': str(GRANULARITY),
                        'evaluation_periods': str(PERIODS)},
            'engine': {'reconcile_interval': '30',
                       'sweep_interval': str(NEVER)},
            # A file says nothing of just now: passes promote nobody.
            'forecast': {'interval': str(NEVER), 'metric_source': 'file'},
            'gnocchi': {'endpoint_override': str(usage_file)},
            'lease': {'settle_interval': str(NEVER)},
            'shadow': {'lending_interval': str(NEVER),
                       'low_water_mark': '0', 'maximum_share': '1'},
            'nova': {'endpoint_override': nova}})
        with (mine / 'overrides.conf').open('w') as file:
            overrides.write(file)
        found.logs.append(mine / 'engine.log')
        found.processes.append(engine_process.EngineProcess(
            [pocket.service_config(), mine / 'overrides.conf'],
            mine / 'engine.out'))
    try:
        for process in found.processes:
            process.start()
        yield found
    finally:
        for process in found.processes:
            process.stop()


class Bus:
    """Says what Aodh's evaluator says, where it says it."""

    def __init__(self, transport_url: str, topic: str) -> None:
        self._url, self._topic = transport_url, topic
        self._notifier = trigger_stub.notifier(
            transport_url, topic, 'aodh.evaluator')

    def tell(self, number: int, reason: str) -> float:
        """:returns: when it was told"""
        payload = {
            'event_id': str(uuid.uuid4()), 'alarm_id': alarm_of(number),
            'type': 'state transition', 'detail': json.dumps({
                'state': 'alarm', 'transition_reason': reason}),
            'user_id': None, 'project_id': None, 'on_behalf_of': '',
            'timestamp': datetime.datetime.now(
                datetime.UTC).replace(tzinfo=None).isoformat(),
            'severity': 'low'}
        at = time.time()
        self._notifier.info({}, 'alarm.state_transition', payload)
        return at

    def close(self) -> None:
        with kombu.Connection(
                self._url.replace('rabbit://', 'amqp://')) as connection:
            channel = connection.channel()
            for priority in ('info', 'error'):
                channel.queue_delete(f'{self._topic}.{priority}')


def play(databases: Databases, bus: Bus, running: Engines, numbers: range,
         times: int) -> dict[int, float]:
    """Tell of alarms, one after another at the rate asked for.

    :returns: when each was told of first
    """
    told: dict[int, float] = {}
    calm = iter(numbers)
    start, cpu = time.monotonic(), running.cpu_seconds()
    for position, number in enumerate(numbers):
        wait = start + position / RATE - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        reason = ('Transition to alarm due to 2 samples outside threshold, '
                  f'most recent: {108e9 + number}')
        databases.set_alarm(number, 'alarm', reason)
        told[number] = bus.tell(number, reason)
        for _ in range(times - 1):
            bus.tell(number, reason)
        if position >= STANDS * RATE:
            databases.set_alarm(next(calm), 'ok', 'It is calm again')
    took = time.monotonic() - start
    time.sleep(STANDS)
    for number in calm:
        databases.set_alarm(number, 'ok', 'It is calm again')
    print(f'{len(numbers)} alarms told of {times}x at '
          f'{len(numbers) / took:.1f} a second; the engines took '
          f'{1000 * (running.cpu_seconds() - cpu) / len(numbers):.0f} ms CPU '
          f'for each, with the passes that followed')
    return told


def arrivals(stub: trigger_stub.Stub) -> dict[str, list[float]]:
    found: dict[str, list[float]] = requests.get(
        f'{stub.url}/arrivals', timeout=60).json()
    return found


def shares(logs: list[pathlib.Path]) -> dict[str, float]:
    """Seconds that Aodh took, by reservation, as the engines say."""
    found = {}
    for log in logs:
        for token, milliseconds in re.findall(
                r'alarm of reservation (\S+): .* after ([\d.]+) ms in Aodh',
                log.read_text()):
            found[token] = float(milliseconds) / 1000
    return found


def at(values: list[float], share: float) -> float:
    return sorted(values)[min(int(share * len(values)), len(values) - 1)]


def show(name: str, values: list[float]) -> None:
    print(f'  {name:28} median {1000 * statistics.median(values):6.1f} ms, '
          f'p99 {1000 * at(values, 0.99):6.1f} ms, '
          f'max {1000 * max(values):6.1f} ms')


def judge(told: dict[int, float], stub: trigger_stub.Stub,
          running: Engines) -> tuple[list[float], tuple[int, int]]:
    """:returns: seconds until Nova was asked; how many were lost, and
    doubled"""
    seen = arrivals(stub)
    aodh = shares(running.logs)
    ways, lost, double = [], 0, 0
    ours = []
    for number, start in told.items():
        times = [one for server_id in members_of(number)
                 for one in seen.get(server_id, [])]
        lost += not times
        double += len(times) > 1
        if times:
            ways.append(min(times) - start)
            if token_of(number) in aodh:
                ours.append(ways[-1] - aodh[token_of(number)])
    quick = [aodh[token_of(number)] for number in told
             if token_of(number) in aodh]
    show('told -> Nova asked', ways)
    show('of it Aodh\'s read-back', quick)
    show('the rest (bus, database, us)', ours)
    print(f'  {lost} lost, {double} double, '
          f'{len(told) - len(quick)} not by the quick way')
    return ways, (lost, double)


def yardstick() -> float:
    """Milliseconds of CPU that a thousand servers take through JSON and
    back: what the machine is worth just now, by which runs compare."""
    row = bench_round.server_row(uid(1), 'f' * 32, 'ACTIVE', {}, [])
    start = time.process_time()
    for _ in range(1000):
        json.loads(json.dumps(row))
    return 1000 * (time.process_time() - start)


def test_from_the_bus_to_nova(tmp_path: pathlib.Path) -> None:
    assert WARM_UP + 2 * COUNT <= FLEET, 'more alarms than reservations'
    config = configparser.ConfigParser(interpolation=None)
    config.read(pocket.service_config())
    url = parse.urlsplit(config['database']['connection'])._replace(
        path=f'/{NAME}').geturl()
    topic = f'{NAME}_{uuid.uuid4().hex[:8]}'
    admin = openstack.connect(cloud='admin')
    databases, fleet = Databases(), Fleet(str(admin.current_project_id))
    with contextlib.ExitStack() as stack:
        stack.callback(databases.drop)
        databases.fill(url, fleet)
        transport_url = config['DEFAULT']['transport_url']
        stub = trigger_stub.Stub(fleet.servers, transport_url, topic)
        stack.callback(stub.stop)
        bus = Bus(transport_url, topic)
        stack.callback(bus.close)
        running = stack.enter_context(
            engines(tmp_path, topic, stub.url, url))
        print(f'\n{FLEET} reservations, {ENGINES} engine(s), idle after '
              f'{running.wait_until_idle():.0f} s')
        play(databases, bus, running, range(WARM_UP), 1)
        running.wait_until_idle()
        before = yardstick()
        once = play(databases, bus, running, range(
            WARM_UP, WARM_UP + COUNT), 1)
        ways, wrong = judge(once, stub, running)
        running.wait_until_idle()
        twice = play(databases, bus, running, range(
            WARM_UP + COUNT, WARM_UP + 2 * COUNT), 2)
        _, wrong_of_twice = judge(twice, stub, running)
        print(f'yardstick: {before:.0f} ms before, {yardstick():.0f} ms '
              'after')
    assert (wrong, wrong_of_twice) == ((0, 0), (0, 0))
    assert statistics.median(ways) <= MEDIAN
    assert at(ways, 0.99) <= P99
