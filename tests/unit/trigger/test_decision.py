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

from hypothesis import given
from hypothesis import strategies as st

from shadow_reserve.records import usage
from shadow_reserve.trigger import decision
from tests.unit import samples

Verdict = decision.Verdict


def live(members=4, cpu=None, memory=None, latency=None):
    return usage.LiveUsage(
        as_of=samples.NOW, members=members, cpu_percent=cpu,
        memory_percent=memory, io_latency_ms=latency)


def pool(**counts):
    return decision.Pool(**{
        'primary': 4, 'available': 3, 'promoting': 0, 'allocated': 0,
        'last_change': None, **counts})


def decide(usage_now, pool_now, alarmed=True, after=samples.HOUR):
    return decision.decide(samples.policy(), usage_now, pool_now,
                           samples.NOW + after, alarmed=alarmed)


def test_a_breach_promotes_as_many_as_bring_usage_to_its_target():
    # 4 servers at 90 % do the work of 6 at 60 %
    answer = decide(live(cpu=90.0), pool())
    assert (answer.verdict, answer.count) == (Verdict.PROMOTE, 2)
    assert answer.reason == 'CPU utilisation 90.0% is over 80%'


def test_those_on_their_way_are_counted_in():
    assert decide(live(cpu=90.0), pool(promoting=2)).verdict is (
        Verdict.NOTHING)
    # two are there already, but no measure shows them yet
    assert decide(live(cpu=90.0), pool(allocated=2)).verdict is (
        Verdict.NOTHING)


def test_no_more_are_promoted_than_there_are():
    assert decide(live(cpu=99.0), pool(available=1)).count == 1


def test_an_empty_pool_is_said_to_be_exhausted():
    answer = decide(live(cpu=90.0), pool(available=0))
    assert answer.verdict is Verdict.EXHAUSTED
    assert '2 wanted, no shadow is available' in answer.reason


def test_cpu_over_its_threshold_waits_for_the_alarm():
    assert decide(live(cpu=90.0), pool(), alarmed=False).verdict is (
        Verdict.NOTHING)


def test_slow_disks_alone_promote():
    answer = decide(live(cpu=10.0, latency=80.0), pool(), alarmed=True)
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


percent = st.none() | st.floats(0, 200)


@given(members=st.integers(0, 50), cpu=percent, memory=percent,
       latency=st.none() | st.floats(0, 1e5), primary=st.integers(0, 20),
       available=st.integers(0, 20), promoting=st.integers(0, 20),
       allocated=st.integers(0, 20), alarmed=st.booleans())
def test_never_more_than_there_are_and_never_for_nothing(
        members, cpu, memory, latency, primary, available, promoting,
        allocated, alarmed):
    answer = decide(
        live(members, cpu, memory, latency),
        pool(primary=primary, available=available, promoting=promoting,
             allocated=allocated), alarmed)

    assert answer.reason
    if answer.verdict is Verdict.PROMOTE:
        assert 1 <= answer.count <= available
    elif answer.verdict is Verdict.RETURN:
        assert 1 <= answer.count <= allocated
    elif answer.verdict is Verdict.NOTHING:
        assert answer.count == 0
