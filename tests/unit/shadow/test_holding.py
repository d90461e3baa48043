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

import collections

from hypothesis import given
from hypothesis import strategies as st

from shadow_reserve.records import holding as holding_records
from shadow_reserve.shadow import holding
from tests.unit import samples

Step = holding_records.HoldStep
Tier = holding_records.Tier

STEPS = st.builds(Step, tier=st.sampled_from(Tier),
                  count=st.integers(0, 5) | st.none())
TIERS = st.lists(st.sampled_from(Tier), max_size=20)


def test_the_first_two_are_shelved_and_the_rest_offloaded():
    mix = (Step(tier=Tier.SHELVED, count=2), Step(tier=Tier.OFFLOADED))
    held = []
    for _ in range(5):
        held.append(holding.tier_for(mix, held))
    assert held == [Tier.SHELVED] * 2 + [Tier.OFFLOADED] * 3


def test_the_place_of_one_that_went_is_filled_again():
    mix = (Step(tier=Tier.SHELVED, count=2), Step(tier=Tier.OFFLOADED))
    held = [Tier.SHELVED, Tier.OFFLOADED, Tier.OFFLOADED]
    assert holding.tier_for(mix, held) is Tier.SHELVED


def test_when_all_steps_are_full_the_last_one_takes_more():
    mix = (Step(tier=Tier.SUSPENDED, count=1),
           Step(tier=Tier.STOPPED, count=1))
    held = [Tier.SUSPENDED, Tier.STOPPED]
    assert holding.tier_for(mix, held) is Tier.STOPPED


def test_a_tier_may_come_twice():
    mix = (Step(tier=Tier.SUSPENDED, count=1),
           Step(tier=Tier.SHELVED, count=1),
           Step(tier=Tier.SUSPENDED, count=1),
           Step(tier=Tier.OFFLOADED))
    held = []
    for _ in range(4):
        held.append(holding.tier_for(mix, held))
    assert held == [step.tier for step in mix]


@given(mix=st.lists(STEPS, min_size=1, max_size=5), held=TIERS)
def test_a_tier_is_one_of_the_mix_and_not_past_one_with_room(mix, held):
    tier = holding.tier_for(mix, held)

    assert tier in {step.tier for step in mix}
    asked = collections.Counter()
    for step in mix:
        if step.tier is tier:
            break
        # Whatever comes before the chosen one is full.
        assert step.count is not None
        asked[step.tier] += step.count
    count = collections.Counter(held)
    assert all(count[one] >= most for one, most in asked.items())


@given(mix=st.lists(STEPS, min_size=1, max_size=5), held=TIERS)
def test_the_order_of_members_does_not_matter(mix, held):
    assert holding.tier_for(mix, held) is holding.tier_for(mix, held[::-1])


def test_who_has_just_found_no_host_comes_last():
    lent = {'host': None, 'lent_at': samples.NOW,
            'tier': holding_records.Tier.OFFLOADED}
    stranded, lent_lately, held = (
        samples.instance(instance_id='stranded', attempts=2, **lent),
        samples.instance(instance_id='lent', attempts=0, **lent),
        samples.instance(instance_id='held'))
    mix = (holding_records.HoldStep(tier=holding_records.Tier.SHELVED),)
    assert [one.instance_id for one in holding.promotion_order(
        mix, [stranded, lent_lately, held])] == ['held', 'lent', 'stranded']
