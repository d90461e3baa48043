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


"""What all charts of the report share: frame, axes, legend, events."""

import collections.abc
import dataclasses
import datetime

from pocket_cloud.demo import recording
from pocket_cloud.demo import svg

WIDTH = 1120.0
LEFT = 62.0
RIGHT = 22.0

#: Radius of the numbered circle of an event.
_RADIUS = 9.5


@dataclasses.dataclass(frozen=True, slots=True)
class Panel:
    """A rectangle with a time axis and a scale of values."""

    time: svg.TimeScale
    value: svg.Scale
    title: str

    @property
    def top(self) -> float:
        return self.value.end

    @property
    def bottom(self) -> float:
        return self.value.start

    def points(self, values: collections.abc.Iterable[
            tuple[datetime.datetime, float]]) -> list[tuple[float, float]]:
        return [(self.time(moment), self.value(value))
                for moment, value in values]

    def grid(self, most: int, unit: str) -> str:
        """Horizontal lines, their values, and what they are."""
        left, right = self.time(self.time.first), self.time(self.time.last)
        parts = []
        for tick in self.value.ticks(most):
            y = self.value(tick)
            parts.append(svg.element(
                'line', x1=left, x2=right, y1=y, y2=y, class_='grid'))
            parts.append(svg.text(left - 8, y + 4, f'{tick:g}{unit}',
                                  'tick', 'end'))
        parts.append(svg.text(left - 46, self.top - 14, self.title, 'axis'))
        return ''.join(parts)

    def times(self, most: collections.abc.Sequence[int]) -> str:
        """The time axis: ticks of each stretch, days written below."""
        parts = [svg.element(
            'line', x1=self.time(self.time.first),
            x2=self.time(self.time.last), y1=self.bottom, y2=self.bottom,
            class_='base')]
        for stretch, count in zip(self.time.stretches, most):
            ticks = stretch.ticks(count)
            form = '%H:%M:%S' if any(one.second for one in ticks) \
                else '%H:%M'
            for moment in ticks:
                x = self.time(moment)
                parts.append(svg.element(
                    'line', x1=x, x2=x, y1=self.bottom,
                    y2=self.bottom + 5, class_='base'))
                parts.append(svg.text(
                    x, self.bottom + 18, moment.strftime(form), 'tick',
                    'middle'))
                if moment.hour == moment.minute == moment.second == 0:
                    parts.append(svg.text(
                        x, self.bottom + 32, f'{moment:%a %d %b}', 'tick',
                        'middle'))
        return ''.join(parts)


def spread(wanted: collections.abc.Sequence[float], distance: float,
           low: float, high: float) -> list[float]:
    """Places near those wanted (ascending), but not over each other.

    Where there is no room for all, they are closer than ``distance``.
    """
    if not wanted:
        return []
    distance = min(distance, (high - low) / max(len(wanted) - 1, 1))
    places: list[float] = []
    for place in wanted:
        floor = places[-1] + distance if places else low
        places.append(max(place, floor))
    ceiling = high
    for index in range(len(places) - 1, -1, -1):
        places[index] = min(places[index], ceiling)
        ceiling = places[index] - distance
    return places


def events(marks: collections.abc.Sequence[recording.Mark],
           time: svg.TimeScale, lane: float, bottom: float, *,
           named: bool = False) -> str:
    """Numbered circles in a lane, each with a line down its moment.

    :param marks: in the order of time; their number is their place
    :param named: whether to write their names above the lane
    """
    shown = [(number, mark) for number, mark in enumerate(marks, 1)
             if time.covers(mark.moment)]
    places = spread([time(mark.moment) for _, mark in shown],
                    2 * _RADIUS + 2, time(time.first) + _RADIUS,
                    time(time.last) - _RADIUS)
    parts = []
    for (number, mark), place in zip(shown, places):
        x = time(mark.moment)
        parts.append(svg.element(
            'path', d=svg.line([(place, lane + _RADIUS), (x, lane + 20),
                                (x, bottom)]), class_='event'))
        parts.append(svg.element(
            'g', svg.element('title', f'{mark.moment:%H:%M:%S} {mark.text}')
            + svg.element('circle', cx=place, cy=lane, r=_RADIUS)
            + svg.text(place, lane + 4, str(number), 'number', 'middle'),
            class_='mark'))
        if named:
            parts.append(svg.text(
                0, 0, mark.text, 'name', transform=(
                    f'translate({place - 2:.1f} {lane - 13:g}) '
                    f'rotate(-38)')))
    return ''.join(parts)


def bands(panel: Panel, record: recording.Recording) -> str:
    """Capacity, on top of each other: own servers, promoted, held."""
    parts = []
    base = [(one.moment, 0.0) for one in record.live]
    for index, class_ in enumerate(('primary', 'promoted', 'held')):
        above = [(one.moment, float(record.vcpus * sum(
            (one.primary, one.promoted, one.held)[:index + 1])))
            for one in record.live]
        parts.append(svg.element('path', d=svg.area(
            svg.stairs(panel.points(above)),
            svg.stairs(panel.points(base))), class_=class_))
        base = above
    return ''.join(parts)


def legend(items: collections.abc.Sequence[tuple[str, str, str]],
           y: float) -> str:
    """:param items: (``line`` or ``area``, class, text)"""
    parts, x = [], LEFT
    for kind, class_, label in items:
        if kind == 'line':
            parts.append(svg.element(
                'line', x1=x, x2=x + 22, y1=y - 4, y2=y - 4, class_=class_))
        else:
            parts.append(svg.element(
                'rect', x=x, y=y - 10, width=22, height=12, class_=class_))
        parts.append(svg.text(x + 28, y, label, 'key'))
        x += 28 + 7.0 * len(label) + 20
    return ''.join(parts)


def figure(height: float, label: str, *parts: str) -> str:
    """The whole drawing; as wide as the page."""
    return svg.element(
        'svg', svg.element('title', label) + ''.join(parts),
        xmlns='http://www.w3.org/2000/svg',
        viewBox=f'0 0 {WIDTH:g} {height:g}', role='img')
