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

"""Just enough of scalable vector graphics for the charts of a report."""

from collections.abc import Iterable
from collections.abc import Sequence
import dataclasses
import html
import math

Points = Sequence[tuple[float, float]]

WIDTH, HEIGHT = 1040.0, 340.0
LEFT, RIGHT, TOP, BOTTOM = 64.0, 20.0, 26.0, 52.0


def element(name: str, content: str = '', /,
            **attributes: str | float) -> str:
    """An element; ``class_`` becomes ``class``, ``a_b`` ``a-b``."""
    parts = [name]
    for key, value in attributes.items():
        shown = f'{value:.1f}' if isinstance(value, float) else str(value)
        parts.append(f'{key.rstrip("_").replace("_", "-")}='
                     f'"{html.escape(shown)}"')
    return f'<{" ".join(parts)}>{content}</{name}>'


def text(x: float, y: float, content: str, class_: str,
         anchor: str = 'start') -> str:
    return element('text', html.escape(content), x=float(x), y=float(y),
                   class_=class_, text_anchor=anchor)


@dataclasses.dataclass(frozen=True, slots=True)
class Scale:
    """A straight line from values to pixels; all values may be equal."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        width = (self.high - self.low) or 1.0
        return self.start + (value - self.low) / width * (
            self.end - self.start)

    def ticks(self, most: int) -> list[float]:
        """Round values on the scale, about so many."""
        rough = ((self.high - self.low) or 1.0) / most
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * factor for factor in (1, 2, 5, 10)
                    if power * factor >= rough * (1 - 1e-9))
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [index * step for index in range(first, last + 1)]


@dataclasses.dataclass(frozen=True, slots=True)
class Chart:
    """A frame with two axes."""

    x: Scale
    y: Scale

    @classmethod
    def over(cls, xs: tuple[float, float],
             ys: tuple[float, float]) -> 'Chart':
        return cls(Scale(*xs, LEFT, WIDTH - RIGHT),
                   Scale(*ys, HEIGHT - BOTTOM, TOP))

    def axes(self, x_title: str, y_title: str,
             x_ticks: Iterable[tuple[float, str]] | None = None,
             suffix: str = '') -> str:
        parts = [text(8, 14, y_title, 'axis'),
                 text(WIDTH - RIGHT, HEIGHT - 8, x_title, 'axis', 'end')]
        for value in self.y.ticks(6):
            y = self.y(value)
            parts.append(element('line', x1=LEFT, x2=WIDTH - RIGHT, y1=y,
                                 y2=y, class_='grid'))
            parts.append(text(LEFT - 8, y + 4, f'{value:g}{suffix}',
                              'tick', 'end'))
        named = x_ticks if x_ticks is not None else [
            (value, f'{value:g}{suffix}') for value in self.x.ticks(10)]
        for value, name in named:
            parts.append(text(self.x(value), HEIGHT - BOTTOM + 18, name,
                              'tick', 'middle'))
        parts.append(element(
            'line', x1=LEFT, x2=WIDTH - RIGHT, y1=HEIGHT - BOTTOM,
            y2=HEIGHT - BOTTOM, class_='base'))
        return ''.join(parts)

    def path(self, points: Points, class_: str) -> str:
        return element('path', d=' '.join(
            f'{"L" if index else "M"}{self.x(x):.1f},{self.y(y):.1f}'
            for index, (x, y) in enumerate(points)), class_=class_)

    def area(self, points: Points, class_: str) -> str:
        """From the points down to zero."""
        if not points:
            return ''
        closed = [(points[0][0], 0.0), *points, (points[-1][0], 0.0)]
        return self.path(closed, class_)

    def dot(self, x: float, y: float, class_: str, title: str) -> str:
        return element(
            'circle', element('title', html.escape(title)),
            cx=self.x(x), cy=self.y(y), r=4.0, class_=class_)

    def bar(self, left: float, right: float, low: float, high: float,
            class_: str) -> str:
        return element(
            'rect', x=self.x(left), width=self.x(right) - self.x(left),
            y=self.y(high), height=self.y(low) - self.y(high),
            class_=class_)


def stairs(points: Points) -> list[tuple[float, float]]:
    """Each value holds until the next point."""
    result: list[tuple[float, float]] = []
    for x, y in points:
        if result:
            result.append((x, result[-1][1]))
        result.append((x, y))
    return result


def legend(items: Iterable[tuple[str, str]]) -> str:
    """Class and text of each, as HTML under a drawing."""
    return '<p class="legend">' + ''.join(
        f'<span><svg viewBox="0 0 22 12"><path d="M1,6L21,6" '
        f'class="{class_}"/></svg>{html.escape(name)}</span>'
        for class_, name in items) + '</p>'


def figure(label: str, *parts: str) -> str:
    """The whole drawing; as wide as the page."""
    return element(
        'svg', element('title', html.escape(label)) + ''.join(parts),
        xmlns='http://www.w3.org/2000/svg', role='img',
        viewBox=f'0 0 {WIDTH:g} {HEIGHT:g}')
