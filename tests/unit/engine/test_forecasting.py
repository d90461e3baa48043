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
from shadow_reserve.db import demand as db_demand
from shadow_reserve.db import journal as db_journal
from shadow_reserve.db import migration
from shadow_reserve.db import reservations as db_reservations
from shadow_reserve.db import session as db_session
from shadow_reserve.engine import failures as engine_failures
from shadow_reserve.engine import forecasting as engine_forecasting
from shadow_reserve.records import demand
from shadow_reserve.usage import series as usage_series
from tests.unit import samples

STEP = datetime.timedelta(minutes=5)
OTHER = 'other'


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


class FakeModel:
    def fit(self, series, seed):
        return self

    def profile(self, series, peak_window):
        return dataclasses.replace(
            samples.profile(resource=series.resource), token=series.token)


def vcpus(token):
    return {demand.DemandResource.VCPU: usage_series.DemandSeries(
        token=token, resource=demand.DemandResource.VCPU,
        start=usage_series.floor(samples.NOW, STEP) - 12 * STEP,
        step=STEP, values=np.ones(12))}


class World:
    def __init__(self, database):
        self.database = database
        self.nova, self.source = FakeNova(), FakeSource()
        self.source.answers = {
            token: vcpus(token) for token in (samples.TOKEN, OTHER)}
        self.forecasting = engine_forecasting.Forecasting(
            database, self.nova, self.source, FakeModel(),
            engine_failures.Failures(database, 5 * samples.MINUTE),
            step=STEP, history=datetime.timedelta(days=14),
            peak_window=datetime.timedelta(minutes=30),
            retrain_interval=datetime.timedelta(days=7))

    def run(self):
        done = []
        self.forecasting.run(samples.NOW, done.append)
        return sorted(done)

    def resources(self, token):
        return {profile.resource for profile in self.database.read(
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
    assert world.resources(OTHER) == {
        demand.DemandResource.VCPU, demand.DemandResource.MEMORY}


def test_a_history_that_cannot_be_read_is_told_and_keeps_no_other(world):
    world.source.answers[OTHER] = cloud_exceptions.CloudError(
        'gnocchi', 'metric cpu is kept too coarsely')
    assert world.run() == [samples.TOKEN]
    assert world.run() == [samples.TOKEN]
    assert world.events(OTHER) == ['service.refused']
    assert world.events(samples.TOKEN) == []


def test_an_application_that_cannot_be_seen_keeps_no_other(world):
    world.nova.lost = samples.TOKEN
    assert world.run() == [OTHER]
    assert world.source.asked == [[OTHER]]
    assert world.events(samples.TOKEN) == ['service.unavailable']
