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

"""Series out of Parquet files; ``tables`` says what is read."""

from collections.abc import Mapping
from collections.abc import Sequence
import json
import pathlib
from typing import Any

import numpy as np
from numpy import typing as npt

from shadow_reserve.usage import tables

ENDINGS = ('.parquet', '.pq')
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
        table = parquet.read_table(path)
    except pyarrow.ArrowException as error:
        raise tables.BadFile(
            f'{path}: is no Parquet file: {error}') from error
    names = list(table.column_names)
    lower = [name.lower() for name in names]
    columns = dict(zip(names, table.columns))
    if set(tables.LONG) <= set(lower):
        return _long(path, [columns[names[lower.index(name)]]
                            for name in tables.LONG])
    notes: tuple[str, ...] = ()
    start = _range_start(table.schema.metadata or {})
    if start is None:
        time = names[tables.time_column(path, names)]
        seconds = _stamps(path, time, columns.pop(time))
    else:
        seconds = (start + np.arange(table.num_rows)) * float(ROW_SECONDS)
        notes = ('the rows have no time of their own: the numbers of its '
                 'index are taken for steps of 5 minutes since 1970',)
    if not len(seconds):
        raise tables.BadFile(f'{path}: has no rows.')
    return tables.Table(tuple(
        tables.Readings(name, seconds, _numbers(path, name, column))
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


def _long(path: pathlib.Path, columns: Sequence[Any]) -> tables.Table:
    names = np.array([str(name) for name in columns[0].to_pylist()])
    seconds = _stamps(path, tables.LONG[1], columns[1])
    values = _numbers(path, tables.LONG[2], columns[2])
    return tables.Table(tuple(
        tables.Readings(str(name), seconds[names == name],
                        values[names == name])
        for name in dict.fromkeys(names)))


def _numbers(path: pathlib.Path, name: str,
             column: Any) -> tables.FloatArray:
    try:
        values: tables.FloatArray = np.asarray(
            column.to_numpy(zero_copy_only=False), dtype=np.float64)
    except (TypeError, ValueError):
        raise tables.BadFile(
            f'{path}, column {name!r}: holds {column.type}, and no numbers. '
            'Leave it out of the file.') from None
    return values


def _stamps(path: pathlib.Path, name: str,
            column: Any) -> tables.FloatArray:
    where = f'{path}, column {name!r}'
    kind = str(column.type)
    if kind.startswith(('timestamp', 'date')):
        stamps: npt.NDArray[np.datetime64] = np.asarray(
            column.to_numpy(zero_copy_only=False), 'datetime64[us]')
        if np.isnat(stamps).any():
            raise tables.BadFile(f'{where}: a row has no time.')
        return stamps.astype(np.int64) / 1e6
    if kind in ('string', 'large_string'):
        return np.array([
            tables.stamp(text or '', f'{where}, row {row}')
            for row, text in enumerate(column.to_pylist(), 1)])
    seconds = _numbers(path, name, column)
    for row, value in enumerate(seconds, 1):
        tables.checked(float(value), f'{where}, row {row}')
    return seconds
