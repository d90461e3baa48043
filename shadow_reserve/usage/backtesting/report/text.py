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

"""The assessment as text tables, and as plain values for JSON."""

from collections.abc import Sequence
import datetime
from typing import Any

from shadow_reserve.usage.backtesting import advice
from shadow_reserve.usage.backtesting import assessment as assessment_module
from shadow_reserve.usage.backtesting import backtest
from shadow_reserve.usage.backtesting import contest
from shadow_reserve.usage.backtesting import replay

Rows = Sequence[Sequence[str]]

AVOIDED = (0.8, 0.9)
#: What each policy's setting is.
SETTINGS = {
    contest.FORECAST: 'service level', contest.STATIC: 'more servers',
    contest.HEADROOM: 'more by a share of', contest.RECENT: 'days back',
    contest.RAMP: 'quantile', contest.ORACLE: 'share of the rise'}
WINDOWS = {backtest.HOUR: 'next hour', backtest.HORIZON: 'next day',
           backtest.PEAK: 'coming peak'}


def table(titles: Sequence[str], rows: Rows) -> str:
    """The first column to the left, all others to the right."""
    widths = [max(len(row[index]) for row in (titles, *rows))
              for index in range(len(titles))]
    lines = []
    for row in (titles, *rows):
        cells = [cell.rjust(width) for cell, width in zip(row, widths)]
        cells[0] = row[0].ljust(widths[0])
        lines.append('  '.join(cells).rstrip())
    lines.insert(1, '-' * len(max(lines, key=len)))
    return '\n'.join(lines)


def percent(share: float | None) -> str:
    return '-' if share is None else f'{100 * share:.1f} %'


def avoided(one: assessment_module.Assessment,
            point: replay.Point) -> float | None:
    """Its share of the minutes short; ``None`` where none were."""
    return point.avoided if one.short else None


def accuracy_rows(one: assessment_module.Assessment) -> Rows:
    """Window, forecast, seasonal naive, their ratio, of means; medians."""
    by_name = {(each.window, each.forecaster): each for each in one.accuracy}
    rows = []
    for window, title in WINDOWS.items():
        ours = by_name.get((window, backtest.SERVED))
        naive = by_name.get((window, backtest.NAIVE))
        if ours is None or naive is None:
            continue
        rows.append((
            title, f'{ours.mean:.3f}', f'{naive.mean:.3f}',
            f'{ours.mean / naive.mean:.2f}' if naive.mean else '-',
            f'{ours.median:.3f}', f'{naive.median:.3f}'))
    return rows


def coverage_rows(one: assessment_module.Assessment) -> Rows:
    """Window, and the share at or under each level."""
    return [(WINDOWS[each.window], *(
        percent(share) for share in each.coverage))
        for each in one.accuracy if each.forecaster == backtest.SERVED]


def policy_rows(one: assessment_module.Assessment) -> Rows:
    """Policy, H80, H90, and the least that it can cost where being short
    has a price."""
    rows = []
    for name in one.found:
        row = [name, *(percent(one.held_at(name, share))
                       for share in AVOIDED)]
        if one.by_cost:
            costs = one.costs[name]
            best = min(range(len(costs)),
                       key=lambda index: costs[index].total)
            row += [f'{costs[best].total:,.2f}',
                    f'{SETTINGS[name]} {one.found[name][best].setting:.3g}']
        rows.append(row)
    return rows


def level_rows(one: assessment_module.Assessment) -> Rows:
    """Service level, held, avoided, server-hours short, and the cost."""
    rows = []
    for index, point in enumerate(one.found[contest.FORECAST]):
        chosen = point.setting == one.recommendation.level
        row = [f'{point.setting:g}{" <-" if chosen else ""}',
               percent(point.held),
               percent(avoided(one, point)),
               f'{point.deficit / 60:,.1f}']
        if one.costs:
            cost = one.costs[contest.FORECAST][index]
            row += [f'{part:,.2f}' for part in (
                cost.held, cost.used, cost.short, cost.total)]
        rows.append(row)
    return rows


def levels(one: assessment_module.Assessment) -> list[str]:
    return [f'<= {level:g}' for level in one.plan.settings.levels]


def unit(one: assessment_module.Assessment) -> str:
    """What a server is taken to carry, in words."""
    if one.plan.unit is not None:
        return f'{one.plan.unit:g} in the unit of the series'
    return (f'a {assessment_module.SERVERS_AT_P99:g}th of the 99th '
            'percentile of its application\'s training (no --unit given)')


def spans(one: assessment_module.Assessment) -> str:
    """What was learned from, and what was replayed."""
    tested = (one.end - one.test_start) / datetime.timedelta(days=1)
    return (f'{len(one.names)} applications, trained on '
            f'{one.plan.training_days} days and replayed minute by minute '
            f'over the {tested:.1f} after them, the latest up to '
            f'{one.end:%Y-%m-%d %H:%M} UTC.')


def verdict(one: assessment_module.Assessment) -> str:
    """What would have been held and saved, in one sentence."""
    point, reactive = one.recommendation.point, one.reactive
    before = float(reactive.violations.sum())
    if one.recommendation.level is None:
        return (f'Without shadow {before:,.0f} minutes would have been '
                f'short, and the demand was '
                f'{float(reactive.demand_hours.sum()):,.0f} server-hours.')
    after = float(point.outcome.violations.sum())
    return (f'At service level {point.setting:g} it would have held '
            f'{float(point.outcome.shadow_hours.sum()):,.0f} server-hours '
            f'of shadow ({percent(point.held)} of the demand\'s '
            f'{float(reactive.demand_hours.sum()):,.0f}), and '
            f'{after:,.0f} instead of {before:,.0f} minutes would have '
            f'been short ({percent(point.avoided)} avoided).')


