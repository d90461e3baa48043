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

"""The table of demand models: one serves, one is fitted, all others wait."""

import datetime
import threading

import pytest

from shadow_reserve.db import demand_models
from shadow_reserve.db import migration
from shadow_reserve.db import session as db_session
from shadow_reserve import exceptions
from shadow_reserve.records import demand_model
from tests.unit import samples

NOW = samples.NOW
DAY = datetime.timedelta(days=1)
MADE_FROM = {'reason': 'first', 'series': 3}
State = demand_model.ModelState


class World:
    def __init__(self, database):
        self.database = database

    def claim(self, now=NOW):
        return self.database.write(lambda session: demand_models.claim(
            session, now, MADE_FROM))

    def accept(self, version, now=NOW, instead_of=None):
        self.database.write(lambda session: demand_models.accept(
            session, version, now, scores={'learned': 0.5},
            model=b'%d' % version, instead_of=instead_of))

    def served(self, count):
        """Let so many serve, one after the other, one a day."""
        last = None
        for number in range(count):
            version = self.claim(NOW + number * DAY)
            self.accept(version, NOW + number * DAY, last)
            last = version
        return last

    def roll_back(self, version=None, now=NOW + 30 * DAY):
        return self.database.write(lambda session: demand_models.roll_back(
            session, now, version))

    def states(self):
        return {one.version: one.state.value for one in
                self.database.read(demand_models.list_models)}

    def serving(self):
        return self.database.read(demand_models.serving)

    def stored(self, version):
        return self.database.read(
            lambda session: demand_models.stored(session, version))


@pytest.fixture
def world(tmp_path):
    database = db_session.Database(f'sqlite:///{tmp_path}/models.sqlite')
    migration.upgrade(database)
    return World(database)


def test_a_candidate_serves_and_is_read_back(world):
    version = world.claim()
    assert world.serving() is None

    world.accept(version)

    serving = world.serving()
    assert (serving.version, serving.state) == (version, State.SERVING)
    assert serving.created_at == serving.since == NOW
    assert serving.scores == {'learned': 0.5}
    assert serving.made_from == MADE_FROM
    assert world.stored(version) == b'%d' % version
    assert not serving.was_rolled_back_to


def test_only_one_engine_fits_at_a_time(world):
    # given an engine that fits a model
    version = world.claim()
    # when another would, then it is told not to
    assert world.claim(NOW + 10 * samples.MINUTE) is None
    # and when the first one never came back, another does it
    again = world.claim(NOW + 2 * samples.HOUR)
    assert again not in (None, version)
    # and then what the first one made does not serve any more
    with pytest.raises(exceptions.ModelReplaced):
        world.accept(version)
    assert world.states() == {again: 'candidate'}


def test_of_engines_that_begin_at_once_one_fits(world):
    answers = []
    engines = [threading.Thread(target=lambda: answers.append(world.claim()))
               for _ in range(6)]
    for engine in engines:
        engine.start()
    for engine in engines:
        engine.join()
    assert len(answers) == 6
    assert len([one for one in answers if one is not None]) == 1
    assert list(world.states().values()) == ['candidate']


def test_a_candidate_that_came_to_nothing_is_let_go_of(world):
    version = world.claim()
    world.database.write(
        lambda session: demand_models.release(session, version))
    assert world.states() == {}
    # but what serves is no candidate any more
    version = world.claim()
    world.accept(version)
    world.database.write(
        lambda session: demand_models.release(session, version))
    assert world.states() == {version: 'serving'}


def test_it_serves_only_instead_of_the_one_it_was_set_beside(world):
    # given two that served, and a candidate that was set beside the second
    second = world.served(2)
    candidate = world.claim()
    # when an operator goes back to the first meanwhile
    first = world.roll_back()
    # then the candidate does not serve, and nothing has changed
    with pytest.raises(exceptions.ModelReplaced, match='another one'):
        world.accept(candidate, instead_of=second)
    assert world.states() == {first: 'serving', second: 'retired',
                              candidate: 'candidate'}


def test_of_those_that_served_the_last_five_are_kept(world):
    last = world.served(8)
    states = world.states()
    assert states.pop(last) == 'serving'
    assert sorted(states) == list(range(last - 5, last))
    assert set(states.values()) == {'retired'}
    assert world.stored(1) is None


def test_of_those_rejected_the_last_five_are_kept_without_bytes(world):
    serving = world.served(1)
    rejected = []
    for number in range(7):
        version = world.claim()
        rejected.append(version)
        world.database.write(
            lambda session, version=version, number=number:
            demand_models.reject(session, version, NOW + number * DAY,
                                 scores={'learned': 2.0, 'serving': 1.0}))
    assert world.states() == {serving: 'serving', **{
        version: 'rejected' for version in rejected[-5:]}}
    assert world.stored(rejected[-1]) is None


def test_rolling_back_again_goes_further_back(world):
    last = world.served(3)
    assert world.roll_back() == last - 1
    assert world.states()[last] == 'retired'
    assert world.serving().was_rolled_back_to
    assert world.roll_back() == last - 2
    with pytest.raises(exceptions.ModelNotFound,
                       match=f'before version {last - 2}'):
        world.roll_back()
    # and forward by its number
    assert world.roll_back(last) == last


def test_what_cannot_be_rolled_back_to_is_said(world):
    with pytest.raises(exceptions.ModelNotFound, match='No demand model'):
        world.roll_back()
    serving = world.served(1)
    with pytest.raises(exceptions.ModelNotFound, match='No demand model 77'):
        world.roll_back(77)
    with pytest.raises(exceptions.ModelNotFound, match='is serving'):
        world.roll_back(serving)
    candidate = world.claim()
    with pytest.raises(exceptions.ModelNotFound, match='is candidate'):
        world.roll_back(candidate)
    assert world.serving().version == serving
