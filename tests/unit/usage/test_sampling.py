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

import dataclasses

import hypothesis
from hypothesis import strategies as st
import numpy as np
import pytest

from shadow_reserve.usage import experts
from shadow_reserve.usage import sampling
from shadow_reserve.usage import settings as settings_module
from tests.unit.usage import generated

DAY = generated.DAY


NEAR, FAR, PEAKS = sampling.aims(
    settings_module.ForecastSettings()).values()
AIMS = pytest.mark.parametrize('aim', [NEAR, FAR, PEAKS])


def drawn(series, aim, max_rows, held_out=None, seed=0):
    return sampling.drawn(
        series, {'one': aim},
        settings_module.ForecastSettings(max_rows=max_rows),
        np.zeros(len(series), dtype=np.int64) if held_out is None
        else np.array(held_out), np.random.default_rng(seed)).get('one')


@AIMS
def test_no_target_reaches_into_what_is_kept_back(aim):
    # Given a history whose last day is nothing like the days before
    values = generated.daily_shaped(6)
    values[5 * DAY:] = 1000.0
    found = drawn([generated.series_of(values)], aim, 500, [DAY])
    panel = generated.panel_of(values)
    assert len(found) > 0
    assert (found.actual < panel.values[0, 5 * DAY:].min()).all()


@hypothesis.settings(deadline=None, max_examples=15)
@hypothesis.given(st.sampled_from([NEAR, FAR, PEAKS]), st.integers(8, 400),
                  st.lists(st.integers(1, 6), min_size=1, max_size=4))
def test_rows_keep_to_their_budget(aim, max_rows, days):
    series = [generated.series_of(generated.daily_shaped(one, row), f'{row}')
              for row, one in enumerate(days)]
    found = drawn(series, aim, max_rows)
    assert found is None or len(found) <= max_rows


@AIMS
def test_what_fitting_costs_does_not_grow_with_the_fleet(
        monkeypatch, aim):
    # Given a bound on the days whose tables are worked out
    monkeypatch.setattr(sampling, 'MOST_DAYS', 40)
    counted = []
    learn = experts.learn

    def counting(panel, window, series, origins, levels):
        counted.append((len(panel), len(series)))
        return learn(panel, window, series, origins, levels)

    monkeypatch.setattr(experts, 'learn', counting)
    one = generated.series_of(generated.daily_shaped(5))
    costs = []
    for fleet in (12, 400):
        counted.clear()
        found = drawn([dataclasses.replace(one, token=str(number))
                       for number in range(fleet)], aim, 800)
        series, tables = np.sum(counted, axis=0)
        costs.append((len(found), tables))
        assert series <= 40
    # Then a fleet that is larger by far costs as much
    assert costs[0][1] == costs[1][1] == 40
    assert costs[0][0] == pytest.approx(costs[1][0], rel=0.1)
    assert max(rows for rows, _ in costs) <= 800


def test_all_days_of_all_series_have_their_share():
    # Given two levels so far apart that rows tell whose they are
    series = [generated.series_of(values, str(row)) for row, values in
              enumerate(np.full((6, 5 * DAY), 10.0)
                        * np.arange(1, 7)[:, None])]
    random = np.random.default_rng(0)
    settings = settings_module.ForecastSettings(max_rows=100)
    days = sampling._days(series, settings, np.zeros(6, np.int64), random)
    assert len(days) == 6 * 4
    counts = sampling._shared(100, len(days), random)
    assert counts.sum() == 100
    assert set(counts) == {4, 5}


def test_aims_share_the_tables_of_their_days(monkeypatch):
    # Given three aims, two of which are for single steps
    worked_out = []
    learn = experts.learn
    monkeypatch.setattr(experts, 'learn', lambda panel, window, *more: (
        worked_out.append(window), learn(panel, window, *more))[1])
    series = [generated.series_of(generated.daily_shaped(4))]
    settings = settings_module.ForecastSettings()
    found = sampling.drawn(series, sampling.aims(settings), settings,
                           np.array([DAY]), np.random.default_rng(0))
    # Then all have rows, and what they share is worked out once
    assert set(found) == {'near', 'far', 'peaks'}
    assert sorted(worked_out) == [1, settings.peak_steps]


def test_the_same_seed_draws_the_same_rows_and_another_draws_others():
    series = [generated.series_of(generated.daily_shaped(6))]
    first, same, other = (drawn(series, FAR, 200, seed=seed)
                          for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.features, same.features)
    assert not np.array_equal(first.features[:50], other.features[:50])


def test_horizons_are_of_all_lengths_and_near_ones_most_often():
    refresh = np.array([10 * DAY])
    _, cases = sampling._cases(
        FAR, np.array([0]), refresh, np.array([14 * DAY]), np.array([2000]),
        settings_module.ForecastSettings(), np.random.default_rng(0))
    assert set(cases.horizons) == set(range(1, DAY + 1))
    assert (cases.horizons <= 12).mean() > 3 * 12 / DAY
    assert (cases.origins >= refresh).all()
    assert (cases.origins < refresh + DAY).all()


def test_near_horizons_are_those_of_the_hour_and_all_alike():
    refresh = np.array([10 * DAY])
    _, cases = sampling._cases(
        NEAR, np.array([0]), refresh, np.array([14 * DAY]),
        np.array([6000]), settings_module.ForecastSettings(),
        np.random.default_rng(0))
    counts = np.bincount(cases.horizons)
    assert len(counts) == 13 and counts[0] == 0
    np.testing.assert_allclose(counts[1:], 1000, rtol=0.15)


def test_what_came_before_the_first_point_is_no_history():
    # Given a window of ten days of an application that is three days old
    values = generated.daily_shaped(10)
    values[:7 * DAY] = np.nan
    found = drawn([generated.series_of(values)], FAR, 400)
    alone = drawn([generated.series_of(values[7 * DAY:])], FAR, 400)
    # Then it is learned from as if the window were of three days
    np.testing.assert_array_equal(found.actual, alone.actual)
    np.testing.assert_allclose(found.features, alone.features, rtol=1e-5,
                               atol=1e-5)


@AIMS
def test_where_there_is_no_day_before_another_there_is_nothing(aim):
    assert drawn([], aim, 100) is None
    short = [generated.series_of(np.ones(DAY + 10))]
    assert drawn(short, aim, 100) is None
