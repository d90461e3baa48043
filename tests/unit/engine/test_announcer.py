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

import datetime
import time

from oslo_config import cfg
import oslo_messaging
import pytest
import sqlalchemy

from shadow_reserve import conf as shadow_reserve_conf
from shadow_reserve.db import journal as db_journal
from shadow_reserve.db import migration
from shadow_reserve.db import reservations as db_reservations
from shadow_reserve.db import session as db_session
from shadow_reserve.engine import announcement
from shadow_reserve.engine import announcer
from shadow_reserve.engine import bus
from shadow_reserve.engine import precedence
from shadow_reserve import exceptions
from shadow_reserve.records import journal
from tests.unit.engine import announced
from tests.unit import samples

SECOND = datetime.timedelta(seconds=1)


class World:
    """A database with a reservation, a clock, and a bus that may be down."""

    def __init__(self, tmp_path):
        self.now = samples.NOW
        self.database = db_session.Database(
            f'sqlite:///{tmp_path}/test.sqlite')
        migration.upgrade(self.database)
        self.database.write(lambda session: db_reservations.add(
            session, samples.record()))
        self.sent = []
        self.during_send = lambda: None

    def engine(self, send=True):
        return announcer.Announcer(
            self.database, self.send if send else None, lambda: self.now,
            precedence.Precedence())

    def send(self, one):
        self.during_send()
        self.sent.append(
            one.payload['shadow_reserve_object.data']['reason'])

    def happen(self, *messages):
        def work(session):
            for message in messages:
                db_journal.record(session, samples.TOKEN, self.now,
                                  'shadow.lent', message)
        self.database.write(work)

    def left(self):
        return self.database.read(db_journal.count_unannounced)


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def test_each_event_is_sent_once_in_its_order(world):
    many = [str(number) for number in range(250)]
    world.happen(*many)
    engine = world.engine()
    engine.run()
    engine.run()
    assert world.sent == many
    world.happen('more')
    engine.run()
    assert world.sent == [*many, 'more']
    assert world.left() == 0


def test_what_was_not_sent_is_kept(world, monkeypatch):
    # Given an engine that dies before it has written down what it sent
    engine, other = world.engine(), world.engine()
    world.happen('a', 'b', 'c')

    def die(*args):
        raise SystemExit
    world.during_send = lambda: world.sent and die()
    with monkeypatch.context() as patch:
        patch.setattr(announcer.db_journal, 'mark_announced', die)
        with pytest.raises(SystemExit):
            engine.run()
    # When another one comes to its turn
    world.during_send = lambda: None
    other.run()
    assert world.sent == ['a']
    world.now += 30 * SECOND
    other.run()
    # Then nothing is missing, and the first is sent again
    assert world.sent == ['a', 'a', 'b', 'c']


def test_a_bus_that_is_down_loses_nothing_and_is_left_alone(
        world, monkeypatch):
    # Given a bus that goes down after the first of three
    clock = [0.0]
    monkeypatch.setattr(announcer.time, 'monotonic', lambda: clock[0])
    tries = []

    def fail():
        tries.append(clock[0])
        if len(tries) > 1:
            raise exceptions.NotSent(OSError('refused'))
    world.happen('a', 'b', 'c')
    world.during_send = fail
    engine, other = world.engine(), world.engine()
    # When its engine looks every second
    for second in range(60):
        clock[0] = float(second)
        engine.run()
    # Then it tries again now and then
    assert tries == [0.0, 0.0, 30.0]
    assert world.sent == ['a']
    assert world.left() == 2
    # And another one, which may see more of the bus, has a turn in between
    world.during_send = lambda: None
    world.now += 30 * SECOND
    other.run()
    assert world.sent == ['a', 'b', 'c']


def test_two_engines_do_not_double(world):
    one, other = world.engine(), world.engine()
    world.happen('a', 'b')
    world.during_send = other.run
    one.run()
    other.run()
    assert world.sent == ['a', 'b']


