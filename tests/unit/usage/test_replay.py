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

"""Replays small enough to be worked by hand, and one server by server."""

import math

from hypothesis.extra import numpy as arrays
from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest

from shadow_reserve.usage.backtesting import replay
from shadow_reserve.usage.backtesting import rules

CLOCK = replay.Clock()
APPS, READINGS = 2, 12
DEMANDS = arrays.arrays(np.float64, (APPS, READINGS),
                        elements=st.floats(0, 6, width=32))
TOTALS = arrays.arrays(np.float64, (APPS, READINGS),
                       elements=st.integers(0, 9).map(float))
CLOCKS = st.builds(
    replay.Clock, step=st.sampled_from([1, 2, 5]), build=st.integers(0, 7),
    promotion=st.integers(0, 3), scale_in=st.integers(0, 16))


def slowly(demand, totals, clock):
    """One application, server by server: since when each is held, and
    called for; ``(violations, deficit, shadow hours)``."""
    most = int(max(demand.max(), totals.max())) + 2
    held_since = [None] * most
    called_since = [None] * most
    wanted_last, needed_last = [None] * most, [None] * most
    violations = deficit = shadow = 0
    for minute in range((len(demand) - 1) * clock.step):
        reading, part = divmod(minute, clock.step)
        left = np.float32(demand[reading])
        now = left + (np.float32(demand[reading + 1]) - left) * (
            np.float32(part) / np.float32(clock.step))
        need = math.ceil(now - replay.NOISE * abs(now))
        asked = max(math.ceil(left - replay.NOISE * abs(left)), need)
        wanted = max(math.ceil(totals[reading]), asked)
        active = 0
        for server in range(most):
            for count, last, since in (
                    (wanted, wanted_last, held_since),
                    (asked, needed_last, called_since)):
                if server < count:
                    last[server] = minute
                    if since[server] is None:
                        # Nothing had to be waited for at the beginning.
                        since[server] = minute if minute else -math.inf
                elif (last[server] is not None
                        and minute - last[server] > clock.scale_in):
                    since[server] = None
            if held_since[server] is None:
                continue
            shadow += called_since[server] is None
            active += (minute - held_since[server] >= clock.build
                       and called_since[server] is not None
                       and minute - called_since[server]
                       >= clock.promotion)
        violations += active < need
        deficit += max(need - active, 0)
    return violations, deficit, shadow / 60


@given(demand=DEMANDS, totals=TOTALS, clock=CLOCKS)
def test_the_replay_is_that_of_servers_one_by_one(demand, totals, clock):
    found = replay.Replay(demand, clock).run(totals)

    for app in range(APPS):
        assert slowly(demand[app], totals[app], clock) == pytest.approx(
            (found.violations[app], found.deficit[app],
             found.shadow_hours[app]))


def test_without_shadow_a_rise_is_short_for_as_long_as_a_build_takes():
    # Given two servers' demand that jumps to three, within a minute
    demand = np.array([[2.0] * 10 + [3.0] * 10])
    # When there is no shadow, on a clock that reads each minute
    found = replay.Replay(demand, replay.Clock(step=1)).reactive
    # Then one server is missing until it is built, and none was held
    assert (found.violations[0], found.deficit[0]) == (5, 5)
    assert found.shadow_hours[0] == 0
    assert found.demand_hours[0] == pytest.approx((10 * 2 + 9 * 3) / 60)


def test_one_shadow_server_avoids_it_and_the_next_is_built():
    demand = np.array([[2.0] * 10 + [3.0] * 10])
    one = replay.Replay(demand, replay.Clock(step=1))
    found = one.run(rules.static(demand, 1))
    assert found.violations[0] == 0
    assert found.avoided(one.reactive) == 1.0
    # One all the time: the next one counts from when its build begins
    assert found.shadow_hours[0] == pytest.approx(19 / 60)


def test_a_promotion_is_short_for_as_long_as_it_takes():
    demand = np.array([[2.0] * 10 + [3.0] * 10])
    one = replay.Replay(demand, replay.Clock(step=1, promotion=1))
    assert one.run(rules.static(demand, 1)).violations[0] == 1
    # And one built cold for a demand that waits needs no promotion
    assert one.reactive.violations[0] == 5


def test_what_nobody_wants_goes_after_the_scale_in():
    # Given a shadow of one that is wanted at the first reading only
    demand = np.full((1, 11), 2.0)
    totals = np.array([[3.0] + [2.0] * 10])
    found = replay.Replay(demand, CLOCK).run(totals)
    # Then it is held for the five minutes, and fifteen more
    assert found.shadow_hours[0] == pytest.approx(20 / 60)


