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
import json
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
    """Writes a Parquet file of those columns, and loads it.

    :param index: what pandas would say of the index of the rows
    """
    pyarrow = pytest.importorskip('pyarrow')
    writer = pytest.importorskip('pyarrow.parquet')

    def write_and_load(columns, index=None):
        path = tmp_path / 'usage.parquet'
        table = pyarrow.table(columns)
        if index:
            table = table.replace_schema_metadata({'pandas': json.dumps({
                'index_columns': index, 'column_indexes': [],
                'columns': []})})
        writer.write_table(table, path)
        return file_source.load(path, STEP)
    return write_and_load


def counted(first, step, rows):
    """The index of a frame that only counts its rows."""
    return [{'kind': 'range', 'name': None, 'start': first,
             'stop': first + rows * step, 'step': step}]


def test_parquet_knows_the_same_two_layouts(parquet):
    stamps = [START, START + STEP]
    wide = parquet({'time': stamps, 'web': [1.0, None]})
    np.testing.assert_array_equal(wide.series[0].values, [1, np.nan])
    long = parquet({'series': ['web', 'web'], 'value': [1, 2],
                    'timestamp': ['2026-01-05', '2026-01-05T00:05:00']})
    np.testing.assert_array_equal(long.series[0].values, [1, 2])
    assert wide.series[0].start == long.series[0].start == START


