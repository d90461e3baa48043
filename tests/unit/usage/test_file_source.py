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

"""Files as people have them, and what is said about bad ones."""

import datetime
import gzip

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest

from shadow_reserve.cloud import exceptions
from shadow_reserve.records import demand
from shadow_reserve.records import usage
from shadow_reserve.usage import file_source
from shadow_reserve.usage import source
from shadow_reserve.usage import tables

STEP = datetime.timedelta(minutes=5)
START = datetime.datetime(2026, 1, 5, tzinfo=datetime.UTC)
NOON = int(START.timestamp())


@pytest.fixture
def load(tmp_path):
    """Writes a file of that text, and loads it."""
    def write_and_load(text, name='usage.csv'):
        path = tmp_path / name
        path.write_text(text)
        return file_source.load(path, STEP)
    return write_and_load


def complaint(load, text):
    with pytest.raises(tables.BadFile) as caught:
        load(text)
    return str(caught.value)


def test_wide_is_a_column_a_series(load):
    found = load('timestamp,web,db\n'
                 '2026-01-05T00:00:00Z,1.5,3\n'
                 '2026-01-05T01:05:00+01:00,2.5,\n'
                 '2026-01-05 00:10:00,3.5,5\n')
    web, db = found.series
    assert (web.token, web.start, web.step) == ('web', START, STEP)
    np.testing.assert_array_equal(web.values, [1.5, 2.5, 3.5])
    np.testing.assert_array_equal(db.values, [3, np.nan, 5])
    assert found.notes == ()


def test_long_is_a_reading_a_row(load):
    found = load('value,series,timestamp\n'
                 f'1,web,{NOON}\n7,db,{NOON + 300}\n2,web,{NOON + 300}\n')
    web, db = found.series
    np.testing.assert_array_equal(web.values, [1, 2])
    np.testing.assert_array_equal(db.values, [np.nan, 7])


def test_a_date_may_be_without_dashes(load):
    found = load('date,web\n20260105,1\n20260105T000500,2\n 20260106 ,3\n')
    assert found.series[0].start == START
    assert found.series[0].values[288] == 3


def test_seconds_of_a_trace_from_zero_are_no_dates(load):
    # Given two hours of a trace that counts since it began, which is as long
    # ago as only a date could be
    found = load('time,web\n' + ''.join(
        f'{20_260_200 + 300 * row},{row}\n' for row in range(24)))
    assert found.series[0].start == datetime.datetime(
        1970, 8, 23, 11, 50, tzinfo=datetime.UTC)
    np.testing.assert_array_equal(found.series[0].values, np.arange(24))


@pytest.mark.parametrize(('header', 'each'), [
    ('time,web', '{},{}'), ('series,timestamp,value', 'web,{},{}')])
