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

"""Latencies of many applications, read in few requests."""

import datetime

import pytest

from shadow_reserve.cloud import exceptions
from shadow_reserve.records import usage
from shadow_reserve.usage.gnocchi import source as gnocchi_source
from tests.unit.usage import fake_gnocchi

MINUTE = datetime.timedelta(minutes=1)
SECOND = datetime.timedelta(seconds=1)
NOW = datetime.datetime(2026, 3, 2, 12, 30, tzinfo=datetime.UTC)


@pytest.fixture
def door():
    return fake_gnocchi.FakeDoor()


@pytest.fixture
def source(door):
    return gnocchi_source.GnocchiSource(
        door, granularity=5 * MINUTE, live_granularity=MINUTE,
        concurrency=2)


def application(*server_ids, token='token', group=None):
    return usage.Application(token=token, project_id='project',
                             server_ids=server_ids, server_group=group)


def add_disk(door, name, server, *, ms, rate, stop=NOW, polls=30,
             step=MINUTE):
    """A disk with so many reads a second, of so many milliseconds each."""
    if server not in door.held:
        door.add('instance', server, {'cpu': []})
    stamps = [stop - count * step + 20 * SECOND
              for count in range(polls, 0, -1)]
    door.add('instance_disk', name, {
        'disk.device.read.latency': [
            (stamp, index * step.total_seconds() * rate * ms * 1e6)
            for index, stamp in enumerate(stamps)],
        'disk.device.read.requests': [
            (stamp, index * step.total_seconds() * rate)
            for index, stamp in enumerate(stamps)]}, instance_id=server)


def values(found):
    return [(one.at, pytest.approx(one.value)) for one in found]


def test_it_is_of_the_last_intervals_that_are_over(door, source):
    add_disk(door, 'vda', 'a', ms=20.0, rate=10.0)
    found = source.latencies([application('a')], NOW + 59 * SECOND)
    # each as of its end, the newest last
    assert values(found['token']) == [
        (NOW - 3 * MINUTE, 20.0), (NOW - 2 * MINUTE, 20.0),
        (NOW - MINUTE, 20.0), (NOW, 20.0)]


def test_the_mean_is_over_the_requests_of_all_disks(door, source):
    # given a slow disk with one request a second, another with nine
    add_disk(door, 'slow', 'a', ms=90.0, rate=1.0)
    add_disk(door, 'fast', 'b', ms=10.0, rate=9.0)
    found = source.latencies([application('a', 'b')], NOW)
    assert found['token'][-1].value == pytest.approx(18.0)
    # and live usage says the same
    live = source.live(application('a', 'b'), NOW, vcpus=1, memory_mib=1)
    assert live is None or live.io_latency_ms == pytest.approx(18.0)


def test_an_interval_without_io_is_left_out(door, source):
    add_disk(door, 'vda', 'a', ms=20.0, rate=0.0)
    assert source.latencies([application('a')], NOW) == {'token': []}


def test_an_interval_without_a_poll_yet_is_left_out(door, source):
    # given that Gnocchi has not seen the last poll yet
    add_disk(door, 'vda', 'a', ms=20.0, rate=5.0, stop=NOW - MINUTE)
    found = source.latencies([application('a')], NOW)
    assert found['token'][-1].at == NOW - MINUTE


def test_a_reboot_is_no_latency(door, source):
    add_disk(door, 'vda', 'a', ms=20.0, rate=5.0)
    for points in door.held['vda'][2].values():
        points[-1] = (points[-1][0], 1.0)
    found = source.latencies([application('a')], NOW)
    assert found['token'][-1].at == NOW - MINUTE


def test_an_application_without_servers_or_disks_has_none(door, source):
    door.add('instance', 'a', {'cpu': []})
    assert source.latencies(
        [application(), application('a', token='other')], NOW) == {
            'token': [], 'other': []}


def test_many_applications_cost_few_requests(door, source):
    count = 250
    for number in range(count):
        add_disk(door, f'vda-{number}', f'server-{number}', ms=20.0,
                 rate=10.0, polls=6)
    many = [application(f'server-{number}', token=f'token-{number}')
            for number in range(count)]
    # when they are read for the first time, and again
    found = source.latencies(many, NOW)
    assert all(len(some) == 4 for some in found.values())
    first = len(door.queries) + len(door.asked)
    assert first == 3 + 3 + 3
    source.latencies(many, NOW + MINUTE / 2)
    # then whose disks are whose is still known
    assert len(door.queries) + len(door.asked) == first + 3
    # but not for ever
    source.latencies(many, NOW + 6 * MINUTE)
    assert len(door.queries) + len(door.asked) == 2 * first + 3


def test_a_server_that_comes_is_looked_for_until_it_is_found(door, source):
    add_disk(door, 'vda', 'a', ms=20.0, rate=10.0)
    source.latencies([application('a')], NOW)
    # given a second one that Gnocchi does not know yet
    source.latencies([application('a', 'b')], NOW)
    add_disk(door, 'vdb', 'b', ms=40.0, rate=10.0)
    found = source.latencies([application('a', 'b')], NOW + SECOND)
    assert found['token'][-1].value == pytest.approx(30.0)


def test_servers_that_left_the_group_do_no_io(door, source):
    door.add('instance', 'gone', {'cpu': []}, server_group='shop')
    add_disk(door, 'vda', 'a', ms=20.0, rate=10.0)
    add_disk(door, 'old', 'gone', ms=90.0, rate=10.0)
    found = source.latencies([application('a', group='shop')], NOW)
    assert found['token'][-1].value == pytest.approx(20.0)


def test_what_cannot_be_read_is_told_and_keeps_no_other(door, source):
    add_disk(door, 'vda', 'a', ms=20.0, rate=10.0)
    add_disk(door, 'vdb', 'b', ms=20.0, rate=10.0)
    door.unusable.add(('vda', 'disk.device.read.latency'))
    many = [application('a', token='coarse'), application('b', token='b')]
    found = source.latencies(many, NOW)
    assert isinstance(found['coarse'], exceptions.CloudError)
    assert len(found['b']) == 4


@pytest.mark.parametrize('down', ['search instance', 'vda'])
def test_a_gnocchi_that_is_down_is_an_answer(door, source, down):
    add_disk(door, 'vda', 'a', ms=20.0, rate=10.0)
    door.down.add(down)
    found = source.latencies([application('a')], NOW)
    assert isinstance(found['token'], exceptions.ServiceUnavailable)
    # and tried again
    door.down.clear()
    assert len(source.latencies([application('a')], NOW)['token']) == 4
