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

import numpy as np
import pytest

from shadow_reserve.usage import calibration
from shadow_reserve.usage import experts
from shadow_reserve.usage import judging
from shadow_reserve.usage import panel as panel_module
from shadow_reserve.usage import rows as rows_module
from shadow_reserve.usage import scores
from tests.unit.usage import generated
from tests.unit.usage import trained

DAY = generated.DAY
SETTINGS = trained.SETTINGS
LEVELS = SETTINGS.levels


def rows_at(panel, window, since, origins, horizons):
    """Of the first series, with tables from before the judged windows."""
    zero = np.zeros(len(origins), dtype=np.int64)
    tables = experts.learn(panel, window, zero[:1],
                           np.array([since - 1]), LEVELS)
    return rows_module.rows_of(panel, window, panel_module.Cases(
        series=zero, origins=np.array(origins), horizons=np.array(horizons)),
        tables, zero, LEVELS)


def obvious(values):
    """Scores, coverage and offsets of one series, window by window."""
    panel = generated.panel_of(values)
    length = panel.width - int(panel.begins[0])
    since = panel.width - min(2 * DAY, length // 4)
    origins, horizons = [], []
    for turn in range(judging.ORIGINS):
        origin = int(since - 1 + (turn + 0.5) / judging.ORIGINS * (
            panel.width - since))
        for horizon in np.unique(np.geomspace(1, DAY, 6).astype(int)):
            if origin + horizon < panel.width:
                origins.append(origin)
                horizons.append(horizon)
    rows = rows_at(panel, 1, since, origins, horizons)
    learner = trained.fitted().learned
    scale = scores.seasonal_error(panel.values[0].astype(float), DAY)
    said = {'learned': learner.predict(1, rows, 1),
            'mix': np.sort(rows.mix, axis=1),
            'naive': rows.by_expert(experts.DAY)}
    found = {name: scores.scaled(rows.actual, guess, LEVELS, scale)
             for name, guess in said.items()}
    coverage = {name: scores.coverage(rows.actual, guess)
                for name, guess in said.items()}
    starts = list(range(since - 1, panel.width - SETTINGS.peak_steps,
                        judging.PEAK_STRIDE))
    peaks = rows_at(panel, SETTINGS.peak_steps, since, starts,
                    [1] * len(starts))
    offsets = {name: calibration.followed(
        guess[None], peaks.actual[None], LEVELS)[0] for name, guess in (
            ('learned', learner.predict(SETTINGS.peak_steps, peaks, 1)),
            ('mix', np.sort(peaks.mix, axis=1)))}
    return found, coverage, offsets


def test_each_series_is_scored_as_by_an_obvious_loop():
    # Given series of all lengths, in one panel
    late = generated.daily_shaped(9, 5)
    late[:5 * DAY] = np.nan
    many = [generated.daily_shaped(9, 1), generated.gappy(12, 2),
            generated.daily_shaped(4, 3), late]
    verdicts = judging.judged(
        generated.panel_of(*many), trained.fitted().learned, SETTINGS)
    # Then each has the scores that it has alone, looked up one by one
    for row, values in enumerate(many):
        found, coverage, offsets = obvious(values)
        serving = 'learned' if verdicts.serves[row] else 'mix'
        for name, score in found.items():
            assert getattr(verdicts, name)[row] == pytest.approx(
                score, rel=1e-4)
        np.testing.assert_allclose(
            verdicts.coverage[row], coverage[serving], atol=1e-6)
        np.testing.assert_allclose(
            verdicts.offsets[row], offsets[serving], atol=1e-5)


def test_two_days_are_kept_back_or_a_quarter_of_a_short_history():
    assert judging.held_out(14 * DAY, DAY) == 2 * DAY
    assert judging.held_out(4 * DAY, DAY) == DAY
    assert judging.held_out(100, DAY) == 25


@dataclasses.dataclass
class Wrong:
    """Trees that are far off, always by as much."""

    steps: float
    peaks: float

    def predict(self, window, rows, threads):
        by = self.steps if window == 1 else self.peaks
        return np.sort(rows.mix, axis=1) + np.float32(by)


@pytest.mark.parametrize('steps, peaks, serves', [
    (0.0, 0.0, True), (2.0, 2.0, False), (2.0, 0.0, False),
    (0.0, 2.0, False)])
def test_a_model_that_is_clearly_worse_at_steps_or_peaks_does_not_serve(
        steps, peaks, serves):
    found = judging.judged(
        generated.panel_of(generated.daily_shaped(6, 1)),
        Wrong(steps, peaks), SETTINGS)
    assert found.serves.tolist() == [serves]


def test_a_model_that_errs_on_a_constant_does_not_serve_it():
    # Given a demand that is nothing to scale an error by
    found = judging.judged(generated.panel_of(np.full(6 * DAY, 3.0)),
                           Wrong(0.1, 0.1), SETTINGS)
    assert found.serves.tolist() == [False]
    assert np.isnan(found.learned).all() and np.isnan(found.mix).all()
    assert found.coverage.tolist() == [[1.0] * 4]


def test_where_no_window_told_the_mix_serves():
    # Given a series that fell silent before the windows that are judged
    silent = generated.daily_shaped(6)
    silent[-2 * DAY:] = np.nan
    found = judging.judged(
        generated.panel_of(silent), trained.fitted().learned, SETTINGS)
    assert found.serves.tolist() == [False]
    assert np.isnan(found.coverage).all()
    assert (found.offsets == 0).all()


def test_too_short_a_history_is_not_judged_and_harms_no_other():
    long, short = generated.daily_shaped(6, 1), generated.daily_shaped(1, 2)
    learned = trained.fitted().learned
    found = judging.judged(
        generated.panel_of(long, short), learned, SETTINGS)
    assert np.isfinite(found.mix).tolist() == [True, False]
    alone = judging.judged(generated.panel_of(short), learned, SETTINGS)
    assert np.isnan(alone.mix).all()


def test_the_judge_is_told_nothing_of_what_is_kept_back():
    # Given two histories that differ in their last two days only
    values = generated.daily_shaped(8, 1)
    other = values.copy()
    other[-2 * DAY:] = 1000.0
    one = generated.panel_of(values)
    tables = []
    for panel in (one, generated.panel_of(other, scale=one.scale)):
        since = panel.width - judging.held_out(panel.width, DAY)
        tables.append(experts.learn(
            panel, 1, np.array([0]), np.array([since - 1]), LEVELS))
    np.testing.assert_array_equal(tables[0].offsets, tables[1].offsets)
    np.testing.assert_array_equal(tables[0].weights, tables[1].weights)
