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
import functools
import time

import hypothesis
from hypothesis.extra import numpy as hnp
from hypothesis import strategies as st
import numpy as np
import pytest

from shadow_reserve.records import demand
from shadow_reserve.usage import backtest
from shadow_reserve.usage import forecaster
from shadow_reserve.usage import scores
from shadow_reserve.usage import settings as settings_module
from tests.unit.usage import generated

DAY = generated.DAY
#: Enough to learn a wave from, and quick.
SETTINGS = settings_module.ForecastSettings(max_rows=3000)
LEARNED = demand.ForecastModel.GRADIENT_BOOSTING
MIX = demand.ForecastModel.EXPERT_MIX

numbers = st.floats(0, 1e3) | st.sampled_from(
    [np.nan, np.inf, -np.inf, 1e300, -1e300, -1.0, 0.0, 1e12, 5e-324])
garbage = st.one_of(
    hnp.arrays(np.float64, st.integers(0, 1500), elements=numbers,
               fill=numbers),
    st.tuples(numbers, st.integers(0, 1500)).map(
        lambda made: np.full(made[1], made[0])))


@functools.cache
def fitted() -> forecaster.FittedModel:
    return forecaster.DemandForecaster(SETTINGS).fit(
        [generated.series_of(generated.daily_shaped(14, seed), f'app{seed}')
         for seed in range(3)], seed=1)


def assert_sound(profile: demand.DemandProfile) -> None:
    if profile.provenance.model is (
            demand.ForecastModel.NOT_ENOUGH_HISTORY):
        assert profile.quantiles == () and profile.window_peak == ()
        return
    values = np.array([*profile.quantiles, profile.window_peak])
    assert values.shape == (DAY + 1, 4)
    assert np.isfinite(values).all()
    assert (values >= 0).all()
    assert (np.diff(values, axis=1) >= 0).all()


@hypothesis.settings(deadline=None, max_examples=60)
@hypothesis.given(garbage, st.integers(1, DAY))
def test_no_garbage_makes_a_profile_cross_go_negative_or_nan(
        values, window):
    profile = fitted().profile(generated.series_of(values),
                               window * generated.STEP)
    assert_sound(profile)


@pytest.mark.parametrize('window', [1, 286, 287, 288])
def test_a_window_as_long_as_the_history_leaves_nothing_to_learn_from(
        window):
    # Given just enough history to forecast at all
    series = generated.series_of(np.zeros(SETTINGS.min_points))
    profile = fitted().profile(series, window * generated.STEP)
    assert_sound(profile)


@hypothesis.settings(deadline=None, max_examples=30)
@hypothesis.given(garbage)
def test_the_trees_themselves_survive_any_garbage(values):
    # Given a series with garbage, which the trees are made to serve
    series = generated.series_of(
        np.concatenate([generated.daily_shaped(4), values]))
    model = fitted()
    verdict = forecaster.Scorecard(learned_serves=True)
    trusting = forecaster.FittedModel(
        SETTINGS, model._learner, {(series.token, series.resource): verdict})
    profile = trusting.profile(series, generated.HALF_HOUR)
    # Then what they say is as sound as what the experts say
    assert profile.provenance.model is LEARNED
    assert_sound(profile)


@hypothesis.settings(deadline=None, max_examples=8)
@hypothesis.given(st.lists(garbage, max_size=3))
def test_fitting_survives_any_garbage(many):
    settings = settings_module.ForecastSettings(max_rows=300)
    series = [generated.series_of(values, f'app{index}')
              for index, values in enumerate(many)]
    model = forecaster.DemandForecaster(settings).fit(series, seed=1)
    for one in series:
        assert_sound(model.profile(one, generated.HALF_HOUR))


@pytest.mark.parametrize('values', [
    [], [3.0, 4.0], np.full(4000, np.nan), np.full(4000, -5.0),
    np.full(4000, 1e300)], ids=['nothing', 'two points', 'all gaps',
                                'negative', 'absurd'])
def test_too_little_history_is_said_and_nothing_is_forecast(values):
    profile = fitted().profile(generated.series_of(values),
                               generated.HALF_HOUR)
    assert not profile.is_usable
    points = profile.provenance.points
    assert profile.provenance.summary == (
        f'not enough history ({points} of 288 points)')
    assert profile.origin == generated.START + (
        len(values) * generated.STEP)


