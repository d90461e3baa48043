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
import functools
import io
import pickle
import zipfile

import hypothesis
from hypothesis import strategies as st
import numpy as np
import pytest
from sklearn import linear_model
import skops.io

from shadow_reserve.usage import forecaster
from shadow_reserve.usage import model
from shadow_reserve.usage import settings as settings_module
from shadow_reserve.usage import storing
from tests.unit.usage import generated
from tests.unit.usage import trained

SETTINGS = settings_module.ForecastSettings(max_rows=600)


@functools.cache
def small():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, 'ITERATIONS', 5)
        patch.setattr(model, 'LEAF_ROWS', 20)
        return forecaster.DemandForecaster(SETTINGS).fit(
            [generated.series_of(generated.daily_shaped(6, seed), str(seed))
             for seed in range(2)], seed=1)


@functools.cache
def stored():
    return storing.dumped(small().learned, SETTINGS)


def complaint(content, settings=SETTINGS):
    with pytest.raises(storing.ForeignModel) as caught:
        storing.loaded(content, settings)
    return str(caught.value)


def written(**changes):
    """What is stored, some of it other than it should be."""
    found = skops.io.loads(stored(), trusted=list(storing.TRUSTED))
    return skops.io.dumps(found | changes)


def test_a_model_forecasts_after_its_storing_as_before():
    learned = storing.loaded(stored(), SETTINGS)
    series = [generated.series_of(generated.daily_shaped(5, 3))]
    before, after = small(), forecaster.FittedModel(SETTINGS, learned)
    known = trained.trusting(before.refreshed(series))
    assert list(before.profiles(series, known)) == list(
        after.profiles(series, known))
    # And what is stored once more is of the same size and meaning
    again = storing.loaded(storing.dumped(learned, SETTINGS), SETTINGS)
    features = np.random.default_rng(0).normal(
        0, 1, (50, len(learned.far.told))).astype(np.float32)
    np.testing.assert_array_equal(
        again.peaks.correction(features, 1),
        small().learned.peaks.correction(features, 1))


def test_what_is_stored_takes_little_room():
    assert len(stored()) < 1_500_000


def test_no_bytes_are_no_model():
    assert 'cannot be read' in complaint(b'')


def test_a_text_is_no_model():
    assert 'cannot be read' in complaint(b'timestamp,web\n')


def test_an_empty_zip_is_no_model():
    empty = io.BytesIO()
    zipfile.ZipFile(empty, 'w').close()
    assert 'cannot be read' in complaint(empty.getvalue())