def test_rows_may_be_counted_by_the_index(parquet):
    found = parquet({'web': [1.0, 2.0]}, counted(NOON // 300, 1, 2))
    assert found.series[0].start == START
    np.testing.assert_array_equal(found.series[0].values, [1, 2])
    assert 'steps of 5 minutes' in found.notes[0]


def test_rows_may_be_counted_in_other_steps_than_one(parquet):
    # Given what pandas leaves of frame[::3]
    found = parquet({'web': [1.0, 2.0]}, counted(NOON // 300, 3, 2))
    np.testing.assert_array_equal(found.series[0].values, [1, 1, 1, 2])


@pytest.mark.parametrize('stamps', [
    [START, START + STEP],
    [START.isoformat(), (START + STEP).isoformat()],
    [NOON, NOON + 300],
], ids=['moments', 'texts', 'seconds'])
def test_a_column_of_time_goes_before_an_index_that_counts(parquet, stamps):
    # Given a frame with a column of time, and the index of most frames
    found = parquet({'timestamp': stamps, 'web': [1.0, 2.0]},
                    counted(0, 1, 2))
    # Then the column says when, and is no series
    one, = found.series
    assert (one.token, one.start) == ('web', START)
    np.testing.assert_array_equal(one.values, [1, 2])
    assert found.notes == ()


def test_an_index_of_time_needs_no_name(parquet):
    found = parquet({'web': [1.0, 2.0],
                     '__index_level_0__': [START, START + STEP]},
                    ['__index_level_0__'])
    one, = found.series
    assert (one.token, one.start) == ('web', START)
    assert found.notes == ()


def test_an_index_that_is_no_time_is_no_series(parquet):
    # Given what pandas leaves of a frame whose rows it has filtered
    found = parquet({'time': [START, START + STEP], 'web': [1.0, 2.0],
                     '__index_level_0__': [7, 9]}, ['__index_level_0__'])
    assert [one.token for one in found.series] == ['web']
    assert found.notes == ('left out, as pandas has it for the index of the '
                           'rows: __index_level_0__',)


def test_dates_may_be_numbers(parquet):
    found = parquet({'date': [20260105, 20260106], 'web': [1.0, 2.0]})
    assert found.series[0].start == START
    assert found.series[0].values[288] == 2


def test_texts_of_seconds_that_come_to_look_like_dates_are_none(parquet):
    # Given a trace that counts from 0, of which 19,700,220 is a stamp
    found = parquet({'time': ['0', '19699920', '19700220'],
                     'web': [1.0, 2.0, 3.0]})
    assert len(found.series[0].values) == 19_700_220 // 300 + 1
    assert found.notes == (
        'readings more than 5 minutes apart, each of which counts until '
        'the next: web',)


def test_categories_are_what_they_stand_for(parquet):
    pyarrow = pytest.importorskip('pyarrow')
    found = parquet({name: pyarrow.array(values).dictionary_encode()
                     for name, values in (
        ('time', [START.isoformat(), (START + STEP).isoformat()]),
        ('web', [1.5, 2.5]))})
    assert found.series[0].start == START
    np.testing.assert_array_equal(found.series[0].values, [1.5, 2.5])


def test_a_column_that_is_there_twice_is_told(tmp_path):
    pyarrow = pytest.importorskip('pyarrow')
    writer = pytest.importorskip('pyarrow.parquet')
    path = tmp_path / 'usage.parquet'
    writer.write_table(pyarrow.Table.from_arrays(
        [pyarrow.array([NOON]), pyarrow.array([1]), pyarrow.array([2])],
        names=['time', 'web', 'web']), path)
    with pytest.raises(tables.BadFile, match="column 'web' is there twice"):
        file_source.load(path, STEP)


@pytest.mark.parametrize(('columns', 'first', 'words'), [
    ({'when': [START], 'web': [1.0]}, 0,
     "column 'when': holds timestamp.*name it timestamp"),
    ({'day': [START.date()], 'web': [1.0]}, 0, "column 'day': holds date"),
    ({'uptime': [STEP], 'web': [1.0]}, 0, "'uptime': holds duration"),
    ({'web': [1.0]}, NOON, 'counts from 1767571200 to.*column timestamp'),
    ({'web': [1.0]}, -1, 'counts from -1 to -1'),
])
def test_an_index_that_counts_excuses_no_other_time(
        parquet, columns, first, words):
    with pytest.raises(tables.BadFile, match=words):
        parquet(columns, counted(first, 1, 1))


def test_long_rows_of_many_series_may_stand_in_any_order(parquet):
    # Given the readings of 50 series, one of each in turn, and two swapped
    names = [f'vm-{row % 50}' for row in range(500)]
    stamps = [NOON + 300 * (row // 50) for row in range(500)]
    for column in (names, stamps):
        column[0], column[499] = column[499], column[0]
    # When they are read
    found = parquet({'series': names, 'timestamp': stamps,
                     'value': list(range(500))})
    # Then each series has its own, in the order of the first row of each
    assert [one.token for one in found.series] == list(dict.fromkeys(names))
    for one in found.series:
        np.testing.assert_array_equal(one.values, [
            value for _, name, value in sorted(zip(stamps, names, range(500)))
            if name == one.token])


def test_names_of_long_rows_are_taken_without_the_blanks_around(parquet):
    found = parquet({'series': ['web', ' web '], 'value': [1, 2],
                     'timestamp': [NOON, NOON + 300]})
    one, = found.series
    assert one.token == 'web'
    np.testing.assert_array_equal(one.values, [1, 2])


def test_names_of_long_rows_may_be_numbers(parquet):
    found = parquet({'series': [7, 8], 'value': [1, 2],
                     'timestamp': [NOON, NOON]})
    assert [one.token for one in found.series] == ['7', '8']


@pytest.mark.parametrize(('columns', 'words'), [
    ({'web': [1.0]}, 'no column of time stamps'),
    ({'time': [NOON], 'web': ['x']}, "column 'web': holds string"),
    ({'time': [NOON * 1000], 'web': [1.0]}, 'row 1.*milliseconds'),
    ({'time': [START, START.replace(year=1969)], 'web': [1.0, 2.0]},
     "row 2: '1969-01-05T00:00:00.* is not between 1970 and 2200"),
    ({'time': [START, START.replace(year=9999)], 'web': [1.0, 2.0]},
     'row 2.* is not between 1970 and 2200'),
    ({'time': ['2026-01-05', '1969-01-05'], 'web': [1.0, 2.0]},
     "row 2: '1969-01-05' is not between"),
    ({'time': [None, START], 'web': [1.0, 2.0]}, 'a row has no time'),
    ({'time': [NOON, None], 'web': [1.0, 2.0]}, 'a row has no time'),
    ({'time': [NOON, float('nan')], 'web': [1.0, 2.0]}, 'a row has no time'),
    ({'time': ['soon'], 'web': [1.0]}, "row 1: 'soon' is no time"),
    ({'time': [STEP], 'web': [1.0]}, "'time': holds duration.*no times"),
    ({'series': ['web', None], 'timestamp': [NOON, NOON], 'value': [1, 2]},
     "row 2, column 'series': is empty"),
    ({'series': ['web', ' '], 'timestamp': [NOON, NOON], 'value': [1, 2]},
     "row 2, column 'series': is empty"),
    ({'series': [7.0, float('nan'), float('nan')],
      'timestamp': [NOON, NOON, NOON], 'value': [1, 2, 3]},
     "row 2, column 'series': is empty"),
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
