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

import datetime

import hypothesis
from hypothesis.extra import numpy as hnp
from hypothesis import strategies as st
import numpy as np
import pytest

from shadow_reserve.usage import panel as panel_module
from shadow_reserve.usage import scores
from tests.unit.usage import generated

DAY = generated.DAY
gappy = hnp.arrays(np.float32, st.tuples(
    st.integers(1, 3), st.integers(1, 40)), elements=st.floats(
        0, 1000, width=32) | st.just(np.nan)).filter(
            lambda values: np.isfinite(values).any(axis=1).all())


@hypothesis.given(gappy, st.integers(1, 60))
def test_window_maxima_are_those_of_an_obvious_loop(values, window):
    panel = generated.panel_of(*values)
    found = panel.target(window)
    for row, series in enumerate(panel.values):
        first = np.flatnonzero(np.isfinite(series))[0]
        for step in range(panel.width):
            part = series[step:step + window]
            whole = step >= first and step + window <= panel.width
            if whole and np.isfinite(part).any():
                assert found[row, step] == np.nanmax(part)
            else:
                assert np.isnan(found[row, step])


@hypothesis.given(gappy)
def test_a_gap_holds_the_value_before_or_the_first_that_there_is(values):
    found = panel_module.forward_filled(values)
    for row, series in enumerate(values):
        held = series[np.isfinite(series)][0]
        for step, value in enumerate(series):
            held = value if np.isfinite(value) else held
            assert found[row, step] == held


@hypothesis.given(gappy, st.integers(1, 50))
def test_trailing_means_are_those_of_an_obvious_loop(values, length):
    values = panel_module.forward_filled(values)
    found = panel_module.trailing_means(values, length)
    for row, series in enumerate(values):
        for step in range(len(series)):
            part = [series[max(step - back, 0)] for back in range(length)]
            assert found[row, step] == pytest.approx(
                np.mean(part, dtype=np.float64), rel=1e-5, abs=1e-3)


@hypothesis.given(gappy)
def test_the_mean_of_what_is_known_leaves_gaps_out(values):
    found = panel_module.mean_known(values)
    np.testing.assert_allclose(
        found, np.nanmean(values.astype(np.float64), axis=1), rtol=1e-5)


def test_the_mean_of_nothing_is_a_gap():
    found = panel_module.mean_known(np.full((2, 3), np.nan, np.float32))
    assert np.isnan(found).all()


@hypothesis.given(gappy, st.integers(-5, 60))
def test_outside_of_the_panel_are_gaps(values, step):
    found = panel_module.at(values, np.arange(len(values)), np.array([step]))
    if 0 <= step < values.shape[1]:
        np.testing.assert_array_equal(found, values[:, step])
    else:
        assert np.isnan(found).all()


@hypothesis.given(gappy)
def test_what_was_scaled_is_scaled_back(values):
    panel = generated.panel_of(*values)
    found = panel.scaled_back(np.arange(len(panel)), panel.values)
    assert (panel.scale.spread > 0).all()
    np.testing.assert_allclose(found, values, rtol=1e-5, atol=1e-2)


def test_zero_demand_is_the_floor_and_nothing_is_scaled_below_it():
    panel = generated.panel_of(generated.daily_shaped(2), np.full(400, 3.0))
    both = np.arange(2)
    floor = panel.zero(both)
    np.testing.assert_allclose(
        panel.scaled_back(both, floor), 0.0, atol=1e-5)
    assert (panel.scaled_back(both, floor - 1.0) == 0.0).all()


def test_the_scale_is_of_the_last_week():
    # Given a level that was another one until a week ago
    values = np.concatenate([np.full(7 * DAY, 1000.0),
                             generated.daily_shaped(7)])
    scale = generated.panel_of(values).scale
    assert scale.centre[0] == np.median(values[7 * DAY:])


def test_a_series_without_a_point_in_its_last_week_is_scaled_by_its_last():
    values = np.full(9 * DAY, np.nan)
    values[:DAY] = np.arange(DAY)
    assert generated.panel_of(values).scale.centre[0] == DAY - 1


@pytest.mark.parametrize('values', [
    np.full(400, 7.5), np.zeros(400), np.full(400, 1e12)])
def test_a_constant_has_a_scale_that_is_not_zero(values):
    panel = generated.panel_of(values)
    assert panel.scale.spread[0] >= 1.0
    assert (panel.values == 0).all()


def test_seasonal_errors_are_those_that_scores_are_scaled_by():
    many = np.stack([generated.gappy(9, seed) for seed in range(3)])
    found = panel_module.seasonal_errors(many, DAY)
    np.testing.assert_allclose(found, [
        scores.seasonal_error(values, DAY) for values in many])
    assert np.isnan(panel_module.seasonal_errors(many[:, :DAY], DAY)).all()


def test_a_shorter_series_ends_at_the_right_edge_and_begins_with_gaps():
    long, short = generated.daily_shaped(3), generated.daily_shaped(1, 1)
    short[:10] = np.nan
    panel = generated.panel_of(long, short)
    alone = generated.panel_of(short)
    assert panel.begins.tolist() == [0, 2 * DAY + 10]
    assert np.isnan(panel.values[1, :2 * DAY + 10]).all()
    for name in ('values', 'filled', 'hours'):
        np.testing.assert_array_equal(
            getattr(panel, name)[1, 2 * DAY:], getattr(alone, name)[0])
    np.testing.assert_array_equal(
        panel.target(6)[1, 2 * DAY:], alone.target(6)[0])


def test_slots_count_from_monday_midnight():
    # Given series of which one is a day shorter, so that it ends earlier
    panel = generated.panel_of(np.ones(9 * DAY), np.ones(8 * DAY))
    assert generated.START.weekday() == 0
    slots = panel.slots(np.array([0, 0, 0, 1]),
                        np.array([0, DAY + 5, 7 * DAY, 9 * DAY - 1]))
    assert slots.tolist() == [0, DAY + 5, 0, DAY - 1]


def test_a_holiday_is_a_sunday_at_its_own_hour():
    # Given that the second of two Wednesdays is a holiday
    date = (generated.START + datetime.timedelta(days=9)).date()
    panel = generated.panel_of(
        np.ones(14 * DAY), holidays=frozenset([date]))
    series = np.zeros(4, dtype=np.int64)
    steps = np.array([2 * DAY + 7, 9 * DAY - 1, 9 * DAY + 7, 10 * DAY])
    assert panel.is_holiday(series, steps).tolist() == [
        False, False, True, False]
    assert panel.slots(series, steps).tolist() == [
        2 * DAY + 7, 2 * DAY - 1, 6 * DAY + 7, 3 * DAY]


@pytest.mark.parametrize('order', ['C', 'F'])
def test_a_mean_of_one_row_is_the_same_to_the_last_digit_among_many(order):
    # Given values whose sum depends on the order in which it is made
    values = np.random.default_rng(0).lognormal(0, 5, (40, 24)).astype(
        np.float32)
    values[::3, 5] = np.nan
    together = panel_module.mean_known(np.asarray(values, order=order))
    for row in range(40):
        alone = panel_module.mean_known(values[row:row + 1])
        assert alone[0] == together[row]
    np.testing.assert_allclose(together, np.nanmean(values, axis=1),
                               rtol=1e-5)
