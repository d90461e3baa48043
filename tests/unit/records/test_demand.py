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

"""What a profile says of how old its latest reading is, and of its steps."""

import dataclasses
import datetime

import pytest

from tests.unit import samples


@pytest.mark.parametrize(('age', 'stale'), [
    ({'minutes': 0}, False), ({'minutes': 60}, False),
    ({'minutes': 65}, True), ({'days': 9}, True)])
def test_it_is_stale_when_the_latest_reading_is_over_an_hour_old(age, stale):
    profile = samples.aged(samples.profile(), **age)
    assert profile.is_stale is stale
    assert ('stale' in profile.summary) is stale
    # and something may be sized by it all the same
    assert profile.is_usable


def test_of_a_reading_that_is_not_known_no_age_is_told():
    profile = samples.profile()
    assert profile.provenance.latest_reading is None
    assert profile.reading_age == datetime.timedelta()
    assert not profile.is_stale
    assert profile.summary == 'expert_mix on 4032 points'


@pytest.mark.parametrize(('age', 'words'), [
    ({'minutes': 65}, '1 hour'), ({'minutes': 170}, '2 hours'),
    ({'hours': 47}, '47 hours'), ({'hours': 48}, '2 days'),
    ({'days': 9}, '9 days')])
def test_how_old_it_is_is_said_in_words(age, words):
    profile = samples.aged(samples.profile(), **age)
    assert profile.summary == (
        f'expert_mix on 4032 points; stale: the latest vcpu reading is '
        f'{words} old')


def test_the_highest_step_between_two_times():
    one = dataclasses.replace(samples.profile(), levels=(0.5, 0.9), quantiles=(
        (1.0, 2.0), (3.0, 4.0), (2.0, 3.0)))

    def highest(first, last):
        return one.highest(0.9, samples.NOW + first * samples.MINUTE,
                           samples.NOW + last * samples.MINUTE)
    assert highest(0, 15) == 4.0
    # A step that has begun counts, and the one that the end lies in.
    assert highest(4, 5) == 2.0
    assert highest(4, 6) == 4.0
    assert highest(12, 60) == 3.0
    assert highest(-5, 1) == 2.0
    assert highest(15, 60) is None
    assert highest(-9, 0) is None
