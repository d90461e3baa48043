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

from shadow_reserve.shadow import lead

MINUTE = datetime.timedelta(minutes=1)
HOUR = 60 * MINUTE
BUILDS = st.lists(st.integers(1, 7200).map(
    lambda seconds: datetime.timedelta(seconds=seconds)), max_size=120)


def learned(minutes):
    return lead.lead_time([one * MINUTE for one in minutes], 5 * MINUTE,
                          HOUR)


def test_nine_of_ten_builds_are_done_by_it():
    assert learned([2, 9, 3, 3, 4, 2, 3, 30, 3, 2]) == 9 * MINUTE


def test_a_few_builds_say_too_little():
    assert learned([1, 1, 1, 1]) == 5 * MINUTE
    assert learned([1, 1, 1, 1, 2]) == 2 * MINUTE


def test_what_takes_longer_than_it_may_is_given_up():
    assert learned([90] * 10) == HOUR


@given(builds=BUILDS)
def test_it_is_one_of_the_builds_and_few_took_longer(builds):
    answer = lead.lead_time(builds, 5 * MINUTE, 3 * HOUR)
    if len(builds) >= 5:
        assert answer in builds
        longer = sum(1 for one in builds if one > answer)
        assert longer * 10 <= len(builds)


@given(builds=BUILDS, slower=st.integers(0, 600))
def test_a_slower_cloud_never_has_a_shorter_lead(builds, slower):
    later = [one + datetime.timedelta(seconds=slower) for one in builds]
    assert (lead.lead_time(builds, MINUTE, HOUR)
            <= lead.lead_time(later, MINUTE, HOUR))
