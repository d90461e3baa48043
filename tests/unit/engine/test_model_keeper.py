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

"""One model for all engines: fitted, compared, replaced, and lost."""

import dataclasses
import datetime
import functools
import logging

import numpy as np
import pytest
import sqlalchemy

from shadow_reserve.db import demand_models
from shadow_reserve.db import migration
from shadow_reserve.db import models as db_models
from shadow_reserve.db import session as db_session
from shadow_reserve.engine import model_keeper
from shadow_reserve.records import demand
from shadow_reserve.usage import forecaster
from shadow_reserve.usage import series as usage_series
from shadow_reserve.usage import settings as usage_settings
from shadow_reserve.usage import storing
from tests.unit import samples

NOW = usage_series.floor(samples.NOW, datetime.timedelta(hours=1))
DAY = datetime.timedelta(days=1)
SETTINGS = usage_settings.ForecastSettings(
    step=datetime.timedelta(hours=1), levels=(0.5, 0.9), min_points=24,
    learning_points=72, max_rows=2_000,
    peak_window=datetime.timedelta(hours=2))


def series(number=0, points=240, end=NOW):
    hours = np.arange(points) + number
    values = 10 + 5 * np.sin(hours / 24 * 2 * np.pi) + hours % 3
    return usage_series.DemandSeries(
        token=f'app-{number}', resource=demand.DemandResource.VCPU,
        start=end - points * SETTINGS.step, step=SETTINGS.step,
        values=values)


SERIES = [series(number) for number in range(4)]


@functools.cache
def fitted():
    """Fitted once: that it is the same each time is what tests want."""
    return forecaster.DemandForecaster(SETTINGS).fit(SERIES, seed=0)


class Forecaster:
    """Its candidates do as well as a test says, as does what serves."""

    settings = SETTINGS

    def __init__(self):
        self.fits = 0
        self.learned = fitted().learned
        self.candidate = self.serving = 0.5
        self.meanwhile = None

    def fit(self, series, seed):
        self.fits += 1
        if self.meanwhile is not None:
            self.meanwhile()
        return forecaster.FittedModel(SETTINGS, self.learned)

    def scores(self, model, series):
        ours = model.learned is self.learned
        return forecaster.Scores(
            learned=self.candidate if ours else self.serving, mix=0.6,
            naive=0.9, series=len(series))


class World:
    def __init__(self, database, monkeypatch):
        self.database = database
        self.forecaster = Forecaster()
        monkeypatch.setattr(
            forecaster.FittedModel, 'scores',
            lambda model, series: self.forecaster.scores(model, series))
        self.keeper = self.engine()

    def engine(self):
        return model_keeper.ModelKeeper(
            self.database, self.forecaster, 7 * DAY)

    def run(self, now=NOW, keeper=None, given=SERIES):
        """As a pass does; what it forecast with."""
        keeper = keeper or self.keeper
        served = keeper.served()
        keeper.consider(given, now)
        return served.record.version if served.record else None

    def models(self):
        return [(one.state.value, one.made_from['reason']) for one in
                self.database.read(demand_models.list_models)]

    def spoil(self, stored):
        self.database.write(lambda session: session.query(
            db_models.DemandModel).update({'stored': stored}))


@pytest.fixture
def world(tmp_path, monkeypatch):
    database = db_session.Database(f'sqlite:///{tmp_path}/models.sqlite')
    migration.upgrade(database)
    return World(database, monkeypatch)


def test_the_first_model_is_fitted_after_the_first_forecasts(world):
    assert world.run() is None
    assert world.run() == 1
    assert world.models() == [('serving', 'first')]
    served = world.keeper.served()
    assert served.record.scores == {
        'learned': 0.5, 'mix': 0.6, 'naive': 0.9, 'series': 4}
    assert served.record.made_from == {
        'reason': 'first', 'series': 4, 'training_end': NOW.isoformat()}
    # what is served is what was fitted, by way of the database
    known = served.fitted.refreshed(SERIES)
    expected = fitted().profiles(SERIES, fitted().refreshed(SERIES))
    for ours, theirs in zip(served.fitted.profiles(SERIES, known), expected):
        assert ours == theirs


