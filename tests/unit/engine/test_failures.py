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

import pytest

from shadow_reserve.cloud import exceptions as cloud_exceptions
from shadow_reserve.db import journal as db_journal
from shadow_reserve.db import migration
from shadow_reserve.db import reservations as db_reservations
from shadow_reserve.db import session as db_session
from shadow_reserve.engine import failures as engine_failures
from tests.unit import samples

INTERVAL = samples.MINUTE
DOWN = cloud_exceptions.ServiceUnavailable('nova', 'no answer')


@pytest.fixture
def database(tmp_path):
    database = db_session.Database(f'sqlite:///{tmp_path}/test.sqlite')
    migration.upgrade(database)
    database.write(
        lambda session: db_reservations.add(session, samples.record()))
    return database


@pytest.fixture
def failures(database):
    return engine_failures.Failures(database, 5 * samples.MINUTE)


def kinds(database):
    return [event.kind for _, event in database.read(
        lambda session: db_journal.list_events(session, samples.TOKEN))]


def test_a_failure_that_goes_on_is_told_once(database, failures):
    for _ in range(3):
        failures.note(samples.TOKEN, [DOWN], samples.NOW)
    assert kinds(database) == ['service.unavailable']


def test_a_failure_that_was_over_is_news_again(database, failures):
    failures.note(samples.TOKEN, [DOWN], samples.NOW)
    failures.limited(samples.TOKEN, [], samples.NOW)
    failures.note(samples.TOKEN, [DOWN], samples.NOW)
    assert kinds(database) == ['service.unavailable'] * 2


def test_what_fails_beside_what_is_lacking_is_news_each_time(
        database, failures):
    lacks = [cloud_exceptions.CloudError('gnocchi', 'kept for a day')]
    for _ in range(2):
        failures.limited(samples.TOKEN, lacks, samples.NOW)
        failures.note(samples.TOKEN, [DOWN], samples.NOW)
    assert kinds(database) == ['service.limited'] + [
        'service.unavailable'] * 2


def test_what_is_lacking_is_not_told_again_by_another_engine(
        database, failures):
    lacks = [cloud_exceptions.CloudError('gnocchi', 'kept for a day')]
    failures.limited(samples.TOKEN, lacks, samples.NOW)
    engine_failures.Failures(database, samples.HOUR).limited(
        samples.TOKEN, lacks, samples.NOW)
    assert kinds(database) == ['service.limited']
    # but when it is another thing
    failures.limited(samples.TOKEN, lacks * 2, samples.NOW)
    assert kinds(database) == ['service.limited'] * 2


def test_another_failure_is_told_as_well(database, failures):
    refused = cloud_exceptions.Forbidden('nova', 'no')
    failures.note(samples.TOKEN, [DOWN], samples.NOW)
    failures.note(samples.TOKEN, [DOWN, refused], samples.NOW)
    assert kinds(database) == ['service.unavailable', 'service.refused']


def test_the_pauses_grow_up_to_their_bound(failures):
    delays = [failures.delay(samples.TOKEN, True, INTERVAL, samples.NOW)
              for _ in range(5)]
    assert [delay / samples.MINUTE for delay in delays] == [1, 2, 4, 5, 5]


def test_the_recovery_is_told_and_the_pauses_begin_anew(
        database, failures):
    failures.note(samples.TOKEN, [DOWN], samples.NOW)
    failures.delay(samples.TOKEN, True, INTERVAL, samples.NOW)

    assert failures.delay(
        samples.TOKEN, False, INTERVAL, samples.NOW) == INTERVAL
    assert kinds(database) == ['service.unavailable', 'service.recovered']

    # and the same failure is news again
    failures.note(samples.TOKEN, [DOWN], samples.NOW)
    assert kinds(database)[-1] == 'service.unavailable'


def test_what_failed_for_a_whole_round_is_told_once_and_so_is_its_end(
        database, failures):
    for _ in range(3):
        failures.round_over([samples.TOKEN], [DOWN], samples.NOW)
    for _ in range(2):
        failures.round_over([samples.TOKEN], [], samples.NOW)
    assert kinds(database) == ['service.unavailable', 'service.recovered']
