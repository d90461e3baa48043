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

"""Series out of CSV files, gzipped or not; ``tables`` says what is read."""

from collections.abc import Iterator
from collections.abc import Sequence
import csv
import gzip
import math
import pathlib
from typing import Any
from typing import TextIO
import zlib

import numpy as np

from shadow_reserve.usage import tables

#: What stands between the fields of files that are nearly CSV.
SEPARATORS = {';': 'semicolons', '\t': 'tabs', '|': 'bars'}
GAPS = frozenset({'', 'nan', 'na', 'n/a', 'null', 'none', '-'})


def read(path: pathlib.Path) -> tables.Table:
    """Read a file, gzipped if it ends in ``.gz``.

    :raises tables.BadFile: when it cannot be read
    """
    opened = gzip.open if path.suffix == '.gz' else open
    try:
        with opened(path, 'rt', encoding='utf-8-sig', newline='') as file:
            return _read(path, file)
    except UnicodeDecodeError as error:
        raise tables.BadFile(
            f'{path}: is no text in UTF-8 ({error}). Give a CSV file, or a '
            'Parquet file that ends in .parquet.') from error
    except (EOFError, zlib.error) as error:
        raise tables.BadFile(
            f'{path}: is damaged or cut off: {error}. Copy or compress it '
            'once more.') from error
    except OSError as error:
        raise tables.BadFile(
            f'{path}: cannot be read: {error.strerror or error}.') from error
    except csv.Error as error:
        raise tables.BadFile(f'{path}: is no CSV: {error}.') from error


def _read(path: pathlib.Path, file: TextIO) -> tables.Table:
    rows = csv.reader(file)
    header = [name.strip() for name in next(rows, [])]
    if not any(header):
        raise tables.BadFile(
            f'{path}: is empty. Its first line must be a header.')
    tables.check_names(f'{path}, line 1', header)
    body = _rows(path, rows, len(header))
    lower = [name.lower() for name in header]
    if set(tables.LONG) <= set(lower):
        return _long(path, body, [lower.index(name) for name in tables.LONG])
    time = tables.time_column(header)
    if time is None:
        raise _other_separator(path, header) or tables.no_time(
            f'{path}, line 1', header)
    return _wide(path, body, header, time)


def _other_separator(path: pathlib.Path,
                     header: Sequence[str]) -> tables.BadFile | None:
    """What is said when the header is one field with something in it."""
    for separator, name in SEPARATORS.items():
        if len(header) == 1 and separator in header[0]:
            return tables.BadFile(
                f'{path}, line 1: has {name} between the fields. Write '
                'commas between them, and points in the numbers.')
    return None


def _rows(path: pathlib.Path, rows: Any,
          width: int) -> Iterator[tuple[int, list[str]]]:
    """The rows with the numbers of their lines; empty lines left out."""
    for row in rows:
        if not row:
            continue
        if len(row) != width:
            raise tables.BadFile(
                f'{path}, line {rows.line_num}: has {len(row)} fields where '
                f'the header has {width}. Leave a field empty for a gap, '
                'and put a field with a comma in double quotes.')
        yield rows.line_num, row


def _wide(path: pathlib.Path, body: Iterator[tuple[int, list[str]]],
          header: Sequence[str], time: int) -> tables.Table:
    clock = tables.Stamps()
    stamps: list[float] = []
    values: list[list[float]] = []
    for line, row in body:
        where = f'{path}, line {line}, column {header[time]!r}'
        stamps.append(clock.seconds(row[time], where))
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
        raise tables.BadFile(f'{path}: has a header and no rows.')
    columns = np.array(values).T
    seconds = np.array(stamps)
    return tables.Table(tuple(
        tables.Readings(name or f'column {index + 1}', seconds,
                        columns[index])
        for index, name in enumerate(header) if index != time))


def _long(path: pathlib.Path, body: Iterator[tuple[int, list[str]]],
          places: Sequence[int]) -> tables.Table:
    found: dict[str, tuple[list[float], list[float]]] = {}
    series, timestamp, value = places
    clock = tables.Stamps()
    for line, row in body:
        name = row[series].strip()
        if not name:
            raise tables.no_series(f'{path}, line {line}')
        stamps, values = found.setdefault(name, ([], []))
        stamps.append(clock.seconds(
            row[timestamp],
            f'{path}, line {line}, column {tables.LONG[1]!r}'))
        values.append(_number(
            row[value], f'{path}, line {line}, column {tables.LONG[2]!r}'))
    if not found:
        raise tables.BadFile(f'{path}: has a header and no rows.')
    return tables.Table(tuple(
        tables.Readings(name, np.array(stamps), np.array(values))
        for name, (stamps, values) in found.items()))


def _number(text: str, where: str) -> float:
    if text.strip().lower() in GAPS:
        return math.nan
    try:
        return float(text)
    except ValueError:
        raise tables.BadFile(
            f'{where}: {text[:40]!r} is no number. Leave the field empty '
            'for a gap.') from None
