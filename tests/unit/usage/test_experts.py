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
from hypothesis import strategies as st
import numpy as np
import pytest

from shadow_reserve.usage import experts
from shadow_reserve.usage import panel as panel_module
from shadow_reserve.usage import rows as rows_module
from tests.unit.usage import generated

DAY = generated.DAY
LEVELS = (0.5, 0.9, 0.95, 0.99)
WINDOWS = pytest.mark.parametrize('window', [1, 6])


def cases_of(series, origins, horizons):
    return panel_module.Cases(**{
        name: np.array(values, dtype=np.int64) for name, values in (
            ('series', series), ('origins', origins),
            ('horizons', horizons))})


def some_cases(window):
    """Of two series, near and far ahead, early and late."""
    series = [0, 0, 0, 1, 1, 1, 1]
    origins = [300, 700, 2100, 1500, 2200, 2500, 20]
    horizons = [1, 288, 17, 150, 3, 40, 2] if window == 1 else [1] * 7
    return cases_of(series, origins, horizons)


def mean(values):
    known = [one for one in values if np.isfinite(one)]
    return np.mean(known) if known else np.nan


class Slow:
    """What one case is told, looked up value by value."""

    def __init__(self, panel, window, series, origin, horizon):
        self.values = panel.values[series]
        self.filled = panel.filled[series]
        self.window, self.origin = window, origin
        self.step = origin + horizon
        self.period = int(panel.scale.period[series])

    def target(self, step):
        """The window maximum that begins there, if all of it was seen."""
        if step < 0:
            return np.nan
        part = self.values[step:step + self.window]
        assert step + self.window - 1 <= self.origin
        return np.nanmax(part) if np.isfinite(part).any() else np.nan

    def days(self):
        return [self.target(self.step - DAY * back)
                if self.step - DAY * back + self.window - 1 <= self.origin
                else np.nan for back in range(1, 8)]

    def turns(self, period, count):
        back = 1
        while self.step - back * period + self.window - 1 > self.origin:
            back += 1
        return [self.target(self.step - (back + turn) * period)
                for turn in range(count)]

    def hour(self, step):
        if step < 0:
            return np.nan
        return np.mean([self.filled[max(step - back, 0)]
                        for back in range(DAY // 24)], dtype=np.float64)

    def points(self):
        days = self.days()
        before = mean([self.hour(self.origin - DAY * back)
                       for back in range(1, 8)])
        return [days[0], days[6], mean(days), self.filled[self.origin],
                self.hour(self.origin), mean(self.turns(self.period, 4)),
                mean(self.turns(DAY // 24, 24)),
                mean(days) + self.hour(self.origin) - before]


def slowly(panel, window, cases):
    return [Slow(panel, window, *case) for case in zip(
        cases.series, cases.origins, cases.horizons)]


@pytest.fixture(scope='module')
def panel():
    return generated.panel_of(generated.gappy(9, 1), generated.gappy(9, 2))


@WINDOWS
def test_the_points_are_those_of_an_obvious_loop(panel, window):
    cases = some_cases(window)
    days = experts.days_before(panel, window, cases)
    found = experts.points(panel, window, cases, days)
    slow = slowly(panel, window, cases)
    np.testing.assert_allclose(days, [one.days() for one in slow])
    np.testing.assert_allclose(
        found, [one.points() for one in slow], rtol=1e-5, atol=1e-5)


@WINDOWS
@pytest.mark.parametrize('period', [1, 7, 12, 144])
def test_the_turns_of_a_cycle_are_those_of_an_obvious_loop(
        panel, window, period):
    cases = some_cases(window)
    found = experts.turns_before(
        panel, window, cases, np.full(len(cases), period), 5)
    np.testing.assert_allclose(
        found, [one.turns(period, 5)
                for one in slowly(panel, window, cases)])


@WINDOWS
def test_the_recent_quantiles_are_of_the_day_up_to_the_origin(panel, window):
    series, origins = np.array([0, 1, 1]), np.array([1000, 2500, 100])
    found = experts.recent(panel, window, series, origins, LEVELS)
    for row, (one, origin) in enumerate(zip(series, origins)):
        slow = Slow(panel, window, one, origin, 1)
        last = origin - window + 1
        day = [slow.target(step)
               for step in range(max(last - DAY + 1, 0), last + 1)]
        np.testing.assert_allclose(
            found[row], np.nanquantile(day, LEVELS), rtol=1e-5, atol=1e-5)


def test_after_a_silent_day_the_week_must_do():
    # Given two days of a wave, and two without any point
    values = generated.daily_shaped(4)
    values[2 * DAY:] = np.nan
    panel = generated.panel_of(values)
    found = experts.recent(panel, 1, np.array([0]), np.array(
        [4 * DAY - 1]), LEVELS)
    np.testing.assert_allclose(
        found[0], np.quantile(panel.filled[0], LEVELS), rtol=1e-6)


def looks(panel, window, bucket):
    """Each step that a table of the second series looks at, in order, and
    from where; some of these are before its first."""
    start, end = 1, 1
    if window == 1:
        start, end = [1, 4, 13, 37, 97][bucket], [3, 12, 36, 96, 288][bucket]
    for turn in range(7 * DAY // experts.TABLE_STRIDE):
        step = ORIGIN - window + 1 - experts.TABLE_STRIDE * turn
        ahead = start + turn * 5 % (end - start + 1)
        yield step, step - ahead


def outcome(panel, window, step):
    part = panel.values[1, step:step + window]
    return np.nanmax(part) if np.isfinite(part).any() else np.nan


ORIGIN = 2500
BUCKETS = pytest.mark.parametrize('window, bucket', [
    (1, 0), (1, 1), (1, 2), (1, 3), (1, 4), (6, 0)])


@BUCKETS
def test_the_tables_are_those_of_an_obvious_loop(panel, window, bucket):
    tables = experts.learn(
        panel, window, np.array([1]), np.array([ORIGIN]), LEVELS)
    # Given the errors that the experts made, one after the other
    errors, recent_errors = [], []
    for step, looked in looks(panel, window, bucket):
        actual = outcome(panel, window, step)
        slow = Slow(panel, window, 1, looked, step - looked)
        errors.append(actual - np.array(slow.points()))
        # The recent quantiles are of up to half a day before
        then = ORIGIN
        while then > looked:
            then -= DAY // 2
        recently = [slow.target(then - window + 1 - back)
                    for back in range(DAY)]
        recent_errors.append(actual - np.nanquantile(recently, LEVELS))
    errors = np.array(errors)
    errors[:, experts.WEEK] -= np.nanmedian(errors[:, experts.WEEK])
    offsets = np.nanquantile(errors, LEVELS, axis=0).T
    # Then an expert's offsets are the quantiles of its errors
    np.testing.assert_allclose(
        tables.offsets[0, bucket, :experts.RECENT], offsets,
        rtol=1e-4, atol=1e-5)
    # And its weight is the greater the less it erred beyond them
    left = np.concatenate([errors[:, :, None] - offsets,
                           np.array(recent_errors)[:, None]], axis=1)
    taus = np.array(LEVELS)
    losses = np.maximum(taus * left, (taus - 1) * left)
    # What it erred lately counts more, by half every two days, but for peaks
    counting = np.ma.masked_invalid(losses)
    ages = experts.TABLE_STRIDE * np.arange(len(losses)) / DAY
    ages = ages if window == 1 else np.zeros_like(ages)
    losses = np.ma.average(
        counting, axis=0, weights=np.broadcast_to(
            0.5 ** (ages / experts.HALF_LIFE_DAYS)[:, None, None],
            losses.shape)).filled(np.nan)
    worth = losses ** -experts.SHARPNESS
    np.testing.assert_allclose(
        tables.weights[0, bucket], worth / worth.sum(axis=0), rtol=5e-3,
        atol=1e-4)


def test_every_horizon_has_the_bucket_it_lies_in():
    assert experts.bucket_ends(DAY).tolist() == [3, 12, 36, 96, 288]
    horizons = np.array([1, 3, 4, 12, 13, 36, 37, 96, 97, 288])
    assert experts.buckets_of(1, horizons, DAY).tolist() == [
        0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert experts.buckets_of(6, horizons, DAY).tolist() == [0] * 10


def test_the_weights_of_the_experts_sum_to_one_and_prefer_the_better():
    # Given a day that repeats itself exactly, but for some noise
    panel = generated.panel_of(
        generated.daily_shaped(10, 1, noise=0.05, bursts=0.0))
    table = experts.learn(panel, 1, np.array([0]),
                          np.array([panel.width - 1]), LEVELS)
    # Then far ahead yesterday is believed, and the last value is not
    weights = table.weights[0]
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, rtol=1e-5)
    far = weights[-1]
    assert (far[experts.DAY] > far[experts.LAST]).all()
    assert (far[experts.TIME_OF_DAY] > far[experts.RECENT]).all()


def test_an_expert_with_few_errors_is_not_heard():
    # Given a day, and two hours in which yesterday could err
    panel = generated.panel_of(generated.daily_shaped(2)[:DAY + 24])
    table = experts.learn(panel, 1, np.array([0]),
                          np.array([panel.width - 1]), LEVELS)
    assert (table.weights[0, :, experts.DAY] == 0).all()
    assert (table.weights[0, :3, experts.LAST] > 0).all()


def test_the_mix_lies_between_its_experts_and_leaves_out_the_silent():
    # Given two experts of like weight, of which one says nothing at first
    weights = np.zeros((1, 1, experts.EXPERTS, 1), dtype=np.float32)
    weights[0, 0, [experts.DAY, experts.LAST]] = 0.5
    tables = experts.Tables(offsets=np.zeros_like(weights), weights=weights)
    saying = np.full((3, experts.EXPERTS, 1), np.nan, dtype=np.float32)
    saying[:, experts.RECENT] = 7.0
    saying[:2, experts.LAST] = 4.0
    saying[1, experts.DAY] = 2.0
    zero = np.zeros(3, dtype=np.int64)
    found = experts.mixed(tables, zero, zero, saying)
    # Then one is heard alone, both are, and none is: the recent quantiles
    assert found[:, 0].tolist() == [4.0, 3.0, 7.0]


def test_the_tables_of_many_are_those_of_each_alone():
    # Given more tables than are worked out at once
    panel = generated.panel_of(generated.gappy(5, 1), generated.gappy(3, 2))
    series = np.tile([0, 1], experts.CHUNK)
    origins = panel.width - 1 - np.arange(len(series))
    together = experts.learn(panel, 6, series, origins, LEVELS)
    assert len(together) == len(series)
    for row in (0, 1, experts.CHUNK - 1, experts.CHUNK, len(series) - 1):
        alone = experts.learn(panel, 6, series[row:row + 1],
                              origins[row:row + 1], LEVELS)
        np.testing.assert_array_equal(
            together.offsets[row], alone.offsets[0])
        np.testing.assert_array_equal(
            together.weights[row], alone.weights[0])


futures = st.floats(0, 1e4) | st.sampled_from([np.nan, 0.0, 1e12])


@hypothesis.settings(deadline=None, max_examples=25)
@hypothesis.given(
    window=st.sampled_from([1, 6, DAY]), origin=st.integers(0, 8 * DAY),
    lead=st.integers(0, 3 * DAY), future=futures, seed=st.integers(0, 20))
def test_nothing_is_told_to_a_forecast_that_its_origin_has_not_seen(
        window, origin, lead, future, seed):
    # Given a history, which may begin with gaps, and the same with another
    # future
    seen = generated.gappy(9, seed)
    seen[:min(lead, origin)] = np.nan
    seen[min(lead, origin)] = 5.0
    other = seen.copy()
    other[origin + 1:] = future
    one = generated.panel_of(seen)
    horizons = [*range(1, DAY, 7), DAY - 1, DAY] if window == 1 else [1]
    cases = cases_of([0] * len(horizons), [origin] * len(horizons), horizons)
    # When both are looked at from before they part
    told = []
    for panel in (one, generated.panel_of(other, scale=one.scale)):
        tables = experts.learn(panel, window, np.array([0]),
                               np.array([origin]), LEVELS)
        rows = rows_module.rows_of(
            panel, window, cases, tables, cases.series, LEVELS)
        told.append((tables.offsets, tables.weights, rows.features,
                     rows.said, rows.mix))
    # Then they cannot be told apart
    for left, right in zip(*told):
        np.testing.assert_array_equal(left, right)


@WINDOWS
def test_the_mix_alone_is_that_of_the_rows(panel, window):
    tables = experts.learn(panel, window, np.array([0, 1]),
                           np.array([2500, 2500]), LEVELS)
    cases = some_cases(window)
    rows = rows_module.rows_of(
        panel, window, cases, tables, cases.series, LEVELS)
    np.testing.assert_array_equal(rows.mix, rows_module.mix_of(
        panel, window, cases, tables, cases.series, LEVELS))
    np.testing.assert_array_equal(
        rows.actual, panel.target(window)[cases.series, cases.steps])