def test_the_demand_goes_straight_from_reading_to_reading():
    # Given a rise from 1 to 3.5 over five minutes: 1, 1.5, 2, 2.5, 3
    demand = np.array([[1.0, 1.0, 3.5, 3.5, 3.5]])
    found = replay.Replay(demand, CLOCK).reactive
    # Then the second server is called for at 6 min, the third at 8 and the
    # fourth at 10 min, and the last of them is there at 15
    assert (found.violations[0], found.deficit[0]) == (9, 5 + 5 + 5)


def test_minutes_beside_a_gap_count_for_nothing():
    whole = np.array([[2.0] * 8])
    gap = whole.copy()
    gap[0, 3:5] = np.nan
    totals = rules.static(whole, 2)
    found = replay.Replay(gap, CLOCK).run(totals)
    # Then 15 of 35 minutes are left out, and nothing is short after it
    assert found.demand_hours[0] == pytest.approx(20 * 2 / 60)
    assert found.shadow_hours[0] == pytest.approx(20 * 2 / 60)
    assert found.violations[0] == 0


def test_gaps_and_nothing_else_are_no_crash():
    demand = np.full((2, 5), np.nan)
    one = replay.Replay(demand, CLOCK)
    found = one.run(rules.headroom(demand, 0.5))
    assert (found.held, found.avoided(one.reactive)) == (0.0, 1.0)


@pytest.mark.parametrize('shape', [(3,), (1, 1), (0, 0)])
def test_a_replay_of_nothing_is_refused(shape):
    with pytest.raises(ValueError, match='at least two readings'):
        replay.Replay(np.zeros(shape), CLOCK)


def test_no_time_is_negative():
    with pytest.raises(ValueError, match='negative'):
        replay.Clock(build=-1)
    with pytest.raises(ValueError, match='at least a minute'):
        replay.Clock(step=0)


def test_blocks_are_joined_in_their_order(monkeypatch):
    demand = np.random.default_rng(1).uniform(0, 5, (7, 20))
    totals = rules.static(demand, 2)
    whole = replay.Replay(demand, CLOCK).run(totals)
    monkeypatch.setattr(replay, 'BLOCK', 3)
    parts = replay.Replay(demand, CLOCK).run(totals)
    np.testing.assert_array_equal(parts.violations, whole.violations)
    np.testing.assert_array_equal(parts.shadow_hours, whole.shadow_hours)


@given(demand=DEMANDS, totals=TOTALS, more=TOTALS, clock=CLOCKS)
def test_more_capacity_is_never_short_for_longer(demand, totals, more,
                                                 clock):
    one = replay.Replay(demand, clock)
    less, many = one.run(totals), one.run(totals + more)
    assert (many.violations <= less.violations).all()
    assert (many.deficit <= less.deficit).all()
    assert (many.shadow_hours >= less.shadow_hours - 1e-9).all()
    assert (less.shadow_hours >= 0).all()
    assert 0 <= less.avoided(one.reactive) <= 1


@given(demand=DEMANDS)
def test_who_knows_the_coming_peak_is_never_short(demand):
    # Two readings: one while the build goes on, one until the next is made
    one = replay.Replay(demand, CLOCK)
    found = one.run(rules.oracle(demand, 2, 1.0))
    # But for the first reading, before which nothing could be built
    assert found.violations.sum() <= np.minimum(
        one.reactive.violations, CLOCK.step + CLOCK.build).sum()
    late = replay.Replay(np.concatenate(
        [demand[:, :1]] * 2 + [demand], axis=1), CLOCK)
    assert late.run(rules.oracle(late.demand, 2, 1.0)).violations.sum() == 0


def points(*pairs):
    return [replay.Point(setting=held, held=held, avoided=avoided,
                         deficit=0.0, outcome=None)
            for held, avoided in pairs]


def test_what_is_held_for_four_fifths_lies_between_two_settings():
    found = points((0.1, 0.5), (0.3, 0.7), (0.5, 0.9))
    assert replay.held_at(found, 0.8) == pytest.approx(0.4)
    assert replay.held_at(found, 0.95) is None
    assert replay.held_at(found, 0.3) == 0.1


def test_a_setting_that_holds_more_for_less_is_no_use():
    found = points((0.1, 0.5), (0.3, 0.4), (0.4, 0.45), (0.5, 0.9))
    assert replay.held_at(found, 0.7) == pytest.approx(0.3)


def test_a_sweep_is_one_point_a_setting():
    demand = np.array([[2.0] * 10 + [4.0] * 10])
    found = replay.Replay(demand, CLOCK).swept(
        lambda servers: rules.static(demand, servers), [0, 1, 2])
    assert [one.setting for one in found] == [0, 1, 2]
    assert found[0].avoided == 0
    assert found[2].avoided == 1
    assert found[1].held == pytest.approx(95 / (50 * 2 + 45 * 4 - 5),
                                          rel=0.1)
