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

import math

from hypothesis import given
from hypothesis import strategies as st
import pytest

from shadow_reserve.records import levels
from tests.unit import samples

KNOWN = (0.5, 0.9, 0.95, 0.99)
LEVEL = st.floats(0.001, 0.99999)
RISING = st.lists(st.floats(0, 1e9), min_size=4, max_size=4).map(sorted)


@pytest.mark.parametrize(('level', 'value'), [
    (0.5, 4), (0.9, 6), (0.95, 7), (0.99, 9)])
def test_a_known_level_is_what_was_forecast(level, value):
    assert samples.profile().peak_at(level) == pytest.approx(value)


def test_between_two_levels_it_is_linear_in_the_normal_score():
    # 0.975 has the normal score 1.96, 0.95 has 1.645 and 0.99 has 2.326
    assert samples.profile().peak_at(0.975) == pytest.approx(
        7 + 2 * (1.95996 - 1.64485) / (2.32635 - 1.64485), abs=1e-4)


def test_beyond_the_last_level_the_margin_grows_with_the_normal_score():
    # 0.999 has 3.090: the margin of 5 over the median is that much wider
    assert samples.profile().peak_at(0.999) == pytest.approx(
        4 + 5 * 3.09023 / 2.32635, abs=1e-4)


def test_below_the_first_level_the_first_is_given():
    assert samples.profile().peak_at(0.1) == 4.0


def test_a_normal_demand_is_met_at_every_level():
    # Given the quantiles of a normal demand
    normal = [10 + 2 * score for score in (0, 1.2815516, 1.6448536,
                                           2.3263479)]
    # Then any other level has the normal's quantile too
    assert levels.at(0.8, KNOWN, normal) == pytest.approx(11.68324)
    assert levels.at(0.9999, KNOWN, normal) == pytest.approx(17.43803)


def test_one_level_alone_is_all_there_is():
    assert levels.at(0.999, (0.9,), (5.0,)) == 5.0


@pytest.mark.parametrize('level', [0.0, 1.0, -1.0, 95.0, math.nan])
def test_a_level_that_is_none_is_refused(level):
    with pytest.raises(ValueError, match='between 0 and 1'):
        levels.at(level, KNOWN, (1, 2, 3, 4))


@given(one=LEVEL, other=LEVEL, values=RISING)
def test_a_higher_level_never_asks_for_less(one, other, values):
    low, high = sorted((one, other))
    slack = 1e-9 * values[-1]
    assert (levels.at(low, KNOWN, values)
            <= levels.at(high, KNOWN, values) + slack)


@given(level=LEVEL)
def test_the_weights_sum_to_one(level):
    assert sum(levels.weights(level, KNOWN)) == pytest.approx(1.0)
