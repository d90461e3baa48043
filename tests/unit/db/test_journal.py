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

import dataclasses

import pytest
import sqlalchemy

from shadow_reserve.db import journal as db_journal
from shadow_reserve.db import migration
from shadow_reserve.db import promotions as db_promotions
from shadow_reserve.db import reservations as db_reservations
from shadow_reserve.db import session as db_session
from tests.unit.engine import announced
from tests.unit import samples

MINUTE = samples.MINUTE


@pytest.fixture
def database(tmp_path):
    database = db_session.Database(f'sqlite:///{tmp_path}/test.sqlite')
    migration.upgrade(database)
    database.write(lambda session: db_reservations.add(
        session, samples.record()))
    return database


def write(database, *events):
    """Events, each a minute, a kind and its details."""
    def work(session):
        for minute, kind, details in events:
            db_journal.record(session, samples.TOKEN,
                              samples.NOW + minute * MINUTE, kind, '',
                              **details)
    database.write(work)


def test_events_in_force_are_those_since_a_time_and_one_before(database):
    write(database, *((minute, kind, {}) for minute in range(5)
                      for kind in ('shadow.sized', 'shadow.lent')))

    def minutes(start):
        return [(event.happened_at - samples.NOW) // MINUTE
                for event in database.read(
                    lambda session: db_journal.events_in_force(
                        session, samples.TOKEN, 'shadow.sized',
                        samples.NOW + start * MINUTE))]

    assert minutes(2) == [2, 3, 4]
    assert minutes(2.5) == [2, 3, 4]
    assert minutes(9) == [4]
    assert minutes(-1) == [0, 1, 2, 3, 4]


def test_a_build_lasts_until_its_member_is_first_held(database):
    # Given a member that is promoted and returns, one that never comes to
    # be held, and one of which the beginning is not known any more
    write(database,
          (0, 'instance.available', {'instance_id': 'old'}),
          (0, 'instance.building', {'instance_id': 'a'}),
          (1, 'instance.building', {'instance_id': 'b'}),
          (1, 'instance.building', {'instance_id': 'c'}),
          (3, 'instance.available', {'instance_id': 'a'}),
          (4, 'instance.error', {'instance_id': 'b'}),
          (5, 'instance.available', {'instance_id': 'c'}),
          (60, 'instance.available', {'instance_id': 'a'}))
    # When builds are looked for
    found = database.read(
        lambda session: db_journal.build_times(session, 100))
    # Then there are two, and the latest is the last
    assert found == [3 * MINUTE, 4 * MINUTE]
    assert database.read(
        lambda session: db_journal.build_times(session, 1)) == found[1:]


def test_a_failed_promotion_forgives_no_failed_builds(database):
    def failures():
        return database.read(lambda session: db_journal.failures_since(
            session, samples.TOKEN, samples.NOW))
    write(database, (1, 'instance.error', {}), (2, 'instance.error', {}))
    write(database, (3, 'instance.available', {'previous': 'promoting'}))
    assert failures() == 2
    write(database, (4, 'instance.available', {'previous': 'settling'}))
    assert failures() == 0


def test_news_bring_the_promotion_that_they_are_about(database):
    # given a member that was promoted twice, and what was said of it
    def promote(session):
        for minute in (10, 20):
            db_promotions.add(session, dataclasses.replace(
                announced.PROMOTION, promotion_id=f'at {minute}',
                token=samples.TOKEN, instance_id='a',
                claimed_at=samples.NOW + minute * MINUTE))
    database.write(promote)
    write(database, *((minute, 'instance.allocated', {'instance_id': 'a'})
                      for minute in (5, 10, 15, 25)),
          (30, 'instance.allocated', {'instance_id': 'b'}),
          (30, 'trigger.promote', {}))

    # when the news are told
    found = database.read(
        lambda session: db_journal.list_unannounced(session, 100))

    # then each with the last one that there was by then
    assert [one.last_promotion and one.last_promotion.promotion_id
            for one in found] == [
                None, 'at 10', 'at 10', 'at 20', None, None]


def test_much_news_of_members_not_promoted_since_is_read_at_once(database):
    def read(count):
        write(database, *((0, 'instance.allocated', {'instance_id': f'{one}'})
                          for one in range(count)))
        statements = []
        sqlalchemy.event.listen(
            database.engine, 'before_cursor_execute',
            lambda *args: statements.append(args[2]))
        database.read(
            lambda session: db_journal.list_unannounced(session, 100))
        return len(statements)

    assert read(50) == read(1)