def test_without_history_enough_nothing_is_fitted(world):
    world.run(given=[series(points=71)])
    assert (world.forecaster.fits, world.models()) == (0, [])


def test_what_nothing_can_be_learned_from_is_not_tried_at_each_pass(world):
    world.forecaster.learned = None
    for minutes in range(0, 60, 5):
        world.run(NOW + minutes * samples.MINUTE)
    assert (world.forecaster.fits, world.models()) == (1, [])
    world.run(NOW + DAY)
    assert world.forecaster.fits == 2


def test_new_applications_are_served_by_the_model_there_is(world):
    world.run()
    world.run(given=[*SERIES, series(99)])
    assert world.forecaster.fits == 1


def test_another_engine_serves_the_same_model_and_fits_none(world):
    world.run()
    other = world.engine()
    assert world.run(keeper=other) == 1
    assert world.forecaster.fits == 1
    assert other.served().fitted is other.served().fitted


def test_the_mix_that_serves_meanwhile_is_one_and_the_same(world):
    assert world.keeper.served().fitted is world.keeper.served().fitted


def test_two_engines_do_not_fit_at_the_same_time(world):
    # given an engine whose pass comes while another one fits
    other = world.engine()
    seen = []

    def meanwhile():
        seen.append((world.run(keeper=other), world.forecaster.fits))
    world.forecaster.meanwhile = meanwhile
    # when the first engine fits
    world.run()
    # then the other went on with what there was
    assert seen == [(None, 1)]
    assert world.models() == [('serving', 'first')]


def test_after_a_week_a_model_that_is_no_worse_takes_over(world):
    world.run()
    world.run(NOW + 7 * DAY - samples.MINUTE)
    assert world.forecaster.fits == 1
    world.run(NOW + 7 * DAY)
    assert world.models() == [('serving', 'weekly'), ('retired', 'first')]
    assert world.run(NOW + 7 * DAY) == 2
    assert world.keeper.served().record.scores['serving'] == 0.5


def test_a_worse_one_is_rejected_and_not_tried_again_for_a_week(
        world, caplog):
    # given a model, and a new one that does worse
    world.run()
    world.forecaster.candidate = 0.51
    # when it is due
    with caplog.at_level(logging.WARNING):
        world.run(NOW + 7 * DAY)
    # then the old one goes on, both scores are kept and said
    assert world.run(NOW + 7 * DAY) == 1
    assert world.models() == [('rejected', 'weekly'), ('serving', 'first')]
    rejected = world.database.read(demand_models.list_models)[0]
    assert (rejected.scores['learned'], rejected.scores['serving']) == (
        0.51, 0.5)
    assert '0.5100, that of version 1, which goes on, is 0.5000' in (
        caplog.text)
    # and for a week nothing is fitted, by no engine, drift or not
    world.forecaster.serving = 0.9
    for day in range(8, 14):
        world.run(NOW + day * DAY)
        world.run(NOW + day * DAY, keeper=world.engine())
    assert world.forecaster.fits == 2
    world.run(NOW + 14 * DAY)
    assert world.models()[0] == ('serving', 'weekly')


def test_a_model_that_has_drifted_is_replaced_before_its_time(world):
    world.run()
    world.forecaster.serving = 0.54
    world.run(NOW + DAY)
    assert world.forecaster.fits == 1
    # when its worth beside the mix is more than a tenth worse than it was
    world.forecaster.serving = 0.56
    world.run(NOW + DAY + samples.HOUR)
    assert world.forecaster.fits == 1, 'it is looked at once a day'
    world.run(NOW + 2 * DAY)
    assert world.models() == [('serving', 'drift'), ('retired', 'first')]


