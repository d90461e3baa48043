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

"""Stories of an application whose measures stand in a Gnocchi."""

import datetime

import numpy as np
import pytest

from shadow_reserve.cloud import exceptions
from shadow_reserve.cloud import gnocchi
from shadow_reserve.records import demand
from shadow_reserve.records import usage
from shadow_reserve.usage.gnocchi import source as gnocchi_source
from tests.unit.usage import fake_gnocchi

START = datetime.datetime(2026, 3, 2, 12, 0, tzinfo=datetime.UTC)
STEP = datetime.timedelta(minutes=5)
MINUTE = datetime.timedelta(minutes=1)
SECOND = datetime.timedelta(seconds=1)
HOUR = datetime.timedelta(hours=1)
VCPU = demand.DemandResource.VCPU
MEMORY = demand.DemandResource.MEMORY
DISK = demand.DemandResource.DISK_THROUGHPUT
STORAGE = demand.DemandResource.STORAGE
LATENCY = demand.DemandResource.IO_LATENCY
MEBIBYTE = 2 ** 20


def counter(rate, count, start=START, step=STEP, first=0.0):
    """A cumulative counter that grows by ``rate`` a second."""
    return [(start + index * step,
             first + rate * index * step.total_seconds())
            for index in range(count)]


def gauge(value, count, start=START, step=STEP):
    return [(start + index * step, value) for index in range(count)]


def application(*server_ids, group=None, token='token', vcpus=None):
    return usage.Application(token=token, project_id='project',
                             server_ids=server_ids, server_group=group,
                             vcpus=vcpus)


def history(source, one, start, stop):
    found = source.histories([one], start, stop)[one.token]
    return found if isinstance(found, exceptions.CloudError) else found.series


@pytest.fixture
def door():
    return fake_gnocchi.FakeDoor()


@pytest.fixture
def source(door):
    return gnocchi_source.GnocchiSource(
        door, granularity=STEP, live_granularity=MINUTE, concurrency=2)


def test_history_is_in_the_units_of_the_demand(door, source):
    # Given two servers, one with a disk, of which an hour was measured
    for name, busy, memory in (('a', 1.5, 512.0), ('b', 0.5, 256.0)):
        door.add('instance', name, {
            'cpu': counter(busy * 1e9, 13),
            'memory.usage': gauge(memory, 13)})
    door.add('instance_disk', 'disk', {
        'disk.device.read.bytes': counter(3.0 * MEBIBYTE, 13),
        'disk.device.write.bytes': counter(1.0 * MEBIBYTE, 13)},
        instance_id='a')
    # When the history is read from the second bucket on
    found = history(source, application('a', 'b'), START + STEP,
                    START + 13 * STEP)
    # Then it is vCPUs, MiB and MiB/s, and complete from its first step
    assert set(found) == {VCPU, MEMORY, DISK}
    for resource, value in ((VCPU, 2.0), (MEMORY, 768.0), (DISK, 4.0)):
        np.testing.assert_allclose(found[resource].values, [value] * 12)
        assert found[resource].start == START + STEP
        assert found[resource].token == 'token'


def test_the_bucket_still_filling_is_not_read(door, source):
    door.add('instance', 'a', {'cpu': counter(1e9, 13)})
    found = history(source, application('a'), START,
                    START + 12 * STEP + 299 * SECOND)
    assert found[VCPU].end == START + 12 * STEP
    assert {stop for *_, stop in door.asked} == {START + 12 * STEP}


def test_a_resource_that_nobody_measured_is_absent(door, source):
    door.add('instance', 'a', {'cpu': counter(1e9, 13)})
    found = history(source, application('a'), START, START + 12 * STEP)
    assert set(found) == {VCPU}


def lacks(source, *applications, stop=START + 12 * STEP):
    return {token: [error.message for error in found.lacks]
            for token, found in source.histories(
                applications, stop - 12 * STEP, stop).items()}


def test_what_is_kept_for_too_short_is_said_of_those_it_is_of(door, source):
    # Given two servers of one policy that is too short, and another one
    for name in ('a', 'b', 'c'):
        door.add('instance', name, {'cpu': counter(1e9, 13),
                                    'memory.usage': gauge(1.0, 13)})
        for metric in ('cpu', 'memory.usage'):
            door.short[f'{name}/{metric}'] = MINUTE if name != 'c' else HOUR
    # When histories of an hour are read
    found = lacks(source, application('a', 'b', token='shop'),
                  application('c', token='inn'))
    # Then it is told once of the one application
    assert found == {
        'shop': ['of cpu, memory.usage: kept for 0:01:00'], 'inn': []}


