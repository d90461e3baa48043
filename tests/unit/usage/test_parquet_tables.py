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

"""Parquet as people have it, which is mostly what pandas writes."""

import datetime
import sys

import numpy as np
import pytest

from shadow_reserve.usage import file_source
from shadow_reserve.usage import tables

STEP = datetime.timedelta(minutes=5)
START = datetime.datetime(2026, 1, 5, tzinfo=datetime.UTC)
NOON = int(START.timestamp())


def test_parquet_without_pyarrow_says_what_to_install(
        tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'pyarrow', None)
    with pytest.raises(tables.BadFile, match='pip install pyarrow'):
        file_source.load(tmp_path / 'usage.parquet', STEP)


@pytest.fixture
def parquet(tmp_path):
    """Writes a Parquet file of those columns, and loads it."""
    pyarrow = pytest.importorskip('pyarrow')
    writer = pytest.importorskip('pyarrow.parquet')

    def write_and_load(columns, metadata=None):
        path = tmp_path / 'usage.parquet'
        table = pyarrow.table(columns)
        if metadata:
            table = table.replace_schema_metadata(metadata)
        writer.write_table(table, path)
        return file_source.load(path, STEP)
    return write_and_load


def test_parquet_knows_the_same_two_layouts(parquet):
    stamps = [START, START + STEP]
    wide = parquet({'time': stamps, 'web': [1.0, None]})
    np.testing.assert_array_equal(wide.series[0].values, [1, np.nan])
    long = parquet({'series': ['web', 'web'], 'value': [1, 2],
                    'timestamp': ['2026-01-05', '2026-01-05T00:05:00']})
    np.testing.assert_array_equal(long.series[0].values, [1, 2])
    assert wide.series[0].start == long.series[0].start == START


def test_parquet_rows_may_be_counted_by_the_index(parquet):
    first = NOON // 300
    found = parquet({'web': [1.0, 2.0]}, {'pandas': (
        '{"index_columns": [{"kind": "range", "start": '
        f'{first}}}]}}')})
    assert found.series[0].start == START
    assert 'steps of 5 minutes' in found.notes[0]


@pytest.mark.parametrize(('columns', 'words'), [
    ({'web': [1.0]}, 'no column of time stamps'),
    ({'time': [NOON], 'web': ['x']}, "column 'web': holds string"),
    ({'time': [NOON * 1000], 'web': [1.0]}, 'row 1.*milliseconds'),
    ({'time': [None, START], 'web': [1.0, 2.0]}, 'a row has no time'),
    ({'time': ['soon'], 'web': [1.0]}, "row 1: 'soon' is no time"),
])
def test_bad_parquet_is_told_where_and_what(parquet, columns, words):
    with pytest.raises(tables.BadFile, match=words):
        parquet(columns)


def test_what_is_no_parquet_is_told(tmp_path):
    pytest.importorskip('pyarrow')
    path = tmp_path / 'usage.parquet'
    path.write_text('time,web\n')
    with pytest.raises(tables.BadFile, match='is no Parquet file'):
        file_source.load(path, STEP)
