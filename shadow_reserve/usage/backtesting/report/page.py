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

"""The assessment as one page that needs nothing but itself."""

from collections.abc import Sequence
import datetime
import html
import importlib.resources

from shadow_reserve.usage.backtesting import assessment as assessment_module
from shadow_reserve.usage.backtesting import backtest
from shadow_reserve.usage.backtesting import contest
from shadow_reserve.usage.backtesting.report import svg
from shadow_reserve.usage.backtesting.report import text

#: Held shares beyond this many times what matters are not drawn.
BEYOND = 1.4


def rendered(one: assessment_module.Assessment) -> str:
    """The page, as HTML."""
    style = importlib.resources.files(__package__).joinpath(
        'page.css').read_text(encoding='utf-8')
    worse = text.not_better(one)
    warning = (f'<p class="worse">Not better than seasonal naive: '
               f'{", ".join(worse)}.</p>') if worse else ''
    costs = ('least cost', 'at') if one.by_cost else ()
    return '\n'.join((
        '<!DOCTYPE html>', '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width">',
        '<title>shadow_reserve: backtest</title>',
        f'<style>{style}</style></head><body><main>', _head(one),
        _section(
            'What is held for what is avoided',
            'Each line is a policy over all of its settings: the further up '
            'and to the left, the better. Dashed in red: the 80 % and 90 % '
            'that H80 and H90 stand for.',
            _tradeoff(one) + _table(
                ('policy', 'H80', 'H90', *costs), text.policy_rows(one))
            + ''.join(f'<p>{html.escape(line)}</p>'
                      for line in text.against_rules(one))),
        _section(
            'Level by level', 'The forecast at each service level tried.',
            _costs(one) + _table(
                ('service level', 'held', 'avoided', 'server-h short', *(
                    ('hold', 'use', 'short', 'cost') if one.costs else ())),
                text.level_rows(one), chosen='<-')),
        _section(
            f'Some days of {one.example.name}',
            'Its demand, and the servers that it asked for.'
            if one.recommendation.level is None else
            'Its demand, and the capacity that the recommended level would '
            'have held in all, active and shadow.', _example(one)),
        _section(
            'How accurate the forecasts were',
            f'On {one.scored} of the applications. Scores are pinball '
            'losses scaled by the error of seasonal naive: lower is '
            'better.', warning + _table(
                ('window', 'forecast', 'naive', 'ratio', 'median',
                 'naive median'), text.accuracy_rows(one))
            + _coverage(one) + _table(
                ('at or under', *text.levels(one)),
                text.coverage_rows(one))) if one.accuracy else '',
        _notes(one), '</main></body></html>', ''))


def _head(one: assessment_module.Assessment) -> str:
    chosen, reactive = one.recommendation, one.reactive
    tiles = [
        ('none' if chosen.level is None else f'{chosen.level:g}',
         'recommended service level'),
        (text.percent(chosen.point.held),
         'shadow held, of the demand\'s server-hours'),
        (text.percent(text.avoided(one, chosen.point)),
         'of the minutes short avoided'),
        (f'{reactive.violations.sum():,.0f}',
         'minutes short without any shadow')]
    if chosen.cost is not None and one.reactive_cost is not None:
        tiles.append((f'{chosen.cost.total:,.2f}',
                      f'cost, against {one.reactive_cost.total:,.2f} '
                      'without shadow'))
    shown = ''.join(f'<div><b>{value}</b><span>{name}</span></div>'
                    for value, name in tiles)
    return (
        '<h1>What shadow would have been worth</h1>'
        f'<p>{html.escape(text.spans(one))}</p>'
        f'<section class="figures">{shown}</section>'
        f'<p class="verdict">{html.escape(text.verdict(one))} '
        f'Recommended: {text.recommendation(one)}, as '
        f'{html.escape(chosen.because)}.</p>')


def _section(title: str, words: str, content: str) -> str:
    return (f'<section><h2>{html.escape(title)}</h2>'
            f'<p>{html.escape(words)}</p>{content}</section>')


def _table(titles: Sequence[str], rows: text.Rows, chosen: str = '') -> str:
    """:param chosen: what marks the row that stands out"""
    def line(row: Sequence[str], name: str) -> str:
        mark = bool(chosen) and row[0].endswith(chosen)
        shown = [cell.removesuffix(chosen) for cell in row] if mark else row
        cells = ''.join(f'<{name}>{html.escape(cell)}</{name}>'
                        for cell in shown)
        return f'<tr{" class=chosen" if mark else ""}>{cells}</tr>'
    return (f'<table><thead>{line(titles, "th")}</thead><tbody>'
            + ''.join(line(row, 'td') for row in rows) + '</tbody></table>')


