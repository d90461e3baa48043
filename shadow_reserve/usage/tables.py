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

"""Series as they stand in a file, and the time stamps of files.

Two layouts are read. *Wide*: a column of time stamps, and one column for
each series. *Long*: the columns ``series``, ``timestamp`` and ``value``,
one reading a row. Stamps are ISO 8601 (UTC unless they say otherwise) or
unix seconds. Where 20260131 could be either, the first stamp of the file
says which.
"""

import collections
from collections.abc import Sequence
import dataclasses
import datetime
import re

from shadow_reserve.usage import series as series_module

FloatArray = series_module.FloatArray

LONG = ('series', 'timestamp', 'value')
#: Names of a time column, in the order in which they are looked for.
TIME_COLUMNS = ('timestamp', 'time', 'datetime', 'date', 'ts')
#: A date without dashes. As seconds these would be days of 1970.
BARE_DATE = re.compile(
    r'(19[7-9]|20\d|21\d)\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])')
#: Unix seconds of the year 2200: larger numbers are milliseconds or worse.
LATEST = 7_258_118_400


class BadFile(Exception):
    """A file that cannot be read, with where and what to do about it."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """One series as read: stamps in unix seconds, NaN for a gap.

    Stamps are in the order of the file, and may come twice.
    """

    name: str
    seconds: FloatArray
    values: FloatArray


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Table:
    """All series of a file, and what was remarkable about reading it."""

    series: tuple[Readings, ...]
    notes: tuple[str, ...] = ()


def check_names(where: str, header: Sequence[str]) -> None:
    """See that no column is there twice.

    :raises BadFile: when one is
    """
    twice = sorted(name for name, count in collections.Counter(header).items()
                   if count > 1)
    if twice:
        raise BadFile(f'{where}: the column {twice[0]!r} is there twice. '
                      'Give every series a name of its own.')


def time_column(header: Sequence[str]) -> int | None:
    """Where in the header a column is whose name says that it is time."""
    lower = [name.lower() for name in header]
    for name in TIME_COLUMNS:
        if name in lower:
            return lower.index(name)
    return None


def no_time(where: str, header: Sequence[str]) -> BadFile:
    """What is said when there is no such column, nor anything instead."""
    shown = ', '.join(header[:6]) + (', ...' if len(header) > 6 else '')
    return BadFile(
        f'{where}: no column of time stamps among {shown}. Name it one of '
        f'{", ".join(TIME_COLUMNS)}, beside one column for each series; or '
        f'give the three columns {", ".join(LONG)}.')


def no_series(where: str) -> BadFile:
    """What is said of a reading of the long layout that names no series."""
    return BadFile(f'{where}, column {LONG[0]!r}: is empty. Say of which '
                   'series each reading is.')


class Stamps:
    """The stamps of one file, the first of which says what all are.

    Seconds that are counted from 0 come to look like dates after 228 days.
    """

    def __init__(self) -> None:
        self._dates: bool | None = None

    def seconds(self, text: str, where: str) -> float:
        """Unix seconds.

        :param where: of the file it is, for the message
        :raises BadFile: when it is no time
        """
        text = text.strip()
        if self._dates is None:
            self._dates = _is_date(text)
        try:
            if not (self._dates and BARE_DATE.fullmatch(text)):
                return checked(float(text), where)
        except ValueError:
            pass
        try:
            moment = datetime.datetime.fromisoformat(text)
        except ValueError:
            raise BadFile(
                f'{where}: {text[:40]!r} is no time. Give ISO 8601, '
                '2026-01-31T09:00:00Z, or unix seconds.') from None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=datetime.UTC)
        return checked(moment.timestamp(), where, text)


def _is_date(text: str) -> bool:
    """Whether it is anything else than seconds."""
    try:
        float(text)
    except ValueError:
        return True
    return bool(BARE_DATE.fullmatch(text))


def checked(seconds: float, where: str, moment: str | None = None) -> float:
    """The same, if they are between 1970 and 2200.

    :param moment: what the file says, if that is no unix seconds
    :raises BadFile: otherwise
    """
    if 0 <= seconds <= LATEST:
        return seconds
    if moment is not None:
        raise BadFile(f'{where}: {moment[:40]!r} is not between 1970 and '
                      '2200. Correct it, or leave the row out.')
    raise BadFile(f'{where}: {seconds:g} are no unix seconds between 1970 '
                  'and 2200. Divide milliseconds by 1000.')