def test_half_a_model_is_no_model():
    assert 'cannot be read' in complaint(stored()[:len(stored()) // 2])


class Intruder:
    done = False

    def __reduce__(self):
        return setattr, (Intruder, 'done', True)


def test_a_pickle_is_refused_and_not_run():
    assert 'cannot be read' in complaint(pickle.dumps(Intruder()))
    assert not Intruder.done


def test_types_that_are_not_of_a_model_are_refused_by_name():
    found = complaint(skops.io.dumps(
        {'format': storing.FORMAT, 'parts': functools.partial(print)}))
    assert 'cannot be read' in found
    assert 'partial' in found or 'print' in found


def test_the_format_of_another_release_is_named():
    assert complaint(written(format=99)) == (
        'a stored model has format 99, not 3: another release wrote it')


@pytest.mark.parametrize('changes,words', [
    ({'levels': (0.5, 0.8)}, 'levels [0.5, 0.9, 0.95, 0.99], not [0.5, 0.8]'),
    ({'horizon': datetime.timedelta(hours=1)},
     'horizon 86400.0, not 3600.0'),
    ({'peak_window': datetime.timedelta(hours=1)},
     'peak_window 1800.0, not 3600.0'),
    ({'step': datetime.timedelta(minutes=10)}, 'step 300.0, not 600.0')])
def test_another_purpose_is_named(changes, words):
    # Given an engine that is set to forecast something else by now
    settings = dataclasses.replace(SETTINGS, **changes)
    # Then a model that learned other windows does not serve it
    assert complaint(stored(), settings) == (
        f'a stored model was fitted for the {words}')


@pytest.mark.parametrize('content', [
    [1, 2], 7, {'parts': {}}, {'format': 1},
    {'format': 1, 'parts': {}}])
def test_anything_else_that_can_be_stored_is_no_model(content):
    assert 'a stored model cannot be read' in complaint(
        skops.io.dumps(content))


@pytest.mark.parametrize('parts', [
    None, {}, [], {'steps': 1, 'peaks': 2},
    {'steps': {'told': None}}])
def test_a_part_that_is_missing_is_said(parts):
    assert 'is missing or none' in complaint(written(parts=parts))


def found_part():
    found = skops.io.loads(stored(), trusted=list(storing.TRUSTED))
    return found['parts']['peaks']


def part_with(**changes):
    found = skops.io.loads(stored(), trusted=list(storing.TRUSTED))
    found['parts']['peaks'] |= changes
    return skops.io.dumps(found)


def test_what_the_trees_are_told_is_a_row():
    assert 'is missing or none' in complaint(
        part_with(told=[[True], [True, False]]))


def test_trees_that_are_no_trees_are_said():
    assert 'is missing or none' in complaint(part_with(trees=[1, 2, 3, 4]))


def linear(told):
    count = int(told.sum())
    return linear_model.LinearRegression().fit(
        np.zeros((2, count)), np.zeros(2))


@pytest.mark.parametrize('spoil', [
    lambda part: [linear(part['told'])] * len(part['trees']),
    lambda part: [without(tree, '_baseline_prediction')
                  for tree in part['trees']]])
def test_trees_that_forecast_nothing_are_said(spoil):
    assert 'the trees of a stored model do not forecast' in complaint(
        part_with(trees=spoil(found_part())))


def without(tree, name):
    delattr(tree, name)
    return tree


def test_a_leaf_that_is_no_number_is_said():
    trees = found_part()['trees']
    nodes = trees[-1]._predictors[0][0].nodes
    nodes['value'][np.flatnonzero(nodes['is_leaf'])[0]] = np.nan
    assert complaint(part_with(trees=trees)) == (
        'the trees of a stored model hold what is no number')


def test_fewer_trees_than_levels_are_said():
    assert complaint(part_with(trees=[])) == (
        'a stored model does not fit its levels')


@pytest.mark.parametrize('told', [
    np.ones(3, dtype=np.bool_), np.arange(80), 'all'])
def test_trees_of_other_features_are_said(told):
    assert complaint(part_with(told=told)) == (
        'a stored model does not fit its features')


@pytest.mark.parametrize('name', ['centre', 'spread', 'first', 'second'])
def test_a_gate_of_other_features_is_said(name):
    found = skops.io.loads(stored(), trusted=list(storing.TRUSTED))
    gate = found['parts']['far']['gate']
    gate[name] = gate[name][..., :-1]
    assert complaint(skops.io.dumps(found)) == (
        'the gate of a stored model does not fit')


@pytest.mark.parametrize('value', ['x', [[1.0], [1.0, 2.0]]])
def test_a_gate_of_no_numbers_is_said(value):
    found = skops.io.loads(stored(), trusted=list(storing.TRUSTED))
    found['parts']['far']['gate']['centre'] = value
    assert 'the gate of a stored model is none' in complaint(
        skops.io.dumps(found))


def test_a_gate_that_is_none_is_said():
    assert 'is missing or none' in complaint(part_with(gate=None))
    assert 'is missing or none' in complaint(part_with(gate={'first': 1}))


@hypothesis.settings(max_examples=40)
@hypothesis.given(st.data())
def test_a_byte_that_changed_is_noticed_or_changes_nothing(data):
    # Given a model of which the disk changed one byte
    broken = bytearray(stored())
    place = data.draw(st.integers(0, len(broken) - 1))
    broken[place] ^= data.draw(st.integers(1, 255))
    try:
        found = storing.loaded(bytes(broken), SETTINGS)
    except storing.ForeignModel:
        return
    features = np.zeros((3, len(found.far.told)), dtype=np.float32)
    for part in ('near', 'far', 'peaks'):
        np.testing.assert_array_equal(
            getattr(found, part).correction(features, 1),
            getattr(small().learned, part).correction(features, 1))
