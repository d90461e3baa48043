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

from hypothesis import given
from hypothesis import strategies as st
import pytest

from shadow_reserve.cloud import aodh
from shadow_reserve.records import demand
from shadow_reserve.records import reservation
from shadow_reserve.records import usage
from shadow_reserve.trigger import alarms as trigger_alarms
from shadow_reserve.trigger import decision
from shadow_reserve.trigger import watch
from tests.unit import samples

Cause = watch.Cause
NOW, MINUTE = samples.NOW, samples.MINUTE
PATIENCE = 3 * MINUTE


def alarm(metric='cpu', state='ok', evaluated=MINUTE, **fields):
    return aodh.Alarm(**{
        'alarm_id': metric, 'state': state, 'enabled': True, 'rule': {},
        'name': trigger_alarms.name_of(samples.TOKEN, metric),
        'evaluated_at': None if evaluated is None else NOW - evaluated,
        'changed_at': NOW - samples.HOUR, **fields})


def why(*found, running=2, recent=(), reachable=True):
    alarms = {one.alarm_id: one for one in found} if reachable else None
    reason = watch.why(
        watch.Subject(
            record=samples.record(), running=running, recent=recent,
            alarm_ids={one.alarm_id: one.alarm_id for one in found}),
        alarms, watch.manner_of(found), NOW, PATIENCE)
    return reason and reason.cause


def readings(*shares):
    # of two servers of two vCPUs
    return [demand.Readings(
        resource=demand.DemandResource.VCPU, step=5 * MINUTE,
        start=NOW - len(shares) * 5 * MINUTE,
        values=tuple(one and 4 * one for one in shares))]


def test_alarms_that_do_their_work_need_nobody():
    assert why(alarm(), alarm('memory', 'alarm')) is None


def test_why_nothing_is_to_be_expected_of_alarms():
    assert why(alarm(), reachable=False) is Cause.UNREACHABLE
    assert why(alarm(evaluated=4 * MINUTE)) is Cause.NOT_EVALUATED
    assert why(alarm(), alarm('memory', evaluated=None)) is (
        Cause.NOT_EVALUATED)
    assert why(alarm('memory', 'insufficient data')) is Cause.NO_DATA
    assert why(alarm(), recent=readings(0.9)) is Cause.UNANSWERED


def test_an_alarm_that_stands_answers_for_its_own_metric_only():
    # given servers that are short of memory, and a CPU alarm that stands
    memory = [dataclasses.replace(
        readings(1.0)[0], resource=demand.DemandResource.MEMORY,
        values=(2 * 0.99 * samples.record().size.memory_mib,))]
    stands = alarm(state='alarm')
    assert why(stands, alarm('memory'), recent=memory) is Cause.UNANSWERED
    assert why(stands, alarm('memory', 'alarm'), recent=memory) is None


def test_without_servers_there_is_nothing_to_watch():
    assert why(alarm(), running=0, reachable=False) is None


def test_no_io_is_no_reason():
    assert why(alarm('io_latency', 'insufficient data')) is None
    assert why(alarm('cpu_low', 'insufficient data')) is None


def test_times_of_evaluation_tell_only_what_they_can():
    # as the API wrote them, when the evaluators are coordinated
    old = {'evaluated': samples.HOUR, 'changed_at': NOW - samples.HOUR}
    assert why(alarm(**old), alarm('memory', **old)) is None
    # an Aodh that does not know them
    assert why(alarm(evaluated=None)) is None


def test_what_an_alarm_answers_or_is_long_past_is_no_reason():
    assert why(alarm(state='alarm'), recent=readings(0.9)) is None
    assert why(alarm(), recent=readings(0.9, None)) is Cause.UNANSWERED
    assert why(alarm(), recent=readings(0.9, None, None, None)) is None
    assert why(alarm(), recent=readings(0.9, 0.7)) is None
    assert why(alarm(), recent=readings(None)) is None


def live(cpu, minutes=0, memory=10.0):
    return usage.LiveUsage(
        as_of=NOW + minutes * MINUTE, members=2, cpu_percent=cpu,
        memory_percent=memory, io_latency_ms=None)


def run_of(*looks, gap=MINUTE, **policy):
    run = None
    for look in looks:
        run = watch.followed(
            run, look, samples.policy(**policy), MINUTE, gap)
    return run


def test_a_run_lasts_from_its_first_interval():
    assert not run_of(live(90.0)).lasting(2 * MINUTE)
    assert run_of(live(90.0), live(90.0, 1)).lasting(2 * MINUTE)
    # looked at twice, it is still one
    assert not run_of(live(90.0), live(90.0)).lasting(2 * MINUTE)


@pytest.mark.parametrize('between', [None, live(50.0, 1)])
def test_a_break_ends_a_run(between):
    assert not run_of(live(90.0), between, live(90.0, 2)).lasting(2 * MINUTE)


def test_too_long_without_a_look_ends_a_run():
    assert run_of(live(90.0), live(90.0, 2)).lasting(3 * MINUTE)
    assert not run_of(live(90.0), live(90.0, 9)).lasting(2 * MINUTE)


def test_each_metric_has_a_time_of_its_own():
    # given memory that is over for three intervals, and CPU for the last
    run = run_of(live(10.0, 0, 95.0), live(10.0, 1, 95.0),
                 live(90.0, 2, 95.0))
    assert run.lasting(2 * MINUTE) == ('memory',)
    # nor do two of them one after the other make one of both
    in_turn = live(90.0), live(10.0, 1, 95.0)
    assert run_of(*in_turn).lasting(2 * MINUTE) == ()
    # but where any of them will do they do
    assert run_of(
        *in_turn, alarm_combination=reservation.AlarmCombination.ANY,
    ).lasting(2 * MINUTE) == ('memory',)


def test_all_together_means_all():
    policy = samples.policy(
        alarm_combination=reservation.AlarmCombination.ALL,
        io_latency_threshold=None)
    assert decision.over_threshold(policy, live(90.0)) == []
    both = usage.LiveUsage(as_of=NOW, members=2, cpu_percent=90.0,
                           memory_percent=95.0, io_latency_ms=None)
    assert decision.over_threshold(policy, both) == ['cpu', 'memory']


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=30))
def test_a_run_never_claims_a_time_that_was_not_over(steps):
    """Whatever the looks: the run's length is at most what was seen."""
    run, at, begun = None, 0, None
    for pause, over in steps:
        at += pause
        run = watch.followed(run, live(90.0 if over else 10.0, at),
                             samples.policy(), MINUTE, MINUTE)
        if not over:
            begun = None
        elif begun is None:
            begun = at
        if run is not None:
            assert begun is not None
            assert run.starts['cpu'] >= NOW + (begun - 1) * MINUTE
            assert run.stop == NOW + at * MINUTE
        else:
            assert not over
