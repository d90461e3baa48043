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

from shadow_reserve.usage.backtesting import advice
from shadow_reserve.usage.backtesting import replay

PRICES = advice.Prices(hold=1.0, use=6.0, short=1.0)


def outcome(short, held=0.0):
    """So many minutes without one server, and server-hours of shadow."""
    return replay.Outcome(
        violations=np.array([short]), deficit=np.array([short]),
        shadow_hours=np.array([held]), demand_hours=np.array([100.0]))


REACTIVE = outcome(100.0)


def advised(outcomes, prices=None, target=0.9, reactive=REACTIVE):
    """By levels of .1, .2 and so on."""
    points = [replay.point_of(0.1 * (1 + row), one, reactive)
              for row, one in enumerate(outcomes)]
    costs = None if prices is None else [
        advice.cost(one, reactive, prices) for one in outcomes]
    return advice.recommended(points, costs, reactive, prices, target)


def test_a_cost_is_of_what_is_held_used_and_short():
    found = advice.cost(outcome(40.0, 7.0), REACTIVE, PRICES)
    # An hour of the 100 minutes is served by shadow
    assert (found.held, found.used, found.short) == (7.0, 6.0, 40.0)
    assert found.total == 53.0


def test_the_cheapest_level_or_the_lowest_that_reaches_is_taken():
    outcomes = [outcome(60.0, 1.0), outcome(5.0, 20.0), outcome(1.0, 90.0)]
    assert advised(outcomes, PRICES).level == pytest.approx(0.2)
    assert advised(outcomes, target=0.4).level == pytest.approx(0.1)
    close = advised([outcome(0.4)], target=0.995)
    assert 'avoids 99.5 % of' in close.because
    most = advised(outcomes, target=1.0)
    assert most.level == pytest.approx(0.3)
    assert 'this one avoids most' in most.because


@pytest.mark.parametrize(('given', 'words'), [
    ({'outcomes': [outcome(0.0, 11.0)], 'reactive': outcome(0.0)},
     'nothing was short'),
    ({'outcomes': [outcome(0.0, 11.0)], 'reactive': outcome(0.0),
      'prices': PRICES}, 'nothing was short'),
    ({'outcomes': [outcome(50.0, 200.0)], 'prices': PRICES},
     r'100.00 without it, against 255.00 at the cheapest level tried, 0.1'),
    ({'outcomes': [outcome(100.0, 9.0), outcome(100.0, 10.0)]},
     'no level tried avoids any')])
def test_no_level_is_taken_where_shadow_saves_nothing(given, words):
    found = advised(**given)
    assert (found.level, found.point.held) == (None, 0.0)
    assert words in found.because
    assert (found.cost is None) == ('prices' not in given)
