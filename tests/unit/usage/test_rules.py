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

import numpy as np
import pytest

from shadow_reserve.usage.backtesting import rules

DEMAND = np.array([[1.2, 3.0, 2.0, np.nan, 5.0], [4.0] * 5])


def test_static_and_headroom_go_by_the_demand_of_now():
    np.testing.assert_allclose(
        rules.static(DEMAND, 2)[0], [3.2, 5, 4, np.nan, 7])
    np.testing.assert_allclose(
        rules.headroom(DEMAND, 0.5)[0], [1.8, 4.5, 3, np.nan, 7.5])


def test_the_recent_peak_looks_back_and_over_gaps():
    np.testing.assert_array_equal(
        rules.recent_peak(DEMAND, 2), [[1.2, 3, 3, 2, 5], [4] * 5])
    np.testing.assert_array_equal(
        rules.recent_peak(DEMAND, 1)[0], DEMAND[0])


def test_the_coming_peak_looks_ahead_only():
    np.testing.assert_array_equal(
        rules.coming_peak(DEMAND, 2)[0], [3, 2, 5, 5, np.nan])
    np.testing.assert_array_equal(
        rules.coming_peak(DEMAND, 1)[0], [3, 2, np.nan, 5, np.nan])


def test_ramps_are_quantiles_of_the_rises():
    found = rules.ramps(np.array([[0.0, 1, 3, 3], [np.nan] * 4]), 1,
                        (0.5, 1.0))
    np.testing.assert_allclose(found, [[1.0, 2.0], [0.0, 0.0]])


@pytest.mark.parametrize(('share', 'wanted'), [
    (0.0, [1.2, 3, 2, np.nan, 5]), (1.0, [3, 3, 5, np.nan, 5]),
    (0.5, [2.1, 3, 3.5, np.nan, 5])])
def test_the_oracle_takes_a_share_of_the_coming_rise(share, wanted):
    np.testing.assert_allclose(rules.oracle(DEMAND, 2, share)[0], wanted)
