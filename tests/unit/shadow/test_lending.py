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

import datetime
import itertools

from hypothesis import given
from hypothesis import strategies as st
import pytest

from shadow_reserve.records import capacity
from shadow_reserve.records import demand
from shadow_reserve.records import holding
from shadow_reserve.records import shadow
from shadow_reserve.shadow import lending
from tests.unit import samples

State = shadow.InstanceState
HOSTS = ('compute-1', 'compute-2', 'compute-3')

amounts = st.fixed_dictionaries({
    'VCPU': st.integers(1, 4),
    'MEMORY_MB': st.integers(1, 4).map(lambda count: 512 * count)})


@st.composite
def idle(draw, most=7):
    return [lending.Candidate(
        instance_id=f'member-{number}', token='t',
        host=draw(st.sampled_from(HOSTS)), resources=draw(amounts),
        value=draw(st.integers(0, 9)))
        for number in range(draw(st.integers(0, most)))]


free_rooms = st.fixed_dictionaries({host: st.fixed_dictionaries({
    'VCPU': st.integers(-2, 8),
    'MEMORY_MB': st.integers(-2, 8).map(lambda count: 512 * count)})
    for host in HOSTS})
needs = st.fixed_dictionaries({
    'VCPU': st.integers(1, 8),
    'MEMORY_MB': st.integers(1, 8).map(lambda count: 512 * count)})


def value_of(some):
    return sum(one.value for one in some)


def subsets(some):
    return itertools.chain.from_iterable(
        itertools.combinations(some, count)
        for count in range(len(some) + 1))


def fits_somewhere(need, free, given_back):
    return any(
        all(amount <= room[name] + sum(
            one.resources[name] for one in given_back if one.host == host)
            for name, amount in need.items())
        for host, room in free.items())


def ended(shortages, given_back):
    return all(
        amount <= sum(one.resources[name] for one in given_back
                      if one.host in shortage.hosts)
        for shortage in shortages
        for name, amount in shortage.amounts.items())


@given(need=needs, free=free_rooms, some=idle())
def test_a_need_gets_the_least_valuable_members_that_help(need, free, some):
    given_back = lending.for_need(need, free, some)

    answers = [subset for subset in subsets(some)
               if fits_somewhere(need, free, subset)]
    if given_back is None:
        assert not answers
    else:
        assert fits_somewhere(need, free, given_back)
        assert value_of(given_back) == min(
            value_of(answer) for answer in answers)


@given(need=needs, free=free_rooms, some=idle(), rough=st.booleans())
def test_a_need_gets_no_member_too_many(need, free, some, rough):
    with pytest.MonkeyPatch.context() as patch:
        if rough:
            patch.setattr(lending, '_MOST_COMBINATIONS', 0)
        given_back = lending.for_need(need, free, some)

    for one in given_back or ():
        others = [other for other in given_back if other is not one]
        assert not fits_somewhere(need, free, others)


@st.composite
def shortage_lists(draw):
    return [lending.Shortage(
        hosts=frozenset(draw(st.sets(st.sampled_from(HOSTS), min_size=1))),
        amounts=draw(needs), reason='')
        for _ in range(draw(st.integers(1, 2)))]


@given(shortages=shortage_lists(), some=idle(), rough=st.booleans())
def test_shortages_end_where_they_can(shortages, some, rough):
    with pytest.MonkeyPatch.context() as patch:
        if rough:
            patch.setattr(lending, '_MOST_COMBINATIONS', 0)
        given_back = lending.for_shortages(shortages, some)

    hosts = frozenset().union(*(one.hosts for one in shortages))
    assert all(one.host in hosts for one in given_back)
    if ended(shortages, some):
        assert ended(shortages, given_back)
        for one in given_back:
            assert not ended(shortages, [
                other for other in given_back if other is not one])
        if not rough:
            assert value_of(given_back) == min(
                value_of(subset) for subset in subsets(some)
                if ended(shortages, subset))


def test_when_all_is_too_little_all_that_helps_is_given():
    short = lending.Shortage(hosts=frozenset({'compute-1'}),
                             amounts={'VCPU': 100}, reason='')
    some = [candidate('a', 'compute-1', 9), candidate('b', 'compute-2', 1),
            candidate('c', 'compute-1', 5)]

    given_back = lending.for_shortages([short], some)

    assert {one.instance_id for one in given_back} == {'a', 'c'}


