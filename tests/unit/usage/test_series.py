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

import collections
import datetime
import math

import hypothesis
from hypothesis import strategies as st
import numpy as np
import pytest

from shadow_reserve.records import demand
from shadow_reserve.usage import series as series_module
from tests.unit.usage import generated

STEP = generated.STEP
START = generated.START
GRID = series_module.Grid(start=START, step=STEP, count=24)

anything = st.floats(allow_nan=True, allow_infinity=True) | st.sampled_from(
    [1e300, -1e300, 0.0, -1.0, math.nan, math.inf])
#: Off the grid on both sides, and some of them twice.
stamps = st.integers(-900, 24 * 300 + 900).map(
    lambda second: START + datetime.timedelta(seconds=second))
measures = st.lists(st.tuples(stamps, anything), max_size=60)
buckets = st.lists(anything, max_size=40).map(
    lambda values: np.array(values, dtype=np.float64))


def obvious_means(points, grid):
    corrected = {}
    for stamp, value in points:
        corrected[stamp] = value
    found = collections.defaultdict(list)
    for stamp, value in corrected.items():
        for index in range(grid.count):
            begins = grid.start + index * grid.step
            if (begins <= stamp < begins + grid.step
                    and math.isfinite(value) and value >= 0):
                found[index].append(value)
    return [sum(value / len(found[index]) for value in found[index])
            if index in found else math.nan for index in range(grid.count)]


def obvious_rates(counters, seconds, bridge):
    result = [math.nan] * len(counters)
    before = None
    for index, value in enumerate(counters):
        if not math.isfinite(value):
            continue
        if before is not None and index - before <= bridge + 1:
            with np.errstate(over='ignore'):
                growth = (value - counters[before]) / (
                    (index - before) * seconds)
            if growth >= 0 and math.isfinite(growth):
                for step in range(before + 1, index + 1):
                    result[step] = growth
        before = index
    return result


@hypothesis.given(measures)
def test_bucket_means_are_those_of_an_obvious_loop(points):
    found = series_module.bucket_means(points, GRID)
    np.testing.assert_allclose(found, obvious_means(points, GRID))


@hypothesis.given(measures, st.randoms())
def test_the_order_of_the_measures_does_not_matter(points, random):
    points = list(dict(points).items())
    shuffled = points.copy()
    random.shuffle(shuffled)
    np.testing.assert_allclose(series_module.bucket_means(points, GRID),
                               series_module.bucket_means(shuffled, GRID))


def test_what_no_counter_can_be_spoils_no_mean():
    """A sum over it would depend on the order of the measures."""
    points = [(START, -1e300), (START + datetime.timedelta(seconds=1), 1.0),
              (START + datetime.timedelta(seconds=2), 3.0)]
    assert series_module.bucket_means(points, GRID)[0] == 2.0


@hypothesis.given(buckets, st.integers(0, 4))
def test_rates_are_those_of_an_obvious_loop(counters, bridge):
    found = series_module.rates(counters, STEP, bridge)
    np.testing.assert_allclose(
        found, obvious_rates(counters, 300.0, bridge))


@hypothesis.given(st.lists(buckets, max_size=5))
def test_a_series_holds_nothing_but_plausible_demand_and_gaps(members):
    members = [np.resize(one, 12) if len(one) else np.full(12, np.nan)
               for one in members]
    total = generated.series_of(series_module.total(members, 12)).values
    known = total[np.isfinite(total)]
    assert len(total) == 12
    assert not np.isinf(total).any()
    assert (known >= 0).all()
    assert (known <= series_module.LARGEST_PLAUSIBLE).all()


def test_a_measure_sent_again_corrects_the_first():
    points = [(START, 5.0), (START, 7.0)]
    assert series_module.bucket_means(points, GRID)[0] == 7.0


