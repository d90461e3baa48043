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
"""A pass over all reservations, from histories to profiles."""

import dataclasses
import datetime

import numpy as np
import pytest

from shadow_reserve.cloud import exceptions as cloud_exceptions
from shadow_reserve.cloud import gnocchi
from shadow_reserve.db import demand as db_demand
from shadow_reserve.db import journal as db_journal
from shadow_reserve.db import migration
from shadow_reserve.db import reservations as db_reservations
from shadow_reserve.db import session as db_session
from shadow_reserve.engine import failures as engine_failures
from shadow_reserve.engine import forecasting as engine_forecasting
from shadow_reserve.engine import known as engine_known
from shadow_reserve.engine import model_keeper
from shadow_reserve.records import demand
from shadow_reserve.records import demand_model
from shadow_reserve.usage import forecaster
from shadow_reserve.usage import judging
from shadow_reserve.usage import series as usage_series
from shadow_reserve.usage import settings as usage_settings
from shadow_reserve.usage import source as usage_source
from tests.unit import samples

STEP = datetime.timedelta(minutes=5)
OTHER = 'other'
VCPU = demand.DemandResource.VCPU
SETTINGS = usage_settings.ForecastSettings()


class FakeNova:
    """Every application is one server; that of ``lost`` is not found."""

    def __init__(self):
        self.lost = None

    def list_shadow_servers(self, token):
        if token == self.lost:
            raise cloud_exceptions.ServiceUnavailable('nova', 'no answer')
        return []

    def list_members(self, project_id, selector):
        return ['server']


class FakeSource:
    """Answers with what it was given, by token."""

    def __init__(self):
        self.answers = {}
        self.asked = []

    def histories(self, applications, start, stop):
        self.asked.append([one.token for one in applications])
        return {one.token: self.answers[one.token] for one in applications}


class FakeKeeper:
    """What serves is the experts' mix, or what a test says."""

    def __init__(self):
        self.answer = model_keeper.Served(
            None, forecaster.FittedModel(SETTINGS, None))
        self.considered = []

    def served(self):
        return self.answer

    def consider(self, series, now):
        self.considered.append([one.token for one in series])


def vcpus(token, points=300):
    return usage_source.History(series={VCPU: usage_series.DemandSeries(
        token=token, resource=VCPU,
        start=usage_series.floor(samples.NOW, STEP) - points * STEP,
        step=STEP, values=2 + np.sin(np.arange(points)))})


class World:
    def __init__(self, database):
        self.database = database
        self.nova, self.source = FakeNova(), FakeSource()
        self.keeper = FakeKeeper()
        self.source.answers = {
            token: vcpus(token) for token in (samples.TOKEN, OTHER)}
        self.forecasting = engine_forecasting.Forecasting(
            database, engine_known.Known(database), self.nova, self.source,
            self.keeper,
            engine_failures.Failures(database, 5 * samples.MINUTE),
            step=STEP, history=datetime.timedelta(days=14))

    def run(self):
        done = []
        self.forecasting.run(
            samples.NOW, lambda token, outlook: done.append(token))
        return sorted(done)

    def profiles(self, token):
        return {profile.resource: profile for profile in self.database.read(
            lambda session: db_demand.list_profiles(session, token))}

    def events(self, token):
        return [event.kind for _, event in self.database.read(
            lambda session: db_journal.list_events(session, token))]


@pytest.fixture
def world(tmp_path):
    database = db_session.Database(f'sqlite:///{tmp_path}/test.sqlite')
    migration.upgrade(database)
    for token in (samples.TOKEN, OTHER):
        database.write(lambda session, token=token: db_reservations.add(
            session, samples.record(
                token=token, shadow_allocation_id=f'pool-of-{token}')))
    return World(database)


def test_all_reservations_are_asked_for_at_once(world):
    assert world.run() == sorted([samples.TOKEN, OTHER])
    assert [sorted(one) for one in world.source.asked] == [
        sorted([samples.TOKEN, OTHER])]
    # and what nobody measured yet has a profile that says so
    profiles = world.profiles(OTHER)
    assert set(profiles) == {VCPU, demand.DemandResource.MEMORY}
    assert profiles[demand.DemandResource.MEMORY].provenance.model is (
        demand.ForecastModel.NOT_ENOUGH_HISTORY)


def test_a_history_that_cannot_be_read_is_told_and_keeps_no_other(world):
    world.source.answers[OTHER] = cloud_exceptions.CloudError(
        'gnocchi', 'metric cpu is kept too coarsely')
    assert world.run() == [samples.TOKEN]
    assert world.run() == [samples.TOKEN]
    assert world.events(OTHER) == ['service.refused']
    assert world.events(samples.TOKEN) == []


