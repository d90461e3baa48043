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
from shadow_reserve.usage import model
from shadow_reserve.usage import panel as panel_module
from shadow_reserve.usage import rows as rows_module
from tests.unit.usage import generated
from tests.unit.usage import trained

DAY = generated.DAY
LEVELS = trained.SETTINGS.levels


def rows_of(count=2000, seed=0, **changes):
    """Rows whose outcome is the mix and half of their first feature."""
    random = np.random.default_rng(seed)
    features = random.normal(0, 1, (count, 3)).astype(np.float32)
    mix = np.zeros((count, 4), dtype=np.float32) + np.arange(
        4, dtype=np.float32) / 10
    mix = changes.get('mix', mix)
    # One expert says the mix, and is the only one that is listened to
    said, weights = np.zeros((2, count, experts.EXPERTS, 4), np.float32)
    said[:, experts.RECENT], weights[:, experts.RECENT] = mix, 1.0
    return rows_module.Rows(**{
        'horizons': np.ones(count, dtype=np.int64),
        'features': features, 'mix': mix, 'said': said, 'weights': weights,
        'actual': 0.5 * features[:, 0] + random.normal(
            0, 0.1, count).astype(np.float32),
        'censored': np.zeros(count, dtype=np.bool_), **changes})


def corrected(learner, rows):
    """With all that was learned, however much of it is served."""
    return rows.mix + learner.correction(rows.features, 1)


@pytest.fixture(autouse=True)
def fewer_trees(monkeypatch):
    """And a gate that leaves the weights, for ``test_gate`` has the other."""
    monkeypatch.setattr(model, 'ITERATIONS', 30)
    monkeypatch.setattr(gate, 'EPOCHS', 0)


def test_what_is_left_of_the_mix_is_learned():
    learner = model.fit(rows_of(), LEVELS, 1, 1, model.PEAKS)
    fresh = rows_of(seed=1)
    said = corrected(learner, fresh)
    # Then each level covers as much as it promises
    covered = (fresh.actual[:, None] <= said).mean(axis=0)
    np.testing.assert_allclose(covered, LEVELS, atol=0.05)
    # And what is served does not cross, and is nearer than the mix alone
    said = learner.predict(fresh, 1)
    assert (np.diff(said, axis=1) >= 0).all()
    assert (np.abs(fresh.actual - said[:, 0]).mean()
            < 0.5 * np.abs(fresh.actual - fresh.mix[:, 0]).mean())


def test_a_correction_of_next_to_nothing_is_not_made():
    # Given demand that stands still, a hair below what the experts say
    rows = rows_of(mix=np.full((2000, 4), 1.0, dtype=np.float32),
                   actual=np.full(2000, 0.99, dtype=np.float32))
    learner = model.fit(rows, LEVELS, 1, 1, model.PEAKS)
    assert (learner.correction(rows.features, 1) < -0.005).all()
    np.testing.assert_array_equal(
        learner.predict(rows, 1), np.sort(learner.gate.mix(rows), axis=1))


def test_so_much_of_what_the_gate_says_is_made():
    # Given a gate that hears another expert than the tables do
    rows = rows_of(mix=np.zeros((2000, 4), dtype=np.float32),
                   actual=np.zeros(2000, dtype=np.float32))
    learner = model.fit(rows, LEVELS, 1, 1, model.Manner(
        share=0.0, relative=False, gated=0.7))
    rows.said[:] = 10.0
    np.testing.assert_allclose(learner.predict(rows, 1), 7.0, atol=1e-5)


def jumped(size, count=2000):
    """The experts say no jump, or all of it; half of it is right."""
    rows = rows_of(count, actual=np.full(count, size / 2, np.float32),
                   mix=np.zeros((count, 4), dtype=np.float32))
    rows.said[:, experts.LAST] = size
    return rows


def test_trees_correct_what_a_gate_says_of_rows_it_has_not_seen(monkeypatch):
    # Given rows of which an unseen gate would say something else
    rows, learned_from = rows_of(), []
    monkeypatch.setattr(
        gate, 'mix_unseen', lambda rows, levels, seed: rows.mix + 1)
    monkeypatch.setattr(model, '_unit', lambda rows, manner: (
        learned_from.append(rows.mix), np.ones(len(rows), np.float32))[1])
    # When the trees are fitted
    model.fit(rows, LEVELS, 1, 1, model.PEAKS)
    # Then that is what they correct
    np.testing.assert_allclose(learned_from[0], rows.mix + 1)


def test_so_much_of_a_jump_is_learned_and_holds_for_a_larger_one():
    near = model.fit(jumped(4.0), LEVELS, 1, 1, model.NEAR)
    far = model.fit(jumped(4.0), LEVELS, 1, 1, model.FAR)
    # When demand jumps ten times as far
    said = near.predict(jumped(40.0), 1) / model.NEAR.share
    np.testing.assert_allclose(said, 20.0, rtol=0.05)
    # Then what was learned in steps of a fixed size is no help
    assert (far.predict(jumped(40.0), 1) < 3.0).all()


