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
import datetime

from hypothesis import given
from hypothesis import strategies as st
import pytest

from shadow_reserve.records import holding
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow
from shadow_reserve.shadow import lifecycle
from tests.unit import samples

State = shadow.InstanceState
Kind = lifecycle.Kind
Tier = holding.Tier

LIMITS = lifecycle.Limits(
    settle_time=samples.MINUTE, build_timeout=15 * samples.MINUTE,
    promotion_timeout=2 * samples.MINUTE, error_backoff=samples.MINUTE)

STATUSES = ['BUILD', 'ACTIVE', 'SHELVED', 'SHELVED_OFFLOADED', 'SHUTOFF',
            'ERROR', 'RESIZE', 'PAUSED', 'SUSPENDED']


def ask(state, server=None, after=datetime.timedelta(), **changes):
    instance = samples.instance(state=state, **changes)
    return lifecycle.next_action(
        instance, server, samples.NOW + after, LIMITS)


def test_a_new_intent_is_asked_for_at_once():
    assert ask(State.BUILDING, server_id=None, attempts=0).kind is (
        Kind.CREATE)


def test_a_server_whose_answer_was_lost_is_adopted():
    assert ask(State.BUILDING, samples.server(status='BUILD'),
               server_id=None).kind is Kind.ADOPT


def test_a_request_that_may_be_on_its_way_is_not_made_twice_at_once():
    early = ask(State.BUILDING, server_id=None, attempts=1)
    late = ask(State.BUILDING, server_id=None, attempts=1,
               after=2 * samples.MINUTE)
    assert (early.kind, late.kind) == (Kind.WAIT, Kind.CREATE)


@pytest.mark.parametrize('state, status, after, kind, target', [
    (State.BUILDING, 'BUILD', 0, Kind.WAIT, None),
    (State.BUILDING, 'ACTIVE', 0, Kind.MOVE, State.SETTLING),
    (State.BUILDING, 'BUILD', 16, Kind.MOVE, State.ERROR),
    (State.SETTLING, 'ACTIVE', 0, Kind.WAIT, None),
    (State.SETTLING, 'ACTIVE', 1, Kind.HOLD, None),
    (State.SETTLING, 'SHELVED', 1, Kind.MOVE, State.AVAILABLE),
    (State.SETTLING, 'SHELVED_OFFLOADED', 1, Kind.MOVE, State.AVAILABLE),
    (State.AVAILABLE, 'SHELVED', 9, Kind.WAIT, None),
    (State.AVAILABLE, 'ACTIVE', 9, Kind.MOVE, State.ALLOCATED),
    (State.PROMOTING, 'SHELVED', 0, Kind.WAKE, None),
    (State.PROMOTING, 'ACTIVE', 0, Kind.MOVE, State.ALLOCATED),
    (State.PROMOTING, 'SHELVED', 3, Kind.MOVE, State.ERROR),
    (State.ALLOCATED, 'ACTIVE', 99, Kind.WAIT, None),
    (State.ALLOCATED, 'SHELVED', 99, Kind.MOVE, State.AVAILABLE),
    (State.RETURNING, 'ACTIVE', 0, Kind.HOLD, None),
    (State.RETURNING, 'SHELVED', 0, Kind.MOVE, State.AVAILABLE),
    (State.ERROR, 'ERROR', 0, Kind.WAIT, None),
    (State.ERROR, 'ERROR', 1, Kind.MOVE, State.DELETING),
    (State.DELETING, 'SHELVED', 0, Kind.DELETE, None),
])
def test_the_way_through_life(state, status, after, kind, target):
    action = ask(state, samples.server(status=status),
                 after * samples.MINUTE)
    assert (action.kind, action.state) == (kind, target)


def test_what_found_no_host_in_time_waits_again():
    offloaded = samples.server(status='SHELVED_OFFLOADED')
    # one that nothing is let go for just now
    none = ask(State.PROMOTING, offloaded, 3 * samples.MINUTE, host=None)
    assert (none.kind, none.state) == (Kind.MOVE, State.AVAILABLE)
    assert 'no host had room' in none.reason
    # or that Nova could not be asked for in all that time
    away = ask(State.PROMOTING, offloaded, 3 * samples.MINUTE)
    assert (away.kind, away.state) == (Kind.MOVE, State.AVAILABLE)
    assert 'could not be asked' in away.reason
    # but where Nova was asked and did nothing, something is wrong
    asked = ask(State.PROMOTING, offloaded, 3 * samples.MINUTE,
                slot=holding.Slot(resources={'VCPU': 1}, room={'VCPU': 0}))
    assert (asked.kind, asked.state) == (Kind.MOVE, State.ERROR)


def test_a_server_that_nova_is_busy_with_is_left_alone():
    busy = samples.server(status='ACTIVE', task_state='shelving')
    assert ask(State.RETURNING, busy).kind is Kind.WAIT


