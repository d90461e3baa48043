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


"""Scalable vector graphics by hand: scales, ticks, paths, elements."""

import collections.abc
import dataclasses
import datetime
import html
import itertools
import math

Points = collections.abc.Sequence[tuple[float, float]]

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_TIME_STEPS = tuple(datetime.timedelta(seconds=seconds) for seconds in (
    1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800,
    21600, 43200, 86400, 172800))


def element(name: str, content: str = '', /,
            **attributes: str | float) -> str:
    """An element; ``stroke_width`` becomes ``stroke-width``, and the
    underscore at the end of ``class_`` goes."""
    parts = [name]
    for key, value in attributes.items():
        text = f'{value:.2f}'.rstrip('0').rstrip('.') \
            if isinstance(value, float) else str(value)
        label = key.rstrip('_').replace('_', '-')
        parts.append(f'{label}="{html.escape(text)}"')
    head = ' '.join(parts)
    return f'<{head}>{content}</{name}>' if content else f'<{head}/>'


def text(x: float, y: float, content: str, class_: str,
         anchor: str = 'start', **attributes: str) -> str:
    return element('text', html.escape(content), x=x, y=y, class_=class_,
                   text_anchor=anchor, **attributes)


@dataclasses.dataclass(frozen=True, slots=True)
class Scale:
    """A straight line from values to pixels.

    :raises ValueError: when all values would be at one place
    """

    low: float
    high: float
    start: float
    end: float

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f'no scale from {self.low} to {self.high}')

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self, most: int) -> list[float]:
        """Round values, at most so many, that lie on the scale."""
        rough = (self.high - self.low) / most
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * factor for factor in (1, 2, 5, 10)
                    if power * factor >= rough * (1 - 1e-9))
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [index * step for index in range(first, last + 1)]


@dataclasses.dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a time axis that has one scale."""

    first: datetime.datetime
    last: datetime.datetime
    start: float
    end: float

    @property
    def density(self) -> float:
        """Pixels a second."""
        return (self.end - self.start) / (
            self.last - self.first).total_seconds()

    def ticks(self, most: int) -> list[datetime.datetime]:
        """Round times in UTC that lie within, at most so many."""
        length = self.last - self.first
        step = next((step for step in _TIME_STEPS
                     if length / step <= most), _TIME_STEPS[-1])
        moment = self.first + (_EPOCH - self.first) % step
        found = []
        while moment <= self.last:
            found.append(moment)
            moment += step
        return found


class TimeScale:
    """A time axis of one or more stretches, one after the other.

    :raises ValueError: when they do not follow on each other
    """

    def __init__(self, *stretches: Stretch) -> None:
        for one, other in itertools.pairwise(stretches):
            if one.last != other.first or one.end != other.start:
                raise ValueError('the stretches have a gap')
        self.stretches = stretches
        self._scales = [Scale(
            0.0, (one.last - one.first).total_seconds(), one.start, one.end)
            for one in stretches]

    @property
    def first(self) -> datetime.datetime:
        return self.stretches[0].first

    @property
    def last(self) -> datetime.datetime:
        return self.stretches[-1].last

    def covers(self, moment: datetime.datetime) -> bool:
        return self.first <= moment <= self.last

    def __call__(self, moment: datetime.datetime) -> float:
        """Pixels; what is beyond either end is put there."""
        moment = min(max(moment, self.first), self.last)
        for one, scale in zip(self.stretches, self._scales):
            if moment <= one.last:
                return scale((moment - one.first).total_seconds())
        raise AssertionError('a moment on no stretch')


def line(points: Points) -> str:
    """The commands of a path through the points."""
    return ' '.join(f'{"M" if index == 0 else "L"}{x:.1f},{y:.1f}'
                    for index, (x, y) in enumerate(points))


def stairs(points: Points) -> list[tuple[float, float]]:
    """Each value holds until the next point."""
    result: list[tuple[float, float]] = []
    for x, y in points:
        if result:
            result.append((x, result[-1][1]))
        result.append((x, y))
    return result


def area(upper: Points, lower: Points) -> str:
    """The commands of a path around what lies between."""
    if not upper or not lower:
        return ''
    return f'{line([*upper, *reversed(lower)])} Z'
