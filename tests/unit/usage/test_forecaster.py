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
import datetime

import numpy as np
import pytest

from shadow_reserve.usage import forecaster
from shadow_reserve.usage import panel as panel_module
from shadow_reserve.usage import scores
from shadow_reserve.usage import settings as settings_module
from tests.unit.usage import generated
from tests.unit.usage import trained

DAY = generated.DAY
SETTINGS = trained.SETTINGS


def scores_of(profile):
    made = profile.provenance
    return np.array([made.score, made.baseline_score], dtype=np.float64)


@pytest.mark.parametrize('days_ago', [1, 2, 7, 8])
def test_a_new_level_is_not_taken_for_a_drift(days_ago):
    # Given an application that got a fourth server some days ago
    values = np.full(14 * DAY, 1536.0)
    values[-days_ago * DAY:] = 2048.0
    # When its memory is forecast by the experts
    mix = trained.profile(
        values, forecaster.FittedModel(trained.SETTINGS, None))
    # Then it is expected to stay, and not to grow by a server once more
    assert mix.window_peak[0] <= 2048.0 + 1.0
    assert mix.window_peak[1] <= 2048.0 + 5.0
    # Nor do trees that know nothing but three waves add much to that
    profile = trained.profile(values)
    assert profile.window_peak[1] <= 2048.0 * 1.02


def test_a_constant_demand_is_forecast_to_stay():
    profile = trained.profile(np.full(2000, 7.5))
    np.testing.assert_allclose(profile.quantiles, 7.5)
    np.testing.assert_allclose(profile.window_peak, 7.5)


def test_a_profile_beats_seasonal_naive_on_a_daily_shape():
    # Given fourteen days and a model of them, and a fifteenth day to come
    whole = generated.daily_shaped(15, seed=2)
    seen, actual = whole[:14 * DAY], whole[14 * DAY:]
    profile = trained.profile(seen)
    # When that day is compared with the forecast and with its yesterday
    ours = scores.pinball(actual, np.array(profile.quantiles),
                          SETTINGS.levels)
    naive = seen[-DAY:, None] + np.quantile(
        seen[DAY:] - seen[:-DAY], SETTINGS.levels)
    theirs = scores.pinball(actual, naive, SETTINGS.levels)
    # Then the forecast is nearer at every level
    assert (ours < theirs).all()
    assert profile.provenance.beats_baseline


def test_a_profile_carries_what_it_was_made_from():
    series = generated.series_of(generated.daily_shaped(14, 2))
    profile, = trained.profiles([series])
    made = profile.provenance
    assert made.model in (trained.LEARNED, trained.MIX)
    assert (made.training_start, made.training_end) == (
        series.start, series.end)
    assert profile.origin == made.latest_reading == series.end
    assert not profile.is_stale
    assert (made.points, made.points_needed) == (14 * DAY, 288)
    assert len(made.coverage) == len(made.calibration) == 4
    assert abs(made.coverage[1] - 0.9) < 0.1


def test_between_two_refreshes_the_origin_moves_and_the_training_does_not():
    # Given what was known of a series yesterday
    whole = generated.series_of(generated.daily_shaped(9, 2))
    yesterday = forecaster.latest(whole, 9 * DAY)
    model = trained.fitted()
    known = model.refreshed([dataclasses.replace(
        yesterday, values=whole.values[:8 * DAY])])
    # When it is forecast from today
    profile, = model.profiles([whole], known)
    assert profile.origin == whole.end
    assert profile.provenance.training_end == (
        whole.end - datetime.timedelta(days=1))


def test_the_quantile_of_the_peak_is_above_that_of_any_of_its_steps():
    profile = trained.profile(generated.daily_shaped(14, 1, noise=1.0))
    first_steps = np.array(profile.quantiles[:6])
    assert profile.peak_at(0.5) > first_steps[:, 0].max()


def test_the_peaks_alone_are_those_of_the_profiles():
    series = [generated.series_of(generated.daily_shaped(5, seed), str(seed))
              for seed in range(3)]
    model = trained.fitted()
    known = model.refreshed(series)
    found = model.peaks(series, known)
    np.testing.assert_allclose(
        found, [one.window_peak for one in model.profiles(series, known)],
        rtol=1e-6)


def test_a_day_of_history_is_served_by_the_experts():
    # Given a day of a new application
    profile = trained.profile(generated.daily_shaped(1))
    # Then there is a forecast, and nothing to have scored it by yet
    assert profile.is_usable
    assert profile.provenance.model is trained.MIX
    assert profile.provenance.score is None


def test_two_and_a_half_days_of_history_are_scored_as_the_mix():
    made = trained.profile(generated.daily_shaped(3)[:720]).provenance
    assert made.model is trained.MIX
    assert made.score is not None and made.baseline_score is not None


