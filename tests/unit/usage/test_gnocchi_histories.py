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
"""Histories that are read again and again: what is asked, what is kept.

Whatever was read before, an answer must be the one of a source that never
read anything.
"""

import dataclasses
import datetime
import random

import hypothesis
from hypothesis import strategies as st
import numpy as np
import pytest

from shadow_reserve.cloud import exceptions
from shadow_reserve.cloud import gnocchi
from shadow_reserve.records import demand
from shadow_reserve.records import usage
from shadow_reserve.usage.gnocchi import reader as gnocchi_reader
from shadow_reserve.usage.gnocchi import source as gnocchi_source
from shadow_reserve.usage import series as series_module
from tests.unit.usage import fake_gnocchi

START = datetime.datetime(2026, 3, 2, 12, 0, tzinfo=datetime.UTC)
STEP = datetime.timedelta(minutes=5)
SECOND = datetime.timedelta(seconds=1)
HOUR = 12
VCPU = demand.DemandResource.VCPU
MEMORY = demand.DemandResource.MEMORY
#: The history is a day, so that the daily reading anew is seen as well.
SPAN = 24 * HOUR
WHOLE = (SPAN + 5) * STEP
DISK_METRICS = tuple(
    f'disk.device.{way}.{what}' for way in ('read', 'write')
    for what in ('bytes', 'latency', 'requests'))


def source_on(door):
    return gnocchi_source.GnocchiSource(
        door, granularity=STEP, live_granularity=STEP, concurrency=2)


@pytest.fixture
def door():
    return fake_gnocchi.FakeDoor()


@pytest.fixture
def source(door):
    return source_on(door)


def counter(count, rate=1e9, start=START, delay=SECOND):
    stamps = [start + index * STEP for index in range(count)]
    return [(stamp, rate * (stamp - START).total_seconds(), stamp + delay)
            for stamp in stamps]


def application(*server_ids, group=None, token='token'):
    return usage.Application(token=token, project_id='project',
                             server_ids=server_ids, server_group=group)


def ask(door, source, bucket, *applications):
    """What is known when the buckets up to this one are complete."""
    door.asked.clear()
    door.now = START + bucket * STEP + 30 * SECOND
    return {
        token: found if isinstance(found, exceptions.CloudError)
        else found.series for token, found in source.histories(
            applications, START + (bucket - SPAN) * STEP, door.now).items()}


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for resource, series in expected.items():
        assert found[resource].start == series.start
        np.testing.assert_array_equal(found[resource].values, series.values)


def test_the_first_read_is_whole_and_the_next_is_short(door, source):
    door.add('instance', 'a', {'cpu': counter(400)})
    ask(door, source, 300, application('a'))
    assert door.spans() == [WHOLE]
    found = ask(door, source, 301, application('a'))
    assert door.spans() <= [2 * HOUR * STEP]
    assert found['token'][VCPU].points == SPAN


def test_many_applications_are_read_in_few_requests(door, source):
    # Given sixty applications of two servers and a disk each
    for index in range(60):
        for name in (f'a{index}', f'b{index}'):
            door.add('instance', name, {'cpu': counter(400)})
            door.add('instance_disk', f'{name}-vda', {
                'disk.device.read.bytes': counter(400)}, instance_id=name)
    applications = [application(f'a{index}', f'b{index}', token=str(index))
                    for index in range(60)]
    # When they are read once, and again
    first = ask(door, source, 300, *applications)
    door.queries.clear()
    second = ask(door, source, 301, *applications)
    # Then three searches and four short requests have done for the second,
    # and one for a member whose turn it was to be read whole
    assert len(first) == len(second) == 60
    assert all(set(one) == {VCPU, demand.DemandResource.DISK_THROUGHPUT}
               for one in second.values())
    assert len(door.queries) == 3
    assert sorted(span <= 2 * HOUR * STEP for _, _, _, begin, end
                  in door.asked for span in [end - begin]) == [
                      False, True, True, True, True]


def test_a_request_never_asks_for_more_points_than_the_limit(door, source):
    for index in range(70):
        door.add('instance', str(index), {
            'cpu': counter(3), 'memory.usage': counter(3)})
    ask(door, source, 300, application(*map(str, range(70))))
    assert len(door.asked) == 1
    door.add('instance', 'more', {'cpu': counter(3)})
    source = source_on(door)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gnocchi_reader, 'POINTS_AT_ONCE', 4 * 293)
        ask(door, source, 300, application(*map(str, range(70))))
    assert {len(ids) for _, ids, *_ in door.asked} == {2}


