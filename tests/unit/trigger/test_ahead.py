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
import datetime

from hypothesis import given
from hypothesis import strategies as st
import pytest

from shadow_reserve.records import demand
from shadow_reserve.records import reservation
from shadow_reserve.trigger import ahead
from tests.unit import samples

MINUTE = samples.MINUTE
LEVELS = (0.5, 0.9, 0.95, 0.99)
NOW = samples.NOW
UNTIL = NOW + 5 * MINUTE

amounts = st.floats(0, 100)
rows = st.lists(amounts, min_size=4, max_size=4).map(
    lambda found: tuple(sorted(found)))


def record(**changes):
    return samples.record(policy=samples.policy(
        **{'promote_ahead': 0.3, **changes}))


def planned(profile, members=2, available=5, serving=0, last=None,
            **policy):
    return ahead.plan(
        record(**policy), [profile], members=members, serving=serving,
        available=available, last_promotion=last, now=NOW, until=UNTIL)


def test_a_known_quantile_has_the_chance_of_its_level():
    quantiles = (4.0, 6.0, 7.0, 9.0)
    assert ahead.over(6.0, LEVELS, quantiles).at_least == pytest.approx(0.1)
    between = ahead.over(5.0, LEVELS, quantiles)
    assert between.at_least == between.at_most
    assert 0.1 < between.at_least < 0.5


def test_beyond_the_levels_only_bounds_are_told():
    quantiles = (4.0, 6.0, 7.0, 9.0)
    assert ahead.over(1.0, LEVELS, quantiles) == ahead.Chance(
        at_least=0.5, at_most=1.0)
    beyond = ahead.over(10.0, LEVELS, quantiles)
    assert beyond.at_least == 0.0
    assert beyond.at_most == pytest.approx(0.01)


@given(amounts, rows)
def test_a_chance_is_one(amount, quantiles):
    chance = ahead.over(amount, LEVELS, quantiles)
    assert 0 <= chance.at_least <= chance.at_most <= 1


@given(amounts, amounts, rows)
def test_more_is_never_likelier(one, other, quantiles):
    low, high = sorted((one, other))
    less, more = (ahead.over(each, LEVELS, quantiles)
                  for each in (low, high))
    assert more.at_least <= less.at_least + 1e-12
    assert more.at_most <= less.at_most + 1e-12


@given(st.lists(rows, min_size=1, max_size=4), rows, st.integers(1, 20),
       st.integers(0, 5), st.integers(-10, 40), st.integers(1, 40),
       st.sampled_from(list(reservation.AlarmCombination)))
def test_more_members_never_make_a_crossing_likelier(
        quantiles, peak, members, more, begin, length, combination):
    profiles = [dataclasses.replace(
        samples.profile(peak, resource), quantiles=tuple(quantiles))
        for resource in (demand.DemandResource.VCPU,
                         demand.DemandResource.MEMORY)]
    start = NOW + begin * MINUTE
    few, many = (ahead.crossing(
        record(alarm_combination=combination), profiles, count, start,
        start + length * MINUTE) for count in (members, members + more))
    for chance in (few, many):
        assert 0 <= chance.at_least <= chance.at_most <= 1
    assert many.at_least <= few.at_least + 1e-12
    assert many.at_most <= few.at_most + 1e-12


def test_as_many_are_promoted_as_bring_the_chance_under_the_level():
    # two servers of two vCPUs cross 80 % at 3.2, three at 4.8
    answer = planned(samples.profile((4.0, 6.0, 7.0, 9.0)),
                     promote_ahead=0.4)
    assert (answer.wanted, answer.count) == (1, 1)
    assert answer.chance.at_least == 0.5
    # four cross it at 6.4, five at 8.0, which is beyond the 0.95 quantile
    answer = planned(samples.profile((4.0, 6.0, 7.0, 9.0)),
                     promote_ahead=0.05)
    assert answer.count == 3


def test_the_policy_bounds_what_is_promoted_ahead():
    profile = samples.profile((9.0, 9.5, 10.0, 11.0))
    assert planned(profile).count == 4
    assert planned(profile, available=2).count == 2
    assert planned(profile, maximum_promoted=3, serving=2).count == 1
    assert planned(profile, promotion_cooldown=samples.HOUR,
                   last=NOW - MINUTE).count == 0


def test_nothing_is_promoted_by_what_is_not_known():
    profile = samples.profile((9.0, 9.5, 10.0, 11.0))
    old = dataclasses.replace(profile, origin=NOW - samples.HOUR)
    for one in (samples.aged(profile, hours=2), old,
                dataclasses.replace(profile, window_peak=(), quantiles=()),
                dataclasses.replace(profile, quantiles=())):
        assert planned(one).count == 0
    # over half is never sure, when the lowest level is the median
    assert planned(profile, promote_ahead=0.6).count == 0
    assert planned(profile, promote_ahead=None).count == 0


def test_no_more_go_back_than_would_stay_away():
    profile = samples.profile((4.0, 6.0, 7.0, 9.0))

    def spare(members, count):
        return ahead.spare(
            record(promote_ahead=0.4), [profile], members=members,
            count=count, now=NOW, until=UNTIL)
    assert spare(members=5, count=2) == 2
    assert spare(members=4, count=2) == 1
    assert spare(members=3, count=1) == 0


def test_what_was_needed_tells_whether_it_was_useful():
    def crossed(*values, start=0, **policy):
        readings = demand.Readings(
            resource=demand.DemandResource.VCPU, start=NOW,
            step=5 * MINUTE, values=values)
        return ahead.was_crossed(
            record(**policy), [readings], 2,
            NOW + datetime.timedelta(minutes=start), NOW + 10 * MINUTE)
    assert crossed(3.0, 3.3) is True
    assert crossed(3.0, 3.1) is False
    # after the window, and before it
    assert crossed(3.0, 3.0, 4.0) is False
    assert crossed(4.0, 3.0, start=5) is False
    assert crossed(None, None, 4.0) is None
    assert crossed(4.0, cpu_threshold=None) is None


def test_only_what_chance_does_not_explain_is_called_useless():
    assert ahead.is_useless(0, 3, 0.9)
    assert not ahead.is_useless(0, 2, 0.5)
    assert ahead.is_useless(1, 10, 0.5)
    assert not ahead.is_useless(2, 10, 0.5)
    # who asks for one in five has to bear some
    assert not ahead.is_useless(0, 10, 0.2)
    assert ahead.is_useless(0, 20, 0.2)


@pytest.mark.parametrize('level', [None, 0.01, 0.05, 0.1, 0.138, 0.2, 0.5,
                                   0.9, 1.0])
def test_as_many_scores_count_as_it_takes_to_find_it_useless(level):
    count = ahead.latest(level)
    assert 20 <= count <= 300
    if level is not None:
        assert ahead.is_useless(0, count, level)


@given(st.integers(0, 20), st.integers(0, 20), st.floats(0.01, 0.99))
def test_what_comes_back_is_not_at_once_useless(useful, more, level):
    scored = useful + more
    if ahead.is_useful_again(useful, scored, level):
        assert not ahead.is_useless(useful, scored, level)