def test_a_server_that_somebody_deleted_is_forgotten():
    gone = ask(State.AVAILABLE, None)
    assert (gone.kind, gone.state) == (Kind.MOVE, State.DELETING)
    assert 'deleted by someone else' in gone.reason
    assert ask(State.DELETING, None).kind is Kind.FORGET


@pytest.mark.parametrize('tier, status, after, kind', [
    # what is asked of Nova on the way into each tier
    (Tier.SUSPENDED, 'ACTIVE', 1, Kind.HOLD),
    (Tier.SUSPENDED, 'SUSPENDED', 1, Kind.MOVE),
    (Tier.STOPPED, 'SHUTOFF', 1, Kind.MOVE),
    (Tier.OFFLOADED, 'ACTIVE', 1, Kind.HOLD),
    (Tier.OFFLOADED, 'SHELVED', 1, Kind.OFFLOAD),
    (Tier.OFFLOADED, 'SHELVED_OFFLOADED', 1, Kind.MOVE),
    # a guest that shut itself down waits well enough to be suspended
    (Tier.SUSPENDED, 'SHUTOFF', 0, Kind.MOVE),
    # but not to be shelved, which frees its host's disk
    (Tier.SHELVED, 'SHUTOFF', 0, Kind.WAIT),
    (Tier.SHELVED, 'SHUTOFF', 1, Kind.HOLD),
    # a cloud that offloads at once is followed
    (Tier.SHELVED, 'SHELVED_OFFLOADED', 1, Kind.MOVE),
])
def test_the_way_into_each_tier(tier, status, after, kind):
    action = ask(State.SETTLING, samples.server(status=status),
                 after * samples.MINUTE, tier=tier)
    assert action.kind is kind
    assert action.state in (None, State.AVAILABLE)


@pytest.mark.parametrize('tier, status, kind', [
    (Tier.SUSPENDED, 'SUSPENDED', Kind.WAKE),
    (Tier.SHELVED, 'SHELVED', Kind.WAKE),
    (Tier.STOPPED, 'SHUTOFF', Kind.WAKE),
    (Tier.OFFLOADED, 'SHELVED_OFFLOADED', Kind.LAND),
])
def test_the_way_out_of_each_tier(tier, status, kind):
    assert ask(State.PROMOTING, samples.server(status=status),
               tier=tier).kind is kind


def test_how_it_waits_is_looked_at_again_once_it_has_changed():
    offloaded = samples.server(status='SHELVED_OFFLOADED')
    assert ask(State.AVAILABLE, offloaded).kind is Kind.CHECK_CLAIM
    # a host that was restarted forgets what it had suspended
    assert ask(State.AVAILABLE, samples.server(status='SHUTOFF'),
               tier=Tier.SUSPENDED).kind is Kind.CHECK_CLAIM


def test_an_offloaded_member_is_held_by_a_claim_of_ours():
    offloaded = samples.server(status='SHELVED_OFFLOADED')
    assert ask(State.AVAILABLE, offloaded, host=None,
               tier=Tier.OFFLOADED).kind is Kind.CLAIM
    assert ask(State.AVAILABLE, offloaded,
               tier=Tier.OFFLOADED).kind is Kind.WAIT


@pytest.mark.parametrize('tier, status, kind', [
    (Tier.OFFLOADED, 'SHELVED_OFFLOADED', Kind.RELEASE),
    (Tier.SHELVED, 'SHELVED', Kind.OFFLOAD),
    # these would have to be shelved first: it is quicker to delete them
    (Tier.STOPPED, 'SHUTOFF', Kind.MOVE),
    (Tier.SUSPENDED, 'SUSPENDED', Kind.MOVE),
])
def test_capacity_that_is_lent_is_let_go_of(tier, status, kind):
    action = ask(State.AVAILABLE, samples.server(status=status), tier=tier,
                 lent_at=samples.NOW)
    assert action.kind is kind
    assert action.state in (None, State.DELETING)


def test_what_was_lent_is_held_again_after_a_while():
    offloaded = samples.server(status='SHELVED_OFFLOADED')
    lent = {'tier': Tier.OFFLOADED, 'host': None, 'lent_at': samples.NOW}
    assert ask(State.AVAILABLE, offloaded, **lent).kind is Kind.WAIT
    assert ask(State.AVAILABLE, offloaded, LIMITS.reclaim_delay,
               **lent).kind is Kind.CLAIM


def test_a_server_is_drained_before_it_is_held_again():
    limits = dataclasses.replace(LIMITS, drain_time=samples.MINUTE)
    member = samples.instance(state=State.RETURNING)
    server = samples.server(status='ACTIVE')
    told = samples.server(status='ACTIVE', metadata={
        lifecycle.DRAIN_KEY: 'since then'})

    def kind(server, after):
        return lifecycle.next_action(
            member, server, samples.NOW + after, limits).kind
    assert kind(server, 0 * samples.MINUTE) is Kind.MARK_DRAINING
    assert kind(told, 0 * samples.MINUTE) is Kind.WAIT
    assert kind(told, samples.MINUTE) is Kind.HOLD
    # and told so no more when it serves again
    assert ask(State.ALLOCATED, told).kind is Kind.UNMARK_DRAINING