def test_a_thousand_members_of_several_sizes_are_no_trouble():
    some = [candidate(f'{number}', 'compute-1', number % 7,
                      VCPU=1 + number % 5, MEMORY_MB=512 * (1 + number % 3))
            for number in range(1000)]
    short = lending.Shortage(hosts=frozenset({'compute-1'}),
                             amounts={'VCPU': 700, 'MEMORY_MB': 200_000},
                             reason='')

    given_back = lending.for_shortages([short], some)

    assert ended([short], given_back)
    # A seventh of them is worth nothing, and those go first.
    assert {one.value for one in given_back} <= {0, 1, 2}


def test_a_host_without_disk_of_its_own_shares_some():
    assert lending.fits({'VCPU': 1, 'DISK_GB': 10}, {'VCPU': 1})
    assert not lending.fits({'VCPU': 1, 'MEMORY_MB': 10}, {'VCPU': 1})


def candidate(name, host, value, **resources):
    return lending.Candidate(
        instance_id=name, token='t', host=host, value=value,
        resources=resources or {'VCPU': 2, 'MEMORY_MB': 2048})


# What a member is worth


@pytest.mark.parametrize('level', [0.5, 0.6, 0.9, 0.97, 0.99, 0.999])
def test_the_probability_is_the_inverse_of_the_quantile(level):
    profile = samples.profile()
    assert lending.probability_of_more(
        profile, profile.peak_at(level)) == pytest.approx(1 - level)


@given(peaks=st.lists(st.floats(0, 1e6), min_size=4, max_size=4),
       low=st.floats(0, 2e6), high=st.floats(0, 2e6))
def test_more_is_never_likelier(peaks, low, high):
    profile = samples.profile(tuple(sorted(peaks)))
    low, high = sorted((low, high))
    chances = [lending.probability_of_more(profile, amount)
               for amount in (0.0, low, high)]
    assert 1 >= chances[0] >= chances[1] >= chances[2] - 1e-12
    assert chances[2] >= 0


def test_a_flat_peak_is_not_exceeded():
    profile = samples.profile((4.0, 4.0, 4.0, 4.0))
    assert lending.probability_of_more(profile, 4.1) == 0
    assert lending.probability_of_more(profile, 2.0) == pytest.approx(0.75)


def holdings(count=3, record=None, **changes):
    record = record or samples.record()
    return [capacity.Holding(record=record, member=samples.instance(**{
        'instance_id': f'member-{number}',
        'created_at': samples.NOW + number * samples.MINUTE, **changes}))
        for number in range(count)]


def test_the_last_to_be_promoted_is_worth_least():
    # Each carries 2 x 0.6 vCPU, and four are primary.
    profiles = {samples.TOKEN: [samples.profile((4.8, 7.0, 8.0, 9.0))]}

    first, second, third = lending.candidates(holdings(), profiles)

    assert first.value == pytest.approx(50 * 0.5)
    assert first.value > second.value > third.value > 0


def test_what_serves_already_makes_the_idle_ones_worth_less():
    profiles = {samples.TOKEN: [samples.profile((4.8, 7.0, 8.0, 9.0))]}
    serving = holdings(1, state=State.ALLOCATED, instance_id='serving')

    (alone, _, _) = lending.candidates(holdings(), profiles)
    (beside, _, _) = lending.candidates(serving + holdings(), profiles)

    assert beside.value < alone.value


def test_tiers_are_promoted_in_the_policys_order():
    policy = samples.policy(hold=(
        holding.HoldStep(tier=holding.Tier.SHELVED, count=1),
        holding.HoldStep(tier=holding.Tier.OFFLOADED)))
    record = samples.record(policy=policy)
    offloaded, = holdings(1, record, tier=holding.Tier.OFFLOADED)
    shelved, = holdings(
        1, record, instance_id='later',
        created_at=samples.NOW + datetime.timedelta(hours=1))
    profiles = {samples.TOKEN: [samples.profile()]}

    values = {one.instance_id: one.value for one in lending.candidates(
        [offloaded, shelved], profiles)}

    assert values['later'] > values['member-0']


def test_without_a_forecast_the_first_is_as_likely_as_not():
    empty = samples.profile(peaks=())
    storage = samples.profile(resource=demand.DemandResource.STORAGE)
    for profiles in ({}, {samples.TOKEN: [empty, storage]}):
        first, second = lending.candidates(holdings(2), profiles)
        assert (first.value, second.value) == (25, 12.5)


def test_nobody_lends_what_is_not_idle_or_not_held_or_lent():
    for changes in ({'state': State.ALLOCATED}, {'state': State.BUILDING},
                    {'host': None}, {'lent_at': samples.NOW}):
        assert lending.candidates(holdings(1, **changes), {}) == []
