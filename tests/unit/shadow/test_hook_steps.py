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

"""What a hook needs next, whatever came before."""

import datetime

from hypothesis import given
from hypothesis import strategies as st
import pytest

from shadow_reserve.records import hook
from shadow_reserve.records import shadow
from shadow_reserve.shadow import hook_steps
from tests.unit import samples

Kind = hook_steps.Kind
State = shadow.InstanceState
HookState = hook.HookState
TIMEOUT = datetime.timedelta(minutes=2)
SECOND = datetime.timedelta(seconds=1)
WEBHOOK = hook.Hook(kind=hook.HookKind.WEBHOOK, url='http://example.org/')
POOL = hook.Hook(kind=hook.HookKind.OCTAVIA_POOL, pool_id='pool',
                 protocol_port=80)
ITEM = hook.Hook(kind=hook.HookKind.METADATA, key='role', value='web')
ALL = (WEBHOOK, POOL, ITEM)


def row(one=WEBHOOK, state=HookState.JOINING, **changes):
    return hook.MemberHook(**{
        'instance_id': samples.INSTANCE, 'hook': one, 'state': state,
        'since': samples.NOW, 'deadline': samples.NOW + TIMEOUT,
        'delivery_id': 'delivery', **changes})


def step(one, state=State.ALLOCATED, status='ACTIVE', wanted=True,
         after=SECOND, task=None):
    server = None if status is None else samples.server(
        status=status, task_state=task)
    return hook_steps.next_step(
        samples.instance(state=state), server, wanted, one,
        samples.NOW + after)


def test_a_new_hook_is_written_down_and_then_asked_for():
    assert step(None) is Kind.TO_JOIN
    assert step(row()) is Kind.JOIN
    assert step(row(state=HookState.JOINED)) is Kind.DONE


@pytest.mark.parametrize('status', [None, 'SHUTOFF', 'REBOOT', 'ERROR'])
def test_a_server_that_does_not_run_does_not_join(status):
    assert step(row(), status=status) is Kind.WAIT
    assert step(row(), status=status, after=TIMEOUT) is Kind.GIVE_UP


def test_tries_come_further_and_further_apart():
    pauses = []
    for attempts in range(1, 9):
        tried = row(asked_at=samples.NOW, attempts=attempts,
                    deadline=samples.NOW + samples.HOUR)
        pauses.append(next(
            seconds for seconds in range(100)
            if step(tried, after=seconds * SECOND) is Kind.JOIN))
    assert pauses == [2, 4, 8, 16, 32, 60, 60, 60]


def test_one_that_cannot_be_had_is_given_up_and_stays_so():
    tried = row(asked_at=samples.NOW, attempts=9)
    assert step(tried, after=TIMEOUT) is Kind.GIVE_UP
    assert step(row(state=HookState.GIVEN_UP),
                after=samples.HOUR) is Kind.DONE


@pytest.mark.parametrize('one', ALL)
@pytest.mark.parametrize('state', [HookState.JOINED, HookState.GIVEN_UP,
                                   HookState.JOINING])
def test_what_was_asked_for_is_undone(one, state):
    asked = row(one, state, asked_at=samples.NOW, attempts=1)
    assert step(asked, State.RETURNING, wanted=False) is Kind.TO_LEAVE


def test_what_was_never_asked_for_is_not():
    assert step(row(), State.RETURNING, wanted=False) is Kind.FORGET


def test_one_that_serves_again_joins_again():
    assert step(row(state=HookState.LEAVING)) is Kind.TO_JOIN


@pytest.mark.parametrize(('status', 'task', 'state', 'kind'), [
    ('ACTIVE', None, State.RETURNING, Kind.LEAVE),
    ('ACTIVE', 'shelving', State.RETURNING, Kind.WAIT),
    ('SHELVED_OFFLOADED', None, State.AVAILABLE, Kind.WAIT),
    ('SHELVED', None, State.AVAILABLE, Kind.WAIT),
    ('SHUTOFF', None, State.AVAILABLE, Kind.LEAVE),
    ('ACTIVE', None, State.DELETING, Kind.FORGET),
    (None, None, State.DELETING, Kind.FORGET),
])
def test_metadata_is_taken_off_when_nova_lets_it(status, task, state, kind):
    leaving = row(ITEM, HookState.LEAVING)
    assert step(leaving, state, status, False, task=task) is kind


def test_a_webhook_is_told_at_least_once_that_one_left():
    leaving = row(state=HookState.LEAVING)
    late = TIMEOUT + SECOND
    assert step(leaving, State.RETURNING, wanted=False,
                after=late) is Kind.LEAVE
    tried = row(state=HookState.LEAVING, asked_at=samples.NOW, attempts=1)
    assert step(tried, State.RETURNING, wanted=False,
                after=late) is Kind.ABANDON


def test_a_pool_is_left_sooner_or_later():
    tried = row(POOL, HookState.LEAVING, asked_at=samples.NOW)
    for state, status, kind in (
            (State.RETURNING, 'ACTIVE', Kind.LEAVE),
            (State.AVAILABLE, 'SHELVED', Kind.LEAVE),
            (State.DELETING, 'ACTIVE', Kind.LEAVE),
            (State.DELETING, None, Kind.ABANDON)):
        assert step(tried, state, status, False, samples.HOUR) is kind


def test_only_those_that_go_are_held_back_and_not_for_ever():
    leaving = row(state=HookState.LEAVING)
    for state in State:
        member = samples.instance(state=state)
        going = state in (State.RETURNING, State.DELETING)
        for one in (leaving, row(state=HookState.JOINED)):
            assert hook_steps.holds_back(
                member, [one], samples.NOW) is going
        assert not hook_steps.holds_back(member, [], samples.NOW)
        assert not hook_steps.holds_back(
            member, [leaving], samples.NOW + TIMEOUT)


STATUSES = st.sampled_from(
    [None, 'ACTIVE', 'SHUTOFF', 'SHELVED', 'SHELVED_OFFLOADED', 'ERROR'])
ROWS = st.builds(
    row, st.sampled_from(ALL), st.sampled_from(HookState),
    attempts=st.integers(0, 20),
    asked_at=st.none() | st.just(samples.NOW))


@given(one=st.none() | ROWS, state=st.sampled_from(State), status=STATUSES,
       wanted=st.booleans(), seconds=st.integers(0, 10_000))
def test_whatever_is_given_there_is_a_step_that_fits(
        one, state, status, wanted, seconds):
    kind = step(one, state, status, wanted, seconds * SECOND)
    if kind is Kind.JOIN:
        assert wanted and status == 'ACTIVE'
        assert one.state is HookState.JOINING
    if kind is Kind.LEAVE:
        assert not wanted and one.state is HookState.LEAVING
    if kind in (Kind.FORGET, Kind.ABANDON):
        assert not wanted
    if one is None:
        assert kind in (Kind.TO_JOIN, Kind.DONE)


@given(one=ROWS, wanted=st.booleans())
def test_nothing_waits_for_ever_with_a_server_that_runs(one, wanted):
    member_state = State.ALLOCATED if wanted else State.RETURNING
    assert step(one, member_state, 'ACTIVE', wanted,
                samples.HOUR) is not Kind.WAIT
