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

"""I/O latency is written to Gnocchi, again and again, and once only."""

import pytest

from shadow_reserve.records import usage
from shadow_reserve.trigger import gauge
from tests.unit.engine import one_engine
from tests.unit import samples

PROJECTS = {samples.TOKEN: 'project', 'other': 'elsewhere'}


def measures(*values, token=samples.TOKEN):
    return {token: [usage.Measure(
        at=samples.NOW + place * samples.MINUTE, value=value)
        for place, value in enumerate(values)]}


@pytest.fixture
def door():
    return one_engine.FakeMetrics()


def test_the_resource_is_the_tenants_and_made_when_it_is_needed(door):
    ours = gauge.Gauge(door, 'policy')
    ours.push(measures(5.0, 6.0), PROJECTS)
    assert door.kinds == {samples.TOKEN: ('shadow_reserve', 'project')}
    assert list(door.measures[samples.TOKEN].values()) == [5.0, 6.0]

    # the next ones cost a request for all
    requests = door.requests
    ours.push(measures(6.0, 7.0), PROJECTS)
    assert door.requests == requests + 1


def test_what_somebody_deleted_is_made_again(door):
    ours = gauge.Gauge(door, 'policy')
    ours.push(measures(5.0), PROJECTS)
    door.delete_resource(samples.TOKEN)
    ours.push(measures(5.0) | measures(6.0, token='other'), PROJECTS)
    assert door.kinds.keys() == door.measures.keys() == PROJECTS.keys()


def test_writing_twice_changes_nothing(door):
    for _ in range(3):
        # by engines that know nothing of each other
        gauge.Gauge(door, None).push(measures(5.0, 6.0), PROJECTS)
    assert list(door.measures[samples.TOKEN].values()) == [5.0, 6.0]


def test_many_are_written_in_parts(door, monkeypatch):
    monkeypatch.setattr(gauge, '_PUSHED_AT_ONCE', 2)
    tokens = [f'token-{number}' for number in range(5)]
    ours = gauge.Gauge(door, 'policy')
    for _ in range(2):
        before = door.requests
        ours.push({token: measures(1.0)[samples.TOKEN]
                   for token in tokens}, dict.fromkeys(tokens, 'project'))
    assert door.measures.keys() == set(tokens)
    assert door.requests == before + 3


@pytest.mark.parametrize(('there', 'expected'), [
    ({'disk.device.read.latency': 'disks', 'cpu': 'servers'}, 'disks'),
    ({'cpu': 'servers'}, 'servers'), ({}, None)])
def test_it_is_kept_like_the_servers_own_metrics(
        door, monkeypatch, there, expected):
    used, asked = [], []

    def push(metric, archive_policy, measures):
        used.append(archive_policy)
        return frozenset()

    def archive_policy_of(metric):
        asked.append(metric)
        return there.get(metric)
    monkeypatch.setattr(door, 'push', push)
    monkeypatch.setattr(door, 'archive_policy_of', archive_policy_of)
    ours = gauge.Gauge(door, None)
    ours.push(measures(1.0), PROJECTS)
    ours.push(measures(1.0), PROJECTS)
    assert used == [expected] * 2
    # what is found is not asked for again
    assert len(asked) == {'disks': 1, 'servers': 2, None: 4}[expected]
