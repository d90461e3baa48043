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

from hypothesis import given
from hypothesis import strategies as st
import pytest

from shadow_reserve.records import capacity
from shadow_reserve.records import shadow
from shadow_reserve.shadow import room
from tests.unit import samples

State = shadow.InstanceState

#: What an instance of the samples takes, as far as the hosts here have it.
SIZE = {'VCPU': 2}


def host(number=1, *, vcpus=20, used=0, zone='nova', **changes):
    return capacity.HostCapacity(**{
        'provider_id': f'id-{number}', 'host': f'compute-{number}',
        'service_host': f'c{number}', 'zone': zone, 'in_service': True,
        'classes': {'VCPU': capacity.ClassCapacity(
            total=vcpus, reserved=0, allocation_ratio=1.0, maximum=vcpus,
            used=used)}, **changes})


def cloud(*hosts, aggregates=()):
    return capacity.CloudCapacity(hosts=hosts, aggregates=aggregates)


def aggregate(*hosts, share, name='fast'):
    return capacity.HostAggregate(
        name=name, zone=None, hosts=frozenset(hosts), maximum_share=share)


def members(count, **changes):
    fields = [{'instance_id': f'{changes}-{number}', **changes}
              for number in range(count)]
    return [capacity.Holding(record=samples.record(),
                             member=samples.instance(**some))
            for some in fields]


def shares(maximum=1.0, free=0.0):
    return room.Shares(maximum=maximum, free=free)


def test_as_many_as_are_free():
    assert room.instances(cloud(host(used=9)), [], shares(), SIZE) == (
        5, room.Bound.CAPACITY)


def test_what_fits_on_no_single_host_does_not_fit():
    hosts = [host(number, vcpus=10, used=9) for number in range(1, 9)]
    assert room.instances(cloud(*hosts), [], shares(), SIZE)[0] == 0


def test_nor_what_is_larger_than_a_server_may_be():
    narrow = host(classes={'VCPU': capacity.ClassCapacity(
        total=20, reserved=0, allocation_ratio=1.0, maximum=1, used=0)})
    assert room.instances(cloud(narrow), [], shares(), SIZE)[0] == 0


def test_a_share_of_each_zone_stays_free():
    hosts = (host(1, zone='a', used=10), host(2, zone='b', used=10))
    assert room.instances(
        cloud(*hosts), [], shares(free=0.3), SIZE)[0] == 4


def test_only_the_zone_of_the_template_counts():
    hosts = (host(1, zone='a', used=10), host(2, zone='b'))
    assert room.instances(
        cloud(*hosts), [], shares(), SIZE, zone='a')[0] == 5


def test_hosts_that_are_switched_off_are_no_room():
    off = host(in_service=False)
    assert room.instances(cloud(off), [], shares(), SIZE)[0] == 0


def test_a_share_of_the_cloud_is_the_most_that_idle_shadow_may_hold():
    held = members(3, host='compute-1')
    assert room.instances(
        cloud(host(used=6)), held, shares(maximum=0.5), SIZE) == (
            2, room.Bound.CAP)


@pytest.mark.parametrize(('changes', 'left'), [
    ({'state': State.BUILDING, 'host': None}, 4),
    ({'state': State.RETURNING}, 4),
    ({'state': State.ALLOCATED}, 5),
    ({'host': None}, 5),
    ({'lent_at': samples.NOW}, 5),
])
def test_idle_is_what_takes_room_or_soon_will(changes, left):
    assert room.instances(
        cloud(host()), members(1, **changes), shares(maximum=0.5),
        SIZE)[0] == left


def test_what_is_younger_than_the_reading_takes_room_too():
    unseen = members(3, state=State.BUILDING, host=None)
    assert room.instances(
        cloud(host(used=10)), [], shares(), SIZE, unseen=unseen)[0] == 2


