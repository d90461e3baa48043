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

"""From an alarm to instances that serve, and back, on real services."""

from collections.abc import Iterator
import contextlib
import datetime
import threading
from typing import Any
import uuid

import openstack
import pytest

from tests.functional import application as test_application
from tests.functional import bus as test_bus
from tests.functional import metered
from tests.functional import pocket

wait_for = test_application.wait_for

PATIENCE = 180
ENGINE = 'shadow-reserve-engine'
HIGH = ['cpu', 'io_latency', 'memory']
LOW = [f'{kind}_low' for kind in HIGH]
COMPOSITE = 'composite'
#: Nova's actions that put a server to use.
WAKING = frozenset({'unshelve', 'start', 'resume'})
TRANSITION = 'alarm.state_transition'
REPEATS = 50
#: Bytes.
HUGE = 4_000_000


@pytest.fixture(scope='module')
def application() -> Iterator[test_application.Application]:
    """Each test leaves it idle."""
    with new_application() as made:
        yield made


@contextlib.contextmanager
def new_application() -> Iterator[test_application.Application]:
    """Two servers with two days of history."""
    made = test_application.Application(
        f'app-{uuid.uuid4().hex[:8]}', servers=2)
    try:
        # So little that no forecast keeps a member from going back.
        made.back_fill(days=2, cpu_percent=20.0)
        yield made
    finally:
        made.remove()


@contextlib.contextmanager
def reservation(application: test_application.Application,
                **policy: Any) -> Iterator[str]:
    """Its token; in the end it is gone, with all that it has made."""
    api, witness = pocket.Api(application.tenant), pocket.Witness()
    token = api.create(
        name=application.name, flavor='m1.small', quantity=2, duration=7200,
        template={'image': 'pocket'},
        selector={'kind': 'metadata', 'key': 'metering.server_group',
                  'value': application.name},
        policy={'mode': 'active', 'cooldown': 5, **policy})['token']
    try:
        yield str(token)
    finally:
        application.burn(5.0)
        api.delete(token)
        wait_for('it is gone', PATIENCE, lambda: api.is_gone(token))
        wait_for('nothing is left', PATIENCE, lambda: not (
            witness.servers(token) or witness.alarms(token)))


def states(api: pocket.Api, token: str, **wanted: int) -> None:
    """Wait until so many members are in these states."""
    expected = sorted(state for state, count in wanted.items()
                      for _ in range(count))
    wait_for(f'{wanted}', PATIENCE, lambda: api.states(token) == expected)


@contextlib.contextmanager
def foreign_alarm(alarm: dict[str, Any]) -> Iterator[str]:
    """Somebody else's alarm, which is as like one of ours as it can be,
    and stands."""
    session: Any = openstack.connect(cloud='other').session
    aodh = {'service_type': 'alarming', 'interface': 'public'}
    rule = f'{alarm["type"]}_rule'
    made = session.post('/v2/alarms', endpoint_filter=aodh, json={
        key: alarm[key] for key in ('name', 'type', rule)}).json()
    path = f'/v2/alarms/{made["alarm_id"]}'
    try:
        # Aodh itself says of it then what it says of ours.
        session.put(f'{path}/state', endpoint_filter=aodh, json='alarm')
        yield made['alarm_id']
    finally:
        session.delete(path, endpoint_filter=aodh)


