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

"""Series out of Parquet files; ``tables`` says what is read.

Many of them are written by pandas, which says in the metadata which columns
are no columns of the table, but the index of its rows.
"""

from collections.abc import Mapping
from collections.abc import Sequence
import json
import pathlib
from typing import Any

import numpy as np
from numpy import typing as npt

from shadow_reserve.usage import tables

ENDINGS = ('.parquet', '.pq')
#: How the types of Arrow begin that are a time on a calendar, ...
MOMENTS = ('timestamp', 'date')
#: ... that are a time in some other way, that are text, and numbers.
OTHER_TIMES = ('time', 'duration', 'month')
TEXTS = ('string', 'large_string', 'string_view')
NUMBERS = ('int', 'uint', 'float', 'double', 'halffloat', 'decimal')
#: Steps that rows without any time of their own are taken to be apart.
ROW_SECONDS = 300


def read(path: pathlib.Path) -> tables.Table:
    """Read a file with pyarrow.

    :raises tables.BadFile: when it cannot be read, or pyarrow is missing
    """
    try:
        return _read(path)
    except UnicodeDecodeError as error:
        raise tables.BadFile(
            f'{path}: holds text that is not in UTF-8 ({error}).') from error
    except OSError as error:
        raise tables.BadFile(
            f'{path}: cannot be read: {error.strerror or error}.') from error


def _read(path: pathlib.Path) -> tables.Table:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise tables.BadFile(
            f'{path}: Parquet takes pyarrow, which is not installed. Run '
            'pip install pyarrow (the extra "parquet" of this package), or '
            'give a CSV file.') from None
    try:
        data = parquet.ParquetDataset(path)
        tables.check_names(str(path), data.schema.names)
        table = data.read()
        columns = {name: _decoded(column) for name, column in zip(
            table.column_names, table.columns)}
    except pyarrow.ArrowException as error:
        raise tables.BadFile(
            f'{path}: is no Parquet file: {error}') from error
    if not table.num_rows:
        raise tables.BadFile(f'{path}: has no rows.')
    lower = {name.lower(): name for name in reversed(columns)}
    if set(tables.LONG) <= set(lower):
        return _long(path, [columns[lower[name]] for name in tables.LONG])
    return _wide(path, columns, table.num_rows,
                 _index(table.schema.metadata or {}))


def _decoded(column: Any) -> Any:
    """Without a dictionary, as pandas writes for a categorical."""
    if str(column.type).startswith('dictionary'):
        return column.cast(column.type.value_type)
    return column


def _index(metadata: Mapping[bytes, bytes]) -> list[Any]:
    """What pandas says of its index: names of columns, and ranges."""
    if b'pandas' not in metadata:
        return []
    return list(json.loads(metadata[b'pandas']).get('index_columns', []))


def _wide(path: pathlib.Path, columns: dict[str, Any], rows: int,
          index: Sequence[Any]) -> tables.Table:
    time = _time(columns, index)
    ranges = [one for one in index if isinstance(one, dict)
              and one.get('kind') == 'range']
    notes = []
    # Most frames have a range for their index, whatever columns they have.
    if time is not None:
        seconds = _stamps(path, time, columns.pop(time))
    elif ranges:
        seconds = _counted(path, ranges[0], rows)
        notes.append(
            'the rows have no time of their own: the numbers of its index '
            'are taken for steps of 5 minutes since 1970')
    else:
        raise tables.no_time(str(path), list(columns))
    others = [name for name in columns if name in index]
    if others:
        notes.append('left out, as pandas has it for the index of the rows: '
                     f'{", ".join(others)}')
    return tables.Table(tuple(
        tables.Readings(name, seconds, _numbers(path, name, column))
        for name, column in columns.items() if name not in others),
        tuple(notes))


def _time(columns: Mapping[str, Any], index: Sequence[Any]) -> str | None:
    """The column of time: by its name, or an index that is one without."""
    names = list(columns)
    place = tables.time_column(names)
    if place is not None:
        return names[place]
    for name in names:
        if name in index and str(columns[name].type).startswith(MOMENTS):
            return name
    return None