def test_for_how_long_it_is_kept_is_asked_once_a_day(door, source):
    door.add('instance', 'a', {'cpu': counter(1e9, 600)})
    door.short['a/cpu'] = MINUTE
    one = application('a')
    assert lacks(source, one)['token']
    # Given that somebody mends it
    door.short.clear()
    # Then it is said until it is asked again
    day = 12 * STEP + datetime.timedelta(days=1)
    assert lacks(source, one, stop=START + day - STEP)['token']
    assert not lacks(source, one, stop=START + day)['token']
    assert door.queries.count(('policies', HOUR)) == 2


def test_histories_are_told_where_nobody_says_how_long_they_may_be(
        door, source):
    door.add('instance', 'a', {'cpu': counter(1e9, 13)})
    door.down.add('policies')
    assert lacks(source, application('a')) == {'token': []}
    assert history(source, application('a'), START, START + 12 * STEP)


def test_an_application_without_servers_asks_nothing(door, source):
    assert history(source, application(), START, START + 12 * STEP) == {}
    assert source.live(application(), START, vcpus=1, memory_mib=1) is None
    assert door.queries == []


def test_a_span_shorter_than_a_step_has_no_history(door, source):
    door.add('instance', 'a', {'cpu': counter(1e9, 13)})
    assert history(source, application('a'), START, START + MINUTE) == {}


def test_servers_that_are_gone_count_by_their_group(door, source):
    # Given a server that left half an hour ago, of the same group, and
    # servers of that name in another project and in another group
    door.add('instance', 'a', {'cpu': counter(1e9, 13)})
    for name, owner in (('gone', {}), ('foreign', {'project_id': 'other'}),
                        ('stranger', {'server_group': 'inn'})):
        door.add('instance', name, {'cpu': counter(1e9, 7)},
                 **{'server_group': 'shop'} | owner)
    found = history(source, application('a', group='shop'), START + STEP,
                    START + 13 * STEP)
    # Then it counts while it lived, and they do not
    np.testing.assert_allclose(found[VCPU].values, [2.0] * 6 + [1.0] * 6)


def test_the_ceiling_is_the_vcpus_of_the_servers_of_each_step(door, source):
    # Given two servers, both at all that they have; one leaves half way
    for name, count in (('a', 13), ('gone', 7)):
        door.add('instance', name, {
            'cpu': counter(1.99e9, count), 'memory.usage': gauge(1.0, 13)},
            server_group='shop')
    found = history(source, application('a', group='shop', vcpus=2),
                    START + STEP, START + 13 * STEP)
    # Then all of it is known to be pinned at the capacity of just then
    np.testing.assert_array_equal(found[VCPU].ceiling, [4] * 6 + [2] * 6)
    assert found[VCPU].censored_points == 12
    assert found[MEMORY].ceiling is None


def test_servers_that_do_more_than_their_size_have_another(door, source):
    # Given a server of eight vCPUs, in a reservation of smaller ones
    door.add('instance', 'a', {'cpu': counter(6e9, 13)})
    found = history(source, application('a', vcpus=2), START + STEP,
                    START + 13 * STEP)
    assert found[VCPU].ceiling is None


def test_without_a_size_there_is_no_ceiling(door, source):
    door.add('instance', 'a', {'cpu': counter(1e9, 13)})
    found = history(source, application('a'), START, START + 12 * STEP)
    assert found[VCPU].ceiling is None


def test_servers_that_left_before_the_history_are_not_looked_at(
        door, source):
    door.add('instance', 'a', {'cpu': counter(1e9, 13)},
             server_group='shop')
    door.add('instance', 'gone', {'cpu': counter(1e9, 7)},
             server_group='shop', ended_at='2026-03-02T11:00:00+00:00')
    history(source, application(group='shop'), START, START + 12 * STEP)
    assert [ids for _, ids, *_ in door.asked] == [['a']]


def test_a_reboot_does_not_show_as_a_fall_of_the_demand(door, source):
    door.add('instance', 'a', {
        'cpu': counter(1e9, 6) + counter(1e9, 7, START + 6 * STEP)})
    found = history(source, application('a'), START + STEP, START + 13 * STEP)
    np.testing.assert_allclose(found[VCPU].values, [1.0] * 12)


def test_a_metric_kept_too_coarsely_is_an_error_of_the_history(door, source):
    door.add('instance', 'a', {'cpu': counter(1e9, 13)})
    door.unusable.add('cpu')
    found = history(source, application('a'), START, START + 12 * STEP)
    assert isinstance(found, gnocchi.UnusableArchivePolicy)
    assert 'cpu is too coarse' in found.message