def test_a_spike_is_served_once(
        application: test_application.Application) -> None:
    api, witness = pocket.Api(application.tenant), pocket.Witness()
    with contextlib.ExitStack() as stack:
        bus = stack.enter_context(test_bus.Bus())
        hooks = stack.enter_context(test_bus.hook_server())

        # given a reservation with hooks, more shadow than is needed, and
        # its alarms
        token = stack.enter_context(reservation(
            application, minimum_shadow=3, maximum_shadow=3, hooks=[
                {'kind': 'webhook', 'url': hooks.url},
                {'kind': 'metadata', 'key': 'role', 'value': 'web'}]))
        wait_for('its alarms', 60, lambda: witness.kinds(token) == HIGH)

        # which nobody changes or takes away for long
        witness.spoil(witness.alarm(token, 'cpu'))
        witness.delete_alarm(witness.alarm(token, 'memory'))
        wait_for('they are right again', 60, lambda: (
            witness.kinds(token) == HIGH
            and witness.alarm(token, 'cpu')['enabled']))
        states(api, token, available=3)

        # when the load rises
        application.burn(95.0)
        states(api, token, allocated=2, available=1)

        # then the alarm's notification has done it
        promotions = api.promotions(token)
        assert [(one['source'], one['metric']) for one in promotions] == [
            ('alarm', 'cpu')] * 2, api.events(token, 'trigger.promote')
        serving = {one['server_id']: one['instance_id']
                   for one in promotions}
        wait_for('its hooks have run', 60, lambda: len(
            api.events(token, 'instance.joined')) == 2)
        for instance_id in serving.values():
            assert len(hooks.ids('join', instance_id)) == 1
        assert {server.id for server in witness.servers(token)
                if server.metadata.get('role') == 'web'} == set(serving)
        wait_for('alarms on low usage', 60, lambda: (
            witness.kinds(token) == sorted(HIGH + LOW)))

        # when it is repeated, and others are forged
        alarm = witness.alarm(token, 'cpu')
        flood(bus, alarm, witness.transition(alarm['alarm_id']))

        # then nothing more happens
        assert len(api.promotions(token)) == 2
        assert api.states(token) == ['allocated', 'allocated', 'available']
        assert sorted(
            witness.actions(server.id, WAKING)
            for server in witness.servers(token)) == [0, 1, 1]

        # when the load falls
        application.burn(5.0)
        states(api, token, available=3)

        # then all is as it was
        wait_for('no alarms on low usage', 60,
                 lambda: witness.kinds(token) == HIGH)
        for instance_id in serving.values():
            assert len(hooks.ids('leave', instance_id)) == 1
        assert not any('role' in server.metadata
                       for server in witness.servers(token))
        assert witness.statuses(token) == ['SHELVED'] * 3
        assert [one['outcome'] for one in api.promotions(token)] == [
            'ended'] * 2

        # and who listens to us has heard of it, once
        for name in ('promotion.start', 'promotion.end', 'return.start',
                     'return.end'):
            wait_for(name, 30, lambda name=name: {
                data['server_id']
                for data in bus.of(token, f'shadow_reserve.{name}')
            } == set(serving))
        event_ids = [data['event_id'] for name in list(bus.heard)
                     for data in bus.of(token, name)]
        assert len(event_ids) == len(set(event_ids))


def flood(bus: test_bus.Bus, alarm: dict[str, Any],
          payload: dict[str, Any]) -> None:
    """Until the engine has passed over all of it."""
    line = f'The notification of alarm {alarm["alarm_id"]} is'
    before = pocket.said(ENGINE, line)
    with foreign_alarm(alarm) as other_id:
        for _ in range(REPEATS):
            bus.send(TRANSITION, payload)
        for name in (other_id, str(uuid.uuid4())):
            bus.send(TRANSITION, {**payload, 'alarm_id': name})
        for nonsense in (
                None, 7, 'alarm', [], {}, [payload], {'alarm_id': None},
                {'alarm_id': [alarm['alarm_id']]}, {'alarm_id': '\0'},
                {'alarm_id': 'x' * HUGE}, {**payload, 'timestamp': 'x'}):
            bus.send(TRANSITION, nonsense)
        bus.send('shadow_reserve.reservation.changed',
                 {'token': str(uuid.uuid4())})
        bus.send(TRANSITION, {**payload, 'detail': 'x' * HUGE})
        wait_for('the engine has heard it all', 60, lambda: pocket.said(
            ENGINE, line) >= before + REPEATS + 2)


class Disks:
    """Each server's disk, and how long its requests take."""

    def __init__(self, writer: metered.Writer,
                 server_ids: list[str]) -> None:
        self._writer = writer
        self._disks = [writer.add_disk(each) for each in server_ids]
        self._latency = self._requests = 0.0
        self._milliseconds = 5.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def take(self, milliseconds: float) -> None:
        """A request, from the next poll on."""
        self._milliseconds = milliseconds

    def __enter__(self) -> 'Disks':
        now = datetime.datetime.now(datetime.UTC)
        for step in range(6, 0, -1):
            self._poll(now - step * test_application.POLLING)
        self._thread.start()
        return self

    def __exit__(self, *error: Any) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            self._poll(datetime.datetime.now(datetime.UTC))
            if self._over.wait(test_application.POLLING.total_seconds()):
                return

    def _poll(self, moment: datetime.datetime) -> None:
        self._requests += 100
        self._latency += 100 * self._milliseconds * 1e6
        self._writer.push({disk: {
            'disk.device.read.latency': [(moment, self._latency)],
            'disk.device.read.requests': [(moment, self._requests)],
        } for disk in self._disks})


