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
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies
from pocket_cloud.demo import svg
import pytest

T0 = datetime.datetime(2026, 1, 5, 8, 7, 3, tzinfo=datetime.UTC)
HOUR = datetime.timedelta(hours=1)


def test_a_scale_goes_from_end_to_end() -> None:
    scale = svg.Scale(0.0, 4.0, 300.0, 100.0)
    assert [scale(value) for value in (0, 1, 4)] == [300, 250, 100]


def test_a_scale_needs_a_length() -> None:
    with pytest.raises(ValueError):
        svg.Scale(1.0, 1.0, 0.0, 1.0)


@given(strategies.floats(-1e6, 1e6), strategies.floats(1e-3, 1e6),
       strategies.integers(2, 20))
def test_ticks_lie_on_the_scale(low: float, length: float,
                                most: int) -> None:
    scale = svg.Scale(low, low + length, 0.0, 1.0)
    ticks = scale.ticks(most)
    assert len(ticks) <= most + 1
    assert all(low - 1e-6 <= tick <= low + length + 1e-6 for tick in ticks)


def test_round_ticks() -> None:
    assert svg.Scale(0, 7, 0, 1).ticks(8) == [0, 1, 2, 3, 4, 5, 6, 7]
    assert svg.Scale(0, 100, 0, 1).ticks(5) == [0, 20, 40, 60, 80, 100]


def test_ticks_of_time_are_round_in_utc() -> None:
    stretch = svg.Stretch(T0, T0 + 48 * HOUR, 0.0, 100.0)
    assert [tick.hour for tick in stretch.ticks(8)] == [
        12, 18, 0, 6, 12, 18, 0, 6]
    stretch = svg.Stretch(T0, T0 + HOUR / 12, 0.0, 100.0)
    assert [tick.strftime('%H:%M:%S') for tick in stretch.ticks(6)] == [
        '08:08:00', '08:09:00', '08:10:00', '08:11:00', '08:12:00']


def test_an_axis_of_several_stretches() -> None:
    axis = svg.TimeScale(
        svg.Stretch(T0, T0 + 10 * HOUR, 0.0, 100.0),
        svg.Stretch(T0 + 10 * HOUR, T0 + 11 * HOUR, 100.0, 300.0))
    assert axis(T0 + 5 * HOUR) == 50.0
    assert axis(T0 + 10 * HOUR) == 100.0
    assert axis(T0 + 10.5 * HOUR) == 200.0
    # What is beyond is put at the end.
    assert axis(T0 + 99 * HOUR) == 300.0
    assert axis(T0 - HOUR) == 0.0
    assert axis.covers(T0 + HOUR)
    assert not axis.covers(T0 - HOUR)


def test_stretches_must_follow_on_each_other() -> None:
    with pytest.raises(ValueError, match='gap'):
        svg.TimeScale(svg.Stretch(T0, T0 + HOUR, 0.0, 100.0),
                      svg.Stretch(T0 + 2 * HOUR, T0 + 3 * HOUR, 100.0, 200.0))


def test_paths() -> None:
    assert svg.line([(0, 1), (2.04, 3)]) == 'M0.0,1.0 L2.0,3.0'
    assert svg.stairs([(0, 1), (2, 3)]) == [(0, 1), (2, 1), (2, 3)]
    assert svg.area([(0, 1), (2, 1)], [(0, 0), (2, 0)]) == (
        'M0.0,1.0 L2.0,1.0 L2.0,0.0 L0.0,0.0 Z')
    assert svg.area([], []) == ''


def test_what_is_written_is_escaped() -> None:
    drawn = svg.element('g', svg.text(1.0, 2.5, '5 < 6 & "so"', 'key'),
                        class_='a"b', stroke_width=1.0)
    parsed = ElementTree.fromstring(drawn)
    assert parsed.attrib == {'class': 'a"b', 'stroke-width': '1'}
    assert parsed[0].text == '5 < 6 & "so"'
    assert parsed[0].attrib['y'] == '2.5'