def test_one_that_waited_for_the_bus_goes_on_in_its_turn_only(
        world, monkeypatch):
    # Given a bus that is away for longer than a turn lasts
    clock = [0.0]
    monkeypatch.setattr(announcer.time, 'monotonic', lambda: clock[0])
    one, other = world.engine(), world.engine()

    def wait():
        world.during_send = lambda: None
        clock[0] += 60
        world.now += 60 * SECOND
        other.run()
    world.happen('a', 'b', 'c')
    world.during_send = wait
    # When it is back, and another engine has sent them meanwhile
    one.run()
    # Then only the one that was under way is doubled
    assert world.sent == ['a', 'b', 'c', 'a']
    assert world.left() == 0


def test_where_nobody_listens_nothing_piles_up(world):
    world.happen('a', 'b')
    world.engine(send=False).run()
    assert world.left() == 0
    # So what comes after notifications were switched on is what is sent
    world.happen('c')
    world.now += 30 * SECOND
    world.engine().run()
    assert world.sent == ['c']


def test_a_reservation_that_never_came_to_be_takes_its_events_along(world):
    world.happen('a')
    world.during_send = lambda: world.database.write(
        lambda session: db_reservations.remove(session, samples.TOKEN))
    world.engine().run()
    assert world.left() == 0
    assert world.sent == ['a']


def test_the_look_for_news_uses_an_index(world):
    statements = []
    engine = world.database.engine
    sqlalchemy.event.listen(
        engine, 'before_cursor_execute',
        lambda connection, cursor, statement, parameters, *rest:
        statements.append((statement, parameters)))
    world.engine().run()
    # An idle look asks once, and writes nothing.
    (statement, parameters), = (
        one for one in statements if one[0] != 'BEGIN')
    with engine.connect() as connection:
        plan = connection.exec_driver_sql(
            f'EXPLAIN QUERY PLAN {statement}', parameters).all()
    assert any('ix_events_announced' in row[-1] for row in plan), plan


@pytest.fixture
def configured(tmp_path):
    """A configuration with some drivers, and a transport to nowhere."""
    def configured(*drivers, topic='shadow_reserve_notifications'):
        path = tmp_path / 'test.conf'
        path.write_text('\n'.join((
            '[oslo_messaging_notifications]',
            *(f'driver = {driver}' for driver in drivers),
            '[notifications]', f'topics = {topic}')))
        conf = cfg.ConfigOpts()
        shadow_reserve_conf.register_opts(conf)
        conf([], default_config_files=[str(path)])
        return conf, oslo_messaging.get_notification_transport(
            conf, url='fake://')
    return configured


@pytest.mark.parametrize('drivers', [[], ['noop']])
def test_no_driver_no_notifications(configured, drivers):
    assert bus.build_send(*configured(*drivers)) is None


def test_what_the_bus_does_not_take_is_known(configured, monkeypatch):
    conf, transport = configured('log', 'messagingv2', topic='another')
    send = bus.build_send(conf, transport)
    one = announcement.of(announced.news('instance.promoting'))

    def refuse(*args, **kwargs):
        raise OSError('login refused')
    with monkeypatch.context() as patch:
        patch.setattr(transport._driver, 'send_notification', refuse)
        with pytest.raises(exceptions.NotSent, match='login refused'):
            send(one)
    send(one)


def test_the_severity_is_the_priority_and_the_topic_is_ours(configured):
    conf, transport = configured('messagingv2')
    send = bus.build_send(conf, transport)
    heard = []

    class Endpoint:
        def info(self, context, publisher_id, event_type, payload, more):
            heard.append(('info', publisher_id, event_type, payload))

        def warn(self, context, publisher_id, event_type, payload, more):
            heard.append(('warn', publisher_id, event_type, payload))

        def error(self, context, publisher_id, event_type, payload, more):
            heard.append(('error', publisher_id, event_type, payload))

    told = [announcement.of(announced.news(key)) for key in (
        'instance.promoting', 'trigger.exhausted', 'volume.failed')]
    for one in told:
        send(one)
    listener = oslo_messaging.get_notification_listener(
        transport,
        [oslo_messaging.Target(topic='shadow_reserve_notifications')],
        [Endpoint()], executor='threading')
    listener.start()
    deadline = time.monotonic() + 10
    while len(heard) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    listener.stop()
    listener.wait()
    assert sorted(heard, key=str) == sorted((
        (priority, 'shadow-reserve.engine', one.event_type, one.payload)
        for priority, one in zip(
            ('info', 'warn', 'error'), told, strict=True)), key=str)
    assert told[2].severity is journal.Severity.ERROR