def test_a_measure_that_comes_late_is_seen_in_the_next_read(door, source):
    # Given a measure that is fifty minutes on its way
    measures = counter(400)
    measures[299] = (measures[299][0], measures[299][1],
                     measures[299][0] + 10 * STEP)
    measures[298:301] = [measures[299]]
    door.add('instance', 'a', {'cpu': measures})
    for bucket in range(300, 312):
        found = ask(door, source, bucket, application('a'))['token']
        assert_same(found, ask(door, source_on(door), bucket,
                               application('a'))['token'])


@pytest.mark.parametrize('reboots', [(), (284, 285)])
def test_a_late_measure_changes_what_is_known_of_the_time_before_it(
        door, source, reboots):
    # Given the oldest measure that may still come, after two missed polls
    # and maybe two reboots; all of these are bridged when it comes
    measures = []
    for index, (stamp, value, seen) in enumerate(counter(400)):
        begun = max([reboot for reboot in reboots if reboot <= index],
                    default=0)
        value += 400 - begun - 300e9 * begun
        if index == 288:
            seen = START + 301 * STEP
        if index not in (286, 287):
            measures.append((stamp, value, seen))
    door.add('instance', 'a', {'cpu': measures})
    # When it comes between two reads
    before = ask(door, source, 300, application('a'))['token']
    found = ask(door, source, 301, application('a'))['token']
    # Then they are as if it had always been there
    assert found[VCPU].points == SPAN > before[VCPU].points
    assert_same(found, ask(door, source_on(door), 301,
                           application('a'))['token'])


def test_a_store_that_is_hours_behind_is_waited_for(door, source):
    # Given measures of eight hours that are folded all at once
    measures = counter(300) + [
        (*one[:2], START + 396 * STEP) for one in counter(400)[300:396]]
    door.add('instance', 'a', {'cpu': measures, 'memory.usage': counter(500)})
    for bucket in (300, 340, 395):
        ask(door, source, bucket, application('a'))
    # When they are there
    found = ask(door, source, 397, application('a'))
    # Then nothing of it is missing, and no more than that was read again
    assert found['token'][VCPU].points == SPAN
    assert sorted(door.spans())[-1] < 120 * STEP


def test_a_server_that_is_new_to_the_application_brings_its_past(
        door, source):
    door.add('instance', 'a', {'cpu': counter(400)})
    door.add('instance', 'b', {'cpu': counter(400, 2e9)})
    ask(door, source, 300, application('a'))
    found = ask(door, source, 301, application('a', 'b'))
    np.testing.assert_allclose(found['token'][VCPU].values, 3.0)
    found = ask(door, source, 302, application('b'))
    np.testing.assert_allclose(found['token'][VCPU].values, 2.0)


def test_a_server_of_two_applications_is_read_once(door, source):
    door.add('instance', 'a', {'cpu': counter(400)})
    found = ask(door, source, 300, application('a', token='x'),
                application('a', token='y'))
    assert_same({}, {}) if found['x'] is found['y'] else assert_same(
        {**found['x']}, {**found['y']})
    assert len(door.asked) == 1


def test_a_server_that_ended_is_read_no_more(door, source):
    ended = START + 300 * STEP
    door.add('instance', 'gone', {'cpu': counter(300)},
             server_group='shop', ended_at=ended.isoformat())
    group = application(group='shop')
    ask(door, source, 300, group)
    for bucket in range(301, 351):
        found = ask(door, source, bucket, group)
    assert door.asked == []
    assert_same(found['token'],
                ask(door, source_on(door), 350, group)['token'])


def test_a_server_made_anew_under_the_same_id_is_read_anew(door, source):
    door.add('instance', 'a', {'cpu': counter(400)})
    ask(door, source, 300, application('a'))
    kind, resource, _ = door.held['a']
    door.held['a'] = (kind, dataclasses.replace(
        resource, metrics={'cpu': 'another'}), {'cpu': counter(400, 2e9)})
    found = ask(door, source, 301, application('a'))
    np.testing.assert_allclose(found['token'][VCPU].values, 2.0)


def test_what_nobody_asks_for_any_more_is_forgotten(door, source):
    door.add('instance', 'a', {'cpu': counter(400)})
    door.add('instance', 'b', {'cpu': counter(400)})
    ask(door, source, 300, application('a', token='x'),
        application('b', token='y'))
    both = source.nbytes
    for bucket in range(301, 320):
        ask(door, source, bucket, application('a', token='x'))
    assert 0 < source.nbytes == both / 2
    # and four bytes are all that a bucket takes
    assert source.nbytes == 4 * SPAN


