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

"""Reservations whose alarms a test has in its hands."""

import concurrent.futures
import datetime
import uuid

import pytest

from shadow_reserve.cloud import nova_rows
from shadow_reserve.db import alarms as db_alarms
from shadow_reserve.db import journal as db_journal
from shadow_reserve.db import promotions as db_promotions
from shadow_reserve.db import reservations as db_reservations
from shadow_reserve.db import shadow as db_shadow
from shadow_reserve.records import promotion
from shadow_reserve.records import shadow
from shadow_reserve.trigger import alarms as trigger_alarms
from tests.unit.engine import one_engine
from tests.unit import samples

#: 90 % of 2 vCPUs over a minute, in nanoseconds.
BUSY = 108e9
REASON = ('Transition to alarm due to 2 samples outside threshold, most '
          'recent: {}')
TYPE = 'gnocchi_aggregation_by_resources_threshold'


#: What Aodh's notification says of when it changed the state, and what a
#: promotion tells of a CPU alarm that was heard of half a second later.
SAID_AT = '2026-03-02T11:59:59.500000'
SIGNAL = promotion.Signal(
    source=promotion.Source.ALARM, metric='cpu', heard_at=samples.NOW,
    signalled_at=samples.NOW - datetime.timedelta(seconds=0.5))


def uid(number):
    return str(uuid.UUID(int=number))


class House:
    """A reservation with two servers of its own, some members that wait,
    and a CPU alarm, in the world of one engine."""

    def __init__(self, world, number=0, members=3, **changes):
        self.world = world
        self.token, pool = uid(0x100000 + number), uid(0x200000 + number)
        self.record = samples.record(
            token=self.token, shadow_allocation_id=pool, **{
                'project_id': f'p{number}', **changes})
        self.alarm_id = uid(0x300000 + number)
        self.server_ids = [uid(0x400000 + 100 * number + one)
                           for one in range(members)]
        world.database.write(self._write)
        group = {self.record.selector.key: self.record.selector.value}
        for _ in range(2):
            world.cloud.add_server(metadata=group, project=f'p{number}')
        for server_id in self.server_ids:
            world.cloud.add_server(
                server_id, status='SHELVED', metadata={
                    **group, nova_rows.TOKEN_KEY: self.token,
                    nova_rows.INSTANCE_KEY: server_id},
                tags=[nova_rows.TAG, nova_rows.token_tag(self.token)])
        world.cloud.alarms[self.alarm_id] = {
            'alarm_id': self.alarm_id, 'state': 'ok', 'enabled': True,
            'name': trigger_alarms.name_of(self.token, 'cpu'),
            'state_timestamp': '2026-03-01T00:00:00', 'type': TYPE,
            f'{TYPE}_rule': {
                'metric': 'cpu', 'aggregation_method': 'rate:mean',
                'granularity': 60, 'evaluation_periods': 2}}

    def _write(self, session):
        db_reservations.add(session, self.record)
        for server_id in self.server_ids:
            db_shadow.add_instance(session, samples.instance(
                instance_id=server_id, server_id=server_id,
                allocation_id=self.record.shadow_allocation_id,
                state_since=samples.NOW - samples.HOUR))
        db_alarms.set_alarm(session, self.token, 'cpu', self.alarm_id)

    # What happens

    def be_looked_at(self):
        """By a round, and the pass that it asks for, which finds nothing."""
        self.world.rounds.run(self.world.now)
        self.world.schedule.give_back(self.world.schedule.take(), None)

    def alarm(self, value=BUSY, **changes):
        """Aodh's evaluator changes the alarm's state; it does not touch
        the time of it."""
        self.world.cloud.alarms[self.alarm_id].update({
            'state': 'alarm', 'state_reason': REASON.format(value),
            **changes})

    def watch_all(self):
        """One alarm over all metrics takes the place of that of CPU."""
        def work(session):
            db_alarms.remove_alarm(session, self.token, 'cpu')
            db_alarms.set_alarm(
                session, self.token, 'composite', self.alarm_id)
        self.world.database.write(work)
        alarm = self.world.cloud.alarms[self.alarm_id]
        alarm['name'] = trigger_alarms.name_of(self.token, 'composite')

    def notify(self, endpoint=None, **payload):
        (endpoint or self.world.endpoint).info(
            {}, 'aodh.evaluator', 'alarm.state_transition',
            {'alarm_id': self.alarm_id, **payload}, {})

    def move(self, state):
        """All that are on their way, or serve, go on."""
        for member in self.promoted():
            self.world.moves.move(
                self.token, member, state, self.world.now, 'a test')

    # What is then

    def members(self, *states):
        found = self.world.database.read(
            lambda session: db_shadow.list_instances(
                session, self.record.shadow_allocation_id))
        return [member for member in found
                if not states or member.state in states]

    def promoted(self):
        return self.members(*shadow.SERVING_STATES)

    def asked(self):
        """How often Nova was asked to wake each of the servers."""
        paths = [path for method, path in self.world.cloud.changes
                 if path.endswith('/action')]
        return [paths.count(f'/servers/{server_id}/action')
                for server_id in self.server_ids]

    def promotions(self):
        return [one for _, one in self.world.database.read(
            lambda session: db_promotions.list_promotions(
                session, self.token))]

    def kinds(self):
        return [event.kind for _, event in self.world.database.read(
            lambda session: db_journal.list_events(session, self.token))]

    def is_woken(self):
        return not self.world.schedule.idle([self.token])


def settle(world):
    """Until Nova was asked for all that was claimed."""
    # In this order: what is measured may promote.
    while asked := [*world.aside._under_way.values(),
                    *world.promoter._under_way.values()]:
        concurrent.futures.wait(asked)


@pytest.fixture
def world(tmp_path):
    world = one_engine.World(
        connection=f'sqlite:///{tmp_path}/engine.sqlite')
    yield world
    world.aside.stop()
    world.promoter.stop()


@pytest.fixture
def house(world):
    house = House(world)
    # The engine looks at it once, and all is well.
    house.be_looked_at()
    world.cloud.asked.clear()
    assert not house.is_woken()
    return house
