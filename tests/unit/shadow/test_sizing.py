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

from shadow_reserve.records import demand
from shadow_reserve.shadow import sizing
from tests.unit import samples


def size(profiles, primary=4, quota_room=None, budget_spent=False,
         **policy):
    return sizing.size_shadow(
        samples.record(policy=samples.policy(**policy)), profiles,
        primary=primary, quota_room=quota_room, budget_spent=budget_spent)


def test_the_peak_with_its_margin_is_covered_at_target_utilisation():
    # 7 vCPUs at the 95 % level, 20 % more, on instances of 2 vCPUs that
    # are to be 60 % busy: 8.4 / 1.2
    answer = size([samples.profile()])

    assert (answer.total, answer.quantity) == (7, 3)
    assert answer.binding is demand.DemandResource.VCPU
    assert answer.bound is None


def test_the_resource_that_asks_for_most_binds():
    memory = samples.profile(
        (8192.0, 9000.0, 12288.0, 14000.0), demand.DemandResource.MEMORY)

    answer = size([samples.profile(), memory])

    assert answer.binding is demand.DemandResource.MEMORY
    assert answer.total == 12


@pytest.mark.parametrize('resource', [
    demand.DemandResource.DISK_THROUGHPUT, demand.DemandResource.STORAGE,
    demand.DemandResource.IO_LATENCY])
def test_what_more_instances_do_not_give_sets_no_size(resource):
    profile = samples.profile((1e6,) * 4, resource)
    assert size([profile]).reason == 'no forecast to size it by'


def test_without_a_usable_forecast_nothing_is_held():
    assert size([], minimum_shadow=3).quantity == 0


def test_by_an_old_reading_it_is_sized_and_the_reason_says_so():
    # Given vCPUs that were last read three hours before, and memory, which
    # asks for less, nine days before
    fresh = [samples.profile(), samples.profile(
        (2048.0,) * 4, demand.DemandResource.MEMORY)]
    stale = [samples.aged(fresh[0], hours=3), samples.aged(fresh[1], days=9)]
    # When the shadow is sized by them
    before, answer = size(fresh), size(stale)
    # Then it is as large as it was, and both are told
    assert (answer.total, answer.quantity) == (before.total, before.quantity)
    assert answer.reason == before.reason + (
        '; the latest vcpu reading is 3 hours old'
        '; the latest memory_mib reading is 9 days old')


def test_an_old_reading_of_what_sets_no_size_is_not_told():
    disk = samples.profile((9.0,) * 4, demand.DemandResource.DISK_THROUGHPUT)
    answer = size([samples.profile(), samples.aged(disk, days=9)])
    assert 'reading' not in answer.reason


def test_each_bound_is_named_when_it_bites():
    profiles = [samples.profile()]
    assert size(profiles, minimum_shadow=5).bound == 'minimum'
    assert size(profiles, maximum_shadow=2).bound == 'maximum'
    assert size(profiles, quota_room=1).bound == 'quota'
    broke = size(profiles, budget_spent=True)
    assert (broke.quantity, broke.bound) == (0, 'budget')


@given(peak=st.floats(0, 1e9), primary=st.integers(0, 100),
       minimum=st.integers(0, 10), more=st.integers(0, 20),
       room=st.none() | st.integers(0, 50), spent=st.booleans())
def test_no_forecast_passes_a_bound(peak, primary, minimum, more, room,
                                    spent):
    maximum = minimum + more
    answer = size([samples.profile((peak,) * 4)], primary, room, spent,
                  minimum_shadow=minimum, maximum_shadow=maximum)

    assert 0 <= answer.quantity <= maximum
    assert room is None or answer.quantity <= room
    assert not (spent and answer.quantity)


@given(low=st.floats(0, 1e6), more=st.floats(0, 1e6))
def test_more_demand_never_asks_for_less_shadow(low, more):
    def quantity(peak):
        return size([samples.profile((peak,) * 4)],
                    maximum_shadow=10**9).quantity
    assert quantity(low) <= quantity(low + more)
