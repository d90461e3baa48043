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

import dataclasses

from hypothesis import given
from hypothesis import strategies as st
import pytest

from shadow_reserve.records import demand
from shadow_reserve.shadow import sizing
from tests.unit import samples


def size(profiles, primary=4, quota_room=None, budget_spent=False,
         cloud=None, **policy):
    return sizing.size_shadow(
        samples.record(policy=samples.policy(**policy)), profiles,
        primary=primary, quota_room=quota_room, budget_spent=budget_spent,
        **(cloud or {}))


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


def test_what_the_cloud_has_no_room_for_is_not_asked_for():
    # The forecast asks for three, and one is there
    profiles = [samples.profile()]
    for name in ('cap', 'capacity'):
        answer = size(profiles, cloud={'held': 1, 'growth': (1, name)})
        assert (answer.quantity, answer.bound) == (2, name)


@pytest.mark.parametrize('more', [0, -4])
def test_a_full_cloud_takes_nothing_from_a_pool(more):
    answer = size([samples.profile()],
                  cloud={'held': 3, 'growth': (more, 'capacity')})
    assert (answer.quantity, answer.bound) == (3, None)


def test_a_schedule_stands_in_for_the_forecast():
    answer = size([samples.profile()], cloud={'scheduled': 8})
    assert (answer.total, answer.quantity) == (7, 8)
    assert answer.bound == 'schedule'
    # also where it asks for less, and where there is no forecast
    assert size([samples.profile()], cloud={'scheduled': 1}).quantity == 1
    alone = size([], cloud={'scheduled': 8})
    assert (alone.total, alone.quantity, alone.binding) == (4, 8, None)


def test_a_schedule_is_bounded_as_a_forecast_is():
    for bound, changes in (
            ('minimum', {'minimum_shadow': 9}),
            ('maximum', {'maximum_shadow': 3}), ('quota', {'quota_room': 2}),
            ('budget', {'budget_spent': True})):
        answer = size([], cloud={'scheduled': 8}, **changes)
        assert answer.bound == bound


def test_the_ceiling_is_the_least_that_policy_and_project_allow():
    assert size([samples.profile()]).ceiling == 10
    assert size([samples.profile()], quota_room=4).ceiling == 4
    assert size([samples.profile()], quota_room=-2).ceiling == 0
    assert size([], budget_spent=True).ceiling == 0


def rising(*peaks):
    """A window of two steps, and one step of each peak after it."""
    rows = [(one,) * 4 for one in (4.0, 4.0, *peaks)]
    return dataclasses.replace(
        samples.profile((4.0,) * 4), quantiles=tuple(rows),
        peak_window=10 * samples.MINUTE)


@pytest.mark.parametrize('minutes, lead, total', [
    (0, 0, 4), (0, 1, 5), (0, 5, 5), (0, 6, 6), (5, 5, 6), (2, 5, 6),
    (10, 5, 7), (15, 5, 9), (15, 60, 9), (30, 5, 8), (120, 60, 4)])
def test_the_window_begins_now_and_is_longer_by_the_lead_time(
        minutes, lead, total):
    # Given a demand that rises with each step but the last
    profile = rising(5.0, 6.0, 7.0, 9.0, 8.0)
    # When it is sized some minutes after the forecast
    answer = size([profile], cloud={
        'now': profile.origin + minutes * samples.MINUTE,
        'lead': lead * samples.MINUTE})
    # Then it carries the steps until a build has had its window, and none
    # of those that are over
    assert answer.total == total


@given(peak=st.floats(0, 1e9), primary=st.integers(0, 100),
       minimum=st.integers(0, 10), more=st.integers(0, 20),
       room=st.none() | st.integers(-5, 50), spent=st.booleans(),
       scheduled=st.none() | st.integers(0, 40), held=st.integers(0, 40),
       growth=st.none() | st.integers(-5, 40))
def test_no_forecast_and_no_schedule_passes_a_bound(
        peak, primary, minimum, more, room, spent, scheduled, held, growth):
    maximum = minimum + more
    answer = size([samples.profile((peak,) * 4)], primary, room, spent,
                  {'scheduled': scheduled, 'held': held,
                   'growth': (growth, 'capacity')},
                  minimum_shadow=minimum, maximum_shadow=maximum)

    assert 0 <= answer.quantity <= answer.ceiling <= maximum
    assert room is None or answer.ceiling <= max(room, 0)
    assert not (spent and answer.ceiling)
    # A bound of the cloud bites only what is not there yet.
    if growth is not None and answer.quantity > held:
        assert answer.quantity <= held + growth
    assert (answer.bound != 'capacity'
            or answer.quantity == held + max(growth, 0))


@given(level=st.floats(0.5, 0.999), higher=st.floats(0.5, 0.999),
       lead=st.integers(0, 60), longer=st.integers(0, 60))
def test_more_service_and_a_longer_lead_never_ask_for_less(
        level, higher, lead, longer):
    profile = dataclasses.replace(samples.profile(), quantiles=tuple(
        (one, one + 1, one + 2, one + 4) for one in (3.0, 5.0, 9.0) * 8))

    def quantity(level, lead):
        return size([profile], maximum_shadow=100, service_level=level,
                    cloud={'now': profile.origin,
                           'lead': lead * samples.MINUTE}).quantity

    low, high = sorted((level, higher))
    assert quantity(low, lead) <= quantity(high, lead)
    assert quantity(level, lead) <= quantity(level, lead + longer)


@given(low=st.floats(0, 1e6), more=st.floats(0, 1e6))
def test_more_demand_never_asks_for_less_shadow(low, more):
    def quantity(peak):
        return size([samples.profile((peak,) * 4)],
                    maximum_shadow=10**9).quantity
    assert quantity(low) <= quantity(low + more)