def test_an_aggregate_has_a_share_of_its_own():
    both = cloud(host(1), host(2), aggregates=(
        aggregate('c1', share=0.1), aggregate('c2', share=None)))
    assert room.instances(both, [], shares(), SIZE) == (
        11, room.Bound.CAP)
    assert room.full_hosts(both, [], SIZE) == frozenset()
    held = members(1, host='compute-1')
    assert room.instances(both, held, shares(), SIZE)[0] == 10
    assert room.full_hosts(both, held, SIZE) == {'compute-1'}


def test_a_host_in_two_aggregates_is_under_both_shares():
    both = cloud(host(1), host(2), aggregates=(
        aggregate('c1', 'c2', share=0.2, name='all'),
        aggregate('c1', share=0.1, name='one')))
    # Four on both together, and one of them on the first.
    assert room.instances(both, [], shares(), SIZE)[0] == 4


def test_nothing_is_short_while_enough_is_free():
    assert room.shortages(
        cloud(host(used=18)), members(2), shares(free=0.1)) == []


def test_what_lacks_to_the_low_water_mark_is_short():
    (short,) = room.shortages(
        cloud(host(used=20)), members(2), shares(free=0.1))
    assert (short.hosts, short.amounts) == (
        frozenset({'compute-1'}), {'VCPU': 2})
    assert 'less than 10% of zone nova is free' in short.reason


def test_what_is_lent_already_counts_as_free():
    lent = members(1, lent_at=samples.NOW)
    assert room.shortages(
        cloud(host(used=20)), lent, shares(free=0.1)) == []


def test_what_is_more_than_a_share_is_short():
    capped = cloud(host(1, used=8), host(2),
                   aggregates=(aggregate('c1', share=0.1),))
    (short,) = room.shortages(capped, members(4), shares())
    assert (short.hosts, short.amounts) == (
        frozenset({'compute-1'}), {'VCPU': 6})
    # The owner of the shadow reads it, and no aggregate's name.
    assert 'more of an aggregate' in short.reason
    assert 'fast' not in short.reason


@st.composite
def clouds(draw):
    hosts = [host(number, vcpus=draw(st.integers(1, 30)),
                  zone=draw(st.sampled_from('ab')),
                  used=draw(st.integers(0, 30)))
             for number in range(draw(st.integers(1, 5)))]
    return cloud(*hosts, aggregates=tuple(
        aggregate(*draw(st.sets(st.sampled_from(
            [one.service_host for one in hosts]))),
            share=draw(st.floats(0, 1)), name=f'{number}')
        for number in range(draw(st.integers(0, 3)))))


@given(some=clouds(), maximum=st.floats(0, 1), free=st.floats(0, 1),
       unseen=st.integers(0, 3))
def test_whoever_takes_what_there_is_room_for_makes_no_shortage(
        some, maximum, free, unseen):
    """Of the whole cloud: where Nova puts them, nobody can say before."""
    bounds = shares(maximum, free)
    count, bound = room.instances(
        some, [], bounds, SIZE,
        unseen=members(unseen, state=State.BUILDING, host=None))

    assert count >= 0
    whole = sum(one.classes['VCPU'].capacity for one in some.hosts)
    assert 2 * (count + unseen) <= maximum * whole or count == 0
    spare = sum(one.classes['VCPU'].free for one in some.hosts)
    assert 2 * (count + unseen) <= spare or count == 0
    if bound is room.Bound.CAP:
        uncapped = cloud(*some.hosts)
        assert count < room.instances(
            uncapped, [], shares(free=free), SIZE)[0]


def test_nothing_is_claimed_where_nova_starts_nothing():
    hosts = cloud(host(1), host(2, in_service=False))
    assert room.full_hosts(hosts, [], SIZE) == {'compute-2'}


def test_what_is_being_built_may_come_to_be_in_any_aggregate():
    # Given an aggregate that allows one, and one under way
    hosts = cloud(host(1, vcpus=4), aggregates=(
        aggregate('c1', share=0.5),))
    under_way = members(1, state=State.BUILDING, host=None)
    # Then the next pass does not begin another for the same place
    assert room.instances(hosts, [], shares(), SIZE)[0] == 1
    assert room.instances(hosts, under_way, shares(), SIZE) == (
        0, room.Bound.CAP)