def test_slow_disks_promote(
        application: test_application.Application) -> None:
    api, witness = pocket.Api(application.tenant), pocket.Witness()
    writer = metered.Writer()
    with contextlib.ExitStack() as stack:
        stack.callback(writer.remove)
        # one application for each: what one promotes would take load off
        # the others
        alike = [application, *(
            stack.enter_context(new_application()) for _ in range(2))]
        disks = stack.enter_context(Disks(writer, [
            server_id for each in alike for server_id in each.server_ids]))

        # given reservations that are to hold I/O latency down, by an alarm
        # of its own, by one over any metric, and by one over all together
        alone, any_of, all_of = (
            stack.enter_context(reservation(
                each, minimum_shadow=1, maximum_shadow=1,
                io_latency_threshold=50, **how))
            for each, how in zip(alike, (
                {}, {'alarm_combination': 'any'},
                {'alarm_combination': 'all', 'memory_threshold': None}),
                strict=True))
        for each in alike:
            each.burn(5.0)
        for token, kind, kinds in ((alone, 'io_latency', HIGH),
                                   (any_of, COMPOSITE, [COMPOSITE]),
                                   (all_of, COMPOSITE, [COMPOSITE])):
            states(api, token, available=1)
            wait_for('its alarms', 60, lambda token=token, kinds=kinds: (
                witness.kinds(token) == kinds))
            wait_for('one that sees it is low', PATIENCE, lambda token=token,
                     kind=kind: witness.alarm(token, kind)['state'] == 'ok')

        # when the disks get slow
        disks.take(80.0)

        # then it is that which promotes
        for token in (alone, any_of):
            states(api, token, allocated=1)
            [promotion] = api.promotions(token)
            assert promotion['metric'] == 'io_latency', promotion
            assert 'I/O latency' in promotion['reason'], promotion
            # Whoever was first: the alarm has to wait for what the engine
            # writes, and a pass on a slow machine may see it stand before
            # its notification comes.
            assert promotion['source'] in ('alarm', 'usage', 'net'), promotion

        # but not where all must be over their thresholds
        assert api.states(all_of) == ['available']

        # until they are
        alike[-1].burn(95.0)
        states(api, all_of, allocated=1)
        [promotion] = api.promotions(all_of)
        assert 'CPU' in promotion['reason'], promotion
        assert 'I/O latency' in promotion['reason'], promotion


def test_the_engine_sees_for_itself_while_nobody_evaluates(
        application: test_application.Application) -> None:
    api, witness = pocket.Api(application.tenant), pocket.Witness()
    over = 'No reservation is watched any more for the cause not_evaluated'
    with contextlib.ExitStack() as stack:
        alike = [application, stack.enter_context(new_application())]
        # given reservations with an alarm for each metric, and with one
        # over all of them, that nobody evaluates any more
        tokens = [stack.enter_context(reservation(
            each, minimum_shadow=1, maximum_shadow=1, **how))
            for each, how in zip(alike, (
                {}, {'alarm_combination': 'any'}), strict=True)]
        for token in tokens:
            states(api, token, available=1)
        wait_for('a composite alarm', 60, lambda: (
            witness.kinds(tokens[1]) == [COMPOSITE]))
        with pocket.without('aodh-evaluator'):

            # when the load rises
            for each in alike:
                each.burn(95.0)

            # then it is served all the same, and said why so
            for token in tokens:
                states(api, token, allocated=1)
                [promotion] = api.promotions(token)
                assert promotion['source'] == 'net', promotion
                [event] = api.events(token, 'trigger.promote')
                assert 'Aodh evaluated' in event['message']
            before = pocket.said(ENGINE, over)

        # and when they are evaluated again, it is left to them
        wait_for('it is left to them', 60,
                 lambda: pocket.said(ENGINE, over) > before)


def test_without_shadow_servers_are_built_where_the_policy_says_so(
        application: test_application.Application) -> None:
    api, witness = pocket.Api(application.tenant), pocket.Witness()
    # given two that hold nothing, one of which may build
    nothing = {'target_utilisation': 1.0, 'service_level': 0.5,
               'safety_margin': 0}
    with (reservation(application, maximum_shadow=1, cold_creation=True,
                      **nothing) as builds,
          reservation(application, maximum_shadow=0,
                      cold_creation=False) as lacks):
        for token in (builds, lacks):
            wait_for('its alarms', 60,
                     lambda token=token: witness.kinds(token) == HIGH)
            assert not api.states(token)

        # when the load rises
        application.burn(95.0)

        # then one has a server that was built from nothing
        states(api, builds, allocated=1)
        [promotion] = api.promotions(builds)
        assert witness.statuses(builds) == ['ACTIVE']
        assert not witness.actions(promotion['server_id'], WAKING)

        # and the other one says what it lacks
        wait_for('it says so', 60,
                 lambda: api.events(lacks, 'trigger.exhausted'))
        assert not api.states(lacks) and not api.promotions(lacks)
