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


"""The live phase alone, and the way from the load to more capacity."""

import datetime

from pocket_cloud.demo import charts
from pocket_cloud.demo import recording
from pocket_cloud.demo import svg

_LANE = 106.0
_UPPER = (146.0, 340.0)
_RIBBON = 388.0
_LOWER = (436.0, 576.0)
_HEIGHT = 650.0
#: Room for the names of the last events.
_RIGHT = 92.0


def draw(record: recording.Recording) -> str:
    """Capacity and demand above, what Gnocchi and Aodh saw of it below."""
    if len(record.live) < 2:
        return ''
    time = svg.TimeScale(svg.Stretch(
        record.live[0].moment, record.live[-1].moment, charts.LEFT,
        charts.WIDTH - _RIGHT))
    most = max(one.primary + one.promoted + one.held
               for one in record.live) * record.vcpus
    upper = charts.Panel(time, svg.Scale(
        0.0, most * 1.06, _UPPER[1], _UPPER[0]), 'vCPU')
    lower = charts.Panel(
        time, svg.Scale(0.0, 105.0, _LOWER[1], _LOWER[0]),
        'CPU of a serving server')
    return charts.figure(
        _HEIGHT, 'The live phase', upper.grid(8, ''),
        charts.bands(upper, record), _demand(upper, record),
        upper.times((12,)),
        lower.grid(5, ' %'), _ribbon(lower, record),
        _measured(lower, record), lower.times((12,)),
        charts.events(record.marks, time, _LANE, _LOWER[1], named=True),
        charts.legend((
            ('line', 'demand', 'demand (load generator)'),
            ('area', 'primary', 'its own servers'),
            ('area', 'promoted', 'promoted shadow'),
            ('area', 'held', 'shadow held'),
            ('line', 'measured', 'CPU, 30 s, Gnocchi'),
            ('line', 'threshold', 'alarm threshold')), 636.0))


def _demand(panel: charts.Panel, record: recording.Recording) -> str:
    return svg.element('path', d=svg.line(panel.points([
        (sample.moment, sample.demand_vcpus) for sample in record.live])),
        class_='demand')


def _ribbon(panel: charts.Panel, record: recording.Recording) -> str:
    """The states of the alarm, as long as each lasted."""
    parts = [svg.text(charts.LEFT - 46, _RIBBON + 2, 'alarm', 'axis')]
    ends = [moment for moment, _ in record.alarm[1:]]
    for (moment, state), end in zip(
            record.alarm, [*ends, panel.time.last]):
        left, right = panel.time(moment), panel.time(end)
        if right - left < 1:
            continue
        parts.append(svg.element(
            'rect', x=left, y=_RIBBON - 10, width=right - left, height=16,
            class_=f'state {state.split()[0]}'))
        if right - left > 8 * len(state):
            parts.append(svg.text((left + right) / 2, _RIBBON + 2, state,
                                  'number', 'middle'))
    return ''.join(parts)


def _measured(panel: charts.Panel, record: recording.Recording) -> str:
    level = panel.value(record.threshold_percent)
    parts = [svg.element(
        'line', x1=panel.time(panel.time.first),
        x2=panel.time(panel.time.last), y1=level, y2=level,
        class_='threshold')]
    points = panel.points(record.measured)
    parts.append(svg.element('path', d=svg.line(points), class_='measured'))
    parts += [svg.element('circle', cx=x, cy=y, r=3.5, class_='dot')
              for x, y in points]
    return ''.join(parts)


def legs(record: recording.Recording) -> str:
    """A bar for each part of the way, on seconds since the load rose."""
    rise = next((leg for leg in record.legs
                 if leg.name.startswith('the load is raised')), None)
    if rise is None:
        return ''
    shown = [leg for leg in record.legs if leg.start >= rise.start]
    chain = [leg for leg in shown
             if leg.end <= rise.end + datetime.timedelta(minutes=1)]
    last = max((leg.end - rise.start).total_seconds() for leg in chain)
    scale = svg.Scale(0.0, last * 1.02, 470.0, charts.WIDTH - 90)
    parts, y = [], 20.0
    for leg in chain:
        left = scale((leg.start - rise.start).total_seconds())
        width = max(scale((leg.end - rise.start).total_seconds()) - left,
                    2.0)
        parts.append(svg.text(462.0, y + 4, leg.name, 'key', 'end'))
        parts.append(svg.element('rect', x=left, y=y - 9, width=width,
                                 height=18, class_='leg'))
        parts.append(svg.text(left + width + 6, y + 4,
                              str(leg), 'key'))
        y += 28
    for tick in scale.ticks(8):
        x = scale(tick)
        parts.insert(0, svg.element('line', x1=x, x2=x, y1=4.0, y2=y - 8,
                                    class_='grid'))
        parts.append(svg.text(x, y + 8, f'{tick:g} s', 'tick', 'middle'))
    return charts.figure(y + 20, 'From load to capacity', *parts)
