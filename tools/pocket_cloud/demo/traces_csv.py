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


"""A trace of the user's own, from a file of comma-separated values.

The first line names the columns, in any order::

    timestamp,cpu_percent,memory_percent,disk_mib_per_second
    2026-01-05T00:00:00Z,31.5,44.0,2.25

``timestamp`` is ISO 8601 (without an offset it is UTC) or seconds since
1970. The values are of the whole application: CPU and memory in percent of
what its servers have together, disk read and written. Rows are in the order
of time; they may come at any rhythm up to an hour, and are brought to steps
of five minutes. At least fourteen days are needed, of more the last
fourteen are taken. The trace is re-dated: it ends when the demo begins.
"""

import bisect
import csv
import datetime
import io
import math
import pathlib

from pocket_cloud.demo import trace
from pocket_cloud import errors

TIMESTAMP = 'timestamp'
#: Each column's largest value, and what it is.
COLUMNS = {
    'cpu_percent': (100.0, 'percent'),
    'memory_percent': (100.0, 'percent'),
    'disk_mib_per_second': (1e6, 'MiB/s'),
}
LONGEST_GAP = datetime.timedelta(hours=1)
#: A file larger than this is no trace of a few weeks.
LARGEST = 64 * 1024 * 1024

Row = tuple[datetime.datetime, trace.Demand]


class TraceError(errors.PocketCloudError):
    """What is wrong with the file, with the line and the column."""


def read(path: pathlib.Path) -> trace.Trace:
    """:raises TraceError: when it is not a usable trace"""
    try:
        if path.stat().st_size > LARGEST:
            raise TraceError(f'{path} has more than {LARGEST >> 20} MiB: '
                             f'that is no trace of two weeks.')
        text = path.read_text(encoding='utf-8-sig')
    except OSError as error:
        raise TraceError(
            f'{path} cannot be read: {error.strerror}.') from error
    except UnicodeDecodeError as error:
        raise TraceError(f'{path} is not a text in UTF-8.') from error
    return parse(text, path.name)


def parse(text: str, name: str) -> trace.Trace:
    """The trace in the text of a file.

    :param name: of the file, for the errors
    :raises TraceError: see :func:`read`
    """
    try:
        rows = _rows(text)
        return trace.Trace(_steps(rows), f'from {name}')
    except (TraceError, csv.Error) as error:
        raise TraceError(f'{name}: {error}') from error


def _rows(text: str) -> list[Row]:
    reader = csv.reader(io.StringIO(text))
    header = [column.strip() for column in next(reader, [])]
    _check_header(header)
    rows: list[Row] = []
    for cells in reader:
        if not cells:
            continue
        line = reader.line_num
        if len(cells) != len(header):
            raise TraceError(
                f'line {line} has {len(cells)} values, the header has '
                f'{len(header)}.')
        row = _row(dict(zip(header, cells)), line)
        if rows:
            _check_order(rows[-1][0], row[0], line)
        rows.append(row)
    return rows


def _check_header(header: list[str]) -> None:
    wanted = [TIMESTAMP, *COLUMNS]
    wrong = [f'has no column {column}' for column in wanted
             if column not in header]
    wrong += [f'has an unknown column {column!r}' for column in header
              if column not in wanted]
    if len(header) > len(set(header)):
        wrong.append('names a column twice')
    if wrong:
        raise TraceError(f'line 1 {" and ".join(wrong)}. It must be '
                         f'{",".join(wanted)}')


def _row(cells: dict[str, str], line: int) -> Row:
    values = {column: _value(cells[column].strip(), line, column)
              for column in COLUMNS}
    return _time(cells[TIMESTAMP].strip(), line), trace.Demand(**values)


def _value(text: str, line: int, column: str) -> float:
    largest, unit = COLUMNS[column]
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= largest:
        raise TraceError(
            f'line {line}, column {column}: {text!r} is not a number from '
            f'0 to {largest:g} ({unit}).')
    return value


def _time(text: str, line: int) -> datetime.datetime:
    try:
        if text.replace('.', '', 1).isdigit():
            return datetime.datetime.fromtimestamp(
                float(text), datetime.UTC)
        moment = datetime.datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=datetime.UTC)
        return moment.astimezone(datetime.UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise TraceError(
            f'line {line}, column {TIMESTAMP}: {text!r} is neither a time '
            f'in ISO 8601 nor seconds since 1970.') from error


def _check_order(last: datetime.datetime, moment: datetime.datetime,
                 line: int) -> None:
    if moment <= last:
        raise TraceError(
            f'line {line}, column {TIMESTAMP}: {moment.isoformat()} is not '
            f'after the line before.')
    if moment - last > LONGEST_GAP:
        raise TraceError(
            f'line {line}, column {TIMESTAMP}: {moment - last} have passed '
            f'since the line before; more than {LONGEST_GAP} is a gap that '
            f'nothing can be learned from.')


def _steps(rows: list[Row]) -> tuple[trace.Demand, ...]:
    """The mean of each step; a step without a row is as the one before."""
    if len(rows) < 2:
        raise TraceError('there are no rows.' if not rows else
                         'there is only one row.')
    # The last row stands for as long as the one before it did.
    end = rows[-1][0] + (rows[-1][0] - rows[-2][0])
    start = end - trace.STEPS * trace.STEP
    if rows[0][0] > start + trace.STEP:
        raise TraceError(
            f'it covers {end - rows[0][0]}, and {trace.DAYS} days are '
            f'needed: {trace.STEPS} rows of {trace.STEP}, or as many as '
            f'cover that time at another rhythm.')
    times = [moment for moment, _ in rows]
    steps: list[trace.Demand] = []
    for index in range(trace.STEPS):
        begin = start + index * trace.STEP
        first = bisect.bisect_left(times, begin)
        last = bisect.bisect_left(times, begin + trace.STEP)
        if first < last:
            steps.append(_mean([demand for _, demand in rows[first:last]]))
        else:
            steps.append(rows[max(first - 1, 0)][1])
    return tuple(steps)


def _mean(demands: list[trace.Demand]) -> trace.Demand:
    count = len(demands)
    return trace.Demand(
        cpu_percent=sum(one.cpu_percent for one in demands) / count,
        memory_percent=sum(one.memory_percent for one in demands) / count,
        disk_mib_per_second=sum(
            one.disk_mib_per_second for one in demands) / count)
