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

from shadow_reserve.records import reservation
from shadow_reserve.records import usage
from shadow_reserve.trigger import decision
from tests.unit import samples

Bound = decision.Bound
Verdict = decision.Verdict


def live(members=4, cpu=None, memory=None, latency=None):
    return usage.LiveUsage(
        as_of=samples.NOW, members=members, cpu_percent=cpu,
        memory_percent=memory, io_latency_ms=latency)


def pool(**counts):
    return decision.Pool(**{
        'primary': 4, 'available': 3, 'promoting': 0, 'allocated': 0,
        'last_change': None, **counts})


def decide(usage_now, pool_now, alarmed=None, after=samples.HOUR,
           expected=None, **policy):
    """The alarms of all that is measured stand, if nothing else is said."""
    if alarmed is None:
        alarmed = {metric for metric, value in (
            ('cpu', usage_now.cpu_percent),
            ('memory', usage_now.memory_percent),
            ('io_latency', usage_now.io_latency_ms)) if value is not None}
    return decision.decide(
        samples.policy(**policy), usage_now, pool_now, samples.NOW + after,
        alarmed=alarmed, expected=expected)


def test_a_breach_promotes_as_many_as_bring_usage_to_its_target():
    # 4 servers at 90 % do the work of 6 at 60 %
    answer = decide(live(cpu=90.0), pool())
    assert (answer.verdict, answer.count) == (Verdict.PROMOTE, 2)
    assert answer.reason == 'CPU utilisation 90.0% is over 80%'


def test_those_on_their_way_are_counted_in():
    assert decide(live(cpu=90.0), pool(promoting=2)).verdict is (
        Verdict.NOTHING)
    # two are there already, but no measure shows them yet
    answer = decide(live(cpu=90.0), pool(allocated=2, fresh=2))
    assert answer.verdict is Verdict.NOTHING
    assert answer.reason.endswith('2 serve, but are not measured yet')


def test_servers_that_nobody_measures_keep_none_from_being_promoted():
    # given two of six whose agent is dead, and have run for long
    for there in (pool(primary=6), pool(allocated=2)):
        answer = decide(live(cpu=90.0), there, promotion_step=1)
        assert (answer.verdict, answer.count) == (Verdict.PROMOTE, 1)
        assert '2 of its servers are not measured' in answer.reason
    # and of one more it is known that it has just come
    assert decide(live(cpu=90.0), pool(primary=6, allocated=1, fresh=1),
                  ).count == 1


def test_each_metric_waits_for_its_own_alarm():
    # given memory over its threshold for long, and CPU just now
    both = live(cpu=99.0, memory=95.0)
    answer = decide(both, pool(), alarmed={'memory'})
    # 4 servers at 95 % memory do the work of 6.3 at 60 %
    assert (answer.count, answer.metrics) == (3, ('memory',))
    assert 'CPU' not in answer.reason
    # nor does an alarm promote for what has come down since
    answer = decide(live(cpu=99.0, memory=50.0), pool(), alarmed={'memory'})
    assert answer.verdict is Verdict.NOTHING
    assert answer.reason.endswith('but no alarm of it stands yet')


def test_no_more_are_promoted_than_there_are():
    assert decide(live(cpu=99.0), pool(available=1)).count == 1


def test_an_empty_pool_is_said_to_be_exhausted():
    answer = decide(live(cpu=90.0), pool(available=0))
    assert answer.verdict is Verdict.EXHAUSTED
    assert '2 wanted, no shadow is available' in answer.reason


def test_cpu_over_its_threshold_waits_for_the_alarm():
    assert decide(live(cpu=90.0), pool(), alarmed=()).verdict is (
        Verdict.NOTHING)


def test_slow_disks_alone_promote():
    answer = decide(live(cpu=10.0, latency=80.0), pool(),
                    alarmed={'io_latency'})
    assert (answer.verdict, answer.count) == (Verdict.PROMOTE, 1)


def test_memory_pressure_promotes_too():
    assert decide(live(memory=95.0), pool()).verdict is Verdict.PROMOTE


def test_calm_sends_back_what_is_not_needed_any_more():
    # 6 servers at 20 %: three would be at 40 %, but four are primary
    answer = decide(live(members=6, cpu=20.0), pool(allocated=2))
    assert (answer.verdict, answer.count) == (Verdict.RETURN, 2)


