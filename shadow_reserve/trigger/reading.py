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

"""What an alarm itself says of usage: pure, and only if it is plausible.

Aodh ends the reason for a threshold alarm's state with the newest value
that it compared, in the unit of the alarm's rule.
"""

from collections.abc import Mapping
import dataclasses
import datetime
import math
import re
from typing import Any

from shadow_reserve.records import reservation

CPU = 'cpu'
MEMORY = 'memory'
IO_LATENCY = 'io_latency'

_VALUE = re.compile(
    r'\bmost recent: (-?\d{1,30}(?:\.\d{1,30})?(?:[eE][+-]?\d{1,3})?)\Z')
#: The value is at its end, however long it is.
_TAIL = 100
_NANOSECONDS = 1_000_000_000
#: A day; of slower alarms nobody waits for the quick way.
_LONGEST_WINDOW = 86400
_PERCENT = 100.0


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """Mean over the application's servers; a figure that the alarm does
    not look at is ``None``.

    ``window`` is the time within which what it read was measured.
    """

    window: datetime.timedelta
    cpu_percent: float | None = None
    memory_percent: float | None = None
    io_latency_ms: float | None = None


def read(metric: str, rule: Mapping[str, Any], reason: str,
         size: reservation.InstanceSize) -> Reading | None:
    """What an alarm has just read.

    :param metric: what it was made for
    :param rule: its rule, as Aodh has it
    :param reason: what Aodh says of its state
    :returns: ``None`` where it gives no value, as when its state was set
        by hand, or one that cannot be: the value over a group is wrong
        while servers come and go
    """
    value = most_recent(reason)
    window = _window(rule)
    if value is None or window is None or value < 0:
        return None
    if metric == IO_LATENCY:
        return Reading(window=window, io_latency_ms=value)
    how = (metric, rule.get('metric'), rule.get('aggregation_method'))
    if how == (CPU, 'cpu', 'rate:mean'):
        percent = _share(value, rule['granularity'] * _NANOSECONDS
                         * size.vcpus)
        return None if percent is None else Reading(
            window=window, cpu_percent=percent)
    if how == (MEMORY, 'memory.usage', 'mean'):
        percent = _share(value, size.memory_mib)
        return None if percent is None else Reading(
            window=window, memory_percent=percent)
    return None


def most_recent(reason: Any) -> float | None:
    """The value at the end of a reason, if there is one."""
    if not isinstance(reason, str):
        return None
    found = _VALUE.search(reason[-_TAIL:])
    value = float(found.group(1)) if found else math.inf
    return value if math.isfinite(value) else None


def _share(value: float, whole: float) -> float | None:
    if whole <= 0:
        return None
    percent = _PERCENT * value / whole
    return percent if percent <= _PERCENT else None


def _window(rule: Mapping[str, Any]) -> datetime.timedelta | None:
    """With the interval before, out of which the first rate came."""
    granularity = rule.get('granularity')
    periods = rule.get('evaluation_periods')
    if type(granularity) is not int or type(periods) is not int:
        return None
    seconds = granularity * (periods + 1)
    if granularity <= 0 or periods <= 0 or seconds > _LONGEST_WINDOW:
        return None
    return datetime.timedelta(seconds=seconds)
