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

"""What a round over a large fleet with nothing to do costs.

    tox -e bench -- tests/benchmarks/bench_round.py

10,000 reservations of 200 projects with two shelved members and one
primary server each, two alarms each, in a SQLite file, or in the database
that ``SHADOW_RESERVE_BENCH_DATABASE`` names (an empty one).
``SHADOW_RESERVE_FLEET`` is another number of reservations. Nova and Aodh
are played by a process that answers over HTTP with pages like theirs, made
beforehand: what they take for a page is not in the figures; carrying,
parsing and judging it is, and so is the database.

The first round reads everything, as a new engine does, and gives a pass to
each reservation (which is not measured). Then come rounds that ask what has
changed, and one in which all projects are listed as a whole again.
"""

import dataclasses
import datetime
import http.server
import json
import multiprocessing
import os
import pathlib
import time
from typing import Any
from urllib import parse
import uuid

from keystoneauth1 import adapter
from keystoneauth1 import noauth
from keystoneauth1 import session as ks_session
import sqlalchemy

from shadow_reserve.cloud import aodh as cloud_aodh
from shadow_reserve.cloud import nova as cloud_nova
from shadow_reserve.cloud import nova_rows
from shadow_reserve.db import codec
from shadow_reserve.db import migration
from shadow_reserve.db import models
from shadow_reserve.db import session as db_session
from shadow_reserve.engine import ahead as engine_ahead
from shadow_reserve.engine import due
from shadow_reserve.engine import echo as engine_echo
from shadow_reserve.engine import failures as engine_failures
from shadow_reserve.engine import fleet as engine_fleet
from shadow_reserve.engine import garbage
from shadow_reserve.engine import known as engine_known
from shadow_reserve.engine import net as engine_net
from shadow_reserve.engine import precedence
from shadow_reserve.engine import rounds as engine_rounds
from shadow_reserve.engine import schedule as engine_schedule
from shadow_reserve.records import demand
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow
from shadow_reserve.records import usage
from shadow_reserve.shadow import lifecycle
from shadow_reserve.trigger import alarms as trigger_alarms
from shadow_reserve.trigger import rules as trigger_rules
from tests.unit import samples

FLEET = int(os.environ.get('SHADOW_RESERVE_FLEET', '10000'))
PROJECTS = 200
PER_PAGE = 1000
#: As many as are asked for.
ALARMS_PER_PAGE = 200
INTERVAL = datetime.timedelta(seconds=30)
RELIST = datetime.timedelta(minutes=10)
#: The bounds of the figure, for each 10,000 reservations.
SECONDS = 5.0
REQUESTS_PER_THOUSAND = 20.0

TERMS = due.Terms(
    limits=lifecycle.Limits(
        settle_time=samples.MINUTE, build_timeout=samples.HOUR,
        promotion_timeout=samples.HOUR, error_backoff=samples.HOUR),
    settle_interval=samples.HOUR, creation_grace=samples.HOUR)
DEFAULTS = trigger_rules.Defaults(granularity=60, evaluation_periods=2)


@dataclasses.dataclass
class World:
    """Rows by table, and pages of what services say."""

    rows: dict[Any, list[dict[str, Any]]]
    servers: list[dict[str, Any]]
    alarms: list[dict[str, Any]]


def uid(number: int) -> str:
    return str(uuid.UUID(int=number))


#: Of all servers, and of the template of whoever asks what they are like.
IMAGE_ID = uid(1)


def made() -> World:
    """A fleet in which everything is as it should be."""
    keeper = trigger_alarms.AlarmKeeper(
        None, None, DEFAULTS)  # type: ignore[arg-type]
    world = World(rows={model: [] for model in (
        models.Reservation, models.ShadowAllocation, models.ShadowInstance,
        models.TriggerAlarm)}, servers=[], alarms=[])
    for number in range(FLEET):
        add_reservation(world, number, keeper)
    return world


