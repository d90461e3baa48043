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

from hypothesis import given
from hypothesis import strategies as st

from shadow_reserve.shadow import hysteresis
from shadow_reserve.shadow import sizing
from tests.unit import samples

MINUTE = samples.MINUTE
DELAY = 15 * MINUTE


def size(quantity, ceiling=100):
    return sizing.ShadowSize(
        total=quantity, quantity=quantity, ceiling=ceiling, binding=None,
        bound=None, reason='')


def asked(*ago):
    """Sizes with how many minutes ago they were asked for."""
    return [(samples.NOW - minutes * MINUTE, quantity)
            for minutes, quantity in ago]


def kept(past, quantity, ceiling=100):
    return hysteresis.to_keep(
        past, size(quantity, ceiling), samples.NOW, DELAY)


def test_what_was_asked_for_within_the_delay_is_kept():
    assert kept(asked((30, 2), (10, 8), (5, 3)), 3) == 8


def test_so_is_what_was_still_asked_for_when_it_began():
    # Nine were asked for up to ten minutes ago, two from then on
    assert kept(asked((60, 9), (10, 2)), 2) == 9
    assert kept(asked((60, 9), (15, 2)), 2) == 2


def test_what_is_asked_for_now_counts_without_any_past():
    assert kept([], 4) == 4


def test_a_bound_that_bites_counts_at_once():
    assert kept(asked((5, 9)), 2, ceiling=3) == 3


SIZES = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 20)),
                 max_size=10, unique_by=lambda one: one[0])


@given(past=SIZES, quantity=st.integers(0, 20), ceiling=st.integers(0, 25))
def test_it_keeps_no_less_than_is_asked_for_and_no_more_than_may_be(
        past, quantity, ceiling):
    quantity = min(quantity, ceiling)
    past = asked(*sorted(past, reverse=True))
    answer = kept(past, quantity, ceiling)
    assert quantity <= answer <= ceiling
    assert answer <= max([quantity, *(one for _, one in past)])


@given(wanted=st.lists(st.integers(0, 12), min_size=1, max_size=90))
def test_a_pool_is_the_largest_that_was_asked_for_within_the_delay(wanted):
    # Given a forecast that asks for anything, minute after minute
    held, past, now = 0, [], samples.NOW
    for number, quantity in enumerate(wanted):
        now += MINUTE
        keep = hysteresis.to_keep(past, size(quantity), now, DELAY)
        # When the pool follows
        held = max(quantity, min(held, keep))
        past.append((now, quantity))
        # Then it carries what is asked for, and is no larger than what
        # was asked for within the delay
        recent = wanted[max(number - 15, 0):number + 1]
        assert quantity <= held == max(recent)


@given(low=st.integers(0, 9), high=st.integers(0, 9),
       turns=st.lists(st.booleans(), min_size=40, max_size=120))
def test_a_forecast_that_wavers_brings_a_pool_down_once(
        low, high, turns):
    # Given a pool of ten, and a forecast that wavers below, but is at its
    # highest at least once in every delay
    past, held, now, times = asked((0, 10)), 10, samples.NOW, 0
    for number, is_high in enumerate(turns):
        now += MINUTE
        quantity = max(low, high) if is_high or number % 14 == 0 else (
            min(low, high))
        keep = hysteresis.to_keep(past, size(quantity), now, DELAY)
        before, held = held, max(quantity, min(held, keep))
        past.append((now, quantity))
        times += held < before
    # Then it is brought down once, to the highest
    assert (times, held) == (1, max(low, high))


@given(past=SIZES, quantity=st.integers(0, 20), more=st.integers(0, 60))
def test_a_longer_delay_keeps_no_less(past, quantity, more):
    past = asked(*sorted(past, reverse=True))
    longer = DELAY + datetime.timedelta(minutes=more)
    assert kept(past, quantity) <= hysteresis.to_keep(
        past, size(quantity), samples.NOW, longer)