def test_experts_that_agree_do_so_within_one_unit():
    # Given experts that say the same, one that says nothing, and a jump
    rows = rows_of(3)
    rows.mix[:] = 0.0
    rows.said[1, experts.WEEK] = np.nan
    rows.said[2, experts.LAST] = 1e9
    assert rows.disagreement().tolist() == [1.0, 1.0,
                                            rows_module.MOST_DISAGREEMENT]


def test_near_far_and_peaks_have_trees_of_their_own():
    # Given three that each learned another constant
    def learner(value, manner):
        return model.fit(rows_of(
            actual=np.full(2000, value, np.float32),
            mix=np.zeros((2000, 4), dtype=np.float32)), LEVELS, 1, 1, manner)

    learned = model.Learned(
        near=learner(1.0, model.FAR), far=learner(2.0, model.FAR),
        peaks=learner(3.0, model.FAR), near_steps=12)
    rows = rows_of(3, horizons=np.array([12, 13, 288]),
                   mix=np.zeros((3, 4), dtype=np.float32))
    np.testing.assert_allclose(
        learned.predict(1, rows, 1)[:, 0] / model.FAR.share,
        [1.0, 2.0, 2.0], atol=0.05)
    np.testing.assert_allclose(
        learned.predict(6, rows, 1)[:, 0] / model.FAR.share, 3.0,
        atol=0.05)


def test_rows_without_an_outcome_teach_nothing():
    rows = rows_of()
    unknown = np.where(np.arange(2000) % 2, np.nan, rows.actual)
    half = rows_of(actual=unknown.astype(np.float32))
    known = rows_module.Rows(**{
        field.name: getattr(rows, field.name)[::2]
        for field in dataclasses.fields(rows)})
    fresh = rows_of(seed=1)
    np.testing.assert_array_equal(
        model.fit(half, LEVELS, 1, 1, model.FAR).predict(fresh, 1),
        model.fit(known, LEVELS, 1, 1, model.FAR).predict(fresh, 1))


def test_with_no_outcome_at_all_there_is_nothing_to_fit():
    nothing = np.full(2000, np.nan, dtype=np.float32)
    with pytest.raises(ValueError, match='no row to learn from'):
        model.fit(rows_of(actual=nothing), LEVELS, 1, 1, model.FAR)


def test_a_column_of_gaps_is_not_told_to_the_trees():
    # Given a feature that no row of the training has
    rows = rows_of()
    rows.features[:, 2] = np.nan
    learner = model.fit(rows, LEVELS, 1, 1, model.FAR)
    assert learner.told.tolist() == [True, True, False]
    # Then it does not matter whether a row has it later
    fresh = rows_of(seed=1)
    gaps = fresh.features.copy()
    gaps[:, 2] = np.nan
    np.testing.assert_array_equal(
        learner.correction(fresh.features, 1), learner.correction(gaps, 1))


def test_an_outcome_at_the_capacity_does_not_pull_a_forecast_down():
    # Given a mix that is right, and outcomes that the capacity cut short
    rows = rows_of(mix=np.full((2000, 4), 1.0, dtype=np.float32),
                   actual=np.full(2000, 0.4, dtype=np.float32))
    free = model.fit(rows, LEVELS, 1, 1, model.FAR)
    pinned = model.fit(dataclasses.replace(
        rows, censored=np.ones(2000, dtype=np.bool_)), LEVELS, 1, 1, model.FAR)
    # Then it is believed where they are told to be cut short
    np.testing.assert_allclose(
        corrected(free, rows), 0.4, atol=0.05)
    np.testing.assert_allclose(corrected(pinned, rows), 1.0, atol=1e-6)


def test_an_outcome_over_the_forecast_counts_though_it_is_at_the_capacity():
    rows = rows_of(mix=np.zeros((2000, 4), dtype=np.float32),
                   actual=np.full(2000, 2.0, dtype=np.float32),
                   censored=np.ones(2000, dtype=np.bool_))
    learner = model.fit(rows, LEVELS, 1, 1, model.FAR)
    np.testing.assert_allclose(corrected(learner, rows), 2.0, atol=0.1)


def test_a_window_is_pinned_where_any_of_its_steps_is():
    # Given one step at the capacity
    values = generated.daily_shaped(3, 1)
    ceiling = np.full(len(values), 100.0)
    ceiling[700] = values[700]
    panel = panel_module.Panel(
        [generated.series_of(values, ceiling=ceiling)], DAY)
    assert panel.censored.sum() == 1
    # When peaks and steps around it are looked at
    origins = np.arange(690, 705)
    cases = panel_module.Cases(
        series=np.zeros_like(origins), origins=origins,
        horizons=np.ones_like(origins))
    for window in (1, 6):
        tables = experts.learn(panel, window, np.array([0]),
                               np.array([689]), LEVELS)
        rows = rows_module.rows_of(panel, window, cases, tables,
                                   cases.series, LEVELS)
        # Then all windows that it lies in were cut short there
        assert (origins[rows.censored] + 1).tolist() == list(
            range(700 - window + 1, 701))