def add_reservation(world: World, number: int,
                    keeper: trigger_alarms.AlarmKeeper) -> None:
    token, pool = uid(0x10000000 + number), uid(0x20000000 + number)
    record = samples.record(
        token=token, shadow_allocation_id=pool, name=f'app-{number}',
        project_id=f'{number % PROJECTS:032x}',
        selector=dataclasses.replace(
            samples.record().selector, value=f'app-{number}'),
        duration=1000 * samples.HOUR,
        template=reservation.InstanceTemplate(image_id=IMAGE_ID),
        policy=samples.policy(maximum_shadow=2))
    fields = {name: getattr(record, name) for name in (
        column.key for column in models.Reservation.__table__.columns)}
    world.rows[models.Reservation].append({
        **fields, 'status': record.status.value,
        'size': dataclasses.asdict(record.size),
        'policy': codec.policy_to_json(record.policy),
        'template': codec.template_to_json(record.template),
        'selector': codec.selector_to_json(record.selector)})
    world.rows[models.ShadowAllocation].append({
        'allocation_id': pool, 'reservation_id': token,
        'resource_type': 'm1.small', 'quantity': 2,
        'status': 'available'})
    metadata = {record.selector.key: record.selector.value}
    world.servers.append(server_row(
        uid(0x50000000 + number), record.project_id, 'ACTIVE', metadata, []))
    for one in range(2):
        instance_id = uid(0x30000000 + 2 * number + one)
        server_id = uid(0x40000000 + 2 * number + one)
        world.servers.append(server_row(
            server_id, record.project_id, 'SHELVED',
            {**metadata, nova_rows.TOKEN_KEY: token,
             nova_rows.INSTANCE_KEY: instance_id},
            [nova_rows.TAG, nova_rows.token_tag(token)]))
        member = samples.instance()
        world.rows[models.ShadowInstance].append({
            **{name: getattr(member, name) for name in (
                column.key
                for column in models.ShadowInstance.__table__.columns)},
            'instance_id': instance_id, 'allocation_id': pool,
            'server_id': server_id, 'state': member.state.value,
            'charged_until': samples.NOW, 'tier': member.tier.value})
    application = usage.Application(
        token=token, project_id=record.project_id,
        server_ids=(uid(0x50000000 + number),),
        server_group=record.selector.value, vcpus=record.size.vcpus)
    for metric, definition in keeper.definitions(
            record, application, serving=False).items():
        alarm_id = str(uuid.uuid4())
        world.alarms.append(alarm_row(alarm_id, definition))
        world.rows[models.TriggerAlarm].append({
            'token': token, 'metric': metric, 'alarm_id': alarm_id})


def server_row(server_id: str, project_id: str, status: str,
               metadata: dict[str, str], tags: list[str]) -> dict[str, Any]:
    """As Nova shows one at microversion 2.79, with two addresses."""
    link = f'http://nova.example.org/v2.1/servers/{server_id}'
    return {
        'id': server_id, 'name': shadow.server_name('bench', server_id),
        'status': status, 'tenant_id': project_id, 'user_id': 'f' * 32,
        'metadata': metadata, 'tags': tags, 'hostId': 'a' * 56,
        'image': {'id': IMAGE_ID,
                  'links': [{'rel': 'bookmark', 'href': link}]},
        'flavor': {'vcpus': 2, 'ram': 2048, 'disk': 10, 'ephemeral': 0,
                   'swap': 0, 'original_name': 'm1.small',
                   'extra_specs': {}},
        'created': '2026-03-02T10:00:00Z',
        'updated': '2026-03-02T10:05:00Z', 'locked': False,
        'addresses': {'net': [
            {'version': 4, 'addr': '10.0.0.7',
             'OS-EXT-IPS:type': 'fixed',
             'OS-EXT-IPS-MAC:mac_addr': 'fa:16:3e:00:00:01'},
            {'version': 6, 'addr': 'fd00::7', 'OS-EXT-IPS:type': 'fixed',
             'OS-EXT-IPS-MAC:mac_addr': 'fa:16:3e:00:00:01'}]},
        'accessIPv4': '', 'accessIPv6': '', 'links': [
            {'rel': 'self', 'href': link},
            {'rel': 'bookmark', 'href': link}],
        'OS-DCF:diskConfig': 'MANUAL', 'config_drive': '',
        'OS-EXT-AZ:availability_zone': 'nova', 'key_name': None,
        'description': None, 'trusted_image_certificates': None,
        'host_status': 'UP', 'security_groups': [{'name': 'default'}],
        'OS-SRV-USG:launched_at': '2026-03-02T10:01:00.000000',
        'OS-SRV-USG:terminated_at': None,
        'OS-EXT-SRV-ATTR:host': 'compute-1',
        'OS-EXT-SRV-ATTR:instance_name': 'instance-00000001',
        'OS-EXT-SRV-ATTR:hypervisor_hostname': 'compute-1',
        'OS-EXT-SRV-ATTR:reservation_id': 'r-1',
        'OS-EXT-SRV-ATTR:launch_index': 0,
        'OS-EXT-SRV-ATTR:hostname': 'server',
        'OS-EXT-SRV-ATTR:kernel_id': '', 'OS-EXT-SRV-ATTR:ramdisk_id': '',
        'OS-EXT-SRV-ATTR:root_device_name': '/dev/vda',
        'OS-EXT-SRV-ATTR:user_data': None,
        'OS-EXT-STS:task_state': None,
        'OS-EXT-STS:vm_state': status.lower(),
        'OS-EXT-STS:power_state': 1 if status == 'ACTIVE' else 4,
        'os-extended-volumes:volumes_attached': [], 'progress': 0}


def alarm_row(alarm_id: str,
              definition: cloud_aodh.Definition) -> dict[str, Any]:
    return {
        **definition.to_body(), 'alarm_id': alarm_id, 'state': 'ok',
        'state_reason': 'Transition to ok due to 2 samples inside threshold',
        'state_timestamp': '2026-03-02T10:00:00.000000',
        'timestamp': '2026-03-02T10:00:00.000000',
        'user_id': 'e' * 32, 'project_id': 'service',
        'evaluate_timestamp': '2026-03-02T10:00:00'}


