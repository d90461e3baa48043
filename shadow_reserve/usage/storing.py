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
from typing import Any
import zipfile

import numpy as np
import skops.io

from shadow_reserve.usage import model

#: Raised when features change their meaning: a model of another format is
#: not loaded but fitted anew.
FORMAT = 1
#: All that skops does not know by itself of a gradient boosting.
TRUSTED = (
    'sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor',)


class ForeignModel(ValueError):
    """The bytes are no model of this release."""


def dumped(learned: model.Learned) -> bytes:
    """:returns: about a megabyte"""
    found: bytes = skops.io.dumps(
        {'format': FORMAT, 'parts': {
            name: {'levels': list(learner.levels), 'told': learner.told,
                   'share': learner.share, 'trees': learner.trees}
            for name, learner in (('steps', learned.steps),
                                  ('peaks', learned.peaks))}},
        compression=zipfile.ZIP_DEFLATED)
    return found


def loaded(stored: bytes, levels: Sequence[float]) -> model.Learned:
    """:param levels: that the model must have been fitted for
    :raises ForeignModel: saying what is wrong; what to do is to fit anew
    """
    try:
        found = skops.io.loads(stored, trusted=list(TRUSTED))
        kind, parts = found['format'], found['parts']
    except Exception as error:
        # Whatever corrupt bytes make of a zip file and of JSON in it.
        raise ForeignModel(
            f'a stored model cannot be read: {error}') from error
    if kind != FORMAT:
        raise ForeignModel(
            f'a stored model has format {kind}, not {FORMAT}: another '
            'release wrote it')
    try:
        return model.Learned(
            _learner(parts['steps'], levels), _learner(parts['peaks'], levels))
    except (AttributeError, KeyError, TypeError) as error:
        raise ForeignModel(
            f'a stored model lacks a part: {error}') from error


def _learner(part: Any, levels: Sequence[float]) -> model.Learner:
    known, told = tuple(part['levels']), np.asarray(part['told'])
    if known != tuple(levels) or len(part['trees']) != len(known):
        raise ForeignModel(f'a stored model forecasts the levels {known}, '
                           f'not {tuple(levels)}')
    if told.dtype != np.bool_ or any(
            tree.n_features_in_ != told.sum() for tree in part['trees']):
        raise ForeignModel('a stored model does not fit its features')
    return model.Learner(known, told, part['trees'], part['share'])