def test_seconds_that_come_to_look_like_dates_stay_seconds(
        load, header, each):
    # Given a trace that counts from 0, minute by minute in its last hours:
    # 19,700,220 is one of its stamps
    stamps = [0, *range(19_690_020, 19_710_000, 60)]
    assert 19_700_220 in stamps
    found = load(header + '\n' + ''.join(
        each.format(stamp, stamp) + '\n' for stamp in stamps))
    # Then each reading is where it was, and none in the order of another
    one, = found.series
    assert one.start == datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    np.testing.assert_array_equal(
        one.values[19_690_200 // 300:-1],
        np.arange(19_690_200, 19_709_700, 300) + 120)
    assert not any('order' in note for note in found.notes)


def test_a_date_may_lose_its_dashes_later(load):
    found = load('date,web\n2026-01-05,1\n20260106,2\n')
    assert found.series[0].values[288] == 2


def test_gzip_and_a_byte_order_mark_are_no_trouble(tmp_path):
    path = tmp_path / 'usage.csv.gz'
    path.write_bytes(gzip.compress(
        f'\ufefftime,web\n{NOON},1\n'.encode()))
    assert file_source.load(path, STEP).series[0].token == 'web'


def test_what_is_no_demand_is_a_gap_and_counted(load):
    found = load('time,web\n' + ''.join(
        f'{NOON + 300 * row},{text}\n' for row, text in enumerate(
            ('1', '-5', 'inf', '1e300', 'nan', 'NaN', '', 'null', '2'))))
    np.testing.assert_array_equal(
        found.series[0].values, [1] + [np.nan] * 7 + [2])
    assert found.notes == ('3 readings are negative, infinite or beyond '
                           '1e12, and taken for gaps',)


def test_stamps_out_of_order_are_sorted_and_of_two_the_last_counts(load):
    found = load(f'time,web\n{NOON + 300},2\n{NOON},1\n{NOON + 300},3\n')
    np.testing.assert_array_equal(found.series[0].values, [1, 3])
    assert found.notes == (
        'not in the order of time, and sorted: web',
        'a stamp came twice, and the last one counts: web')


def test_readings_closer_than_a_step_are_averaged(load):
    found = load('time,web\n' + ''.join(
        f'{NOON + 60 * row},{row}\n' for row in range(10)))
    np.testing.assert_array_equal(found.series[0].values, [2, 7])
    assert found.notes == (
        'readings less than 5 minutes apart, and averaged: web',)


def test_readings_further_apart_count_until_the_next(load):
    found = load('time,web\n' + ''.join(
        f'{NOON + 900 * row},{row}\n' for row in (0, 1, 2, 4)))
    # But not over a reading that is missing
    np.testing.assert_array_equal(
        found.series[0].values,
        [0, 0, 0, 1, 1, 1, 2, 2, 2, np.nan, np.nan, np.nan, 4])
    assert found.notes == (
        'readings more than 5 minutes apart, each of which counts until '
        'the next: web',)


@pytest.mark.parametrize(('minutes', 'values'), [
    (7, [0, 1, 2, 2, 3, 4, 4, 5]),
    (12, [0, 0, 1, 1, 2, 2, 2, 3, 3, 4, 4, 4, 5]),
])
def test_a_rhythm_beside_the_grid_leaves_no_gap(load, minutes, values):
    found = load('time,web\n' + ''.join(
        f'{NOON + 60 * minutes * row},{row}\n' for row in range(6)))
    np.testing.assert_array_equal(found.series[0].values, values)
    assert found.notes == (
        'readings more than 5 minutes apart, each of which counts until '
        'the next: web',)


def test_a_poller_that_is_not_on_time_leaves_no_gap(load):
    # Given a reading just before each second step, one just after, and none
    # in the step that follows
    found = load('time,web\n' + ''.join(
        f'{NOON + 300 * row + (-1 if row % 2 else 1)},{row}\n'
        for row in range(6)))
    # Then the later of two counts until the next
    np.testing.assert_array_equal(
        found.series[0].values, [0.5, 1, 2.5, 3, 4.5])
    assert found.notes == (
        'readings less than 5 minutes apart, and averaged: web',
        'readings more than 5 minutes apart, each of which counts until '
        'the next: web')


@given(minutes=st.integers(1, 90), seed=st.integers(0, 2**32 - 1),
       late=st.floats(0, 0.15))
def test_only_where_a_reading_is_missing_there_is_a_gap(
        tmp_path_factory, minutes, seed, late):
    # Given readings that come up to a seventh of their rhythm too early or
    # too late, and none for a good while
    rhythm, silent = 60 * minutes, max(60 * minutes, 300)
    random = np.random.default_rng(seed)
    stamps = rhythm * (np.arange(40) + random.uniform(-late, late, 40))
    stamps[20:] += 10 * silent
    path = tmp_path_factory.mktemp('any') / 'usage.csv'
    path.write_text('time,web\n' + ''.join(
        f'{NOON + stamp},{row}\n' for row, stamp in enumerate(stamps)))
    # When they are put on the grid
    values = file_source.load(path, STEP).series[0].values
    # Then it has one gap, as long as that
    gaps = np.flatnonzero(np.isnan(values))
    assert (np.diff(gaps) == 1).all()
    assert 9 * silent <= 300 * (len(gaps) + 2)


def test_a_series_without_a_reading_is_left_out_and_named(load):
    found = load(f'time,web,idle\n{NOON},1,\n{NOON + 300},2,nan\n')
    assert [one.token for one in found.series] == ['web']
    assert found.notes == ('left out, as nothing in it is a demand: idle',)


@pytest.mark.parametrize(('text', 'words'), [
    ('', ['is empty', 'header']),
    ('time,web\n', ['no rows']),
    ('series,timestamp,value\n', ['no rows']),
    (f'hour,web\n{NOON},1\n', ['line 1', 'hour, web', 'timestamp, time',
                               'series, timestamp, value']),
    (f'time;web;db\n{NOON};1,5;2\n',
     ['line 1', 'semicolons between', 'Write commas', 'points']),
    (f'time\tweb\n{NOON}\t1\n', ['line 1', 'tabs between']),
    ('time,web\n20260231,1\n', ['line 2', "'20260231' is no time"]),
    (f'time,web,web\n{NOON},1,2\n', ['line 1', "'web'", 'twice']),
    (f'time,web\n{NOON},1\n{NOON + 300},many\n',
     ['line 3', "column 'web'", "'many' is no number", 'empty for a gap']),
    (f'series,timestamp,value\nweb,{NOON},x\n',
     ['line 2', "column 'value'", "'x' is no number"]),
    (f'series,timestamp,value\nweb,{NOON},1\n ,{NOON},1\n',
     ['line 3', "column 'series'", 'is empty', 'which series']),
    ('time,web\nyesterday,1\n',
     ['line 2', "column 'time'", "'yesterday' is no time", 'ISO 8601']),
    (f'time,web\n{NOON}000,1\n', ['line 2', 'milliseconds by 1000']),
    ('time,web\nnan,1\n', ['line 2', 'no unix seconds']),
    ('time,web\n0001-01-01T00:00:00+02:00,1\n',
     ['line 2', "column 'time'", "'0001-01-01T00:00:00+02:00' is not "
      'between 1970 and 2200']),
    (f'series,timestamp,value\nweb,{NOON},1\nweb,9999-12-31,1\n',
     ['line 3', "'9999-12-31' is not between"]),
    (f'time,web\n{NOON},1,2\n', ['line 2', '3 fields', 'header has 2']),
    (f'time\n{NOON}\n', ['no series']),
    (f'time,web\n{NOON},-1\n', ['no series has a reading']),
    (f'time,web\n{NOON},1\n4000000000,1\n', ['2096', 'more than 800 days']),
])
def test_a_bad_file_is_told_where_and_what_to_do(load, text, words):
    said = complaint(load, text)
    assert 'usage.csv' in said
    for word in words:
        assert word in said


def test_what_is_no_text_at_all_is_told(tmp_path):
    path = tmp_path / 'usage.csv'
    path.write_bytes(b'time,web\n\xff\xfe\x00,1\n')
    with pytest.raises(tables.BadFile, match='no text in UTF-8'):
        file_source.load(path, STEP)
    (tmp_path / 'broken.csv.gz').write_bytes(b'time,web\n')
    with pytest.raises(tables.BadFile, match='cannot be read'):
        file_source.load(tmp_path / 'broken.csv.gz', STEP)
    with pytest.raises(tables.BadFile, match='No such file'):
        file_source.load(tmp_path / 'missing.csv', STEP)


def damaged(path, text):
    """That text, gzipped, with bytes behind the header overwritten."""
    whole = bytearray(gzip.compress(text.encode()))
    whole[10:20] = b'\xff' * 10
    path.write_bytes(whole)


def test_what_is_damaged_or_cut_off_is_told(tmp_path):
    text = 'time,web\n' + ''.join(
        f'{NOON + 300 * row},{row % 7}\n' for row in range(99))
    damaged(tmp_path / 'damaged.csv.gz', text)
    (tmp_path / 'cut.csv.gz').write_bytes(gzip.compress(text.encode())[:99])
    for name in ('damaged.csv.gz', 'cut.csv.gz'):
        with pytest.raises(tables.BadFile, match=f'{name}: is damaged or'):
            file_source.load(tmp_path / name, STEP)


@given(text=st.text(alphabet='time,web\n0123456789.-"eE', max_size=80))
def test_no_text_breaks_the_reader(tmp_path_factory, text):
    path = tmp_path_factory.mktemp('any') / 'usage.csv'
    path.write_text(text)
    try:
        found = file_source.load(path, STEP)
    except tables.BadFile as error:
        assert str(path) in str(error)
    else:
        assert all(one.points for one in found.series)


def application(token='shop', group=None, servers=()):
    return usage.Application(token=token, project_id='project',
                             server_ids=servers, server_group=group)


def history(metrics, one, start=START, stop=START + STEP):
    found = metrics.histories([one], start, stop)[one.token]
    return found if isinstance(found, exceptions.CloudError) else found.series


def file_driver(path):
    return file_source.create(
        None, granularity=STEP, live_granularity=STEP, concurrency=1,
        endpoint_override=path.as_uri())


def test_as_a_driver_it_sums_up_the_members(tmp_path):
    # Given a file with two servers of the shop, its memory, and another
    path = tmp_path / 'my usage.csv'
    path.write_text('time,web-1,web-2,shop/memory_mib,other,shop/gpu\n' + (
        ''.join(f'{NOON + 300 * row},1,2,512,9,1\n' for row in range(4))))
    metrics = file_driver(path)
    # When its history is asked for, from before to after what there is
    found = history(metrics, application(servers=('web-1', 'web-2')),
                    START - STEP, START + 6 * STEP)
    # Then the servers are summed up, and gaps are around them
    np.testing.assert_array_equal(
        found[demand.DemandResource.VCPU].values,
        [np.nan, 3, 3, 3, 3, np.nan, np.nan])
    assert found[demand.DemandResource.MEMORY].token == 'shop'
    assert set(found) == {demand.DemandResource.VCPU,
                          demand.DemandResource.MEMORY}
    assert metrics.live(application(), START, vcpus=1, memory_mib=1) is None
    # An engine with such a source asks for them all the same.
    assert metrics.latencies([application()], START) == {}


def test_as_a_driver_it_sees_that_the_file_has_changed(tmp_path):
    path = tmp_path / 'usage.csv'
    path.write_text(f'time,shop\n{NOON},1\n')
    metrics = file_driver(path)
    history(metrics, application())
    path.write_text(f'time,shop\n{NOON},2.5\n')
    found = history(metrics, application())
    np.testing.assert_array_equal(
        found[demand.DemandResource.VCPU].values, [2.5])


def test_as_a_driver_a_bad_file_is_an_error_of_the_source(tmp_path):
    metrics = file_driver(tmp_path / 'missing.csv')
    found = history(metrics, application())
    assert isinstance(found, exceptions.CloudError)
    assert 'missing' in str(found)
    with pytest.raises(ValueError, match='endpoint_override'):
        file_source.create(None, granularity=STEP, live_granularity=STEP,
                           concurrency=1)


def test_as_a_driver_a_damaged_file_is_an_error_of_the_source(tmp_path):
    path = tmp_path / 'usage.csv.gz'
    damaged(path, f'time,shop\n{NOON},1\n' * 9)
    found = history(file_driver(path), application())
    assert isinstance(found, exceptions.CloudError)
    assert 'damaged' in str(found)


def test_the_driver_keeps_to_the_interface():
    checked: source.MetricSource = file_source.FileSource(
        'usage.csv', STEP)
    assert checked
