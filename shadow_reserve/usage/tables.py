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

"""Series out of CSV and Parquet files, as they stand there.

Two layouts are read. *Wide*: a column of time stamps, and one column for
each series. *Long*: the columns ``series``, ``timestamp`` and ``value``,
one reading a row. Stamps are ISO 8601 (UTC unless they say otherwise) or
unix seconds. CSV may be gzipped.
"""

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import csv
import dataclasses
import datetime
import gzip
import json
import math
import pathlib
from typing import Any
from typing import TextIO

import numpy as np
from numpy import typing as npt

from shadow_reserve.usage import series as series_module

FloatArray = series_module.FloatArray

LONG = ('series', 'timestamp', 'value')
#: Names of a time column, in the order in which they are looked for.
TIME_COLUMNS = ('timestamp', 'time', 'datetime', 'date', 'ts')
GAPS = frozenset({'', 'nan', 'na', 'n/a', 'null', 'none', '-'})
#: Unix seconds of the year 2200: larger numbers are milliseconds or worse.
LATEST = 7_258_118_400
#: Steps that rows without any time of their own are taken to be apart.
ROW_SECONDS = 300


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


def read(path: pathlib.Path) -> Table:
    """Read a file by its ending: ``.parquet``, or CSV otherwise.

    :raises BadFile: when it cannot be read
    """
    try:
        if path.suffix in ('.parquet', '.pq'):
            return _read_parquet(path)
        opened = gzip.open if path.suffix == '.gz' else open
        with opened(path, 'rt', encoding='utf-8-sig', newline='') as file:
            return _read_csv(path, file)
    except UnicodeDecodeError as error:
        raise BadFile(f'{path}: is no text in UTF-8 ({error}). Give a CSV '
                      'file, or a Parquet file that ends in .parquet.'
                      ) from error
    except (OSError, EOFError) as error:
        reason = getattr(error, 'strerror', None) or str(error)
        raise BadFile(f'{path}: cannot be read: {reason}.') from error
    except csv.Error as error:
        raise BadFile(f'{path}: is no CSV: {error}.') from error


def _read_csv(path: pathlib.Path, file: TextIO) -> Table:
    rows = csv.reader(file)
    header = [name.strip() for name in next(rows, [])]
    if not any(header):
        raise BadFile(f'{path}: is empty. Its first line must be a header.')
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise BadFile(f'{path}, line 1: the column {twice[0]!r} is there '
                      'twice. Give every series a name of its own.')
    body = _rows(path, rows, len(header))
    lower = [name.lower() for name in header]
    if set(LONG) <= set(lower):
        return _long(path, body, [lower.index(name) for name in LONG])
    time = _time_column(path, header)
    return _wide(path, body, header, time)


def _rows(path: pathlib.Path, rows: Any,
          width: int) -> Iterator[tuple[int, list[str]]]:
    """The rows with the numbers of their lines; empty lines left out."""
    for row in rows:
        if not row:
            continue
        if len(row) != width:
            raise BadFile(
                f'{path}, line {rows.line_num}: has {len(row)} fields where '
                f'the header has {width}. Leave a field empty for a gap, '
                'and put a field with a comma in double quotes.')
        yield rows.line_num, row


def _time_column(path: pathlib.Path, header: Sequence[str]) -> int:
    lower = [name.lower() for name in header]
    for name in TIME_COLUMNS:
        if name in lower:
            return lower.index(name)
    shown = ', '.join(header[:6]) + (', ...' if len(header) > 6 else '')
    raise BadFile(
        f'{path}, line 1: no column of time stamps among {shown}. Name it '
        f'one of {", ".join(TIME_COLUMNS)}, beside one column for each '
        f'series; or give the three columns {", ".join(LONG)}.')


def _wide(path: pathlib.Path, body: Iterator[tuple[int, list[str]]],
          header: Sequence[str], time: int) -> Table:
    stamps: list[float] = []
    values: list[list[float]] = []
    for line, row in body:
        where = f'{path}, line {line}, column {header[time]!r}'
        stamps.append(_stamp(row[time], where))
        try:
            # The quick way; float() knows nan, and not an empty field.
            values.append([float(text) if text else math.nan
                           for text in row])
        except ValueError:
            values.append([
                0.0 if index == time else
                _number(text, f'{path}, line {line}, column '
                              f'{header[index]!r}')
                for index, text in enumerate(row)])
    if not stamps:
        raise BadFile(f'{path}: has a header and no rows.')
    columns = np.array(values).T
    seconds = np.array(stamps)
    return Table(tuple(
        Readings(name or f'column {index + 1}', seconds, columns[index])
        for index, name in enumerate(header) if index != time))


