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

from shadow_reserve.usage import experts
from shadow_reserve.usage import gate
from shadow_reserve.usage import rows as rows_module
from tests.unit.usage import trained

LEVELS = trained.SETTINGS.levels
LEFT, RIGHT = experts.DAY, experts.LAST


def rows_of(count=4000, seed=0, **changes):
    """Two experts, of which the first feature says who is right; the
    tables trust both alike, and know nothing of the others."""
    random = np.random.default_rng(seed)
    features = random.normal(0, 1, (count, 3)).astype(np.float32)
    said = np.full((count, experts.EXPERTS, 4), np.nan, dtype=np.float32)
    said[:, LEFT] = random.normal(0, 1, (count, 1))
    said[:, RIGHT] = random.normal(0, 1, (count, 1))
    said[:, experts.RECENT] = 0.0
    weights = np.zeros_like(said)
    weights[:, [LEFT, RIGHT]] = 0.5
    right = np.where(features[:, 0] > 0, said[:, RIGHT, 0], said[:, LEFT, 0])
    return rows_module.Rows(**{
        'horizons': np.ones(count, dtype=np.int64), 'features': features,
        'said': said, 'weights': weights,
        'mix': (said[:, LEFT] + said[:, RIGHT]) / 2, 'actual': right,
        'censored': np.zeros(count, dtype=np.bool_), **changes})


def error(said, rows):
    return np.abs(said[:, 0] - rows.actual).mean()


def test_who_is_right_is_learned():
    fitted, fresh = gate.fit(rows_of(30_000), LEVELS, 1), rows_of(seed=1)
    assert error(fitted.mix(fresh), fresh) < 0.5 * error(fresh.mix, fresh)


def test_without_training_the_tables_are_believed(monkeypatch):
    monkeypatch.setattr(gate, 'EPOCHS', 0)
    rows = rows_of()
    np.testing.assert_allclose(
        gate.fit(rows, LEVELS, 1).mix(rows), rows.mix, atol=0.3)


def test_nothing_is_said_beyond_what_the_experts_say():
    # Given rows like none that were learned from
    fitted, fresh = gate.fit(rows_of(), LEVELS, 1), rows_of(seed=1)
    fresh.features[:] *= 1e6
    fresh.said[:, LEFT] += 1e6
    found = fitted.mix(fresh)
    assert (found >= np.nanmin(fresh.said, axis=1) - 1).all()
    assert (found <= np.nanmax(fresh.said, axis=1) + 1).all()


def test_an_expert_that_says_nothing_is_not_heard():
    fitted, fresh = gate.fit(rows_of(), LEVELS, 1), rows_of(seed=1)
    fresh.said[:, [LEFT, RIGHT]] = np.nan
    fresh.said[:, experts.RECENT] = 5.0
    np.testing.assert_allclose(fitted.mix(fresh), 5.0, rtol=1e-6)


def test_the_same_rows_and_seed_make_the_same_gate():
    one, same, other = (gate.fit(rows_of(), LEVELS, seed).mix(rows_of())
                        for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_an_epoch_sees_each_row_once_but_for_what_is_left_over(monkeypatch):
    monkeypatch.setattr(gate, 'EPOCHS', 3)
    # When 25 rows make batches of ten
    starts = np.array(list(gate._starts(25, 10, np.random.default_rng(0))))
    # Then those of an epoch lie side by side, and end within the rows
    epochs = np.sort(starts.reshape(3, 2), axis=1)
    assert (np.diff(epochs) == 10).all()
    assert epochs.min() >= 0 and epochs.max() + 10 <= 25
    assert len(set(epochs[:, 0])) > 1


def test_some_inputs_are_left_out_but_never_the_one_that_is_added():
    kept = gate._kept(50, np.random.default_rng(0))
    assert set(kept.ravel()) == {0.0, 1.0}
    assert (kept[:, -1] == 1.0).all()
    assert (kept[:, :-1] == 0.0).mean() == pytest.approx(
        gate.DROPPED, abs=0.01)


@pytest.mark.parametrize('column', [np.nan, 7.0])
def test_what_was_never_seen_to_vary_tells_nothing(column):
    # Given a feature that was not there, or always the same
    rows, fresh = rows_of(), rows_of(seed=1)
    rows.features[:, 2] = column
    fitted = gate.fit(rows, LEVELS, 1)
    # When it has a value later
    before = fitted.mix(fresh)
    fresh.features[:, 2] = 1e3
    np.testing.assert_array_equal(fitted.mix(fresh), before)


def test_an_outcome_at_the_capacity_does_not_pull_a_forecast_down():
    # Given that the lower expert seems right, for demand was cut short
    rows = rows_of()
    rows.actual[:] = np.minimum(rows.said[:, LEFT, 0],
                                rows.said[:, RIGHT, 0])
    pinned = dataclasses.replace(rows, censored=np.ones(4000, np.bool_))
    free, told = (gate.fit(one, LEVELS, 1).mix(rows).mean()
                  for one in (rows, pinned))
    assert told > free + 0.3


def test_one_row_is_enough_to_learn_from():
    rows = rows_of(1)
    before = rows.weights.copy()
    assert np.isfinite(gate.fit(rows, LEVELS, 1).mix(rows)).all()
    assert np.isfinite(gate.mix_unseen(rows, LEVELS, 1)).all()
    # And what was given stays as it was
    np.testing.assert_array_equal(rows.weights, before)


def test_each_half_is_told_by_what_was_learned_from_the_other():
    # Given that in one half the left one is always right
    rows = rows_of(8000)
    rows.actual[:4000] = rows.said[:4000, LEFT, 0]
    rows.actual[4000:] = rows.said[4000:, RIGHT, 0]
    found = gate.mix_unseen(rows, LEVELS, 1)
    # Then those who learned that from it tell the other half, and are wrong
    assert error(found, rows) > 1.5 * error(rows.mix, rows)


def test_absurd_experts_leave_a_gate_that_still_works():
    rows = rows_of()
    rows.said[::7, LEFT] = 1e30
    fitted, fresh = gate.fit(rows, LEVELS, 1), rows_of(seed=1)
    found = fitted.mix(fresh)
    assert np.isfinite(found).all()
    assert error(found, fresh) < error(fresh.mix, fresh)


def test_a_gate_knows_what_it_can_be_asked_about():
    fitted = gate.fit(rows_of(100), LEVELS, 1)
    assert fitted.fits(3, 4)
    assert not fitted.fits(2, 4) and not fitted.fits(3, 3)


@pytest.mark.parametrize('name, value', [
    ('first', np.nan), ('second', np.inf), ('centre', np.nan),
    ('spread', 0.0)])
def test_a_gate_that_is_not_sound_fits_nothing(name, value):
    fitted = gate.fit(rows_of(100), LEVELS, 1)
    getattr(fitted, name)[..., 0] = value
    assert not fitted.fits(3, 4)
