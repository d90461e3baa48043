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

"""Which scheduled shadow is in force: times in, a number out.

A start is a wall-clock time: "18:00" is 18:00 before and after the clocks
change. One that the clocks skip comes when they have jumped, and one that
comes twice counts the first time. A duration is time that passes.
"""

import bisect
from collections.abc import Iterable
import datetime
import functools
import zoneinfo

import croniter

from shadow_reserve.records import reservation

_SECOND = datetime.timedelta(seconds=1)


def quantity_at(
        scheduled: Iterable[reservation.ScheduledShadow],
        now: datetime.datetime, lead: datetime.timedelta) -> int | None:
    """How much shadow the schedule asks for.

    It asks from ``lead`` before a start on, so that what takes so long to
    be built is there when it begins.

    :param now: aware
    :returns: the largest of those in force; ``None`` when none is
    """
    return max((one.quantity for one in scheduled
                if _is_in_force(one, now, lead)), default=None)


def _is_in_force(one: reservation.ScheduledShadow, now: datetime.datetime,
                 lead: datetime.timedelta) -> bool:
    # If the latest start that has come is over, so are those before it.
    start = _latest_start(
        one.start, one.timezone,
        (now + lead).astimezone(datetime.UTC).replace(
            second=0, microsecond=0))
    return start is not None and now < start + one.duration


# The parsing costs most, and many reservations have the same schedule.
@functools.lru_cache(maxsize=4096)
def _latest_start(expression: str, timezone: str,
                  minute: datetime.datetime) -> datetime.datetime | None:
    """The latest start that is not after ``minute``, in UTC."""
    zone = zoneinfo.ZoneInfo(timezone)
    local = minute.astimezone(zone)
    # When a time comes for the second time, later ones have been before.
    repeated = (_offset(local.replace(fold=0)) - _offset(local)
                if local.fold else datetime.timedelta())
    # Cron is asked for wall-clock times only; what the clocks do is ours.
    starts = croniter.croniter(
        expression, local.replace(tzinfo=None) + repeated + _SECOND,
        ret_type=datetime.datetime)
    try:
        while True:
            start = _first_time(starts.get_prev(), zone)
            if start <= minute:
                return start
    except croniter.CroniterBadDateError:
        return None


def _first_time(wall: datetime.datetime, zone: zoneinfo.ZoneInfo,
                ) -> datetime.datetime:
    """When clocks in ``zone`` first show ``wall`` or later, in UTC."""
    found = wall.replace(tzinfo=zone).astimezone(datetime.UTC)
    if found.astimezone(zone).replace(tzinfo=None) == wall:
        return found
    # They jumped over it, at some second between its two readings.
    earliest = wall.replace(tzinfo=zone, fold=1).astimezone(datetime.UTC)
    jump = bisect.bisect_left(
        range(int((found - earliest) / _SECOND)), wall,
        key=lambda passed: (earliest + passed * _SECOND).astimezone(
            zone).replace(tzinfo=None))
    return earliest + jump * _SECOND


def _offset(time: datetime.datetime) -> datetime.timedelta:
    offset = time.utcoffset()
    assert offset is not None
    return offset