def _counted(path: pathlib.Path, index: Mapping[str, Any],
             rows: int) -> tables.FloatArray:
    """Unix seconds of rows that are only counted."""
    first, each = int(index['start']), int(index.get('step', 1))
    last = first + each * (rows - 1)
    if not 0 <= min(first, last) <= max(first, last) * ROW_SECONDS <= (
            tables.LATEST):
        raise tables.BadFile(
            f'{path}: its index counts from {first} to {last}, and no '
            'column is a time. Give it a column timestamp.')
    counts = np.arange(rows, dtype=np.float64)
    return (first + each * counts) * ROW_SECONDS


def _long(path: pathlib.Path, columns: Sequence[Any]) -> tables.Table:
    # One pass over the names, however many of them there are.
    numbers: dict[str, int] = {}
    rows = np.array([numbers.setdefault(_name(given), len(numbers))
                     for given in columns[0].to_pylist()])
    if '' in numbers:
        raise tables.no_series(
            f'{path}, row {(rows == numbers[""]).argmax() + 1}')
    seconds = _stamps(path, tables.LONG[1], columns[1])
    values = _numbers(path, tables.LONG[2], columns[2])
    order = np.argsort(rows, kind='stable')
    ends = np.cumsum(np.bincount(rows))
    return tables.Table(tuple(
        tables.Readings(name, seconds[part], values[part])
        for name, part in zip(numbers, np.split(order, ends[:-1]))))


def _name(given: Any) -> str:
    """A series' name, as CSV would have it; empty where there is none."""
    # pandas has NaN, which is unlike itself, where a number is missing.
    return '' if given is None or given != given else str(given).strip()


def _numbers(path: pathlib.Path, name: str,
             column: Any) -> tables.FloatArray:
    try:
        # Times would be numbers to numpy, of some unit or other.
        if str(column.type).startswith(MOMENTS + OTHER_TIMES):
            raise TypeError
        values: tables.FloatArray = np.asarray(
            column.to_numpy(zero_copy_only=False), dtype=np.float64)
    except (TypeError, ValueError):
        raise tables.BadFile(
            f'{path}, column {name!r}: holds {column.type}, and no numbers. '
            'Leave it out of the file, or name it timestamp if it is the '
            'time.') from None
    return values


def _stamps(path: pathlib.Path, name: str,
            column: Any) -> tables.FloatArray:
    where = f'{path}, column {name!r}'
    kind = str(column.type)
    if kind.startswith(MOMENTS):
        stamps: npt.NDArray[np.datetime64] = np.asarray(
            column.to_numpy(zero_copy_only=False), 'datetime64[us]')
        if np.isnat(stamps).any():
            raise tables.BadFile(f'{where}: a row has no time.')
        seconds = stamps.astype(np.int64) / 1e6
        for row in _not_between(seconds)[:1]:
            tables.checked(float(seconds[row]), f'{where}, row {row + 1}',
                           str(stamps[row]))
        return seconds
    if kind in TEXTS or _may_be_dates(column):
        clock = tables.Stamps()
        return np.array([
            clock.seconds('' if text is None else str(text),
                          f'{where}, row {row}')
            for row, text in enumerate(column.to_pylist(), 1)])
    if not kind.startswith(NUMBERS):
        raise tables.BadFile(
            f'{where}: holds {kind}, and no times. Give timestamps, texts '
            'in ISO 8601, or unix seconds.')
    seconds = _numbers(path, name, column)
    if np.isnan(seconds).any():
        raise tables.BadFile(f'{where}: a row has no time.')
    for row in _not_between(seconds)[:1]:
        tables.checked(float(seconds[row]), f'{where}, row {row + 1}')
    return seconds


def _may_be_dates(column: Any) -> bool:
    """Whether it begins with a number like 20260131."""
    return (str(column.type).startswith(('int', 'uint'))
            and bool(tables.BARE_DATE.fullmatch(str(column[0]))))


def _not_between(seconds: tables.FloatArray) -> npt.NDArray[np.int64]:
    """The rows whose time cannot be, so that not all are looked at."""
    return np.flatnonzero(seconds != np.clip(seconds, 0, tables.LATEST))
