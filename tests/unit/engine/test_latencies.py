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

"""The I/O latency of all that have a threshold for it comes to Gnocchi."""

import dataclasses

import pytest

from shadow_reserve.cloud import exceptions
from shadow_reserve.db import reservations as db_reservations
from shadow_reserve.engine import latencies
from shadow_reserve.records import reservation
from shadow_reserve.records import usage
from shadow_reserve.trigger import gauge
from tests.unit.engine import one_engine
from tests.unit import samples


class FakeSource:
    """Disks that are as slow as a test says."""

    def __init__(self):
        self.answers, self.asked = {}, []

    def latencies(self, applications, now):
        self.asked = [one.token for one in applications]
        return {token: self.answers.get(token, []) for token in self.asked}


class Story:
    def __init__(self):
        self.world = one_engine.World()
        self.source = FakeSource()
        fleet = self.world.fleet
        self.latencies = latencies.Latencies(
            lambda: fleet.facts, self.source,
            gauge.Gauge(self.world.metrics, 'policy'))

    def run(self):
        self.world.round()
        self.latencies.run(self.world.now)


@pytest.fixture
def story():
    return Story()


def slow(value):
    return [usage.Measure(at=samples.NOW, value=value)]


def test_what_was_measured_is_written(story):
    story.world.add()
    story.source.answers[samples.TOKEN] = slow(80.0)
    story.run()
    assert story.world.metrics.measures == {
        samples.TOKEN: {samples.NOW: 80.0}}
    assert story.world.metrics.kinds == {
        samples.TOKEN: ('shadow_reserve', 'project')}


def test_nothing_is_asked_of_gnocchi_where_nothing_is_to_be_written(story):
    story.world.add()
    story.run()
    assert story.source.asked == [samples.TOKEN]
    assert story.world.metrics.requests == 0


@pytest.mark.parametrize('changes', [
    {'policy': samples.policy(io_latency_threshold=None)},
    {'status': reservation.ReservationStatus.ENDING},
    {'status': reservation.ReservationStatus.PENDING}])
def test_only_those_with_a_threshold_are_watched(story, changes):
    story.world.add(**changes)
    story.run()
    assert story.source.asked == []


def test_before_the_first_round_there_is_nobody(story):
    story.latencies.run(samples.NOW)
    assert story.source.asked == []


def test_one_that_cannot_be_read_keeps_nothing_from_the_others(
        story, caplog):
    other = dataclasses.replace(
        samples.record(), token='99999999-1111-4111-8111-111111111111',
        shadow_allocation_id='99999999-2222-4222-8222-222222222222')
    story.world.add()
    story.world.database.write(
        lambda session: db_reservations.add(session, other))
    story.source.answers = {
        samples.TOKEN: exceptions.CloudError('gnocchi', 'too coarse'),
        other.token: slow(5.0)}
    story.run()
    assert story.world.metrics.measures.keys() == {other.token}
    assert 'too coarse' in caplog.text


def test_it_goes_with_the_reservation(story):
    # given a reservation of which something was written
    story.world.add()
    story.source.answers[samples.TOKEN] = slow(80.0)
    story.run()
    # when its end has come
    for _ in range(5):
        story.world.round(later=11 * samples.HOUR)
        story.world.work()
    # then nothing of it is left
    assert story.world.record().status is (
        reservation.ReservationStatus.TERMINATED)
    assert story.world.metrics.kinds == {}
