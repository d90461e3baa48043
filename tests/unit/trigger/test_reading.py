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

import math

import hypothesis
from hypothesis import strategies as st
import pytest

from shadow_reserve.trigger import reading
from tests.unit import samples

SIZE = samples.record().size
REASON = ('Transition to alarm due to 2 samples outside threshold, most '
          'recent: {}')


def cpu_rule(**changes):
    return {'metric': 'cpu', 'aggregation_method': 'rate:mean',
            'granularity': 60, 'evaluation_periods': 2, **changes}


def memory_rule(**changes):
    return {**cpu_rule(), 'metric': 'memory.usage',
            'aggregation_method': 'mean', **changes}


def read(metric, rule, value):
    return reading.read(metric, rule, REASON.format(value), SIZE)


def test_cpu_time_of_an_interval_is_a_share_of_all_vcpus():
    # 108 s of CPU time in 60 s on 2 vCPUs
    found = read(reading.CPU, cpu_rule(), 108e9)
    assert found.cpu_percent == pytest.approx(90.0)
    assert found.memory_percent is found.io_latency_ms is None
    assert found.window == 3 * samples.MINUTE


def test_memory_is_a_share_of_the_flavors():
    found = read(reading.MEMORY, memory_rule(), 1024.0)
    assert found.memory_percent == pytest.approx(50.0)


def test_latency_is_in_milliseconds():
    found = read(reading.IO_LATENCY, {
        'granularity': 60, 'evaluation_periods': 2}, 72.5)
    assert found.io_latency_ms == 72.5


@pytest.mark.parametrize('reason', [
    '', 'Not evaluated yet', 'Manually set via API', 'most recent: None',
    REASON.format('nan'), REASON.format('1e999'), REASON.format('-5.0'),
    REASON.format('9' * 400), REASON.format('5.0; drop it'), None, 7,
    'Composite rule alarm with composition form: (rule1) transition to '
    'alarm, due to rules: rule1 outside their threshold.'])
def test_what_is_no_value_is_not_read(reason):
    assert reading.read(reading.CPU, cpu_rule(), reason, SIZE) is None


def test_more_than_all_there_is_is_not_believed():
    # The mean of counters jumps when a member leaves.
    assert read(reading.CPU, cpu_rule(), 120.1e9) is None
    assert read(reading.MEMORY, memory_rule(), 2048.1) is None


@pytest.mark.parametrize('rule', [
    {}, cpu_rule(metric='disk'), cpu_rule(aggregation_method='mean'),
    cpu_rule(granularity=None), cpu_rule(granularity=0),
    cpu_rule(evaluation_periods='2'), cpu_rule(granularity=10 ** 9)])
def test_the_value_of_another_rule_is_not_ours(rule):
    assert read(reading.CPU, rule, 108e9) is None


def test_another_metrics_alarm_is_not_read():
    assert read('cpu_low', cpu_rule(), 1e9) is None
    assert read(reading.MEMORY, cpu_rule(), 1e9) is None


@hypothesis.given(
    st.floats(0, 100), st.integers(1, 3600), st.integers(1, 6),
    st.integers(1, 128))
def test_what_aodh_was_shown_is_what_is_read(
        percent, granularity, periods, vcpus):
    size = samples.record().size.__class__(
        flavor_id='1', vcpus=vcpus, memory_mib=1, disk_gib=1)
    value = percent / 100 * granularity * 1e9 * vcpus
    found = reading.read(
        reading.CPU, cpu_rule(granularity=granularity,
                              evaluation_periods=periods),
        REASON.format(value), size)
    if found is None:
        assert percent == pytest.approx(100)
    else:
        assert math.isclose(found.cpu_percent, percent, abs_tol=1e-6)


@hypothesis.given(
    st.one_of(st.none(), st.text(), st.integers()),
    st.dictionaries(
        st.sampled_from(['granularity', 'evaluation_periods', 'metric']),
        st.one_of(st.none(), st.integers(), st.text(), st.floats())),
    st.sampled_from([reading.CPU, reading.MEMORY, reading.IO_LATENCY]))
def test_nothing_that_aodh_could_say_is_an_error(reason, rule, metric):
    found = reading.read(metric, rule, reason, SIZE)
    assert found is None or found.io_latency_ms is not None
