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

import hypothesis
from hypothesis.extra import numpy as hnp
from hypothesis import strategies as st
import numpy as np
import pytest

from shadow_reserve.usage import periods

DAY = 48
some = hnp.arrays(np.float32, st.tuples(
    st.integers(1, 2), st.integers(1, 5 * DAY)), elements=st.integers(
        0, 9).map(float) | st.just(np.nan))


def error_of(series, length):
    """What a length is judged by, step by step; infinite of nothing."""
    known = np.flatnonzero(np.isfinite(series))
    errors = []
    for step in range(max(0, len(series) - periods.DAYS * DAY),
                      len(series)):
        turns = [step - length * (1 + turn) for turn in range(periods.TURNS)]
        if not len(known) or turns[-1] < known[0]:
            continue
        said = [series[turn] for turn in turns if np.isfinite(series[turn])]
        if said and np.isfinite(series[step]):
            errors.append(abs(series[step] - np.mean(said)))
    return np.mean(errors) if errors else np.inf


@hypothesis.settings(deadline=None, max_examples=40)
@hypothesis.given(some)
def test_no_other_cycle_has_a_smaller_error(values):
    for series, length in zip(values, periods.best(values, DAY)):
        assert error_of(series, length) == pytest.approx(
            min(error_of(series, other) for other in periods.lengths(DAY)),
            abs=1e-4)


@pytest.mark.parametrize('length', periods.lengths(288))
def test_the_rhythm_of_a_cron_job_is_found(length):
    # Given four days of a job that runs each ``length`` steps
    step = np.arange(4 * 288)
    noise = np.random.default_rng(0).normal(0, 0.1, len(step))
    values = np.where(step % length < 2, 5.0, 1.0) + noise
    if length <= 6:
        # A job that long has nothing to tell from one half as often
        values = np.where(step % length == 0, 5.0, 1.0) + noise
    found = periods.best(values[None].astype(np.float32), 288)
    # Then it is found, or a multiple of it, which is its rhythm too
    assert found[0] % length == 0


@pytest.mark.parametrize('seed', range(10))
def test_gaps_before_a_series_do_not_change_its_cycle(seed):
    # Given a short series, and a panel that is wider than it
    random = np.random.default_rng(seed)
    alone = random.normal(0, 1, (1, 80 + 10 * seed)).astype(np.float32)
    wide = np.concatenate(
        [np.full((1, 200), np.nan, np.float32), alone], axis=1)
    assert periods.best(wide, DAY) == periods.best(alone, DAY)


def test_lengths_ascend_and_are_whole_steps():
    assert periods.lengths(288) == [6, 12, 24, 36, 48, 72, 96, 144]
    assert periods.lengths(24)[0] == 1
    for day in (1, 2, 24, 288, 1440):
        found = periods.lengths(day)
        assert found == sorted(set(found))
        assert found[0] >= 1
