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
import zoneinfo

from hypothesis import given
from hypothesis import strategies as st
import pytest

from shadow_reserve.records import reservation
from shadow_reserve.shadow import schedule

HOUR = datetime.timedelta(hours=1)
MINUTE = datetime.timedelta(minutes=1)
NONE = datetime.timedelta()
ZONES = ('UTC', 'Europe/Berlin', 'America/New_York', 'Europe/Dublin',
         'Australia/Lord_Howe', 'Asia/Kathmandu')
BERLIN = 'Europe/Berlin'


def entry(start, quantity=10, duration=4 * HOUR, timezone='UTC'):
    return reservation.ScheduledShadow(
        start=start, duration=duration, quantity=quantity,
        timezone=timezone)


def at(day, hour, minute=0, month=3, zone=datetime.UTC):
    return datetime.datetime(2026, month, day, hour, minute, tzinfo=zone)


FRIDAY = entry('0 18 * * fri')


@pytest.mark.parametrize('now, quantity', [
    (at(6, 17, 59), None), (at(6, 18), 10), (at(6, 21, 59), 10),
    (at(6, 22), None), (at(5, 19), None)])
def test_ten_on_friday_from_18_to_22(now, quantity):
    assert schedule.quantity_at([FRIDAY], now, NONE) == quantity


def test_it_is_asked_for_as_early_as_it_takes_to_build():
    lead = 10 * MINUTE
    assert schedule.quantity_at([FRIDAY], at(6, 17, 49), lead) is None
    assert schedule.quantity_at([FRIDAY], at(6, 17, 50), lead) == 10
    # and its end is not moved
    assert schedule.quantity_at([FRIDAY], at(6, 21, 59), lead) == 10
    assert schedule.quantity_at([FRIDAY], at(6, 22), lead) is None


def test_of_several_in_force_the_largest_counts():
    both = [entry('0 18 * * *', 3), entry('0 19 * * *', 7, HOUR)]
    assert schedule.quantity_at(both, at(6, 18, 30), NONE) == 3
    assert schedule.quantity_at(both, at(6, 19, 30), NONE) == 7
    assert schedule.quantity_at(both, at(6, 20, 30), NONE) == 3


def test_a_schedule_may_ask_for_nothing():
    assert schedule.quantity_at(
        [entry('0 0 * * *', 0, HOUR)], at(6, 0, 30), NONE) == 0


def test_eight_in_berlin_is_eight_before_and_after_the_clocks_change():
    eight = [entry('0 8 * * *', 5, HOUR, BERLIN)]
    assert schedule.quantity_at(eight, at(28, 7), NONE) == 5
    assert schedule.quantity_at(eight, at(29, 6), NONE) == 5
    assert schedule.quantity_at(eight, at(29, 7), NONE) is None


def test_a_start_that_the_clocks_skip_comes_when_they_have_jumped():
    # Berlin's clocks went from 02:00 to 03:00, at 01:00 UTC
    skipped = [entry('30 2 * * *', 5, HOUR, BERLIN)]
    assert schedule.quantity_at(skipped, at(29, 0, 59), NONE) is None
    assert schedule.quantity_at(skipped, at(29, 1), NONE) == 5
    assert schedule.quantity_at(skipped, at(29, 2), NONE) is None


def test_a_start_that_comes_twice_counts_the_first_time():
    # Berlin's clocks went from 03:00 back to 02:00, at 01:00 UTC
    twice = [entry('30 2 * * *', 5, 40 * MINUTE, BERLIN)]
    assert schedule.quantity_at(twice, at(25, 0, 30, 10), NONE) == 5
    # 02:05 for the second time: 35 minutes have passed
    assert schedule.quantity_at(twice, at(25, 1, 5, 10), NONE) == 5
    assert schedule.quantity_at(twice, at(25, 1, 30, 10), NONE) is None


def test_what_never_comes_is_never_in_force():
    assert schedule.quantity_at(
        [entry('0 0 30 2 *')], at(6, 18), NONE) is None


def test_no_schedule_asks_nothing():
    assert schedule.quantity_at((), at(6, 18), NONE) is None


def shown(start, zone, time_of_day):
    """When a clock that is looked at each minute has come to a time.

    :param time_of_day: hour and minute of the day
    """
    seen = set()
    passed = start
    latest = passed.astimezone(zone).replace(tzinfo=None) - MINUTE
    while True:
        wall = passed.astimezone(zone).replace(tzinfo=None)
        for skipped in range(int((wall - latest) / MINUTE)):
            due = wall - skipped * MINUTE
            if (due.hour, due.minute) == time_of_day and due not in seen:
                seen.add(due)
                yield passed
        latest = max(latest, wall)
        passed += MINUTE


# A day before each change of the year 2026, and 48 hours from there.
CHANGES = (at(28, 0), at(7, 0), at(24, 0, 0, 10), at(31, 0, 0, 10),
           at(3, 0, 0, 4))


@given(zone=st.sampled_from(ZONES), start=st.sampled_from(CHANGES),
       hour=st.integers(0, 4), minute=st.sampled_from((0, 15, 30, 59)),
       now=st.integers(24 * 60, 48 * 60), lead=st.integers(0, 90),
       duration=st.integers(1, 600))
def test_it_is_what_someone_sees_who_watches_a_clock(
        zone, start, hour, minute, now, lead, duration):
    # Given a clock that is looked at every minute
    moment = start + now * MINUTE
    begun = []
    for one in shown(start, zoneinfo.ZoneInfo(zone), (hour, minute)):
        if one > moment + lead * MINUTE:
            break
        begun.append(one)
    # When it is asked whether a start of each day is in force
    asked = schedule.quantity_at(
        [entry(f'{minute} {hour} * * *', 1, duration * MINUTE, zone)],
        moment, lead * MINUTE)
    # Then it is if the clock has shown that time, but not too long ago
    assert (asked == 1) == any(
        moment < one + duration * MINUTE for one in begun)


@given(passed=st.integers(0, 2 * 365 * 24 * 3600),
       zone=st.sampled_from(ZONES), seconds=st.integers(0, 7200))
def test_a_longer_lead_never_asks_for_less(passed, zone, seconds):
    now = at(1, 0) + datetime.timedelta(seconds=passed)
    entries = [entry('*/20 8-18 * * mon-fri', 3, 30 * MINUTE, zone),
               entry('0 6 1 * *', 9, HOUR, zone)]
    short = schedule.quantity_at(entries, now, NONE) or 0
    long = schedule.quantity_at(
        entries, now, datetime.timedelta(seconds=seconds)) or 0
    assert short <= long
