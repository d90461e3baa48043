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

"""The forecast and the rules, on a demand whose outcome is plain."""

import itertools

import numpy as np
import pytest

from shadow_reserve.usage.backtesting import contest
from shadow_reserve.usage.backtesting import replay

LEVELS = (0.5, 0.9, 0.99)
DAY = 288


def match(peaks=None, days=2):
    # Given two applications whose demand doubles at each noon
    step = np.arange(days * DAY)
    shape = np.where(step % DAY < DAY // 2, 4.0, 8.0)
    demand = np.stack([shape, shape + 1])
    start = DAY
    if peaks is None:
        # And a forecast that knows, at .9, what comes
        ahead = np.stack([np.roll(demand, -shift, axis=1)
                          for shift in (1, 2)]).max(axis=0)[:, start:]
        peaks = np.stack([0.8 * ahead, ahead, 2 * ahead], axis=-1)
    return contest.Match(demand=demand, start=start, peaks=peaks,
                         levels=LEVELS, clock=replay.Clock())


def test_a_forecast_that_knows_is_as_good_as_the_oracle():
    found = contest.contest(match())
    at_90 = next(point for point in found[contest.FORECAST]
                 if point.setting == 0.9)
    assert at_90.avoided == 1.0
    assert at_90.held == pytest.approx(found[contest.ORACLE][-1].held)
    held = replay.held_at(found[contest.FORECAST], 0.8)
    assert held < contest.best_rule(found, 0.8)[1]


def test_every_policy_is_swept_from_nothing_on():
    told = []
    found = contest.contest(match(), told.append)
    assert told == list(found) == list(contest.policies(match()))
    for name in (contest.STATIC, contest.HEADROOM, contest.ORACLE):
        assert (found[name][0].held, found[name][0].avoided) == (0, 0)
    for name in (contest.FORECAST, contest.STATIC, contest.HEADROOM,
                 contest.RECENT):
        held = [point.held for point in found[name]]
        assert held == sorted(held)


def test_half_a_server_more_is_a_setting_of_its_own():
    # Given demands of any part of a server
    step = np.arange(2 * DAY)
    demand = (6 + 3 * np.sin(step))[None]
    one = contest.Match(
        demand=demand, start=DAY, peaks=np.full((1, DAY, 3), np.nan),
        levels=LEVELS, clock=replay.Clock())
    # Then each step of half a server holds more, and avoids no less
    points = contest.contest(one)[contest.STATIC]
    for less, more in itertools.pairwise(points):
        assert less.held < more.held
        assert less.avoided <= more.avoided


def test_beyond_the_last_level_more_is_held():
    one = match()
    last, beyond = (contest.forecast_totals(one, level)
                    for level in (0.99, 0.9999))
    np.testing.assert_allclose(last, one.peaks[..., 2])
    assert (beyond > last).all()


def test_without_a_forecast_nothing_is_held():
    blank = np.full((2, DAY, 3), np.nan)
    found = contest.contest(match(peaks=blank))
    assert {point.held for point in found[contest.FORECAST]} == {0.0}


def test_the_lead_is_the_build_and_the_way_to_the_next_decision():
    for build, readings in ((0, 1), (5, 2), (7, 3), (10, 3)):
        one = contest.Match(
            demand=np.ones((1, 4)), start=2, peaks=np.ones((1, 2, 3)),
            levels=LEVELS, clock=replay.Clock(build=build))
        assert one.lead == readings


def test_some_applications_are_compared_with_themselves():
    found = contest.contest(match())
    some = contest.of_some(found, [1])
    for point in some[contest.STATIC]:
        assert len(point.outcome.violations) == 1
    assert some[contest.STATIC][0].avoided == 0


def test_no_rule_is_best_where_none_reaches():
    found = {name: [] for name in contest.RULES}
    assert contest.best_rule(found, 0.8) is None
