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

"""A learned model as bytes that are safe to read.

skops instead of pickle: what is in the bytes is checked against the few
types that a model of ours is made of before anything is built from it.
"""

from collections.abc import Sequence
import dataclasses
from typing import Any
import zipfile

import numpy as np
import skops.io

from shadow_reserve.usage import gate
from shadow_reserve.usage import model
from shadow_reserve.usage import settings as settings_module

#: Raised when features change their meaning: a model of another format is
#: not loaded but fitted anew.
FORMAT = 3
#: All that skops does not know by itself of a gradient boosting.
TRUSTED = (
    'sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor',)


class ForeignModel(ValueError):
    """The bytes are no model of this release."""


def dumped(learned: model.Learned,
           settings: settings_module.ForecastSettings) -> bytes:
    """:param settings: that it was fitted for
    :returns: a megabyte or two
    """
    found: bytes = skops.io.dumps(
        {'format': FORMAT, 'purpose': _purpose(settings), 'parts': {
            name: _parts(getattr(learned, name)) for name in model.MANNERS}},
        compression=zipfile.ZIP_DEFLATED)
    return found


def loaded(stored: bytes,
           settings: settings_module.ForecastSettings) -> model.Learned:
    """:param settings: that the model must have been fitted for
    :raises ForeignModel: saying what is wrong; what to do is to fit anew
    """
    try:
        found = skops.io.loads(stored, trusted=list(TRUSTED))
        kind, parts = found['format'], found['parts']
        purpose = dict(found['purpose'])
    except Exception as error:
        # Whatever corrupt bytes make of a zip file and of JSON in it.
        raise ForeignModel(
            f'a stored model cannot be read: {error}') from error
    if kind != FORMAT:
        raise ForeignModel(
            f'a stored model has format {kind}, not {FORMAT}: another '
            'release wrote it')
    for name, wanted in _purpose(settings).items():
        if purpose.get(name) != wanted:
            raise ForeignModel(f'a stored model was fitted for the {name} '
                               f'{purpose.get(name)}, not {wanted}')
    try:
        return model.Learned(near_steps=settings.near_steps, **{
            name: _learner(parts[name], settings.levels, manner)
            for name, manner in model.MANNERS.items()})
    except ForeignModel:
        raise
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ForeignModel(
            f'a part of a stored model is missing or none: {error}'
        ) from error


def _purpose(settings: settings_module.ForecastSettings) -> dict[str, Any]:
    """What trees that were fitted for another one are no good for."""
    return {'levels': list(settings.levels),
            'step': settings.step.total_seconds(),
            'horizon': settings.horizon.total_seconds(),
            'peak_window': settings.peak_window.total_seconds()}


def _parts(learner: model.Learner) -> dict[str, Any]:
    return {'told': learner.told, 'trees': learner.trees,
            'gate': dataclasses.asdict(learner.gate)}


def _learner(part: Any, levels: Sequence[float],
             manner: model.Manner) -> model.Learner:
    told = np.asarray(part['told'])
    if len(part['trees']) != len(levels):
        raise ForeignModel('a stored model does not fit its levels')
    if told.dtype != np.bool_ or any(
            tree.n_features_in_ != told.sum() for tree in part['trees']):
        raise ForeignModel('a stored model does not fit its features')
    learner = model.Learner(
        levels, _gate(part['gate'], len(told), len(levels)), told,
        part['trees'], manner)
    _try(learner)
    return learner


def _try(learner: model.Learner) -> None:
    """What another release or a damaged disk makes of trees shows only when
    they are asked; a leaf that is no number, only to who comes there."""
    features = np.zeros((2, len(learner.told)), dtype=np.float32)
    features[1] = np.nan
    try:
        sound = bool(np.isfinite(learner.correction(features, 1)).all())
        sound &= all(np.isfinite(grown.nodes['value']).all()
                     for trees in learner.trees
                     for turn in trees._predictors for grown in turn)
    except Exception as error:
        raise ForeignModel('the trees of a stored model do not forecast: '
                           f'{error}') from error
    if not sound:
        raise ForeignModel('the trees of a stored model hold what is no '
                           'number')


def _gate(part: Any, features: int, levels: int) -> gate.Gate:
    try:
        found = gate.Gate(**{name: np.asarray(one, dtype=np.float32)
                             for name, one in part.items()})
    except ValueError as error:
        raise ForeignModel(
            f'the gate of a stored model is none: {error}') from error
    if not found.fits(features, levels):
        raise ForeignModel('the gate of a stored model does not fit')
    return found