def test_a_rollback_is_seen_at_the_next_pass_and_left_in_peace(world):
    # given a model that took over from another
    world.run()
    world.run(NOW + 7 * DAY)
    assert world.run(NOW + 7 * DAY) == 2
    # when an operator goes back to the first
    world.database.write(functools.partial(
        demand_models.roll_back, now=NOW + 8 * DAY))
    # then it serves at once, whatever its score is, and for a week
    world.forecaster.serving = 0.9
    for day in range(8, 15):
        assert world.run(NOW + day * DAY) == 1
    assert world.forecaster.fits == 2
    world.run(NOW + 15 * DAY)
    assert world.forecaster.fits == 3


def test_an_operator_is_not_overruled_by_a_fit_under_way(world):
    world.run()
    world.run(NOW + 7 * DAY)
    world.run(NOW + 7 * DAY)
    world.forecaster.meanwhile = lambda: world.database.write(
        functools.partial(demand_models.roll_back, now=NOW + 14 * DAY))
    world.run(NOW + 14 * DAY)
    assert world.run(NOW + 14 * DAY) == 1
    assert world.models() == [('retired', 'weekly'), ('serving', 'first')]


@pytest.mark.parametrize('stored', [b'', b'no model', b'PK\x03\x04', None])
def test_what_cannot_be_read_is_said_and_fitted_anew(world, stored, caplog):
    world.run()
    world.spoil(stored)
    engine = world.engine()
    with caplog.at_level(logging.WARNING):
        assert engine.served().fitted.learned is None
        assert engine.served().is_unreadable
    assert caplog.text.count('Demand model 1 does not serve') == 1
    # a candidate serves in any case: there is nothing to set it beside
    world.forecaster.candidate = 9.0
    world.run(keeper=engine)
    assert world.models() == [('serving', 'unreadable'),
                              ('retired', 'first')]
    assert engine.served().fitted.learned is not None


def test_engines_of_two_releases_do_not_take_turns(world, monkeypatch):
    # given two that cannot read what the other one writes
    dumped, loaded, release = storing.dumped, storing.loaded, [b'old']

    def read(stored, settings):
        if not stored.startswith(release[0]):
            raise storing.ForeignModel('of another release')
        return loaded(stored.removeprefix(release[0]), settings)
    monkeypatch.setattr(storing, 'dumped', lambda learned, settings: (
        release[0] + dumped(learned, settings)))
    monkeypatch.setattr(storing, 'loaded', read)
    engines = {b'old': world.engine(), b'new': world.engine()}

    # when both have passes for a day
    for hour in range(24):
        for release[0], engine in engines.items():
            world.run(NOW + hour * samples.HOUR, keeper=engine)

    # then each has fitted once, and one does with the mix of experts
    assert world.models() == [('serving', 'unreadable'),
                              ('retired', 'first')]
    assert engines[b'old'].served().is_unreadable
    # and the next day it has its turn
    release[0] = b'old'
    world.run(NOW + DAY, keeper=engines[b'old'])
    assert not engines[b'old'].served().is_unreadable


def test_a_model_of_other_levels_is_fitted_anew(world, caplog):
    world.run()
    world.forecaster.settings = dataclasses.replace(
        SETTINGS, levels=(0.5, 0.95))
    with caplog.at_level(logging.WARNING):
        assert world.engine().served().is_unreadable
    assert 'fitted for the levels [0.5, 0.9]' in caplog.text


def test_a_table_that_was_lost_is_filled_again(world):
    world.run()
    assert world.run() == 1
    # with its counter, as when it is made anew
    with world.database.engine.begin() as connection:
        for table in ('demand_models', 'sqlite_sequence'):
            connection.execute(sqlalchemy.text(f'DELETE FROM {table}'))
    assert world.run(NOW + samples.MINUTE) is None
    assert world.run(NOW + samples.MINUTE) == 1
    assert world.keeper.served().record.created_at == NOW + samples.MINUTE
    assert world.forecaster.fits == 2


def test_a_fit_that_fails_leaves_nothing_behind(world):
    def fail():
        raise MemoryError
    world.forecaster.meanwhile = fail
    with pytest.raises(MemoryError):
        world.run()
    assert world.models() == []
    world.forecaster.meanwhile = None
    world.run()
    assert world.models() == [('serving', 'first')]
