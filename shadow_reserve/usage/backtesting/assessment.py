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

"""What shadow would have been worth to some applications.

Their history is cut in two: forecasts learn from the first part, and the
second is replayed, minute by minute, under the forecast at each service
level, under rules without learning, and under none. What comes out is how
accurate the forecasts were, what would have been held and saved, what that
costs at given prices, and which service level to take.
"""

from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import datetime

import numpy as np

from shadow_reserve.usage.backtesting import advice
from shadow_reserve.usage.backtesting import backtest
from shadow_reserve.usage.backtesting import contest
from shadow_reserve.usage.backtesting import hindcast
from shadow_reserve.usage.backtesting import replay
from shadow_reserve.usage import forecaster
from shadow_reserve.usage import series as series_module
from shadow_reserve.usage import settings as settings_module

FloatArray = series_module.FloatArray

#: Without a unit, the 99th percentile of an application's training is so
#: many servers.
SERVERS_AT_P99 = 20.0
#: A replay longer than this says nothing more.
LONGEST_TEST = 31
#: Of an application whose gaps are more than the rest of this, it is said.
NEARLY_ALL = 0.95
#: Of the days that are shown of one application.
SHOWN_DAYS = 3


class NothingToTest(Exception):
    """There is not history enough, with what is missing."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """How to go about it.

    :param unit: what one server carries, in the series' own unit; ``None``
        for ``SERVERS_AT_P99``
    :param margin: on top of each forecast, as the policy's safety margin
    :param sample: applications that are drawn when there are more; ``None``
        for all
    :param target: the share of the minutes short that is to be avoided,
        where there are no prices to go by
    """

    settings: settings_module.ForecastSettings
    clock: replay.Clock
    training_days: int = 14
    unit: float | None = None
    margin: float = 0.0
    sample: int | None = None
    prices: advice.Prices | None = None
    target: float = 0.9
    seed: int = 1


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Example:
    """Some days of one application: demand and capacity, in servers."""

    name: str
    start: datetime.datetime
    step: datetime.timedelta
    demand: FloatArray
    total: FloatArray


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Assessment:
    """All that came out.

    ``costs`` has, for each policy, the cost at each of its points; it is
    empty without prices. ``reactive`` is no shadow at all.
    """

    plan: Plan
    names: tuple[str, ...]
    notes: tuple[str, ...]
    test_start: datetime.datetime
    end: datetime.datetime
    accuracy: tuple[backtest.Summary, ...]
    scored: int
    found: Mapping[str, Sequence[replay.Point]]
    costs: Mapping[str, Sequence[advice.Cost]]
    reactive: replay.Outcome
    reactive_cost: advice.Cost | None
    recommendation: advice.Recommendation
    example: Example

    @property
    def short(self) -> bool:
        """Was anything short without shadow, that it could avoid?"""
        return bool(self.reactive.violations.any())

    @property
    def by_cost(self) -> bool:
        """Is being short priced? If not, no shadow costs least."""
        return bool(self.costs and self.plan.prices is not None
                    and self.plan.prices.short)

    def held_at(self, policy: str, avoided: float) -> float | None:
        """As ``replay.held_at``; ``None``, too, if there was nothing to
        avoid."""
        if not self.short:
            return None
        return replay.held_at(self.found[policy], avoided)


def assess(given: Sequence[series_module.DemandSeries], plan: Plan,
           progress: hindcast.Progress = lambda stage, done, total: None,
           notes: Sequence[str] = ()) -> Assessment:
    """Backtest some applications, a series each.

    :param notes: about how the series were read, which come first
    :raises NothingToTest: when no series has history enough
    """
    settings = plan.settings
    training = plan.training_days * settings.day_steps
    series, more = _prepared(given, plan, training)
    count = len(series[0].values)
    units = _units(series, plan, training)
    demand = np.stack([one.values for one in series]) / units[:, None]
    progress('learning', 0, 1)
    fitted = forecaster.DemandForecaster(settings).fit(
        [series_module.part(one, 0, training) for one in series], plan.seed)
    progress('learning', 1, 1)
    accuracy, scored = hindcast.accuracy(
        fitted, series, training, plan.seed, progress)
    match = contest.Match(
        demand=demand.astype(np.float32), start=training - 1,
        peaks=(hindcast.peaks(fitted, series, training, progress)
               * (1 + plan.margin) / units[:, None, None]
               ).astype(np.float32),
        levels=settings.levels, clock=plan.clock,
        day_steps=settings.day_steps)
    order = [*contest.policies(match), '']
    found = contest.contest(match, lambda name: progress(
        'replaying', order.index(name), len(order) - 1))
    progress('replaying', len(order) - 1, len(order) - 1)
    # Static with no server more is as reactive as can be.
    reactive = found[contest.STATIC][0].outcome
    costs = {} if plan.prices is None else {
        name: tuple(advice.cost(point.outcome, reactive, plan.prices)
                    for point in points) for name, points in found.items()}
    chosen = advice.recommended(
        found[contest.FORECAST], costs.get(contest.FORECAST), reactive,
        plan.prices, plan.target)
    begin = max(one.start for one in series)
    return Assessment(
        plan=plan, names=tuple(one.token for one in series),
        notes=(*notes, *more),
        test_start=begin + training * settings.step,
        end=begin + count * settings.step, accuracy=accuracy, scored=scored,
        found=found, costs=costs, reactive=reactive,
        reactive_cost=None if plan.prices is None else advice.cost(
            reactive, reactive, plan.prices),
        recommendation=chosen,
        example=_example(series, match, chosen, plan))


def _prepared(given: Sequence[series_module.DemandSeries], plan: Plan,
              training: int) -> tuple[list[series_module.DemandSeries],
                                      tuple[str, ...]]:
    """The series that can be tested, all of one length; and notes.

    Series that end more than a day apart were not measured together: each
    is taken up to its own end.
    """
    settings, notes = plan.settings, []
    enough = [one for one in given if one.points >= settings.min_points]
    few = [one for one in given if one.points < settings.min_points]
    if few:
        notes.append(
            f'left out, with fewer than {settings.min_points} readings: '
            + series_module.named(
                [f'{one.token} ({one.points})' for one in few]))
    still = [one.token for one in enough
             if not np.nanmax(one.values) > 0]
    if still:
        notes.append(f'left out, as nothing in it is above zero: '
                     f'{series_module.named(still)}')
        enough = [one for one in enough if one.token not in set(still)]
    day = settings.day_steps
    spans = [_span(one) for one in enough]
    lengths = [stop - start for start, stop in spans]
    longest = max(lengths, default=0)
    if longest < training + day:
        raise NothingToTest(
            f'{longest / day:.1f} days of history are the most that a '
            f'series has, and {plan.training_days} days of training and '
            'one to test are needed. Give more history, or fewer training '
            f'days (--train-days).{_told(notes)}'
            if enough else
            f'no series has {settings.min_points} readings, a day of '
            f'them: {"; ".join(notes) or "there are none"}.')
    # As most have it: one of a longer history does not lengthen the test.
    count = min(round(float(np.median([
        length for length in lengths if length >= training + day]))),
        training + LONGEST_TEST * day)
    ends = [one.start + stop * one.step
            for one, (_, stop) in zip(enough, spans)]
    apart = max(ends) - min(ends) > settings_module.DAY
    if apart:
        notes.append('the series end on different days: each is taken up '
                     'to its own end')
    result, blank, idle = [], [], []
    for one, (_, stop), end in zip(enough, spans, ends):
        last = stop if apart else stop + (max(ends) - end) // one.step
        values = np.full(count, np.nan)
        known = one.values[max(last - count, 0):stop]
        values[count - last + max(last - count, 0):][:len(known)] = known
        begin = one.start + (last - count) * one.step
        if not np.isfinite(values[training:]).any():
            blank.append(one.token)
        elif not np.nanmax(values) > 0:
            # It was before, and has no unit in what is left of it.
            idle.append(one.token)
        else:
            result.append(dataclasses.replace(
                one, start=begin, values=values))
    if blank:
        notes.append(f'left out, with no reading in the days that are '
                     f'replayed: {series_module.named(blank)}')
    if idle:
        notes.append(f'left out, as nothing in its last {count / day:.0f} '
                     f'days, which are looked at, is above zero: '
                     f'{series_module.named(idle)}')
    if not result:
        raise NothingToTest(f'no series is left: {"; ".join(notes)}.')
    if plan.sample is not None and len(result) > plan.sample:
        notes.append(f'{plan.sample} applications of {len(result)} were '
                     'drawn at random (--sample), and all figures are '
                     'theirs')
        drawn = np.random.default_rng(plan.seed).permutation(len(result))
        result = [result[row] for row in sorted(drawn[:plan.sample])]
    constant = [one.token for one in result
                if np.nanmax(one.values) == np.nanmin(one.values)]
    if constant:
        notes.append(f'always the same, so that no shadow can help: '
                     f'{series_module.named(constant)}')
    shares = _counting(result, training)
    # Nothing would be short then, and no shadow seem to be best.
    if not shares.any():
        raise NothingToTest(
            'no minute of the days that are replayed counts, as no series '
            'has two readings there without a gap between them. Give usage '
            f'with fewer gaps.{_told(notes)}')
    return result, (*notes, *_gaps(result, shares))


def _span(one: series_module.DemandSeries) -> tuple[int, int]:
    known = np.flatnonzero(np.isfinite(one.values))
    return int(known[0]), int(known[-1]) + 1


def _counting(series: Sequence[series_module.DemandSeries],
              training: int) -> FloatArray:
    """The share of each one's minutes that the replay counts."""
    known = np.isfinite([one.values[training - 1:] for one in series])
    shares: FloatArray = (known[:, 1:] & known[:, :-1]).mean(axis=1)
    return shares