def test_nothing_goes_back_within_the_cooldown():
    answer = decide(
        live(members=6, cpu=20.0),
        pool(allocated=2, last_change=samples.NOW), after=samples.MINUTE)
    assert answer.verdict is Verdict.NOTHING


def test_without_measures_nothing_goes_back():
    assert decide(live(members=6), pool(allocated=2)).verdict is (
        Verdict.NOTHING)


def test_memory_sizes_as_cpu_does():
    # 4 servers at 95 % memory do the work of 6.3 at 60 %; CPU is calm
    answer = decide(live(cpu=70.0, memory=95.0), pool())
    assert (answer.verdict, answer.count) == (Verdict.PROMOTE, 3)
    assert answer.metrics == ('memory',)


def test_what_is_not_over_sizes_nothing():
    # Memory at 85 % is under its threshold, high as it is: CPU counts.
    answer = decide(live(cpu=81.0, memory=85.0), pool())
    assert (answer.count, answer.metrics) == (2, ('cpu',))


def test_a_step_takes_the_place_of_the_target():
    answer = decide(live(cpu=90.0), pool(), promotion_step=1)
    assert (answer.count, answer.wanted, answer.bound) == (
        1, 2, Bound.STEP)
    assert answer.reason.endswith('2 wanted, bounded by step to 1')
    # A step is a step, also where less would do.
    answer = decide(live(cpu=90.0), pool(), promotion_step=3)
    assert (answer.count, answer.bound) == (3, None)
    # The next one waits until this one has come.
    answer = decide(live(cpu=90.0), pool(promoting=1), promotion_step=1)
    assert (answer.verdict, answer.bound) == (Verdict.NOTHING, Bound.STEP)


def test_io_latency_alone_promotes_one_step():
    slow = live(cpu=10.0, latency=80.0)
    assert decide(slow, pool()).count == 1
    assert decide(slow, pool(), promotion_step=2).count == 2


def test_nothing_is_promoted_within_the_cooldown_of_promotions():
    just_now = pool(last_promotion=samples.NOW)
    answer = decide(live(cpu=90.0), just_now, after=samples.MINUTE,
                    promotion_cooldown=5 * samples.MINUTE)
    assert (answer.verdict, answer.bound, answer.wanted) == (
        Verdict.NOTHING, Bound.COOLDOWN, 2)
    answer = decide(live(cpu=90.0), just_now, after=5 * samples.MINUTE,
                    promotion_cooldown=5 * samples.MINUTE)
    assert answer.verdict is Verdict.PROMOTE


def test_without_a_cooldown_no_clock_keeps_it_from_promoting():
    ahead = pool(last_promotion=samples.NOW + samples.MINUTE)
    assert decide(live(cpu=90.0), ahead, after=0 * samples.MINUTE,
                  ).verdict is Verdict.PROMOTE


def test_no_more_serve_than_ever_may():
    busy = live(members=5, cpu=99.0)
    answer = decide(busy, pool(allocated=1), maximum_promoted=3)
    assert (answer.count, answer.bound, answer.wanted) == (
        2, Bound.MAXIMUM, 4)
    answer = decide(busy, pool(allocated=1), maximum_promoted=1)
    assert (answer.verdict, answer.bound) == (
        Verdict.NOTHING, Bound.MAXIMUM)
    assert '1 serve, and no more than 1 ever may' in answer.reason


def test_the_bound_that_bit_last_is_said_and_what_is_short():
    answer = decide(live(cpu=99.0), pool(available=1), promotion_step=2)
    assert (answer.count, answer.bound, answer.short) == (
        1, Bound.AVAILABLE, 1)
    answer = decide(live(cpu=90.0), pool(available=0))
    assert (answer.count, answer.bound, answer.short) == (
        2, Bound.AVAILABLE, 2)


def test_what_is_known_to_come_is_promoted_for():
    # 4 servers at 90 % ask for two; three busy ones more are expected.
    assert decide(live(cpu=90.0), pool(), expected=4.2).count == 3
    assert decide(live(cpu=90.0), pool(), expected=1.0).count == 2
    # It promotes nothing by itself, and does not move a step.
    assert decide(live(cpu=70.0), pool(), expected=9.0).verdict is (
        Verdict.NOTHING)
    assert decide(live(cpu=90.0), pool(), expected=9.0,
                  promotion_step=1).count == 1


