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

import numpy as np
import pytest

from shadow_reserve.usage import bursts
from shadow_reserve.usage import panel as panel_module
from tests.unit.usage import generated

DAY = generated.DAY
SINCE, USUAL, DUE, TURNS, LONGEST, SHORTEST, MEAN, HIGH, LOW = range(9)


def bursting(begins, length=2 * DAY):
    """Two steps of ten at each of these, and little else."""
    values = np.full(length, 1.0)
    for begin in begins:
        values[begin:begin + 2] = 10.0
    return values


def told(values, horizons, window=1, origin=None):
    """The columns for each horizon, at the last step or another one."""
    panel = generated.panel_of(values)
    origin = panel.width - 1 if origin is None else origin
    horizons = np.asarray(horizons)
    cases = panel_module.Cases(
        series=np.zeros_like(horizons), horizons=horizons,
        origins=np.full(len(horizons), origin))
    past = panel.filled[:, origin::-1][:, :DAY]
    backs = bursts.begun(past, np.median(past, axis=1), past.max(axis=1))
    return panel, bursts.columns(
        panel, window, cases, np.repeat(backs, len(horizons), axis=1))


def test_the_beginnings_of_bursts_are_found_from_the_latest_on():
    past = bursting([400, 413, 425, 560])[::-1][None, :DAY]
    found = bursts.begun(past, np.array([1.0]), np.array([10.0]))
    last = 2 * DAY - 1
    assert found[:, 0].tolist() == [
        last - 560, last - 425, last - 413, last - 400, -1, -1, -1]


def test_the_next_burst_is_due_where_the_intervals_say():
    # Given a job that sleeps for an hour after each of its runs
    begins = range(300, 575, 13)
    panel, found = told(bursting(begins), range(1, 30))
    steps = panel.width - 1 + np.arange(1, 30)
    assert found[USUAL].tolist() == [13.0] * 29
    # Then it comes 13 steps after the latest, and 13 after that
    due = [step for step, away in zip(steps, found[DUE]) if away == 0]
    assert due == [begins[-1] + 13, begins[-1] + 26]
    # And what is there then is what was as long after the ones before
    inside = np.isin(steps, [due[0], due[0] + 1, due[1], due[1] + 1])
    high = panel.values.max()
    np.testing.assert_array_equal(found[MEAN] == high, inside)
    np.testing.assert_allclose(found[TURNS] * 13, found[SINCE], rtol=1e-6)


def test_intervals_that_vary_are_told_with_their_extremes():
    _, found = told(bursting([400, 412, 425, 437, 450, 560]), [1])
    assert found[[USUAL, LONGEST, SHORTEST], 0].tolist() == [13, 110, 12]


@pytest.mark.parametrize('begins', [[], [500]])
def test_too_few_bursts_tell_nothing_of_the_next(begins):
    _, found = told(bursting(begins), [1, 5])
    assert not np.isfinite(found[USUAL:]).any()
    assert np.isfinite(found[SINCE]).all() == bool(begins)


@pytest.mark.parametrize('window', [1, 6])
def test_nothing_is_told_that_the_origin_has_not_seen(window):
    # Given two futures of one history
    begins = range(300, 500, 13)
    calm = bursting([one for one in begins if one < 480])
    wild = calm.copy()
    wild[481:] = 99.0
    scale = generated.panel_of(calm).scale
    for origin in (470, 480):
        for horizon in (1, 7, 40):
            one, other = (self_told(values, horizon, window, origin, scale)
                          for values in (calm, wild))
            np.testing.assert_array_equal(one, other)


def self_told(values, horizon, window, origin, scale):
    panel = generated.panel_of(values, scale=scale)
    cases = panel_module.Cases(
        series=np.array([0]), origins=np.array([origin]),
        horizons=np.array([horizon]))
    past = panel.filled[:, origin::-1][:, :DAY]
    backs = bursts.begun(past, np.median(past, axis=1), past.max(axis=1))
    return bursts.columns(panel, window, cases, backs)