def _gaps(series: Sequence[series_module.DemandSeries],
          shares: FloatArray) -> list[str]:
    """A note, where the replay does not count nearly all of its minutes."""
    gappy = sorted((share, one.token) for share, one in zip(shares, series)
                   if share < NEARLY_ALL)
    if not gappy:
        return []
    return [f'of the minutes replayed {100 * shares.mean():.0f} % count, as '
            'those beside a gap do not; least of: ' + series_module.named([
                f'{name} ({100 * share:.0f} %)' for share, name in gappy])]


def _told(notes: Sequence[str]) -> str:
    """What was left out, behind what is missing."""
    return ''.join(f' Note: {one}.' for one in notes)


def _units(series: Sequence[series_module.DemandSeries], plan: Plan,
           training: int) -> FloatArray:
    """What one server of each application carries."""
    if plan.unit is not None:
        return np.full(len(series), plan.unit)
    found = []
    for one in series:
        seen = one.values[:training]
        seen = seen if np.isfinite(seen).any() else one.values
        # One that slept through the training still needs a unit.
        busiest = (float(np.nanpercentile(seen, 99))
                   or float(np.nanmax(one.values)))
        found.append(busiest / SERVERS_AT_P99)
    return np.array(found)


def _example(series: Sequence[series_module.DemandSeries],
             match: contest.Match, chosen: advice.Recommendation,
             plan: Plan) -> Example:
    """The busiest days of the application in the middle of all."""
    held = chosen.point.outcome.shadow_hours
    row = int(np.argsort(held, kind='stable')[len(held) // 2])
    tested = match.tested[row]
    # Without shadow there is what the demand asks for.
    total = (tested if chosen.level is None
             else contest.forecast_totals(match, chosen.level)[row])
    span = min(SHOWN_DAYS * match.day_steps, len(tested))
    peak = int(np.argmax(np.nan_to_num(tested)))
    first = min(max(peak - span // 2, 0), len(tested) - span)
    one = series[row]
    return Example(
        name=one.token, step=one.step,
        start=one.start + (match.start + 1 + first) * one.step,
        demand=tested[first:first + span].astype(np.float64),
        total=np.ceil(np.fmax(
            total, tested))[first:first + span].astype(np.float64))