@pytest.mark.parametrize('days_ago', [1, 2, 7, 8])
def test_a_new_level_is_not_taken_for_a_drift(days_ago):
    # Given an application that got a fourth server some days ago
    values = np.full(14 * DAY, 1536.0)
    values[-days_ago * DAY:] = 2048.0
    # When its memory is forecast
    profile = fitted().profile(generated.series_of(values, 'grown'),
                               generated.HALF_HOUR)
    # Then it is expected to stay, and not to grow by a server once more
    assert profile.window_peak[0] <= 2048.0 + 1.0
    assert profile.window_peak[1] <= 2048.0 + 1.0


def test_a_constant_demand_is_forecast_to_stay():
    profile = fitted().profile(generated.series_of(np.full(2000, 7.5)),
                               generated.HALF_HOUR)
    np.testing.assert_allclose(profile.quantiles, 7.5)
    np.testing.assert_allclose(profile.window_peak, 7.5)


def test_a_profile_beats_seasonal_naive_on_a_daily_shape():
    # Given fourteen days and a model of them, and a fifteenth day to come
    whole = generated.daily_shaped(15, seed=2)
    series = generated.series_of(whole[:14 * DAY], 'app2')
    profile = fitted().profile(series, generated.HALF_HOUR)
    # When that day is compared with the forecast and with its yesterday
    actual = whole[14 * DAY:]
    ours = scores.pinball(actual, np.array(profile.quantiles), SETTINGS.levels)
    changes = series.values[DAY:] - series.values[:-DAY]
    naive = series.values[-DAY:, None] + np.quantile(
        changes, SETTINGS.levels)
    theirs = scores.pinball(actual, naive, SETTINGS.levels)
    # Then the forecast is nearer at every level
    assert (ours < theirs).all()
    assert profile.provenance.score < profile.provenance.baseline_score


def test_a_profile_carries_what_it_was_made_from():
    series = generated.series_of(generated.daily_shaped(14, 2), 'app2')
    profile = fitted().profile(series, generated.HALF_HOUR)
    made = profile.provenance
    assert made.model in (LEARNED, MIX)
    assert (made.training_start, made.training_end) == (
        series.start, series.end)
    assert profile.origin == series.end
    assert (made.points, made.points_needed) == (14 * DAY, 288)
    assert len(made.coverage) == 4
    assert abs(made.coverage[1] - 0.9) < 0.1


def test_the_quantile_of_the_peak_is_above_that_of_any_of_its_steps():
    series = generated.series_of(
        generated.daily_shaped(14, 1, noise=1.0), 'noisy')
    profile = fitted().profile(series, generated.HALF_HOUR)
    first_steps = np.array(profile.quantiles[:6])
    assert profile.peak_at(0.5) > first_steps[:, 0].max()


def test_a_day_of_history_is_served_by_the_experts():
    # Given a day of a new application
    series = generated.series_of(generated.daily_shaped(1), 'new')
    profile = fitted().profile(series, generated.HALF_HOUR)
    # Then there is a forecast, and nothing to have scored it by yet
    assert profile.is_usable
    assert profile.provenance.model is MIX
    assert profile.provenance.score is None


def test_two_and_a_half_days_of_history_are_scored_as_the_mix():
    series = generated.series_of(generated.daily_shaped(3)[:720], 'new')
    made = fitted().profile(series, generated.HALF_HOUR).provenance
    assert made.model is MIX
    assert made.score is not None and made.baseline_score is not None


def test_an_application_that_came_after_the_fit_is_scored_as_it_comes():
    series = generated.series_of(generated.daily_shaped(14, 9), 'later')
    made = fitted().profile(series, generated.HALF_HOUR).provenance
    assert made.score is not None
    assert made.score < made.baseline_score


