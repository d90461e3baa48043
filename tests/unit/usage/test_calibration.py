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

from shadow_reserve.usage import calibration

LEVELS = (0.5, 0.9, 0.95, 0.99)
STANDARD = np.array([0.0, 1.2816, 1.6449, 2.3263], dtype=np.float32)

streams = st.tuples(st.integers(1, 3), st.integers(1, 12)).flatmap(
    lambda shape: st.tuples(
        hnp.arrays(np.float32, (*shape, 4), elements=st.floats(
            -100, 100, width=32)).map(lambda said: np.sort(said, axis=-1)),
        hnp.arrays(np.float32, shape, elements=st.floats(
            -100, 100, width=32) | st.just(np.nan))))


def slowly(said, actual):
    """One series, one peak and one level at a time."""
    offsets = np.zeros((len(said), 4), dtype=np.float32)
    for row, (quantiles, outcomes) in enumerate(zip(said, actual)):
        for quantile, outcome in zip(quantiles, outcomes):
            if np.isnan(outcome):
                continue
            served = np.sort([
                level + offset * (level - quantile[0])
                for level, offset in zip(quantile, offsets[row])])
            for place, level in enumerate(LEVELS):
                if level < calibration.LOWEST_LEVEL:
                    continue
                over = float(outcome > served[place])
                offsets[row, place] = np.clip(
                    offsets[row, place] + calibration.STEP * (
                        over - (1 - level)),
                    -calibration.LARGEST, calibration.LARGEST)
    return offsets


@hypothesis.given(streams)
def test_following_is_what_an_obvious_loop_does(stream):
    said, actual = stream
    np.testing.assert_allclose(
        calibration.followed(said, actual, LEVELS), slowly(said, actual),
        atol=1e-5)


@hypothesis.given(streams)
def test_following_goes_on_where_it_left_off(stream):
    said, actual = stream
    half = said.shape[1] // 2
    first = calibration.followed(said[:, :half], actual[:, :half], LEVELS)
    kept = first.copy()
    both = calibration.followed(said[:, half:], actual[:, half:], LEVELS,
                                first)
    np.testing.assert_array_equal(
        both, calibration.followed(said, actual, LEVELS))
    # And leaves alone what it was given
    np.testing.assert_array_equal(first, kept)


@hypothesis.given(streams)
def test_calibrated_quantiles_never_cross_and_offsets_are_bounded(stream):
    said, actual = stream
    offsets = calibration.followed(said, actual, LEVELS)
    assert (np.abs(offsets) <= calibration.LARGEST).all()
    found = calibration.applied(said[:, -1], offsets)
    assert (np.diff(found, axis=-1) >= 0).all()


def covered(said, actual):
    """The share at or under each level when each peak is followed, and
    when none is; of the later half of all peaks."""
    offsets = calibration.followed(said[:, :1], actual[:, :1], LEVELS)
    calibrated = []
    for peak in range(1, said.shape[1]):
        now = slice(peak, peak + 1)
        calibrated.append(actual[:, now] <= calibration.applied(
            said[:, peak], offsets))
        offsets = calibration.followed(said[:, now], actual[:, now], LEVELS,
                                       offsets)
    later = said.shape[1] // 2
    plain = actual[:, later:, None] <= said[:, later:]
    return (np.mean(calibrated[later:], axis=(0, 1)),
            plain.mean(axis=(0, 1)))


def test_what_was_exceeded_too_often_is_so_no_longer():
    # Given twenty series whose peaks spread more than was said
    random = np.random.default_rng(1)
    actual = random.normal(0, 1.5, (20, 600)).astype(np.float32)
    said = np.broadcast_to(STANDARD, (20, 600, 4))
    calibrated, plain = covered(said, actual)
    assert plain[2] < 0.88
    # Then each level comes to be exceeded as often as it should be
    np.testing.assert_allclose(calibrated[1:], LEVELS[1:], atol=0.01)
    # And the middle is left as it was
    assert abs(calibrated[0] - plain[0]) < 0.01


def test_what_was_hardly_ever_exceeded_holds_less():
    random = np.random.default_rng(2)
    actual = random.normal(0, 0.7, (20, 600)).astype(np.float32)
    said = np.broadcast_to(STANDARD, (20, 600, 4))
    calibrated, plain = covered(said, actual)
    assert plain[1] > 0.95
    np.testing.assert_allclose(calibrated[1:], LEVELS[1:], atol=0.015)


def test_a_constant_demand_is_left_unharmed():
    # Given a demand that is what all quantiles say it is
    said = np.full((1, 200, 4), 3.0, dtype=np.float32)
    offsets = calibration.followed(said, said[..., 0], LEVELS)
    np.testing.assert_array_equal(
        calibration.applied(said[:, -1], offsets), said[:, -1])


def test_where_nothing_is_known_nothing_is_learned():
    said = np.broadcast_to(STANDARD, (2, 5, 4))
    actual = np.full((2, 5), np.nan, dtype=np.float32)
    assert (calibration.followed(said, actual, LEVELS) == 0).all()
    assert (calibration.followed(said[:, :0], actual[:, :0], LEVELS)
            == 0).all()