def test_one_application_that_fails_does_not_keep_the_others(door, source):
    # Given applications whose metrics are kept too coarsely, whose server
    # cannot be read, and one that is well
    for name in ('coarse', 'down', 'well'):
        door.add('instance', name, {'cpu': counter(400)})
    door.unusable.add(('coarse', 'cpu'))
    door.down.add('down')
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gnocchi_reader, 'RESOURCES_AT_ONCE', 1)
        found = ask(door, source, 300, *(
            application(name, token=name) for name in door.held))
    # Then each has its own answer
    assert isinstance(found['coarse'], gnocchi.UnusableArchivePolicy)
    assert isinstance(found['down'], exceptions.ServiceUnavailable)
    assert found['well'][VCPU].points == SPAN
    # and it is not asked again for what no metric will ever have
    door.down.clear()
    found = ask(door, source, 301, *(
        application(name, token=name) for name in door.held))
    assert isinstance(found['coarse'], gnocchi.UnusableArchivePolicy)
    assert found['down'][VCPU].points == SPAN
    assert all('coarse' not in ids for _, ids, *_ in door.asked)


def test_a_search_that_one_application_spoils_is_made_for_each(door, source):
    door.add('instance', 'a', {'cpu': counter(400)})
    answer = door.resources

    def resources(kind, query):
        if 'bad' in str(query):
            raise exceptions.CloudError('gnocchi', 'what?')
        return answer(kind, query)

    door.resources = resources
    found = ask(door, source, 300, application('a'),
                application('bad', token='bad'))
    assert found['bad'].message == 'what?'
    assert found['token'][VCPU].points == SPAN


@pytest.mark.parametrize('kind', ['instance', 'instance_disk'])
def test_a_store_that_is_down_is_an_answer_too(door, source, kind):
    door.add('instance', 'a', {'cpu': counter(400)})
    door.down.add(f'search {kind}')
    found = ask(door, source, 300, application('a'))
    assert isinstance(found['token'], exceptions.ServiceUnavailable)
    # and it costs nothing but the time
    door.down.clear()
    found = ask(door, source, 301, application('a'))
    assert found['token'][VCPU].points == SPAN


def test_a_clock_that_was_set_back_does_no_harm(door, source):
    door.add('instance', 'a', {'cpu': counter(400)})
    # Given a clock that is set back by hours, and again by a little
    for bucket in (320, 300, 301, 299):
        found = ask(door, source, bucket, application('a'))['token'][VCPU]
        short = all(span < WHOLE for span in door.spans())
        whole = ask(door, source_on(door), bucket, application('a'))
        # Then no more than the oldest steps are gaps, to spare a read
        missing = len(found.values) - found.points
        assert (missing, short) == {299: (2, True), 301: (0, True)}.get(
            bucket, (0, False))
        np.testing.assert_array_equal(
            found.values[missing:], whole['token'][VCPU].values[missing:])


