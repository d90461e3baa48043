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

import re

import numpy as np
import pytest

from shadow_reserve.usage.backtesting import grouping
from tests.unit.usage import generated


def named(*names):
    return [generated.series_of([1.0, 2.0, 3.0], token=name)
            for name in names]


def test_the_first_group_of_a_pattern_names_the_application():
    groups = grouping.by_pattern(named('shop-1', 'shop-2', 'mail-1', 'x'),
                                 r'^(\w+)-\d+$')
    assert {name: [one.token for one in members]
            for name, members in groups.items()} == {
        'shop': ['shop-1', 'shop-2'], 'mail': ['mail-1'], 'x': ['x']}
    assert set(grouping.by_pattern(named('a1b', 'c2'), r'\d')) == {'1', '2'}
    with pytest.raises(re.error):
        grouping.by_pattern([], '(')


def test_so_many_at_random_but_the_same_each_time():
    given = named(*'abcdefg')
    groups = grouping.by_number(given, 3, seed=1)
    assert [len(members) for members in groups.values()] == [3, 3, 1]
    assert groups == grouping.by_number(given, 3, seed=1)
    assert sorted(one.token for members in groups.values()
                  for one in members) == list('abcdefg')


def test_an_application_is_the_sum_of_its_members_over_short_gaps():
    one = generated.series_of([1, np.nan, 3, np.nan, np.nan, np.nan])
    other = generated.series_of([10, 10, 10, 10, np.nan, np.nan])
    total, = grouping.summed({'shop': [one, other]})
    assert total.token == 'shop'
    np.testing.assert_array_equal(
        total.values, [11, 11, 13, 10, np.nan, np.nan])