def test_an_application_that_came_after_the_fit_is_scored_as_it_comes():
    made = trained.profile(generated.daily_shaped(14, 9)).provenance
    assert made.score is not None
    assert made.score < made.baseline_score


def test_where_learning_does_no_better_the_mix_serves():
    # Given a model, and a series that it was found to do worse on
    series = [generated.series_of(generated.daily_shaped(14, 1))]
    model = trained.fitted()
    known = model.refreshed(series)
    known = dataclasses.replace(known, verdicts=dataclasses.replace(
        known.verdicts, serves=np.array([False]), mix=np.array([0.4])))
    # Then it is forecast as if there were no model
    profile, = model.profiles(series, known)
    plain, = forecaster.FittedModel(SETTINGS, None).profiles(series, known)
    assert profile == plain
    assert profile.provenance.model is trained.MIX
    assert profile.provenance.score == 0.4


def test_with_nothing_to_learn_from_the_experts_serve():
    model = forecaster.DemandForecaster(SETTINGS).fit([], seed=1)
    profile = trained.profile(generated.daily_shaped(14), model)
    trained.assert_sound(profile)
    assert profile.provenance.model is trained.MIX
    assert profile.provenance.score < profile.provenance.baseline_score


def test_the_same_series_and_seed_make_the_same_profile():
    series = [generated.series_of(generated.daily_shaped(5, seed), str(seed))
              for seed in range(2)]
    settings = settings_module.ForecastSettings(max_rows=500)
    first, second = (
        trained.profiles(series, forecaster.DemandForecaster(settings).fit(
            series, seed=3)) for _ in range(2))
    assert first == second


def test_a_fleet_younger_than_a_week_is_learned_from():
    # Given features that no history of the fleet is long enough for
    series = [generated.series_of(generated.daily_shaped(5, seed), str(seed))
              for seed in range(2)]
    model = forecaster.DemandForecaster(SETTINGS).fit(series, seed=1)
    # Then the model serves, and an older application as well
    assert model.scores(series).learned is not None
    trained.assert_sound(trained.profile(
        generated.daily_shaped(14, 5), model))


def test_the_scores_of_a_model_are_medians_over_what_it_was_not_told():
    series = [generated.series_of(generated.daily_shaped(6, seed), str(seed))
              for seed in range(5)]
    found = trained.fitted().scores(series)
    each = trained.fitted().refreshed(series).verdicts
    assert found.series == 5
    assert found.mix == np.median(each.mix)
    assert found.naive == np.median(each.naive)
    assert found.learned < found.naive


def test_of_no_series_there_are_no_scores():
    found = trained.fitted().scores([generated.series_of(np.ones(500))])
    assert found == forecaster.Scores(
        learned=None, mix=None, naive=None, series=0)


def test_a_series_that_fell_silent_is_forecast_from_its_last_point():
    # Given four days of history, and nothing for ten days since
    values = generated.daily_shaped(14)
    values[4 * DAY:] = np.nan
    profile = trained.profile(values)
    # Then there is a forecast, of what was seen last
    trained.assert_sound(profile)
    assert profile.quantiles[0][0] == pytest.approx(
        values[4 * DAY - 1], rel=0.01)
    # And it says how long ago that was
    assert profile.provenance.latest_reading == (
        profile.origin - datetime.timedelta(days=10))
    assert profile.is_stale


@pytest.mark.parametrize('long', [
    generated.daily_shaped(16, 3), generated.gappy(16, 4),
    np.concatenate([generated.daily_shaped(14, 5), np.full(2 * DAY, np.nan)])
], ids=['whole', 'gaps', 'two days of silence'])
def test_looking_back_some_days_is_as_good_as_seeing_everything(
        monkeypatch, long):
    # Given series of sixteen days whose scale and tables are known
    series = [generated.series_of(long)]
    model = trained.fitted()
    known = trained.trusting(model.refreshed(series))
    # When they are forecast from the last days, and from all of them
    short, = model.profiles(series, known)
    monkeypatch.setattr(forecaster, 'LOOK_BACK_DAYS', 16)
    whole, = model.profiles(series, known)
    # Then it is the same forecast
    np.testing.assert_allclose(short.quantiles, whole.quantiles, rtol=1e-5)
    np.testing.assert_allclose(
        short.window_peak, whole.window_peak, rtol=1e-5)


