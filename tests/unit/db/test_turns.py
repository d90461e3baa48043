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

import pytest

from shadow_reserve.db import migration
from shadow_reserve.db import session as db_session
from shadow_reserve.db import turns
from tests.unit import samples

SECOND = datetime.timedelta(seconds=1)


@pytest.fixture
def take(tmp_path):
    database = db_session.Database(f'sqlite:///{tmp_path}/test.sqlite')
    migration.upgrade(database)

    def take(holder, at, name='work'):
        return database.write(lambda session: turns.take(
            session, name, holder, samples.NOW + at * SECOND, 10 * SECOND))
    return take


def test_one_at_a_time(take):
    assert take('a', 0)
    assert not take('b', 1)
    assert take('b', 1, name='other work')


def test_a_turn_may_be_kept(take):
    assert take('a', 0)
    assert take('a', 9)
    assert not take('b', 15)
    assert take('a', 16)


def test_the_turn_of_one_who_is_gone_ends(take):
    assert take('a', 0)
    assert take('b', 10)
    assert not take('a', 11)
