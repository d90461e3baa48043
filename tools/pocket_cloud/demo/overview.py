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


"""The first drawing: past, live phase and forecast on one time axis."""

import datetime

from pocket_cloud.demo import charts
from pocket_cloud.demo import recording
from pocket_cloud.demo import svg

_TOP = 84.0
_BOTTOM = 400.0
_HEIGHT = 498.0
#: Where each part of the axis ends. The live phase is minutes, the others
#: are days: it gets a scale of its own.
_LIVE_FROM = 420.0
_LIVE_TO = 850.0
_AHEAD = datetime.timedelta(hours=24)


def draw(record: recording.Recording) -> str:
    """Nothing, if the story ended before there was any live phase."""
    if not record.history or len(record.live) < 2:
        return ''
    start, end = record.live[0].moment, record.live[-1].moment
    time = svg.TimeScale(
        svg.Stretch(record.history[0][0], start, charts.LEFT, _LIVE_FROM),
        svg.Stretch(start, end, _LIVE_FROM, _LIVE_TO),
        svg.Stretch(end, end + _AHEAD, _LIVE_TO,
                    charts.WIDTH - charts.RIGHT))
    panel = charts.Panel(
        time, svg.Scale(0.0, _top(record), _BOTTOM, _TOP), 'vCPU')
    return charts.figure(
        _HEIGHT, 'Demand, forecast, capacity and events',
        _stretches(panel), panel.grid(8, ''), _capacity(panel, record),
        _forecast(panel, record), _demand(panel, record),
        charts.events(record.marks, time, _TOP - 18, _BOTTOM),
        panel.times((8, 5, 4)), _legend(record))


def _top(record: recording.Recording) -> float:
    """Above everything that is drawn."""
    values = [value for _, value in record.history]
    values += [sample.demand_vcpus for sample in record.live]
    values += [float((sample.primary + sample.promoted + sample.held)
                     * record.vcpus) for sample in record.live]
    if record.forecast:
        values += [max(row) for row in record.forecast.quantiles]
    return 1.08 * max(values)


def _stretches(panel: charts.Panel) -> str:
    """What each part of the axis is, and that its scale is another."""
    before, live, ahead = panel.time.stretches
    minutes = (live.last - live.first).total_seconds() / 60
    wider = live.density / before.density
    parts = [svg.element(
        'rect', x=live.start, y=_TOP - 42, width=live.end - live.start,
        height=_BOTTOM - _TOP + 42, class_='live')]
    for stretch, title, note in (
            (before, 'The two days before', 'back-filled into Gnocchi'),
            (live, f'Live: {minutes:.1f} minutes',
             f'drawn {wider:.0f} times as wide as the days'),
            (ahead, 'The day ahead', 'as forecast')):
        middle = (stretch.start + stretch.end) / 2
        parts.append(svg.text(middle, _TOP - 66, title, 'part', 'middle'))
        parts.append(svg.text(middle, _TOP - 50, note, 'note', 'middle'))
    for x in (live.start, live.end):
        parts.append(svg.element('line', x1=x, x2=x, y1=_TOP - 42,
                                 y2=_BOTTOM, class_='seam'))
    return ''.join(parts)


def _capacity(panel: charts.Panel, record: recording.Recording) -> str:
    parts = []
    vcpus = float(record.vcpus)
    before = panel.points([(panel.time.first, record.primary * vcpus),
                           (record.live[0].moment, record.primary * vcpus)])
    parts.append(svg.element('path', d=svg.line(before), class_='once'))
    parts.append(charts.bands(panel, record))
    return ''.join(parts)


def _forecast(panel: charts.Panel, record: recording.Recording) -> str:
    forecast = record.forecast
    if forecast is None:
        return ''
    parts = []
    rows = [(forecast.origin + index * forecast.step, row)
            for index, row in enumerate(forecast.quantiles)]
    half = forecast.step / 2

    def curve(place: int) -> list[tuple[float, float]]:
        return panel.points([
            (moment + half, row[place]) for moment, row in rows
            if panel.time.covers(moment + half)])
    for place in range(len(forecast.levels) - 1, 0, -1):
        parts.append(svg.element(
            'path', d=svg.area(curve(place), curve(0)),
            class_='quantile'))
    parts.append(svg.element('path', d=svg.line(curve(0)), class_='median'))
    return ''.join(parts)


def _demand(panel: charts.Panel, record: recording.Recording) -> str:
    past = panel.points(record.history)
    live = panel.points([(sample.moment, sample.demand_vcpus)
                         for sample in record.live])
    return (svg.element('path', d=svg.line(past), class_='demand')
            + svg.element('path', d=svg.line(live), class_='demand'))


def _legend(record: recording.Recording) -> str:
    levels = record.forecast.levels if record.forecast else ()
    band = ', '.join(f'{level:.0%}' for level in levels[1:])
    return charts.legend((
        ('line', 'demand', 'demand of the application'),
        ('line', 'median', 'forecast, median'),
        ('area', 'quantile', f'forecast up to {band}')), 464.0
    ) + charts.legend((
        ('area', 'primary', 'capacity: its own servers'),
        ('area', 'promoted', 'promoted shadow'),
        ('area', 'held', 'shadow held (shelved, claimed)'),
        ('line', 'once', 'four servers, to compare')), 488.0)
