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

from shadow_reserve.records import holding
from shadow_reserve.records import shadow
from shadow_reserve.shadow import holding as shadow_holding
from shadow_reserve.shadow import hosts

Tier = holding.Tier


def flavor(**changes):
    return shadow.Flavor(**{
        'vcpus': 2, 'memory_mib': 2048, 'root_gib': 10, **changes})


@pytest.mark.parametrize('made, expected', [
    ({}, {'resources': 'DISK_GB:10,MEMORY_MB:2048,VCPU:2'}),
    ({'ephemeral_gib': 5, 'swap_mib': 1025},
     {'resources': 'DISK_GB:17,MEMORY_MB:2048,VCPU:2'}),
    ({'root_gib': 0}, {'resources': 'MEMORY_MB:2048,VCPU:2'}),
    ({'extra_specs': {'hw:cpu_policy': 'dedicated'}},
     {'resources': 'DISK_GB:10,MEMORY_MB:2048,PCPU:2'}),
    ({'extra_specs': {'resources:VCPU': '0', 'resources:CUSTOM_GOLD': '1'}},
     {'resources': 'CUSTOM_GOLD:1,DISK_GB:10,MEMORY_MB:2048'}),
    ({'extra_specs': {'trait:CUSTOM_FAST': 'required',
                      'trait:CUSTOM_OLD': 'forbidden'}},
     {'required': '!COMPUTE_STATUS_DISABLED,CUSTOM_FAST,!CUSTOM_OLD'}),
    ({'extra_specs': {'resources1:VGPU': '1',
                      'trait1:CUSTOM_BLUE': 'required'}},
     {'resources1': 'VGPU:1', 'required1': 'CUSTOM_BLUE'}),
    ({'extra_specs': {'resources1:VGPU': '1', 'resources2:VGPU': '1',
                      'group_policy': 'isolate'}},
     {'group_policy': 'isolate'}),
    ({'extra_specs': {'resources1:VGPU': '1', 'resources2:VGPU': '1'}},
     {'group_policy': 'none'}),
])
def test_a_flavor_is_asked_for_as_nova_does(made, expected):
    query = hosts.query_of(flavor(**made))
    assert expected.items() <= query.items()
    assert '!COMPUTE_STATUS_DISABLED' in query['required']


def candidate(host, memory=4096):
    return holding.Candidate(
        host=host, provider_id=f'id of {host}', allocations={},
        free={'MEMORY_MB': memory})


def names(candidates):
    return [one.host for one in candidates]


def test_hosts_with_the_most_memory_come_first():
    assert names(hosts.rank([candidate('a', 1), candidate('b', 2)])) == [
        'b', 'a']


def test_a_host_that_was_meant_is_the_best():
    assert names(hosts.rank(
        [candidate('a', 1), candidate('b', 2)], preferred='a')) == ['a', 'b']


def test_a_zone_keeps_others_out():
    assert names(hosts.rank([candidate('a'), candidate('b')],
                            zone={'id of b'})) == ['b']


@pytest.mark.parametrize('policy, counts, expected', [
    ('anti-affinity', {'a': 1}, ['b', 'c']),
    ('affinity', {'a': 1}, ['a']),
    ('affinity', {}, ['a', 'b', 'c']),
    ('soft-anti-affinity', {'a': 2, 'b': 1}, ['c', 'b', 'a']),
    ('soft-affinity', {'b': 2, 'c': 1}, ['b', 'c', 'a']),
])
def test_a_server_group_has_its_way(policy, counts, expected):
    group = holding.Group(policy=policy, counts=counts)
    assert names(hosts.rank(
        [candidate('a'), candidate('b'), candidate('c')],
        group=group)) == expected


def test_a_group_may_allow_some_on_a_host():
    group = holding.Group(policy='anti-affinity', counts={'a': 2, 'b': 1},
                          maximum_per_host=2)
    assert names(hosts.rank([candidate('a'), candidate('b')],
                            group=group)) == ['b']


MIX = (holding.HoldStep(tier=Tier.SUSPENDED, count=1),
       holding.HoldStep(tier=Tier.SHELVED, count=2),
       holding.HoldStep(tier=Tier.OFFLOADED))


def test_a_mix_is_filled_from_its_front():
    there = []
    for _ in range(5):
        there.append(shadow_holding.tier_for(MIX, there))
    assert there == [Tier.SUSPENDED, Tier.SHELVED, Tier.SHELVED,
                     Tier.OFFLOADED, Tier.OFFLOADED]


@given(st.lists(st.sampled_from(list(Tier)), max_size=8))
def test_what_a_mix_lacks_is_filled_whatever_is_there(there):
    tier = shadow_holding.tier_for(MIX, there)
    lacking = [step for step in MIX[:-1]
               if there.count(step.tier) < step.count]
    assert tier is (lacking[0].tier if lacking else Tier.OFFLOADED)


def test_a_host_that_failed_is_the_last_even_if_it_was_meant():
    candidates = [candidate('a', 1), candidate('b', 3), candidate('c', 2)]
    assert names(hosts.rank(
        candidates, preferred='b', failures={'b': 1})) == ['c', 'a', 'b']
    # nor for ever, when the others have failed as well
    assert names(hosts.rank(
        candidates, preferred='c',
        failures={'a': 1, 'b': 1, 'c': 2})) == ['b', 'a', 'c']


def test_amounts_are_those_of_all_groups():
    made = flavor(extra_specs={
        'hw:cpu_policy': 'dedicated', 'resources:MEMORY_MB': '0',
        'resources:DISK_GB': 'a lot',
        'resources1:VGPU': '1', 'resources2:VGPU': '2'})
    assert hosts.amounts_of(made) == {'PCPU': 2, 'DISK_GB': 10, 'VGPU': 3}
