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

"""What an alarm asks of the database: each statement is waited for, and
Python takes longer over it than any database."""

import pytest
import sqlalchemy

from shadow_reserve.records import shadow
from tests.unit.engine import alarmed
from tests.unit.engine import one_engine


@pytest.fixture
def world(tmp_path):
    world = one_engine.World(
        connection=f'sqlite:///{tmp_path}/engine.sqlite')
    yield world
    world.promoter.stop()


def test_an_alarm_asks_little_of_the_database(world):
    # given an engine that has looked at everything once
    house = alarmed.House(world)
    world.rounds.run(world.now)
    statements = []
    sqlalchemy.event.listen(
        world.database.engine, 'before_cursor_execute',
        lambda *args: statements.append(args[2]))

    # when an alarm is heard of, and Nova is asked
    house.alarm()
    house.notify()
    alarmed.settle(world)

    # then it was read, claimed and written down that it was
    assert count(statements) == {'SELECT': 3, 'UPDATE': 4, 'INSERT': 3}

    # and when Nova says that it runs
    [member] = house.promoted()
    world.cloud.servers[member.server_id].update(
        status='ACTIVE', name=f'shadow-shop-{member.instance_id[:8]}')
    statements.clear()
    world.promoter.hear(member.server_id)
    alarmed.settle(world)

    # then it was read twice, the second time to change it
    assert count(statements) == {'SELECT': 2, 'UPDATE': 3, 'INSERT': 1}
    assert [one.state for one in house.promoted()] == [
        shadow.InstanceState.ALLOCATED]


def count(statements):
    """What there is of each kind."""
    kinds = [statement.split()[0] for statement in statements]
    return {kind: kinds.count(kind) for kind in kinds if kind != 'BEGIN'}