def test_nothing_goes_back_that_would_be_needed_at_once():
    # 6 servers at 20 %, but 4.4 busy ones to come: 80 % of six hold 4.8.
    calm, there = live(members=6, cpu=20.0), pool(allocated=2)
    assert decide(calm, there, expected=4.4).verdict is Verdict.NOTHING
    answer = decide(calm, there, expected=3.9)
    assert (answer.verdict, answer.count) == (Verdict.RETURN, 1)


def test_all_together_means_all_that_are_watched():
    together = {'alarm_combination': reservation.AlarmCombination.ALL}
    answer = decide(live(cpu=90.0, memory=50.0, latency=80.0), pool(),
                    **together)
    assert answer.verdict is Verdict.NOTHING
    assert 'memory pressure is not, and the policy asks for all' in (
        answer.reason)
    everything = live(cpu=90.0, memory=95.0, latency=80.0)
    assert decide(everything, pool(), **together).count == 3
    assert decide(everything, pool(), alarmed=(), **together,
                  ).verdict is Verdict.NOTHING
    # One that nobody measures is not known to be over.
    assert decide(live(cpu=90.0, memory=95.0), pool(), **together,
                  ).verdict is Verdict.NOTHING
    assert decide(live(cpu=90.0, memory=95.0), pool(), **together,
                  io_latency_threshold=None).verdict is Verdict.PROMOTE


@pytest.mark.parametrize(('figures', 'goes_back'), [
    ({'memory': 46.0}, False),                  # half of 90 is 45
    ({'memory': 29.0}, True),
    ({'memory': 31.0}, False),                  # 47 % on four of six
    ({'memory': 10.0, 'latency': 26.0}, False),  # half of 50 is 25
    ({'memory': 10.0, 'latency': 16.0}, True),
])
def test_all_that_is_measured_must_be_low_for_members_to_go_back(
        figures, goes_back):
    answer = decide(live(members=6, cpu=10.0, **figures),
                    pool(primary=4, allocated=2))
    went = answer.count if answer.verdict is Verdict.RETURN else 0
    assert (went == 2) is goes_back, answer


def test_nothing_goes_back_while_an_alarm_stands_of_what_is_not_measured():
    # given memory that is low, and CPU that nobody measures just now
    there = pool(primary=4, allocated=2)
    calm = live(members=6, cpu=None, memory=10.0)
    assert decide(calm, there).verdict is Verdict.RETURN
    # when its alarm stands, then that is believed
    answer = decide(calm, there, alarmed={'cpu'})
    assert answer.verdict is Verdict.NOTHING
    assert 'nothing was measured of CPU utilisation, whose alarm' in (
        answer.reason)


def test_a_metric_may_have_a_scale_in_threshold_of_its_own():
    warm = live(members=6, cpu=10.0, memory=50.0)
    there = pool(allocated=2)
    assert decide(warm, there).verdict is Verdict.NOTHING
    assert decide(warm, there, memory_scale_in_threshold=80.0,
                  ).count == 2
    assert decide(live(members=6, cpu=10.0, latency=20.0), there,
                  io_latency_scale_in_threshold=10.0,
                  ).verdict is Verdict.NOTHING


def test_a_metric_without_a_threshold_is_not_looked_at():
    busy = live(members=6, cpu=99.0, memory=10.0)
    assert decide(busy, pool(), cpu_threshold=None).verdict is (
        Verdict.NOTHING)
    assert decide(busy, pool(allocated=2), cpu_threshold=None,
                  ).verdict is Verdict.RETURN
    answer = decide(
        live(members=6, cpu=1.0, memory=1.0, latency=1.0),
        pool(allocated=2), cpu_threshold=None, memory_threshold=None,
        io_latency_threshold=None)
    assert answer.verdict is Verdict.NOTHING
    assert 'by hand only' in answer.reason


def test_io_latency_alone_sends_none_back_unless_it_alone_is_watched():
    # CPU and memory are watched, but the meters are silent.
    quiet, there = live(members=6, latency=1.0), pool(allocated=2)
    assert decide(quiet, there).verdict is Verdict.NOTHING
    assert decide(quiet, there, cpu_threshold=None, memory_threshold=None,
                  ).verdict is Verdict.RETURN


def test_a_figure_that_is_none_is_no_figure():
    assert decide(live(cpu=float('nan'), memory=float('inf')), pool(),
                  ).verdict is Verdict.NOTHING