def test_disks_kept_too_coarsely_are_left_out_and_told(door, source):
    # Given one of two disks whose latency nobody can read
    door.add('instance', 'a', {'cpu': counter(1e9, 13)})
    for name in ('vda', 'vdb'):
        door.add('instance_disk', name, {
            'disk.device.read.bytes': counter(MEBIBYTE, 13),
            'disk.device.read.latency': counter(1.0, 13)}, instance_id='a')
    door.unusable.add(('vdb', 'disk.device.read.latency'))
    # When the history is read
    found = history(source, application('a'), START, START + 12 * STEP)
    # Then there is all but the disks: half of them would be a wrong demand
    assert set(found) == {VCPU}
    assert lacks(source, application('a')) == {
        'token': ['metric disk.device.read.latency is too coarse']}


def test_storage_is_what_the_data_on_all_disks_occupy(door, source):
    door.add('instance', 'a', {'cpu': counter(1e9, 13)})
    for name, gib in (('vda', 3.5), ('vdb', 0.5)):
        door.add('instance_disk', name, {
            'disk.device.allocation': gauge(gib * 2 ** 30, 13),
            'disk.device.capacity': gauge(20.0 * 2 ** 30, 13)},
            instance_id='a')
    found = history(source, application('a'), START, START + 12 * STEP)
    np.testing.assert_allclose(found[STORAGE].values, [4.0] * 12)


def test_latency_is_that_of_a_request_whichever_disk_it_was_for(
        door, source):
    # Given a disk with one request a second of 90 ms, another with nine
    # of 10 ms each, half of them writes
    door.add('instance', 'a', {'cpu': counter(1e9, 13)})
    door.add('instance_disk', 'slow', {
        'disk.device.read.latency': counter(90e6, 13),
        'disk.device.read.requests': counter(1.0, 13)}, instance_id='a')
    door.add('instance_disk', 'fast', {
        'disk.device.read.latency': counter(45e6, 13),
        'disk.device.read.requests': counter(4.5, 13),
        'disk.device.write.latency': counter(45e6, 13),
        'disk.device.write.requests': counter(4.5, 13)}, instance_id='a')
    found = history(source, application('a'), START + STEP,
                    START + 13 * STEP)
    # Then the mean is over the requests, not over the disks
    np.testing.assert_allclose(found[LATENCY].values, [18.0] * 12)


def test_without_requests_there_is_no_latency(door, source):
    # Given a disk that did nothing in the second half hour
    door.add('instance', 'a', {'cpu': counter(1e9, 13)})
    idle = {'start': START + 7 * STEP, 'count': 6}
    door.add('instance_disk', 'vda', {
        'disk.device.read.latency':
            counter(5e6, 7) + counter(0.0, first=9e9, **idle),
        'disk.device.read.requests':
            counter(1.0, 7) + counter(0.0, first=1800.0, **idle)},
        instance_id='a')
    found = history(source, application('a'), START + STEP,
                    START + 13 * STEP)
    np.testing.assert_allclose(
        found[LATENCY].values, [5.0] * 6 + [np.nan] * 6)


def test_time_without_the_number_of_requests_is_no_latency(door, source):
    door.add('instance', 'a', {'cpu': counter(1e9, 13)})
    door.add('instance_disk', 'vda', {
        'disk.device.read.latency': counter(5e6, 13)}, instance_id='a')
    found = history(source, application('a'), START, START + 12 * STEP)
    assert set(found) == {VCPU}


@pytest.mark.parametrize('absurd', [float('nan'), 1e300, -5.0])
def test_an_absurd_measure_is_a_gap_at_most(door, source, absurd):
    # Given a gauge that was mad for four polls: too long to be bridged
    points = gauge(512.0, 13)
    points[5:9] = gauge(absurd, 4, START + 5 * STEP)
    door.add('instance', 'a', {'memory.usage': points})
    found = history(source, application('a'), START, START + 13 * STEP)
    np.testing.assert_allclose(
        found[MEMORY].values, [512.0] * 5 + [np.nan] * 4 + [512.0] * 4)


def test_measures_of_the_future_are_not_history(door, source):
    # Given a server whose clock is an hour ahead
    door.add('instance', 'a', {'memory.usage': gauge(512.0, 25)})
    now = START + 12 * STEP
    found = history(source, application('a'), START, now)
    assert found[MEMORY].end == now
    assert found[MEMORY].points == 12


