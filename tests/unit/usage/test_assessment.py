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

"""Backtests of a few small applications, from their series to the page."""

import dataclasses
import datetime
import json
import re
from xml.etree import ElementTree

import numpy as np
import pytest

from shadow_reserve.usage.backtesting import advice
from shadow_reserve.usage.backtesting import assessment
from shadow_reserve.usage.backtesting import contest
from shadow_reserve.usage.backtesting import replay
from shadow_reserve.usage.backtesting.report import page
from shadow_reserve.usage.backtesting.report import svg
from shadow_reserve.usage.backtesting.report import text
from shadow_reserve.usage import settings as settings_module
from tests.unit.usage import generated

DAY = generated.DAY
PRICES = advice.Prices(hold=0.01, use=0.03, short=0.05)


def plan(**changes):
    return assessment.Plan(**{
        'settings': settings_module.ForecastSettings(
            peak_window=datetime.timedelta(minutes=15), max_rows=2000),
        'clock': replay.Clock(), 'training_days': 4, **changes})


def applications(days=6, count=3):
    return [generated.series_of(
        generated.daily_shaped(days, seed, bursts=0.03), token=f'app-{seed}')
        for seed in range(count)]


@pytest.fixture(scope='module')
def assessed():
    # Given three applications of six days, learned from four of them
    stages = []
    found = assessment.assess(
        applications(), plan(unit=1.0, prices=PRICES),
        lambda *stage: stages.append(stage))
    return found, stages


def test_it_says_what_was_learned_from_and_what_was_replayed(assessed):
    found, stages = assessed
    assert found.names == ('app-0', 'app-1', 'app-2')
    assert found.test_start == generated.START + datetime.timedelta(days=4)
    assert found.end == generated.START + datetime.timedelta(days=6)
    names = list(dict.fromkeys(stage for stage, _, _ in stages))
    assert names == ['learning', 'scoring', 'forecasting', 'replaying']
    for name in names:
        done = [(each, of) for stage, each, of in stages if stage == name]
        assert done == sorted(done)
        assert done[-1][0] == done[-1][1]


def test_it_compares_with_seasonal_naive_and_the_rules(assessed):
    found, _ = assessed
    assert len(text.accuracy_rows(found)) == 3
    assert {row[0] for row in text.policy_rows(found)} == {
        contest.FORECAST, *contest.RULES, contest.ORACLE}
    assert found.held_at(contest.ORACLE, 0.8) < found.held_at(
        contest.STATIC, 0.8)


def test_the_cheapest_level_is_recommended(assessed):
    found, _ = assessed
    costs = found.costs[contest.FORECAST]
    chosen = found.recommendation
    assert chosen.cost.total == min(cost.total for cost in costs)
    assert 'costs least' in chosen.because
    # A dear minute short asks for a higher level
    dear = assessment.assess(applications(), plan(
        unit=1.0, prices=dataclasses.replace(PRICES, short=50.0)))
    assert dear.recommendation.level > chosen.level


def test_without_a_price_of_being_short_the_target_decides():
    found = assessment.assess(applications(), plan(unit=1.0, target=0.7))
    chosen = found.recommendation
    assert chosen.point.avoided >= 0.7
    assert all(point.avoided < 0.7 for point in
               found.found[contest.FORECAST] if point.setting < chosen.level)
    assert 'lowest level' in chosen.because
    assert chosen.cost is None
    assert not found.costs
    impossible = assessment.assess(applications(), plan(
        unit=1.0, target=1.0, clock=replay.Clock(promotion=1)))
    assert 'no level avoids 100 %' in impossible.recommendation.because


def test_a_price_of_holding_alone_does_not_say_what_costs_least():
    # Given a price of shadow and none of being short, so that none at all
    # would cost least, while the target decides
    found = assessment.assess(applications(count=1), plan(
        unit=1.0, target=0.7, prices=advice.Prices(hold=0.01)))
    # Then the policies are not compared by it, and each level's cost is shown
    assert {len(row) for row in text.policy_rows(found)} == {3}
    said, made = text.rendered(found), page.rendered(found)
    assert 'least cost' not in said + made
    assert 'lowest level' in found.recommendation.because
    assert float(text.level_rows(found)[-1][-1]) > 0
    assert '<th>cost</th>' in made


def test_where_nothing_is_short_no_level_is_recommended():
    # Given a server that carries more than the application ever asks for
    found = assessment.assess(
        applications(count=1), plan(unit=1000.0, prices=PRICES))
    # Then paper, page and JSON say so, and not that all was avoided
    assert found.recommendation.level is None
    said, made = text.rendered(found), page.rendered(found)
    assert 'RECOMMENDED: no shadow: nothing was short without it' in said
    assert 'check --unit' in said
    assert 'no shadow, as nothing was short' in made
    assert {row[1:3] for row in map(tuple, text.policy_rows(found))} == {
        ('-', '-')}
    assert {row[2] for row in text.level_rows(found)} == {'-'}
    assert not text.against_rules(found)
    given = json.loads(json.dumps(text.as_json(found), allow_nan=False))
    assert given['recommendation']['service_level'] is None
    assert given['recommendation']['avoided'] is None
    assert given['policies']['forecast']['H80'] is None