percent = st.none() | st.floats(0, 200)
shares = st.floats(0.1, 0.95)


@st.composite
def policies(draw):
    cpu, memory = draw(st.floats(5, 100)), draw(st.floats(5, 100))
    latency = draw(st.floats(1, 1e4))

    def watched(threshold):
        return threshold if draw(st.booleans()) else None
    return samples.policy(
        cpu_threshold=watched(cpu), memory_threshold=watched(memory),
        io_latency_threshold=watched(latency),
        scale_in_threshold=cpu * draw(shares),
        memory_scale_in_threshold=watched(memory * draw(shares)),
        io_latency_scale_in_threshold=watched(latency * draw(shares)),
        target_utilisation=draw(st.floats(0.05, 1)),
        alarm_combination=draw(st.sampled_from(
            list(reservation.AlarmCombination))),
        promotion_step=draw(st.none() | st.integers(1, 9)),
        promotion_cooldown=draw(st.sampled_from(
            [0 * samples.HOUR, samples.MINUTE, 2 * samples.HOUR])),
        maximum_promoted=draw(st.none() | st.integers(0, 20)))


usages = st.builds(
    live, st.integers(0, 50), percent, percent,
    st.none() | st.floats(0, 1e5))
counts = st.integers(0, 20)
alarms = st.frozensets(st.sampled_from(sorted(decision.METRICS)))
pools = st.builds(
    pool, primary=counts, available=counts, promoting=counts,
    allocated=counts, fresh=counts,
    last_promotion=st.none() | st.just(samples.NOW))


@given(policy=policies(), usage_now=usages, there=pools,
       alarmed=alarms, expected=st.none() | st.floats(0, 40))
def test_never_more_than_there_are_and_never_for_nothing(
        policy, usage_now, there, alarmed, expected):
    answer = decision.decide(
        policy, usage_now, there, samples.NOW + samples.HOUR,
        alarmed=alarmed, expected=expected)

    assert answer.reason
    match answer.verdict:
        case Verdict.PROMOTE:
            assert 1 <= answer.count <= there.available
            assert answer.metrics
        case Verdict.EXHAUSTED:
            assert there.available == 0
            assert answer.count == answer.short >= 1
        case Verdict.RETURN:
            assert 1 <= answer.count <= there.allocated
        case Verdict.NOTHING:
            assert answer.count == 0
    if answer.verdict in (Verdict.PROMOTE, Verdict.EXHAUSTED):
        wanted = (answer.count + answer.short
                  if answer.verdict is Verdict.PROMOTE else answer.count)
        if policy.maximum_promoted is not None:
            assert (wanted + there.promoting + there.allocated
                    <= policy.maximum_promoted)
        if policy.promotion_step is not None:
            assert wanted <= policy.promotion_step
        assert policy.promotion_cooldown <= samples.HOUR or (
            there.last_promotion is None)
    if answer.bound is Bound.AVAILABLE:
        assert answer.short


calm = st.none() | st.floats(0, 40)


@given(policy=policies(),
       usage_now=st.builds(live, st.integers(1, 50), calm, calm, calm),
       there=st.builds(pool, primary=counts, allocated=st.integers(1, 20)),
       alarmed=alarms, expected=st.none() | st.floats(0, 20),
       seen=st.booleans())
def test_the_load_at_which_members_go_back_promotes_none(
        policy, usage_now, there, alarmed, expected, seen):
    answer = decision.decide(
        policy, usage_now, there, samples.NOW + samples.HOUR,
        alarmed=alarmed, expected=expected)
    if answer.verdict is not Verdict.RETURN:
        return

    # The same load on those that are left, or not measured again yet.
    left = there.primary + there.allocated - answer.count
    more = max(usage_now.members, 1) / left
    after = usage_now if not seen else live(left, *(
        None if value is None else value * more for value in (
            usage_now.cpu_percent, usage_now.memory_percent,
            usage_now.io_latency_ms)))
    later = decision.decide(
        policy, after, dataclasses.replace(
            there, allocated=there.allocated - answer.count,
            available=there.available + answer.count),
        samples.NOW + 9 * samples.HOUR, alarmed=decision.METRICS,
        expected=expected)

    assert later.verdict not in (Verdict.PROMOTE, Verdict.EXHAUSTED), later