def serve(servers: list[dict[str, Any]], alarms: list[dict[str, Any]],
          ready: Any) -> None:
    """Nova and Aodh, their pages made before they are asked for."""
    pages: dict[tuple[str, str], bytes] = {}
    for start in range(0, len(servers), PER_PAGE):
        body: dict[str, Any] = {
            'servers': servers[start:start + PER_PAGE]}
        if start + PER_PAGE < len(servers):
            body['servers_links'] = [{'rel': 'next', 'href': 'next'}]
        marker = servers[start - 1]['id'] if start else ''
        pages['/servers/detail', marker] = json.dumps(body).encode()
    for start in range(0, len(alarms) + 1, ALARMS_PER_PAGE):
        marker = alarms[start - 1]['alarm_id'] if start else ''
        pages['/v2/alarms', marker] = json.dumps(
            alarms[start:start + ALARMS_PER_PAGE]).encode()
    # A few servers change in every interval, as they do in any cloud.
    changed = json.dumps({'servers': servers[:20]}).encode()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = 'HTTP/1.1'

        def do_GET(self) -> None:
            path, _, query = self.path.partition('?')
            asked = dict(parse.parse_qsl(query))
            body = (changed if 'changes-since' in asked
                    else pages[path, asked.get('marker', '')])
            self.send_response(200)
            self.send_header('Content-Type', 'application/json')
            self.send_header('Content-Length', str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    ready.put(server.server_address[1])
    server.serve_forever()


class Counting(adapter.Adapter):
    """Ways to a service that count what is asked."""

    asked = 0

    def request(self, *args: Any, **kwargs: Any) -> Any:
        Counting.asked += 1
        return super().request(*args, **kwargs)

    def get_project_id(self, *args: Any) -> str:
        return 'service'


def fill(database: db_session.Database, world: World) -> None:
    with database.engine.begin() as connection:
        for model, rows in world.rows.items():
            connection.execute(sqlalchemy.insert(model.__table__), rows)


def test_a_round_with_nothing_to_do(tmp_path: pathlib.Path) -> None:
    # As an engine has it: Python goes through everything no more.
    garbage.Garbage(precedence.Precedence())
    world = made()
    database = db_session.Database(os.environ.get(
        'SHADOW_RESERVE_BENCH_DATABASE',
        f'sqlite:///{tmp_path}/bench.sqlite'))
    migration.upgrade(database)
    fill(database, world)
    ready: Any = multiprocessing.Queue()
    process = multiprocessing.Process(
        target=serve, daemon=True, args=(
            world.servers, sorted(world.alarms,
                                  key=lambda row: str(row['alarm_id'])),
            ready))
    process.start()
    try:
        measure(database, f'http://127.0.0.1:{ready.get()}')
    finally:
        process.terminate()


def work_off(schedule: engine_schedule.Schedule) -> None:
    for _ in range(FLEET):
        token = schedule.take()
        assert token is not None
        schedule.give_back(token, None)


def measure(database: db_session.Database, endpoint: str) -> None:
    session = ks_session.Session(auth=noauth.NoAuth())
    way = Counting(session, endpoint_override=endpoint,
                   service_type='compute')
    nova, aodh = cloud_nova.Nova(lambda _: way), cloud_aodh.Aodh(way)
    schedule = engine_schedule.Schedule()
    net = engine_net.Net(
        database, None, aodh, engine_echo.Echo(print, INTERVAL.seconds),
        schedule.wake, engine_net.Terms(
            interval=samples.MINUTE, patience=3 * samples.MINUTE,
            defaults=DEFAULTS, concurrency=4))
    alone = precedence.Precedence()
    rounds = engine_rounds.Rounds(
        engine_fleet.Fleet(database, engine_known.Known(database), nova, aodh,
                           RELIST, alone),
        schedule, engine_failures.Failures(database, samples.HOUR),
        trigger_alarms.AlarmKeeper(database, aodh, DEFAULTS), net,
        engine_ahead.Ahead(database, None, lambda now: samples.MINUTE),
        TERMS, alone)
    for number in range(FLEET):
        rounds.forecast(uid(0x10000000 + number), due.Outlook(
            profiles=tuple(
                dataclasses.replace(samples.profile(resource=resource),
                                    quantiles=())
                for resource in demand.DemandResource)))
    work_off(schedule)
    now = samples.NOW + samples.MINUTE
    for name, later in (
            ('first', INTERVAL), ('changes', INTERVAL),
            ('changes', INTERVAL), ('changes', INTERVAL),
            ('listed again', RELIST)):
        now += later
        Counting.asked = 0
        wall, cpu = time.perf_counter(), time.process_time()
        rounds.run(now)
        wall = time.perf_counter() - wall
        cpu = time.process_time() - cpu
        woken = FLEET - len(schedule.idle(
            uid(0x10000000 + number) for number in range(FLEET)))
        print(f'\n{name}: {wall:.2f} s, {cpu:.2f} s CPU, '
              f'{Counting.asked} requests, {woken} woken', end='')
        if name == 'first':
            assert woken == FLEET
            work_off(schedule)
            continue
        assert woken == 0
        assert wall <= SECONDS * max(FLEET / 10_000, 1)
        assert Counting.asked <= (
            REQUESTS_PER_THOUSAND * max(2 * FLEET / 1000, 1))