def test_shadow_that_costs_more_than_it_saves_is_not_recommended():
    # Given shadow at a price that no minute short is worth
    found = assessment.assess(applications(count=1), plan(
        unit=1.0, prices=dataclasses.replace(PRICES, hold=1000.0)))
    # Then none is best, at what being short costs
    chosen = found.recommendation
    assert chosen.level is None
    assert chosen.cost == found.reactive_cost
    assert (chosen.point.held, chosen.point.avoided) == (0.0, 0.0)
    said = text.rendered(found)
    assert 'RECOMMENDED: no shadow: at these prices it does not pay' in said
    assert 'Without shadow' in said
    assert '<-' not in said
    assert 'no shadow, as at these prices' in page.rendered(found)


def test_a_margin_holds_more():
    plain, wide = (assessment.assess(
        applications(count=1), plan(unit=1.0, margin=margin))
        for margin in (0.0, 0.5))
    for one, other in zip(plain.found[contest.FORECAST],
                          wide.found[contest.FORECAST]):
        assert other.held > one.held


def test_without_a_unit_the_busiest_hours_are_twenty_servers():
    found = assessment.assess(applications(count=1), plan())
    assert np.nanmax(found.example.demand) > 15
    assert '20th of the 99th percentile' in text.rendered(found)


def test_bad_series_are_left_out_and_named():
    # Given a good one, and some that nobody can forecast
    good, = applications(count=1)
    days = 6 * DAY
    constant = generated.series_of(np.full(days, 5.0), token='constant')
    others = [
        generated.series_of(np.full(days, np.nan), token='gaps'),
        generated.series_of([1.0, 2.0] + [np.nan] * (days - 2),
                            token='two-points'),
        generated.series_of(np.zeros(days), token='zeros')]
    found = assessment.assess([good, constant, *others], plan())
    assert found.names == ('app-0', 'constant')
    said = '\n'.join(found.notes)
    assert 'fewer than 288 readings: gaps (0), two-points (2)' in said
    assert 'nothing in it is above zero: zeros' in said
    assert 'always the same, so that no shadow can help: constant' in said
    assert 'nan' not in text.rendered(found)


def test_of_too_many_some_are_drawn_and_said():
    found = assessment.assess(applications(count=5), plan(sample=2))
    assert len(found.names) == len(set(found.names)) == 2
    assert '2 applications of 5 were drawn' in found.notes[0]


def test_a_series_with_long_gaps_is_no_crash():
    values = generated.daily_shaped(6)
    values[2 * DAY:4 * DAY + 30] = np.nan
    values[5 * DAY:5 * DAY + 100] = np.nan
    found = assessment.assess([generated.series_of(values)], plan())
    assert found.reactive.demand_hours[0] > 0


@pytest.mark.parametrize(('given', 'words'), [
    ([], 'there are none'),
    ([generated.series_of([1.0, 2.0], token='short')], r'short \(2\)'),
    (applications(days=4), '4.0 days of history.*--train-days')])
def test_too_little_history_is_told(given, words):
    with pytest.raises(assessment.NothingToTest, match=words):
        assessment.assess(given, plan())


def test_one_without_a_reading_in_the_test_is_left_out_and_named():
    # Given one that ends a day, all of the test, before the other
    one, other = applications(days=5, count=2)
    ended = generated.series_of(
        np.where(np.arange(5 * DAY) < 4 * DAY, one.values, np.nan), 'ended')
    found = assessment.assess([ended, other], plan())
    assert found.names == (other.token,)
    assert found.notes == ('left out, with no reading in the days that are '
                           'replayed: ended',)


def test_one_that_was_used_only_before_the_cut_is_left_out_and_named():
    # Given one that was used a day, before the days that are looked at
    one, other = applications(count=2)
    idle = generated.series_of(np.concatenate(
        [one.values[:DAY], np.zeros(5 * DAY)]), 'idle')
    late = [generated.series_of(
        np.where(np.arange(6 * DAY) < DAY, np.nan, other.values), name)
        for name in ('late', 'later')]
    # Then it has no unit, and is left out
    found = assessment.assess([idle, *late], plan())
    assert found.names == ('late', 'later')
    assert found.notes == ('left out, as nothing in its last 5 days, which '
                           'are looked at, is above zero: idle',)
    assert np.isfinite(found.reactive.demand_hours).all()


