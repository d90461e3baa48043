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

"""What alarms a policy asks for."""

import datetime
import json

import hypothesis
from hypothesis import strategies as st
import pytest

from shadow_reserve.cloud import aodh as cloud_aodh
from shadow_reserve.records import reservation
from shadow_reserve.records import usage
from shadow_reserve.trigger import rules
from tests.unit import samples

Combination = reservation.AlarmCombination
OPERATOR = rules.Defaults(granularity=60, evaluation_periods=2)


def application(**fields):
    return usage.Application(**{
        'token': samples.TOKEN, 'project_id': 'project',
        'server_ids': ('b', 'a'), **fields})


def made(*, serving=False, over=None, **policy):
    return rules.rules(
        samples.record(policy=samples.policy(**policy)),
        over or application(), OPERATOR, serving=serving)


def test_the_cpu_threshold_is_cpu_time_for_each_interval():
    # 80 % of 2 vCPUs in 60 s are 96 s of CPU time, in nanoseconds
    rule = made(cpu_threshold=80.0)[rules.CPU]
    assert (rule.metric, rule.threshold) == ('cpu', 96e9)
    assert rule.aggregation_method == 'rate:mean'


def test_the_memory_threshold_is_in_mebibytes():
    rule = made(memory_threshold=50.0)[rules.MEMORY]
    assert (rule.metric, rule.threshold) == ('memory.usage', 1024.0)


def test_latency_is_read_from_the_resource_of_the_reservation():
    rule = made(io_latency_threshold=20.0)[rules.IO_LATENCY]
    assert rule.to_body() == {
        'metric': 'shadow_reserve.io_latency', 'aggregation_method': 'mean',
        'resource_type': 'shadow_reserve', 'resource_id': samples.TOKEN,
        'threshold': 20.0, 'granularity': 60, 'evaluation_periods': 2,
        'comparison_operator': 'gt'}


def test_a_metric_without_a_threshold_has_no_alarm():
    assert made(cpu_threshold=None, memory_threshold=None,
                io_latency_threshold=None, serving=True) == {}
    assert set(made(memory_threshold=None)) == {
        rules.CPU, rules.IO_LATENCY}


def test_the_policy_sets_its_own_pace():
    found = made(alarm_period=datetime.timedelta(minutes=5),
                 alarm_evaluation_periods=3, cpu_threshold=80.0)
    assert {(rule.granularity, rule.evaluation_periods)
            for rule in found.values()} == {(300, 3)}
    # of five minutes, five times as much CPU time
    assert found[rules.CPU].threshold == 480e9


def test_members_that_serve_have_alarms_that_send_them_back():
    policy = {'scale_in_threshold': 30.0, 'memory_threshold': 50.0,
              'io_latency_scale_in_threshold': 5.0}
    found = made(**policy, serving=True)
    low = {kind: rule for kind, rule in found.items() if rules.is_low(kind)}
    assert {kind: rule.threshold for kind, rule in low.items()} == {
        'cpu_low': 36e9, 'memory_low': 512.0, 'io_latency_low': 5.0}
    assert {rule.comparison for rule in low.values()} == {
        cloud_aodh.Comparison.UNDER}
    # and without any, nothing is evaluated for them
    assert found.items() - low.items() == made(**policy).items()


@pytest.mark.parametrize(('combination', 'sign'), [
    (Combination.ANY, 'or'), (Combination.ALL, 'and')])
def test_one_alarm_over_all_metrics(combination, sign):
    found = made(alarm_combination=combination, serving=True,
                 memory_threshold=None)
    assert set(found) == {rules.COMPOSITE, 'cpu_low', 'io_latency_low'}
    [(operator, parts)] = found[rules.COMPOSITE].to_body().items()
    assert operator == sign
    if sign == 'or':
        parts = [part for both in parts for part in both['and']]
    assert [(part['metric'], part['evaluation_periods'])
            for part in parts] == [
        ('cpu', 1), ('cpu', 2), ('shadow_reserve.io_latency', 1),
        ('shadow_reserve.io_latency', 2)]
    assert {part['type'] for part in parts} == {
        'gnocchi_aggregation_by_resources_threshold',
        'gnocchi_resources_threshold'}


def test_a_single_metric_needs_no_composite():
    found = made(alarm_combination=Combination.ALL, memory_threshold=None,
                 io_latency_threshold=None)
    assert set(found) == {rules.CPU}


def test_the_project_is_always_named_in_the_query():
    for group in (None, 'shop'):
        rule = made(over=application(server_group=group))[rules.CPU]
        project, *members = json.loads(rule.query)['and']
        assert project == {'=': {'project_id': 'project'}}
        assert members in (
            [{'in': {'id': ['a', 'b']}}],
            [{'=': {'server_group': 'shop'}}, {'=': {'ended_at': None}}])


def test_an_application_without_servers_is_asked_for_none():
    rule = made(over=application(server_ids=()))[rules.CPU]
    [nobody] = json.loads(rule.query)['and'][1]['in']['id']
    assert set(nobody) == {'0', '-'}


PERCENT = st.none() | st.floats(0.1, 100.0)
POLICIES = st.builds(
    samples.policy, cpu_threshold=PERCENT, memory_threshold=PERCENT,
    io_latency_threshold=PERCENT, scale_in_threshold=st.floats(0.1, 100.0),
    memory_scale_in_threshold=PERCENT, io_latency_scale_in_threshold=PERCENT,
    alarm_period=st.none() | st.integers(1, 3600).map(
        lambda count: datetime.timedelta(seconds=count)),
    alarm_evaluation_periods=st.none() | st.integers(1, 10),
    alarm_combination=st.sampled_from(Combination))


def leaves(rule):
    if isinstance(rule, cloud_aodh.CompositeRule):
        return [leaf for part in rule.parts for leaf in leaves(part)]
    return [rule]


@hypothesis.given(POLICIES, st.booleans())
def test_what_is_watched_is_what_has_a_threshold(policy, serving):
    found = rules.rules(samples.record(policy=policy), application(),
                        OPERATOR, serving=serving)
    # Every watched metric, and no other, is in an alarm that asks for
    # members, and while some serve, in one that sends them back.
    watched = {name for name, threshold in (
        ('cpu', policy.cpu_threshold),
        ('memory.usage', policy.memory_threshold),
        ('shadow_reserve.io_latency', policy.io_latency_threshold))
        if threshold is not None}
    high = [leaf for kind, rule in found.items() if not rules.is_low(kind)
            for leaf in leaves(rule)]
    low = [rule for kind, rule in found.items() if rules.is_low(kind)]
    assert {leaf.metric for leaf in high} == watched
    assert [rule.metric for rule in low] == (
        [leaf.metric for leaf in dict.fromkeys(high)
         if leaf.evaluation_periods == periods(policy)] if serving else [])
    # All look at the same intervals, and an alarm reads back as it was
    # made.
    assert {leaf.granularity for leaf in high + low} <= {
        rules.granularity(policy, OPERATOR)}
    for kind, rule in found.items():
        definition = cloud_aodh.Definition(
            name=kind, description='', rule=rule)
        row = json.loads(json.dumps(definition.to_body())) | {
            'alarm_id': 'a', 'state': 'ok',
            'evaluate_timestamp': '2026-03-02T12:00:00'}
        assert cloud_aodh._to_alarm(row).is_as(definition)


def periods(policy):
    return policy.alarm_evaluation_periods or OPERATOR.evaluation_periods