def recommendation(one: assessment_module.Assessment) -> str:
    """The level to take, or that none is."""
    if one.recommendation.level is None:
        return 'no shadow'
    return (f'service level {one.recommendation.level:g} with safety margin '
            f'{one.plan.margin:g}')


def against_rules(one: assessment_module.Assessment) -> list[str]:
    """How the forecast stands beside the best rule, better or worse."""
    lines: list[str] = []
    if not one.short:
        return lines
    for share in AVOIDED:
        name = f'H{100 * share:.0f}'
        ours = one.held_at(contest.FORECAST, share)
        best = contest.best_rule(one.found, share)
        if ours is None:
            lines.append(f'{name}: the forecast does not avoid as much at '
                         'any level tried.')
        elif best is None:
            lines.append(f'{name}: no rule without learning avoids as much '
                         'at any setting tried.')
        elif best[1] > 0:
            word = 'less' if ours < best[1] else 'NOT less'
            lines.append(
                f'{name}: the forecast holds {ours / best[1]:.2f} times '
                f'what the best rule ({best[0]}) does, {word}.')
    return lines


def not_better(one: assessment_module.Assessment) -> list[str]:
    """Where the forecast is no better than seasonal naive."""
    by_name = {(each.window, each.forecaster): each for each in one.accuracy}
    return [title for window, title in WINDOWS.items()
            if (window, backtest.SERVED) in by_name
            and by_name[window, backtest.SERVED].mean
            >= by_name[window, backtest.NAIVE].mean]


def rendered(one: assessment_module.Assessment) -> str:
    """All of it, for a terminal."""
    priced = bool(one.costs)
    head = f'{spans(one)}\nA server carries {unit(one)}.'
    parts = [head, *(f'Note: {note}.' for note in one.notes)]
    if one.accuracy:
        parts += [
            f'Accuracy on {one.scored} of them (scaled pinball loss: lower '
            'is better)\n' + table(
                ('window', 'forecast', 'naive', 'ratio', 'median',
                 'naive median'), accuracy_rows(one)),
            'Coverage of the forecast\n' + table(
                ('window', *levels(one)), coverage_rows(one))]
        parts += [f'NOT BETTER than seasonal naive: {", ".join(worse)}.'
                  for worse in (not_better(one),) if worse]
    costs = ('least cost', 'at') if one.by_cost else ()
    parts += [
        'Shadow held, in % of the demand\'s server-hours, where 80 % and '
        '90 % of the minutes short are avoided\n' + table(
            ('policy', 'H80', 'H90', *costs), policy_rows(one)),
        '\n'.join(against_rules(one)),
        'The forecast, level by level\n' + table(
            ('service level', 'held', 'avoided', 'server-h short', *(
                ('hold', 'use', 'short', 'cost') if priced else ())),
            level_rows(one)),
        f'RECOMMENDED: {recommendation(one)}: '
        f'{one.recommendation.because}.\n{verdict(one)}']
    return '\n\n'.join(part for part in parts if part) + '\n'


def as_json(one: assessment_module.Assessment) -> dict[str, Any]:
    """Plain values, shares as shares."""
    plan = one.plan

    def cost(found: advice.Cost | None) -> Any:
        return None if found is None else {
            'held': found.held, 'used': found.used, 'short': found.short,
            'total': found.total}

    def point(name: str, index: int, found: replay.Point) -> dict[str, Any]:
        return {'setting': found.setting, 'held': found.held,
                'avoided': avoided(one, found),
                'short_server_minutes': found.deficit,
                'shadow_hours': float(found.outcome.shadow_hours.sum()),
                'cost': cost(one.costs[name][index] if one.costs
                             else None)}

    return {
        'applications': list(one.names), 'notes': list(one.notes),
        'test_start': one.test_start.isoformat(),
        'end': one.end.isoformat(), 'unit': plan.unit,
        'safety_margin': plan.margin,
        'demand_hours': float(one.reactive.demand_hours.sum()),
        'reactive': {
            'minutes_short': float(one.reactive.violations.sum()),
            'short_server_minutes': float(one.reactive.deficit.sum()),
            'cost': cost(one.reactive_cost)},
        'accuracy': [{
            'forecaster': each.forecaster, 'window': each.window,
            'series': each.series, 'mean': each.mean,
            'median': each.median, 'coverage': dict(zip(
                map(str, plan.settings.levels), each.coverage))}
            for each in one.accuracy],
        'policies': {name: {
            'setting': SETTINGS[name],
            **{f'H{100 * share:.0f}': one.held_at(name, share)
               for share in AVOIDED},
            'points': [point(name, index, each)
                       for index, each in enumerate(points)]}
            for name, points in one.found.items()},
        'recommendation': {
            'service_level': one.recommendation.level,
            'held': one.recommendation.point.held,
            'avoided': avoided(one, one.recommendation.point),
            'cost': cost(one.recommendation.cost),
            'because': one.recommendation.because}}