def test_what_a_history_lacks_is_told_once_and_it_serves(world):
    # Given a history that is not as long as it was asked for
    world.source.answers[OTHER] = dataclasses.replace(
        vcpus(OTHER), lacks=(gnocchi.ShortArchivePolicy(
            'gnocchi', 'metric cpu is kept for 24 hours'),))
    # When there are forecasts, and one for which Gnocchi was down between
    assert OTHER in world.run() and OTHER in world.run()
    lacking, world.source.answers[OTHER] = (
        world.source.answers[OTHER],
        cloud_exceptions.ServiceUnavailable('gnocchi', 'no answer'))
    assert world.run() == [samples.TOKEN]
    world.source.answers[OTHER] = lacking
    assert OTHER in world.run()
    # Then either is told, and not again
    assert world.events(OTHER) == ['service.limited', 'service.unavailable']


def test_an_application_that_cannot_be_seen_keeps_no_other(world):
    world.nova.lost = samples.TOKEN
    assert world.run() == [OTHER]
    assert world.source.asked == [[OTHER]]
    assert world.events(samples.TOKEN) == ['service.unavailable']


def test_each_profile_is_of_its_own_application(world):
    world.source.answers[OTHER] = vcpus(OTHER, points=100)
    world.run()
    assert world.profiles(samples.TOKEN)[VCPU].is_usable
    theirs = world.profiles(OTHER)[VCPU]
    assert (theirs.token, theirs.provenance.points) == (OTHER, 100)
    assert not theirs.is_usable


def test_a_next_model_is_thought_of_after_the_forecasts(world):
    def consider(series, now):
        assert world.profiles(samples.TOKEN)
        raise MemoryError
    world.keeper.consider = consider
    with pytest.raises(MemoryError):
        world.run()
    assert world.profiles(OTHER)


def test_a_profile_names_the_model_that_made_it(world):
    # given a version that serves one application, and for another not
    class Fitted(forecaster.FittedModel):
        def profiles(self, series, known):
            for profile in super().profiles(series, known):
                if profile.token == samples.TOKEN and profile.is_usable:
                    profile = dataclasses.replace(
                        profile, provenance=dataclasses.replace(
                            profile.provenance, model=demand.ForecastModel
                            .GRADIENT_BOOSTING))
                yield profile
    record = demand_model.DemandModel(
        version=17, state=demand_model.ModelState.SERVING,
        created_at=samples.NOW, since=samples.NOW, scores={}, made_from={})
    world.keeper.answer = model_keeper.Served(
        record, Fitted(SETTINGS, None))
    # when there is a forecast, then it says so where it is true
    world.run()
    assert world.profiles(
        samples.TOKEN)[VCPU].provenance.model_version == 17
    assert world.profiles(OTHER)[VCPU].provenance.model_version is None


def test_from_the_first_forecasts_to_those_of_a_learned_model(
        world, monkeypatch):
    # given a week of two applications, and a model that serves in any case
    monkeypatch.setattr(judging, 'TOLERANCE', 1e9)
    settings = dataclasses.replace(SETTINGS, max_rows=2_000)
    for token in (samples.TOKEN, OTHER):
        world.source.answers[token] = vcpus(token, points=2016)
    world.forecasting = engine_forecasting.Forecasting(
        world.database, engine_known.Known(world.database), world.nova,
        world.source, model_keeper.ModelKeeper(
            world.database, forecaster.DemandForecaster(settings),
            datetime.timedelta(days=7)),
        engine_failures.Failures(world.database, 5 * samples.MINUTE),
        step=STEP, history=datetime.timedelta(days=14))
    # when there are two passes
    found = []
    for _ in range(2):
        world.run()
        found.append(world.profiles(OTHER)[VCPU].provenance)
    # then the mix of experts serves until the model is learned
    assert [(one.model.value, one.model_version) for one in found] == [
        ('expert_mix', None), ('gradient_boosting', 1)]


def test_what_a_round_needs_of_a_forecast_is_handed_on(world):
    outlooks = {}
    world.forecasting.run(samples.NOW, outlooks.__setitem__)

    assert outlooks.keys() == {samples.TOKEN, OTHER}
    for profile in outlooks[samples.TOKEN].profiles:
        stored = world.profiles(samples.TOKEN)[profile.resource]
        assert profile == dataclasses.replace(stored, quantiles=())
