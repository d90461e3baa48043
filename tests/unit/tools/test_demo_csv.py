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


import datetime
import pathlib

from pocket_cloud.demo import trace
from pocket_cloud.demo import traces_csv
import pytest

HEADER = 'timestamp,cpu_percent,memory_percent,disk_mib_per_second'
START = datetime.datetime(2026, 1, 5, tzinfo=datetime.UTC)


def text(days: float = 14, minutes: float = 5, cpu: float = 30.0) -> str:
    step = datetime.timedelta(minutes=minutes)
    count = int(datetime.timedelta(days=days) / step)
    return '\n'.join([HEADER, *(
        f'{(START + index * step).isoformat()},{cpu},40,{index}'
        for index in range(count))]) + '\n'


def with_line(number: int, line: str) -> str:
    lines = text().splitlines()
    lines[number - 1] = line
    return '\n'.join(lines)


def test_a_trace_of_just_fourteen_days() -> None:
    parsed = traces_csv.parse(text(), 'mine.csv')
    assert len(parsed.demand) == trace.STEPS
    assert parsed.demand[0] == trace.Demand(30.0, 40.0, 0.0)
    assert parsed.last == trace.Demand(30.0, 40.0, trace.STEPS - 1)
    assert parsed.origin == 'from mine.csv'


def test_of_a_longer_trace_the_end_is_taken() -> None:
    parsed = traces_csv.parse(text(days=15), 'mine.csv')
    assert len(parsed.demand) == trace.STEPS
    assert parsed.demand[0].disk_mib_per_second == trace.STEPS_A_DAY


def test_a_finer_trace_is_averaged() -> None:
    parsed = traces_csv.parse(text(minutes=1), 'mine.csv')
    assert len(parsed.demand) == trace.STEPS
    # Rows 0 to 4.
    assert parsed.demand[0].disk_mib_per_second == 2.0


def test_a_coarser_trace_holds_its_values() -> None:
    parsed = traces_csv.parse(text(minutes=15), 'mine.csv')
    held = [one.disk_mib_per_second for one in parsed.demand]
    assert held[:4] == [0.0, 0.0, 0.0, 1.0]
    assert held[-1] == 14 * 96 - 1


def test_seconds_since_1970_and_columns_in_any_order() -> None:
    rows = '\n'.join(f'1,2,3,{300 * index}' for index in range(trace.STEPS))
    parsed = traces_csv.parse(
        'disk_mib_per_second,memory_percent,cpu_percent,timestamp\n' + rows,
        'mine.csv')
    assert parsed.last == trace.Demand(3.0, 2.0, 1.0)


@pytest.mark.parametrize('broken, sentence', [
    ('', 'line 1 has no column timestamp'),
    ('timestamp,cpu_percent\n', 'no column memory_percent'),
    (HEADER + ',gpu\n', "unknown column 'gpu'"),
    (HEADER + ',cpu_percent\n', 'names a column twice'),
    (HEADER + '\n', 'there are no rows'),
    (with_line(9, '2026-01-05T00:35:00,1,2'),
     'line 9 has 3 values, the header has 4'),
    (with_line(9, '2026-01-05T00:35:00,lots,2,3'),
     "line 9, column cpu_percent: 'lots' is not a number from 0 to 100"),
    (with_line(9, '2026-01-05T00:35:00,1,101,3'),
     "line 9, column memory_percent: '101'"),
    (with_line(9, '2026-01-05T00:35:00,1,2,nan'),
     "line 9, column disk_mib_per_second: 'nan'"),
    (with_line(9, 'yesterday,1,2,3'),
     "line 9, column timestamp: 'yesterday'"),
    (with_line(9, '2026-01-05T00:00:00Z,1,2,3'),
     'line 9, column timestamp: 2026-01-05T00:00:00+00:00 is not after'),
    (with_line(9, '2026-01-05T09:00:00Z,1,2,3'),
     'line 9, column timestamp: 8:30:00 have passed'),
    (text(days=13), 'it covers 13 days, 0:00:00, and 14 days are needed: '
                    '4032 rows'),
])
def test_what_is_wrong_is_named(broken: str, sentence: str) -> None:
    with pytest.raises(traces_csv.TraceError) as caught:
        traces_csv.parse(broken, 'mine.csv')
    assert str(caught.value).startswith('mine.csv: ')
    assert sentence in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: pathlib.Path) -> None:
    with pytest.raises(traces_csv.TraceError, match='cannot be read'):
        traces_csv.read(tmp_path / 'none.csv')


def test_a_file_that_is_no_text(tmp_path: pathlib.Path) -> None:
    path = tmp_path / 'image.csv'
    path.write_bytes(b'\xff\xfe\x00\x01')
    with pytest.raises(traces_csv.TraceError, match='UTF-8'):
        traces_csv.read(path)