def live_door(door):
    minutes = {'step': MINUTE, 'count': 30}
    for name, busy in (('a', 1.8), ('b', 0.6)):
        door.add('instance', name, {
            'cpu': counter(busy * 1e9, **minutes),
            'memory.usage': gauge(512.0, **minutes),
            'vcpus': gauge(2.0, **minutes),
            'memory': gauge(1024.0, **minutes)})
    door.add('instance_disk', 'disk', {
        'disk.device.read.latency': counter(20e6 * 10, **minutes),
        'disk.device.read.requests': counter(10.0, **minutes),
        'disk.device.write.latency': counter(40e6 * 30, **minutes),
        'disk.device.write.requests': counter(30.0, **minutes)},
        instance_id='a')


def live(source, now=START + 30 * MINUTE, vcpus=8, memory_mib=8192):
    return source.live(application('a', 'b'), now, vcpus=vcpus,
                       memory_mib=memory_mib)


def test_live_usage_is_the_mean_over_the_servers(door, source):
    live_door(door)
    found = live(source)
    # Given 90 % and 30 % of two vCPUs, half of the memory, and ten reads
    # of 20 ms for thirty writes of 40 ms
    assert found.cpu_percent == pytest.approx(60.0)
    assert found.memory_percent == pytest.approx(50.0)
    assert found.io_latency_ms == pytest.approx(35.0)
    assert found.members == 2
    assert found.as_of == START + 30 * MINUTE


@pytest.mark.parametrize('seconds', [300, 450, 599, 600, 900, 1800, 3600])
def test_a_server_is_seen_to_be_busy_however_long_the_buckets_are(
        door, seconds):
    # given one that is polled every five minutes, or in each bucket
    step = datetime.timedelta(seconds=seconds)
    poll = max(STEP, step) if seconds >= 600 else STEP
    door.add('instance', 'a', {
        'cpu': counter(1e9, 6 * HOUR // poll, step=poll)})
    source = gnocchi_source.GnocchiSource(
        door, granularity=STEP, live_granularity=step, concurrency=2)
    # when it is looked at whenever, then it is known
    for minute in range(4 * 60, 5 * 60):
        found = live(source, now=START + minute * MINUTE, vcpus=1)
        assert found is not None, minute
        assert found.cpu_percent == pytest.approx(100.0, rel=0.01), minute


def test_live_usage_goes_by_the_flavor_where_sizes_were_not_measured(
        door, source):
    live_door(door)
    for _, _, metrics in door.held.values():
        metrics.pop('vcpus', None)
        metrics.pop('memory', None)
    found = live(source, vcpus=4, memory_mib=2048)
    assert found.cpu_percent == pytest.approx(30.0)
    assert found.memory_percent == pytest.approx(25.0)


def test_live_usage_goes_by_the_flavor_where_sizes_are_kept_too_coarsely(
        door, source):
    live_door(door)
    door.unusable |= {'vcpus', 'disk.device.read.latency'}
    found = live(source, vcpus=4, memory_mib=2048)
    assert found.cpu_percent == pytest.approx(30.0)
    assert found.io_latency_ms is None


def test_a_disk_that_did_nothing_has_no_latency(door, source):
    door.add('instance', 'a', {'cpu': counter(1e9, 30, step=MINUTE)})
    door.add('instance_disk', 'disk', {
        'disk.device.read.latency': counter(0.0, 30, step=MINUTE),
        'disk.device.read.requests': counter(0.0, 30, step=MINUTE)},
        instance_id='a')
    assert live(source).io_latency_ms is None


def test_servers_polled_each_five_minutes_are_live_all_the_same(
        door, source):
    # Given polls five times as far apart as the live buckets
    door.add('instance', 'a', {'cpu': counter(1e9, 6)})
    door.add('instance', 'b', {
        'cpu': counter(3e9, 6, START + 2 * MINUTE)})
    found = live(source, vcpus=4)
    # Then each server counts with the rate between its two last polls
    assert found.cpu_percent == pytest.approx(50.0)
    assert found.memory_percent is None
    assert found.as_of == START + 28 * MINUTE


def test_old_measures_are_no_live_usage(door, source):
    live_door(door)
    assert live(source, now=START + 45 * MINUTE) is None


def test_a_server_that_fell_silent_is_no_member_any_more(door, source):
    live_door(door)
    door.held['b'][2]['cpu'] = counter(0.6e9, 10, step=MINUTE)
    door.held['b'][2]['memory.usage'] = []
    found = live(source)
    assert found.members == 1
    assert found.cpu_percent == pytest.approx(90.0)