def test_many_series_are_forecast_as_each_would_be_alone():
    # Given series of all lengths, with gaps at either end and between
    late = generated.daily_shaped(9, 5)
    late[:5 * DAY] = np.nan
    silent = generated.daily_shaped(12, 6)
    silent[-2 * DAY:] = np.nan
    many = [generated.daily_shaped(14, 1), generated.gappy(9, 2),
            generated.daily_shaped(4, 3), generated.daily_shaped(2, 4)[:300],
            late, silent, np.full(2000, 3.0), generated.gappy(3, 7)]
    series = [generated.series_of(values, f'app{row}')
              for row, values in enumerate(many)]
    # When they are forecast together, and one by one
    together = trained.profiles(series)
    alone = [trained.profiles([one])[0] for one in series]
    # Then nothing of the others is seen in any of them
    for left, right in zip(together, alone):
        assert left.provenance.model is right.provenance.model
        np.testing.assert_allclose(
            left.quantiles, right.quantiles, rtol=1e-4)
        np.testing.assert_allclose(
            left.window_peak, right.window_peak, rtol=1e-4)
        made, same = (dataclasses.replace(
            one.provenance, score=None, baseline_score=None)
            for one in (left, right))
        assert made == same
        np.testing.assert_allclose(scores_of(left), scores_of(right),
                                   rtol=1e-4)


def test_more_series_than_a_panel_holds_keep_their_order(monkeypatch):
    series = [generated.series_of(generated.daily_shaped(
        4, seed, level=10.0 * (seed + 1)), f'app{seed}') for seed in range(5)]
    whole = trained.profiles(series)
    monkeypatch.setattr(panel_module, 'BATCH', 2)
    parts = trained.profiles(series)
    assert [one.token for one in parts] == [one.token for one in series]
    for left, right in zip(whole, parts):
        np.testing.assert_allclose(
            left.quantiles, right.quantiles, rtol=1e-4)


@pytest.mark.parametrize('threads', [2, 3])
def test_any_number_of_threads_makes_the_same_of_it(threads, monkeypatch):
    # Given more panels than threads, the trees serving all of them
    monkeypatch.setattr(panel_module, 'BATCH', 2)
    series = [generated.series_of(generated.daily_shaped(
        5, seed, level=10.0 * (seed + 1)), f'app{seed}') for seed in range(9)]

    def made(threads):
        settings = dataclasses.replace(trained.SETTINGS, threads=threads)
        fitted = forecaster.DemandForecaster(settings).fit(series, seed=1)
        known = trained.trusting(fitted.refreshed(series))
        return (list(fitted.profiles(series, known)),
                fitted.peaks(series, known).tolist())

    # Then it is the same to the last digit
    assert made(threads) == made(1)


def test_a_series_that_was_not_refreshed_is_refused():
    known = trained.fitted().refreshed([generated.series_of(
        generated.daily_shaped(3), 'known')])
    other = generated.series_of(generated.daily_shaped(3), 'other')
    with pytest.raises(KeyError, match='other'):
        list(trained.fitted().profiles([other], known))


def test_a_series_of_another_step_is_refused_by_name():
    series = [generated.series_of(np.ones(400))]
    other = settings_module.ForecastSettings(
        step=datetime.timedelta(minutes=10))
    model = forecaster.FittedModel(other, None)
    for refused in (
            lambda: forecaster.DemandForecaster(other).fit(series, seed=1),
            lambda: model.refreshed(series),
            lambda: list(model.profiles(series, None))):
        with pytest.raises(ValueError, match='app vcpu: a step of 0:05:00'):
            refused()


@pytest.mark.parametrize('wrong', [
    {'step': datetime.timedelta()},
    {'step': datetime.timedelta(minutes=7)},
    {'horizon': datetime.timedelta(days=3)},
    {'peak_window': datetime.timedelta()},
    {'peak_window': datetime.timedelta(days=2)},
    {'levels': ()}, {'levels': (0.9, 0.5)}, {'levels': (0.5, 1.0)}])
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match='must'):
        settings_module.ForecastSettings(**wrong)


def test_a_forecast_is_in_the_unit_of_its_series():
    # Given the same demand in MiB and in GiB
    values = generated.daily_shaped(6, 3)
    small, large = (
        np.array(trained.profile(values * unit).quantiles) / unit
        for unit in (1.0, 1024.0))
    np.testing.assert_allclose(small, large, rtol=1e-3)


@pytest.mark.parametrize(('points', 'ago'), [(0, None), (3, 397)])
def test_too_little_history_tells_its_latest_reading_too(points, ago):
    # Given 400 steps of which the first ones, or none, were measured
    values = np.full(400, np.nan)
    values[:points] = 1.0
    # When there is no forecast of it
    profile = trained.profile(values)
    assert profile.provenance.model is trained.TOO_LITTLE
    # Then the profile says when the latest of them was
    assert profile.provenance.latest_reading == (
        None if ago is None else profile.origin - ago * generated.STEP)
    assert profile.is_stale is (ago is not None)


def test_a_series_without_any_point_has_no_place_in_a_panel():
    with pytest.raises(ValueError, match='app vcpu: all gaps'):
        panel_module.Panel(
            [generated.series_of(np.full(400, np.nan))], DAY)