def test_where_learning_does_no_better_the_mix_serves():
    series = generated.series_of(generated.daily_shaped(14, 1), 'app1')
    card = forecaster.Scorecard(
        learned=0.5, mix=0.4, naive=0.6, mix_coverage=(0.5, 0.9, 0.95, 1.0),
        learned_serves=False)
    model = forecaster.FittedModel(
        SETTINGS, fitted()._learner, {('app1', series.resource): card})
    made = model.profile(series, generated.HALF_HOUR).provenance
    assert made.model is MIX
    assert made.score == 0.4


def test_with_nothing_to_learn_from_the_experts_serve():
    model = forecaster.DemandForecaster(SETTINGS).fit([], seed=1)
    series = generated.series_of(generated.daily_shaped(14))
    profile = model.profile(series, generated.HALF_HOUR)
    assert_sound(profile)
    assert profile.provenance.model is MIX
    assert profile.provenance.score < profile.provenance.baseline_score


def test_the_same_series_and_seed_make_the_same_profile():
    series = [generated.series_of(generated.daily_shaped(5, seed), str(seed))
              for seed in range(2)]
    settings = settings_module.ForecastSettings(max_rows=500)
    first, second = (
        forecaster.DemandForecaster(settings).fit(series, seed=3).profile(
            series[0], generated.HALF_HOUR) for _ in range(2))
    assert first == second


def test_a_series_of_another_step_is_refused_by_name():
    series = generated.series_of(np.ones(400))
    other = settings_module.ForecastSettings(
        step=datetime.timedelta(minutes=10))
    with pytest.raises(ValueError, match='app vcpu: a step of 0:05:00'):
        forecaster.DemandForecaster(other).fit([series], seed=1)


@pytest.mark.parametrize('window', [
    datetime.timedelta(), datetime.timedelta(days=2)])
def test_a_peak_window_out_of_bounds_is_refused(window):
    with pytest.raises(ValueError, match='peak_window'):
        fitted().profile(generated.series_of(np.ones(400)), window)


@pytest.mark.parametrize('wrong', [
    {'step': datetime.timedelta()},
    {'step': datetime.timedelta(minutes=7)},
    {'horizon': datetime.timedelta(days=3)},
    {'peak_window': datetime.timedelta()},
    {'levels': ()}, {'levels': (0.9, 0.5)}, {'levels': (0.5, 1.0)}])
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match='must'):
        settings_module.ForecastSettings(**wrong)


def test_a_backtest_knows_no_hindsight():
    series = [generated.series_of(generated.daily_shaped(5))]
    with pytest.raises(ValueError, match='hindsight'):
        list(backtest.rolling_origin(
            series, SETTINGS, training=4 * DAY, fit_at=4 * DAY,
            origins=[4 * DAY - 1], seed=1))


def test_a_backtest_sets_forecasts_beside_the_naive_ones():
    # Given five days of an application, and a day and more to come
    series = [generated.series_of(generated.daily_shaped(7, 4))]
    found = backtest.summarised(backtest.rolling_origin(
        series, SETTINGS, training=5 * DAY, fit_at=5 * DAY,
        origins=[5 * DAY, 5 * DAY + 100], seed=1))
    by_name = {(one.window, one.forecaster): one for one in found}
    ours = by_name[backtest.HORIZON, backtest.SERVED]
    # Then ours and seasonal naive are there, and ours is better
    assert ours.series == 1
    assert ours.mean < by_name[backtest.HORIZON, backtest.NAIVE].mean
    assert abs(ours.coverage[1] - 0.9) < 0.1


def test_a_fleet_younger_than_a_week_is_learned_from():
    series = [generated.series_of(generated.daily_shaped(5, seed), str(seed))
              for seed in range(2)]
    model = forecaster.DemandForecaster(SETTINGS).fit(series, seed=1)
    older = generated.series_of(generated.daily_shaped(14, 5), 'older')
    assert_sound(model.profile(older, generated.HALF_HOUR))
    assert all(card.learned is not None
               for card in model.scorecards.values())


def test_three_series_of_two_weeks_take_a_few_seconds_at_most():
    series = [generated.series_of(generated.daily_shaped(14, seed), str(seed))
              for seed in range(3)]
    began = time.process_time()
    model = forecaster.DemandForecaster(
        settings_module.ForecastSettings()).fit(series, seed=1)
    for one in series:
        model.profile(one, generated.HALF_HOUR)
    assert time.process_time() - began < 15