def _long(path: pathlib.Path, body: Iterator[tuple[int, list[str]]],
          places: Sequence[int]) -> Table:
    found: dict[str, tuple[list[float], list[float]]] = {}
    series, timestamp, value = places
    for line, row in body:
        stamps, values = found.setdefault(row[series].strip(), ([], []))
        stamps.append(_stamp(
            row[timestamp], f'{path}, line {line}, column {LONG[1]!r}'))
        values.append(_number(
            row[value], f'{path}, line {line}, column {LONG[2]!r}'))
    if not found:
        raise BadFile(f'{path}: has a header and no rows.')
    return Table(tuple(
        Readings(name, np.array(stamps), np.array(values))
        for name, (stamps, values) in found.items()))


def _number(text: str, where: str) -> float:
    if text.strip().lower() in GAPS:
        return math.nan
    try:
        return float(text)
    except ValueError:
        raise BadFile(f'{where}: {text[:40]!r} is no number. Leave the '
                      'field empty for a gap.') from None


def _stamp(text: str, where: str) -> float:
    """Unix seconds."""
    try:
        seconds = float(text)
    except ValueError:
        try:
            moment = datetime.datetime.fromisoformat(text.strip())
        except ValueError:
            raise BadFile(
                f'{where}: {text[:40]!r} is no time. Give ISO 8601, '
                '2026-01-31T09:00:00Z, or unix seconds.') from None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=datetime.UTC)
        return moment.timestamp()
    return _checked(seconds, where)


def _checked(seconds: float, where: str) -> float:
    if not 0 <= seconds <= LATEST:
        raise BadFile(f'{where}: {seconds:g} are no unix seconds between '
                      '1970 and 2200. Divide milliseconds by 1000.')
    return seconds


def _read_parquet(path: pathlib.Path) -> Table:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise BadFile(
            f'{path}: Parquet takes pyarrow, which is not installed. Run '
            'pip install pyarrow (the extra "parquet" of this package), or '
            'give a CSV file.') from None
    try:
        table = parquet.read_table(path)
    except pyarrow.ArrowException as error:
        raise BadFile(f'{path}: is no Parquet file: {error}') from error
    names = list(table.column_names)
    lower = [name.lower() for name in names]
    columns = dict(zip(names, table.columns))
    if set(LONG) <= set(lower):
        return _long_parquet(path, [columns[names[lower.index(name)]]
                                    for name in LONG])
    notes: tuple[str, ...] = ()
    start = _range_start(table.schema.metadata or {})
    if start is None:
        time = names[_time_column(path, names)]
        seconds = _parquet_stamps(path, time, columns.pop(time))
    else:
        seconds = (start + np.arange(table.num_rows)) * float(ROW_SECONDS)
        notes = ('the rows have no time of their own: the numbers of its '
                 'index are taken for steps of 5 minutes since 1970',)
    if not len(seconds):
        raise BadFile(f'{path}: has no rows.')
    return Table(tuple(
        Readings(name, seconds, _parquet_numbers(path, name, column))
        for name, column in columns.items()), notes)


def _range_start(metadata: Mapping[bytes, bytes]) -> int | None:
    """Where a pandas index that only counts begins, if there is one."""
    if b'pandas' not in metadata:
        return None
    indexes = json.loads(metadata[b'pandas']).get('index_columns', [])
    for index in indexes:
        if isinstance(index, dict) and index.get('kind') == 'range':
            return int(index['start'])
    return None


def _long_parquet(path: pathlib.Path, columns: Sequence[Any]) -> Table:
    names = np.array([str(name) for name in columns[0].to_pylist()])
    seconds = _parquet_stamps(path, LONG[1], columns[1])
    values = _parquet_numbers(path, LONG[2], columns[2])
    return Table(tuple(
        Readings(str(name), seconds[names == name], values[names == name])
        for name in dict.fromkeys(names)))


def _parquet_numbers(path: pathlib.Path, name: str,
                     column: Any) -> FloatArray:
    try:
        values: FloatArray = np.asarray(
            column.to_numpy(zero_copy_only=False), dtype=np.float64)
    except (TypeError, ValueError):
        raise BadFile(f'{path}, column {name!r}: holds {column.type}, and '
                      'no numbers. Leave it out of the file.') from None
    return values


def _parquet_stamps(path: pathlib.Path, name: str,
                    column: Any) -> FloatArray:
    where = f'{path}, column {name!r}'
    kind = str(column.type)
    if kind.startswith(('timestamp', 'date')):
        stamps: npt.NDArray[np.datetime64] = np.asarray(
            column.to_numpy(zero_copy_only=False), 'datetime64[us]')
        if np.isnat(stamps).any():
            raise BadFile(f'{where}: a row has no time.')
        return stamps.astype(np.int64) / 1e6
    if kind in ('string', 'large_string'):
        return np.array([
            _stamp(text or '', f'{where}, row {row}')
            for row, text in enumerate(column.to_pylist(), 1)])
    seconds = _parquet_numbers(path, name, column)
    for row, value in enumerate(seconds, 1):
        _checked(float(value), f'{where}, row {row}')
    return seconds