def test_where_all_were_used_only_before_the_cut_nothing_is_tested():
    # Given two months, of which the last 35 days are looked at
    values = np.zeros(60 * DAY)
    values[:DAY] = 1.0
    idle = generated.series_of(values, 'idle')
    with pytest.raises(assessment.NothingToTest, match=(
            r'no series is left: .* last 35 days.* above zero: idle')):
        assessment.assess([idle], plan())


def test_how_much_of_the_test_counts_is_said_where_much_of_it_does_not():
    # Given one that was read in the last of every four hours only: of the
    # 48 readings' minutes those between 12 count, about 11 of 48
    one, other = applications(count=2)
    rare = generated.series_of(
        np.where(np.arange(6 * DAY) % 48 >= 36, one.values, np.nan),
        'rare')
    # And one that lacks a reading
    nearly = other.values.copy()
    nearly[-20] = np.nan
    found = assessment.assess(
        [rare, generated.series_of(nearly, 'nearly')], plan())
    # Then only of the first it is said, and of both together
    assert found.names == ('rare', 'nearly')
    note, = found.notes
    assert '62 % count' in note
    assert note.endswith('least of: rare (24 %)')


def test_where_no_minute_of_the_test_counts_nothing_is_recommended():
    # Given one that lacks every other reading, and one that is never used
    one, = applications(count=1)
    other = generated.series_of(
        np.where(np.arange(6 * DAY) % 2, one.values, np.nan), 'other')
    zeros = generated.series_of(np.zeros(6 * DAY), token='zeros')
    # Then it is not said that nothing was short
    with pytest.raises(assessment.NothingToTest, match=(
            r'no minute of the days that are replayed counts.*zeros')):
        assessment.assess([other, zeros], plan(unit=1.0))


def test_what_was_left_out_is_told_with_too_little_history():
    # Given a series that is long enough, and never above zero
    zeros = generated.series_of(np.zeros(6 * DAY), token='zeros')
    with pytest.raises(assessment.NothingToTest, match='above zero: zeros'):
        assessment.assess([*applications(days=4), zeros], plan())


def test_series_of_different_years_are_taken_up_to_their_own_ends():
    # Given the same series twice, once a year later
    one, = applications(count=1)
    blank = np.full(365 * DAY, np.nan)
    early = generated.series_of(np.concatenate([one.values, blank]), 'early')
    late = generated.series_of(np.concatenate([blank, one.values]), 'late')
    found = assessment.assess([early, late], plan(unit=1.0))
    assert 'up to its own end' in found.notes[0]
    outcome = found.reactive
    assert outcome.violations[0] == outcome.violations[1] > 0


def test_json_is_json(assessed):
    found, _ = assessed
    given = json.loads(json.dumps(text.as_json(found), allow_nan=False))
    assert given['recommendation']['service_level'] == (
        found.recommendation.level)
    assert given['policies']['static']['H80'] == found.held_at(
        contest.STATIC, 0.8)
    assert set(given['accuracy'][0]['coverage']) == {
        '0.5', '0.9', '0.95', '0.99'}


def test_the_page_needs_nothing_but_itself(assessed):
    found, _ = assessed
    made = page.rendered(dataclasses.replace(found, example=(
        dataclasses.replace(found.example, name='<b>&'))))
    assert not re.search(r'(src|href)=|url\(|@import', made)
    assert '<b>&<' not in made
    drawings = re.findall(r'<svg xmlns.*?</svg>', made, re.DOTALL)
    assert len(drawings) == 4
    for drawing in drawings:
        ElementTree.fromstring(drawing)
        assert 'nan' not in drawing


def test_the_page_does_without_prices_and_scores(assessed):
    found, _ = assessed
    made = page.rendered(dataclasses.replace(
        found, costs={}, reactive_cost=None, accuracy=()))
    assert 'How accurate' not in made
    assert made.count('<svg xmlns') == 2


def test_what_is_no_better_is_said(assessed):
    found, _ = assessed
    worse = dataclasses.replace(found, accuracy=tuple(
        dataclasses.replace(each, mean=each.mean + 100)
        if each.forecaster == 'served' else each for each in found.accuracy))
    assert 'NOT BETTER than seasonal naive: next hour' in text.rendered(
        worse)
    assert 'Not better than seasonal naive' in page.rendered(worse)


def test_a_table_is_as_wide_as_what_is_in_it():
    assert text.table(('name', 'n'), [('a', '1,000'), ('longer', '2')]) == (
        'name        n\n-------------\na       1,000\nlonger      2')


def test_a_scale_has_round_ticks_even_where_all_is_the_same():
    assert svg.Scale(0, 7.3, 0, 100).ticks(5) == [0, 2, 4, 6]
    assert svg.Scale(5, 5, 0, 100)(5) == 0
    assert svg.Scale(5, 5, 0, 100).ticks(5) == [5]