@pytest.mark.parametrize('changes, word', [
    ({'maximum_uses': 3}, 'served 3 times'),
    ({'maximum_age': 2 * samples.HOUR}, 'older'),
    ({'template_key': 'new'}, 'older template'),
    ({'image_id': 'another'}, 'rebuilt'),
    ({'vcpus': 1, 'memory_mib': 2048}, 'resized'),
])
def test_a_member_makes_room_for_a_new_one(changes, word):
    limits = dataclasses.replace(LIMITS, **changes)
    member = samples.instance(
        state=State.RETURNING, uses=3, template_key='old',
        created_at=samples.NOW - 2 * samples.HOUR)
    server = samples.server(status='ACTIVE', image_id='image')

    action = lifecycle.next_action(member, server, samples.NOW, limits)

    assert (action.kind, action.state) == (Kind.MOVE, State.DELETING)
    assert word in action.reason
    assert lifecycle.why_replace(member, server, samples.NOW, LIMITS) is None


def test_a_hook_is_waited_for_instead_of_a_time():
    record = samples.record(template=reservation.InstanceTemplate(
        image_id='image', readiness=reservation.Readiness(
            kind=reservation.ReadinessKind.HTTP)))
    limits = lifecycle.limits_of(record, LIMITS)
    member = samples.instance(state=State.SETTLING)
    server = samples.server(status='ACTIVE')

    early = lifecycle.next_action(member, server, samples.NOW, limits)
    late = lifecycle.next_action(
        member, server, samples.NOW + LIMITS.build_timeout, limits)

    assert early.kind is Kind.HOLD
    assert late.state is State.ERROR and 'not ready' in late.reason


def test_a_fault_of_nova_is_passed_on():
    broken = samples.server(status='ERROR', fault='No valid host')
    assert ask(State.BUILDING, broken).reason == 'No valid host'


@given(state=st.sampled_from(list(State)),
       status=st.none() | st.sampled_from(STATUSES),
       task=st.none() | st.just('shelving'),
       seconds=st.integers(0, 10**6), attempts=st.integers(0, 3),
       known=st.booleans(), tier=st.sampled_from(list(Tier)),
       host=st.none() | st.just('compute-1'),
       lent_at=st.none() | st.just(samples.NOW))
def test_whatever_is_seen_there_is_one_answer_and_it_is_stable(
        state, status, task, seconds, attempts, known, tier, host, lent_at):
    server = status and samples.server(status=status, task_state=task)
    after = datetime.timedelta(seconds=seconds)
    changes = {'attempts': attempts, 'tier': tier, 'host': host,
               'lent_at': lent_at,
               'server_id': samples.SERVER if known else None}

    action = ask(state, server, after, **changes)

    assert action == ask(state, server, after, **changes)
    assert (action.state is not None) == (action.kind is Kind.MOVE)
    assert action.state is not state


@given(st.lists(st.booleans(), min_size=1, max_size=30))
def test_an_instance_reaches_the_pool_whatever_requests_get_lost(losses):
    """A model of Nova in which any request may have no effect."""
    instance = samples.instance(
        state=State.BUILDING, server_id=None, attempts=0)
    server, created, now = None, 0, samples.NOW
    for step in range(len(losses) + 40):
        now += 2 * samples.MINUTE
        lost = step < len(losses) and losses[step]
        action = lifecycle.next_action(instance, server, now, LIMITS)
        if action.kind is Kind.MOVE:
            instance = dataclasses.replace(
                instance, state=action.state, state_since=now)
        elif action.kind is Kind.CREATE:
            instance = dataclasses.replace(
                instance, attempts=instance.attempts + 1, state_since=now)
            if not lost:
                created += 1
                server = samples.server(status='ACTIVE')
        elif action.kind is Kind.ADOPT:
            instance = dataclasses.replace(
                instance, server_id=server.server_id)
        elif action.kind is Kind.HOLD and not lost:
            server = dataclasses.replace(server, status='SHELVED')
        if instance.state in (State.AVAILABLE, State.ERROR):
            break
    assert created <= 1
    # a shelve that never works ends in an error, not in a wait for ever
    assert instance.state in (State.AVAILABLE, State.ERROR)


@pytest.mark.parametrize('tier', [
    Tier.SUSPENDED, Tier.SHELVED, Tier.STOPPED])
def test_one_that_nova_held_nothing_for_is_looked_at_again(tier):
    status = {Tier.SUSPENDED: 'SUSPENDED', Tier.SHELVED: 'SHELVED',
              Tier.STOPPED: 'SHUTOFF'}[tier]
    assert ask(State.AVAILABLE, samples.server(status=status), tier=tier,
               host=None).kind is Kind.CHECK_CLAIM