def test_a_reboot_is_a_gap_and_not_a_negative_rate():
    # Given a counter that starts again from nothing in the fourth bucket
    counters = np.array([0.0, 300.0, 900.0, 30.0, 330.0])
    # When it is differenced
    found = series_module.rates(counters, STEP, bridge=2)
    # Then only what happened around the reset is unknown
    np.testing.assert_allclose(found, [np.nan, 1.0, 2.0, np.nan, 1.0])


def test_polls_slower_than_the_buckets_give_the_true_mean_rate():
    # Given a counter of one second a second, polled each third bucket
    counters = np.full(10, np.nan)
    counters[::3] = np.arange(4) * 900.0
    found = series_module.rates(counters, STEP, bridge=2)
    # Then every bucket between two polls has its rate
    np.testing.assert_allclose(found, [np.nan] + [1.0] * 9)


def test_a_long_outage_stays_a_gap():
    counters = np.array([0.0, 300.0, *[np.nan] * 5, 2100.0, 2400.0])
    found = series_module.rates(counters, STEP, bridge=2)
    np.testing.assert_allclose(
        found, [np.nan, 1.0, *[np.nan] * 6, 1.0])


def test_a_missed_poll_of_one_server_does_not_dent_the_total():
    steady = np.full(6, 100.0)
    missed = np.array([100.0, 100.0, np.nan, 100.0, 100.0, 100.0])
    total = series_module.total(
        [steady, series_module.bridged(missed, 2)], 6)
    np.testing.assert_allclose(total, np.full(6, 200.0))


def test_members_come_and_go_and_only_silence_is_a_gap():
    # Given one server there from the start, and one that came and left
    old = np.array([1.0, 1.0, np.nan, 1.0, np.nan])
    new = np.array([np.nan, 2.0, 2.0, np.nan, np.nan])
    found = series_module.total([old, new], 5)
    np.testing.assert_allclose(found, [1.0, 3.0, 2.0, 1.0, np.nan])


def test_no_members_at_all_is_all_gaps():
    assert np.isnan(series_module.total([], 3)).all()


def test_an_early_poll_now_and_then_does_not_disprove_the_size():
    # given a member of two vCPUs that was read twice in one step of many
    used = np.full(200, 1.9)
    used[7] = 3.8
    members = [used]
    ceiling = series_module.capacity(members, 2, used)
    np.testing.assert_array_equal(ceiling, np.full(200, 2.0))
    # but one that is so again and again is larger
    used[::10] = 3.8
    assert series_module.capacity(members, 2, used) is None


def test_the_bucket_still_filling_is_not_in_the_grid():
    now = START + datetime.timedelta(minutes=14, seconds=59)
    grid = series_module.Grid.covering(START, now, STEP)
    assert grid.count == 2
    whole = START + datetime.timedelta(minutes=15)
    assert series_module.Grid.covering(START, whole, STEP).count == 3


def test_a_grid_begins_with_the_first_whole_bucket():
    late = START + datetime.timedelta(seconds=1)
    grid = series_module.Grid.covering(late, START + 4 * STEP, STEP)
    assert (grid.start, grid.count) == (START + STEP, 3)
    assert grid.stop == START + 4 * STEP


def test_a_grid_that_ends_before_it_begins_is_empty():
    assert series_module.Grid.covering(
        START, START - 9 * STEP, STEP).count == 0


@pytest.mark.parametrize('start', [
    START.replace(tzinfo=None),
    START + datetime.timedelta(seconds=7)])
def test_a_start_that_is_naive_or_off_the_step_is_refused(start):
    with pytest.raises(ValueError, match='start'):
        series_module.DemandSeries(
            token='app', resource=demand.DemandResource.VCPU, start=start,
            step=STEP, values=np.zeros(3))


def test_values_of_two_dimensions_are_refused_by_name():
    with pytest.raises(ValueError, match='app vcpu'):
        generated.series_of(np.zeros((2, 2)))


def test_a_series_cannot_be_changed_under_its_readers():
    values = np.ones(3)
    series = generated.series_of(values)
    values[0] = 99.0
    assert series.values[0] == 1.0
    with pytest.raises(ValueError, match='read-only'):
        series.values[0] = 2.0