def _tradeoff(one: assessment_module.Assessment) -> str:
    """Avoided over held, a line for each policy; nothing if nothing was
    short."""
    if not one.short:
        return ''
    matter = [share for name in one.found if name != contest.HEADROOM
              for share in [one.held_at(name, 0.9)] if share is not None]
    most = 100 * max([*matter, one.recommendation.point.held, 0.1]) * BEYOND
    chart = svg.Chart.over((0.0, most), (0.0, 100.0))
    parts = [chart.axes('shadow held', 'minutes short avoided',
                        suffix=' %')]
    parts += [chart.path([(0.0, 100 * goal), (most, 100 * goal)], 'goal')
              for goal in text.AVOIDED]
    for name, points in one.found.items():
        inside = [(100 * point.held, 100 * point.avoided)
                  for point in points if 100 * point.held <= most]
        parts.append(chart.path([(0.0, 0.0), *inside], _class(name)))
    for point in one.found[contest.FORECAST]:
        if 100 * point.held <= most:
            parts.append(chart.dot(
                100 * point.held, 100 * point.avoided, 'forecast',
                f'service level {point.setting:g}'))
    return svg.figure('Minutes short avoided over shadow held', *parts) + (
        svg.legend([(_class(name), name) for name in one.found]))


def _class(name: str) -> str:
    return name.replace(' ', '-')


def _costs(one: assessment_module.Assessment) -> str:
    """A bar for each service level; nothing without prices."""
    if not one.costs or one.reactive_cost is None:
        return ''
    points, costs = (one.found[contest.FORECAST],
                     one.costs[contest.FORECAST])
    none = one.reactive_cost.total
    most = max(none, *(cost.total for cost in costs)) * 1.05 or 1.0
    chart = svg.Chart.over((0.0, float(len(points))), (0.0, most))
    parts = [chart.axes(
        'service level', 'cost', [(index + 0.5, f'{point.setting:g}')
                                  for index, point in enumerate(points)])]
    for index, cost in enumerate(costs):
        base = 0.0
        for value, class_ in ((cost.held, 'hold'), (cost.used, 'use'),
                              (cost.short, 'short')):
            parts.append(chart.bar(index + 0.15, index + 0.85, base,
                                   base + value, class_))
            base += value
    parts.append(chart.path([(0.0, none), (len(points), none)], 'none'))
    return svg.figure('Cost by service level', *parts) + svg.legend([
        ('hold', 'held'), ('use', 'used'), ('short', 'short'),
        ('none', 'without shadow')])


def _example(one: assessment_module.Assessment) -> str:
    shown = one.example
    hours = shown.step / datetime.timedelta(hours=1)
    demand = [(index * hours, float(value)) for index, value
              in enumerate(shown.demand) if value == value]
    total = [(index * hours, float(value)) for index, value
             in enumerate(shown.total) if value == value]
    if not demand:
        return ''
    most = max(value for _, value in total + demand) * 1.05 or 1.0
    end = len(shown.demand) * hours
    chart = svg.Chart.over((0.0, end), (0.0, most))
    ticks = [(hour, f'{shown.start + datetime.timedelta(hours=hour):%a %H:%M}')
             for hour in chart.x.ticks(9)]
    return svg.figure(
        f'Demand and capacity of {shown.name}',
        chart.axes('UTC', 'servers', ticks),
        chart.area(svg.stairs(total), 'total'),
        chart.path(demand, 'demand')) + svg.legend([
            ('demand', 'demand'), ('total', 'capacity in all')])


def _coverage(one: assessment_module.Assessment) -> str:
    """How often the demand was at or under each level, over the level."""
    levels = one.plan.settings.levels
    shares = [share for each in one.accuracy
              if each.forecaster == backtest.SERVED
              for share in each.coverage]
    low = 100 * min((*levels, *shares))
    chart = svg.Chart.over((100 * levels[0], 100.0), (low, 100.0))
    parts = [chart.axes('level', 'demand at or under it', [
        (100 * level, f'{100 * level:g} %') for level in levels],
        suffix=' %'), chart.path([
            (100 * levels[0], 100 * levels[0]), (100.0, 100.0)], 'exact')]
    keys = [('exact', 'exactly as said')]
    for window, class_ in ((backtest.HOUR, 'hour'),
                           (backtest.HORIZON, 'horizon'),
                           (backtest.PEAK, 'peak')):
        for each in one.accuracy:
            if (each.window, each.forecaster) == (window, backtest.SERVED):
                points = [(100 * level, 100 * share) for level, share
                          in zip(levels, each.coverage)]
                parts.append(chart.path(points, class_))
                parts += [chart.dot(x, y, class_, f'{y:.1f} % at {x:g} %')
                          for x, y in points]
                keys.append((class_, text.WINDOWS[window]))
    return svg.figure('Coverage by level', *parts) + svg.legend(keys)


def _notes(one: assessment_module.Assessment) -> str:
    clock = one.plan.clock
    lines = [
        f'A server carries {text.unit(one)}. Between two readings the '
        f'demand goes straight from one to the other. A decision is made '
        f'every {clock.step} minutes; a cold build takes {clock.build}, a '
        f'promotion {clock.promotion}; what nobody has wanted for '
        f'{clock.scale_in} minutes goes. Builds under way count as held. '
        'Without shadow a server that is missing is built the minute that '
        'it is missed.', *(f'{note}.' for note in one.notes)]
    return '<section><h2>How it was done</h2>' + ''.join(
        f'<p>{html.escape(line)}</p>' for line in lines) + '</section>'