class World:
    """Servers with disks, and measures as they come, all from a seed."""

    def __init__(self, seed, length):
        self._dice = random.Random(seed)
        self._length = length
        self.door = fake_gnocchi.FakeDoor()
        self.raw = {}
        for name in 'abcd':
            born = self._dice.choice([0, self._dice.randrange(length)])
            died = self._dice.choice(
                [length, self._dice.randrange(born, length + 1)])
            ended = died < length and self._dice.random() < 0.5
            self._add('instance', name, born, died, (
                'cpu', 'memory.usage'), server_group=self._dice.choice(
                    ['shop', None]), ended_at=(
                        (START + died * STEP).isoformat() if ended
                        else None))
            if self._dice.random() < 0.7:
                self._add('instance_disk', f'{name}-vda', born, died,
                          (*DISK_METRICS, 'disk.device.allocation'),
                          instance_id=name)

    def _add(self, kind, name, born, died, metrics, **attributes):
        missed = {index for index in range(born, died)
                  if self._dice.random() < 0.1}
        if self._dice.random() < 0.3:
            off = self._dice.randrange(self._length)
            missed |= set(range(off, off + self._dice.randrange(80)))
        reboots = {self._dice.randrange(self._length) for _ in range(3)}
        self.door.add(kind, name, {
            metric: self._measures(metric, born, died, missed, reboots,
                                   bool(attributes.get('ended_at')))
            for metric in metrics}, **attributes)

    def _measures(self, metric, born, died, missed, reboots, ended):
        """Each is seen when it was sent, or when the store got so far."""
        gauge = metric in ('memory.usage', 'disk.device.allocation')
        behind = self._dice.randrange(self._length)
        backlog = range(behind, behind + self._dice.choice(
            [0, 5, 30 if ended else 70]))
        result, value = [], 0.0
        for index in range(born, died):
            value = (self._dice.uniform(1e8, 9e9) if gauge else
                     0.0 if index in reboots else
                     value + self._dice.uniform(0, 3e11))
            if index in missed:
                continue
            stamp = START + index * STEP + self._dice.randrange(300) * SECOND
            late = self._dice.choice([1, 1, 1, 20, 400, 3500])
            seen = stamp + late * SECOND
            if index in backlog:
                seen = max(seen, START + backlog.stop * STEP)
            absurd = self._dice.random() < 0.02
            result.append((stamp, self._dice.choice(
                [float('nan'), -1.0, 1e300]) if absurd else value, seen))
            if self._dice.random() < 0.03:
                # Sent again, with another value, and no later than may be.
                result.append((stamp, value + 1e6, max(
                    seen, stamp + 3000 * SECOND)))
        if not ended:
            # Ahead of its time: somebody's clock is wrong.
            result.append((START + (self._length + 50) * STEP, value, START))
        return result

    def applications(self):
        """Those of a moment; servers come and go as the selector says."""
        some = sorted(self._dice.sample('abcd', self._dice.randrange(5)))
        return [application(*some, token='some'),
                application('a', group='shop', token='group'),
                application('b', token='steady')]


@hypothesis.settings(max_examples=30)
@hypothesis.given(st.integers(0, 2 ** 32), st.lists(
    st.sampled_from([0, 1, 1, 1, 2, 7, 40, 100]), min_size=2, max_size=12))
def test_what_was_read_before_changes_nothing(seed, pauses):
    """Deltas over what is kept give what one whole read gives."""
    world = World(seed, 500)
    source = source_on(world.door)
    bucket = world._dice.randrange(100, 320)
    for pause in pauses:
        bucket += pause
        applications = world.applications()
        found = ask(world.door, source, bucket, *applications)
        whole = ask(world.door, source_on(world.door), bucket,
                    *applications)
        assert found.keys() == whole.keys()
        for token, series in whole.items():
            assert_same(found[token], series)


@hypothesis.settings(max_examples=30)
@hypothesis.given(st.integers(0, 2 ** 32))
def test_one_whole_read_is_that_of_an_obvious_loop(seed):
    """Of every bucket from the first on, and in full precision."""
    world = World(seed, 400)
    bucket = world._dice.randrange(SPAN, 390)
    found = ask(world.door, source_on(world.door), bucket,
                application(*'abcd'))['token']
    for resource, metric, scale, differenced in (
            (VCPU, 'cpu', 1e9, True), (MEMORY, 'memory.usage', 1, False)):
        expected = np.full(bucket, np.nan)
        for name in 'abcd':
            values = obvious(world.door, name, metric, bucket, differenced)
            for index, value in enumerate(values):
                if series_module.plausible(np.float64(value / scale)):
                    known = 0.0 if np.isnan(expected[index]) else (
                        expected[index])
                    expected[index] = known + value / scale
        expected = expected[bucket - SPAN:]
        if np.isfinite(expected).any():
            np.testing.assert_allclose(found[resource].values, expected,
                                       rtol=1e-6)
        else:
            assert resource not in found


def obvious(door, name, metric, bucket, differenced):
    """A member's value in each bucket, gaps of two buckets held."""
    means = [np.nan] * bucket
    for stamp, value in door._bucketed(
            door.held[name][2][metric], STEP, START,
            START + bucket * STEP).items():
        if 0 <= value < float('inf'):
            means[(stamp - START) // STEP] = value
    if differenced:
        rates = [np.nan] * bucket
        before = None
        for index, value in enumerate(means):
            if np.isnan(value):
                continue
            if (before is not None and index - before <= 3
                    and value >= means[before]):
                for step in range(before + 1, index + 1):
                    rates[step] = (value - means[before]) / (
                        300.0 * (index - before))
            before = index
        means = rates
    held = list(means)
    before = None
    for index, value in enumerate(means):
        if np.isnan(value):
            continue
        if before is not None and index - before <= 3:
            held[before + 1:index] = [means[before]] * (index - before - 1)
        before = index
    if bucket > 1 and np.isnan(held[-1]):
        held[-1] = held[-2]
    return held
