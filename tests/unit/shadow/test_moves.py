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

"""Moves on a real database: once, charged and written down."""

import decimal
import tempfile

import hypothesis
from hypothesis import strategies as st
import pytest

from shadow_reserve.db import journal as db_journal
from shadow_reserve.db import migration
from shadow_reserve.db import promotions as db_promotions
from shadow_reserve.db import reservations as db_reservations
from shadow_reserve.db import session as db_session
from shadow_reserve.db import shadow as db_shadow
from shadow_reserve import exceptions
from shadow_reserve.lease import accounts as lease_accounts
from shadow_reserve.lease import terms
from shadow_reserve.records import journal
from shadow_reserve.records import promotion
from shadow_reserve.records import reservation as reservation_records
from shadow_reserve.records import shadow
from shadow_reserve.shadow import moves as shadow_moves
from tests.unit import samples

State = shadow.InstanceState

RATES = terms.RateCard(
    base={'VCPU': decimal.Decimal('0.5')},
    hold={'VCPU': decimal.Decimal('1')},
    use={'VCPU': decimal.Decimal('3')})


def made(folder):
    database = db_session.Database(f'sqlite:///{folder}/test.sqlite')
    migration.upgrade(database)
    database.write(
        lambda session: db_reservations.add(session, samples.record()))
    return database


@pytest.fixture
def database(tmp_path):
    return made(tmp_path)


@pytest.fixture
def moves(database):
    return shadow_moves.Moves(
        database, lease_accounts.Accounts(RATES).charge)


def add(database, number, **changes):
    instance = samples.instance(
        instance_id=f'{number:08}-3333-4333-8333-333333333333', **changes)
    database.write(
        lambda session: db_shadow.add_instance(session, instance))
    return instance


def entries(database):
    return [entry for _, entry in database.read(
        lambda session: db_journal.list_entries(session, samples.TOKEN))]


def reservation(database):
    return database.read(
        lambda session: db_reservations.get(session, samples.TOKEN))


def test_held_time_is_charged_when_a_member_moves_on(database, moves):
    # given a member of 2 vCPUs, held for an hour
    member = add(database, 1, charged_until=samples.NOW)

    # when it is promoted, then the alarm does not wait for the books
    moved = moves.move(samples.TOKEN, member, State.PROMOTING,
                       samples.NOW + samples.HOUR / 2, 'an alarm')
    assert moved.state is State.PROMOTING
    assert entries(database) == []

    # but when it serves, which costs something else, then the hour is on
    # the ledger and in the reservation's cost
    moves.move(samples.TOKEN, moved, State.ALLOCATED,
               samples.NOW + samples.HOUR, 'it serves')
    [entry] = entries(database)
    assert (entry.kind, entry.amount) == (
        journal.LedgerKind.HOLD, decimal.Decimal(2))
    assert reservation(database).cost == decimal.Decimal(2)


def test_used_time_extends_the_lease(database, moves):
    # given a member that has served for four hours of the ten
    member = add(database, 1, state=State.ALLOCATED,
                 charged_until=samples.NOW)

    # when it goes back
    moves.return_to_pool(
        samples.TOKEN, 1, samples.NOW + 4 * samples.HOUR, 'calm')

    # then the eight hours that remained in the middle of that are extended
    # by 4 / 40 of themselves
    assert member.state is State.ALLOCATED
    use, extension = entries(database)
    assert (use.kind, use.amount) == (
        journal.LedgerKind.USE, decimal.Decimal(24))
    assert extension.kind is journal.LedgerKind.EXTENSION
    assert extension.extension == 0.8 * samples.HOUR
    changed = reservation(database)
    assert changed.duration == 10.8 * samples.HOUR
    assert changed.cost == use.amount + extension.amount


def test_of_two_that_move_the_same_member_one_loses(database, moves):
    member = add(database, 1)

    first = moves.move(samples.TOKEN, member, State.PROMOTING,
                       samples.NOW, 'one engine')
    second = moves.move(samples.TOKEN, member, State.DELETING,
                        samples.NOW, 'another engine')

    assert first.state is State.PROMOTING
    assert second is None


def test_who_comes_too_late_is_told_so_at_once(database, moves, caplog):
    # given a member that another engine has changed
    member = add(database, 1)
    moves.update(member, attempts=1)

    # then it is not tried again and again with what was read before
    with pytest.raises(exceptions.ConcurrentUpdate):
        moves.update(member, attempts=1)
    assert not caplog.records


def test_no_more_are_promoted_than_are_available(database, moves):
    for number in range(3):
        add(database, number)
    add(database, 9, state=State.SETTLING)

    assert len(moves.promote(
        samples.TOKEN, 5, samples.NOW, 'an alarm')) == 3
    assert moves.promote(samples.TOKEN, 5, samples.NOW, 'again') == []


def test_members_that_hold_a_claim_are_promoted_first(database, moves):
    add(database, 1, host=None)
    add(database, 2, host='compute-1')

    [promoted] = moves.promote(samples.TOKEN, 1, samples.NOW, 'an alarm')

    assert promoted.host == 'compute-1'


def test_the_allocation_is_allocated_while_a_member_serves(
        database, moves):
    def status():
        return database.read(lambda session: db_shadow.get_allocation(
            session, samples.TOKEN)).status
    add(database, 1)
    assert status() is shadow.AllocationStatus.AVAILABLE

    moves.promote(samples.TOKEN, 1, samples.NOW, 'an alarm')

    assert status() is shadow.AllocationStatus.ALLOCATED


def test_every_move_is_in_the_events(database, moves):
    add(database, 1)
    moves.promote(samples.TOKEN, 1, samples.NOW, 'an alarm')

    [(_, event)] = database.read(
        lambda session: db_journal.list_events(session, samples.TOKEN))

    assert (event.kind, event.message) == (
        'instance.promoting', 'an alarm')
    assert event.details['previous'] == 'available'


# One for another


def promote(database, moves, count, signal=promotion.BY_HAND):
    return moves.promote(
        samples.TOKEN, count, samples.NOW, 'an alarm', signal)


def fail(moves, member, state=State.ERROR):
    return moves.move(samples.TOKEN, member, state, samples.NOW, 'no host')


def in_state(database, state):
    return [member.instance_id for member in database.read(
        lambda session: db_shadow.list_instances(
            session, samples.ALLOCATION)) if member.state is state]


@pytest.mark.parametrize('state', [State.ERROR, State.DELETING])
def test_who_fails_is_replaced_for_the_same_reason(database, moves, state):
    for number in range(3):
        add(database, number)
    signal = promotion.Signal(
        source=promotion.Source.ALARM, metric='cpu', heard_at=samples.NOW)
    [one] = promote(database, moves, 1, signal)

    fail(moves, one, state)

    [other] = in_state(database, State.PROMOTING)
    assert other != one.instance_id
    failed, instead = promotions(database)
    assert (failed.outcome, instead.outcome) == (
        promotion.Outcome.FAILED, promotion.Outcome.UNDER_WAY)
    assert instead.signal == signal
    [event] = [event for _, event in database.read(
        lambda session: db_journal.list_events(session, samples.TOKEN))
        if event.kind == 'promotion.passed_on']
    assert 'no host' in event.message


@hypothesis.settings(
    max_examples=25, deadline=None, suppress_health_check=[
        hypothesis.HealthCheck.function_scoped_fixture])
@hypothesis.given(st.integers(1, 4), st.lists(st.booleans(), max_size=8))
def test_never_do_more_serve_than_were_asked_for(
        tmp_path, count, successes):
    # given five that wait, of which some are promoted
    with tempfile.TemporaryDirectory(dir=tmp_path) as folder:
        database = made(folder)
        moves = shadow_moves.Moves(
            database, lease_accounts.Accounts(RATES).charge)
        for number in range(5):
            add(database, number)
        promote(database, moves, count)
        failed = 0
        # when one after the other comes to serve or fails
        for success in successes:
            members = [one for one in database.read(
                lambda session: db_shadow.list_instances(
                    session, samples.ALLOCATION))
                if one.state is State.PROMOTING]
            if not members:
                break
            if success:
                moves.move(samples.TOKEN, members[0], State.ALLOCATED,
                           samples.NOW, 'it runs')
            else:
                fail(moves, members[0])
                failed += 1
            # then as many are wanted as were, as long as there are any
            serving = len(in_state(database, State.PROMOTING)
                          + in_state(database, State.ALLOCATED))
            assert serving == min(count, 5 - failed)
        database.engine.dispose()


@pytest.mark.parametrize('held', [True, False])
def test_who_finds_no_host_is_replaced_by_one_that_has_its_own(
        database, moves, held):
    # given one on its way, and another whose capacity is held, or is not
    add(database, 0)
    [one] = promote(database, moves, 1)
    add(database, 1, host='compute-2' if held else None)

    # when there is no room for it, and it waits again
    moves.move(samples.TOKEN, one, State.AVAILABLE, samples.NOW, 'no room',
               host=None)

    # then the other serves in its place, unless there is none for it either
    assert len(in_state(database, State.PROMOTING)) == held
    assert one.instance_id in in_state(database, State.AVAILABLE)
    assert promotions(database)[0].outcome is promotion.Outcome.FAILED


def test_nobody_replaces_what_is_taken_down(database, moves):
    for number in range(2):
        add(database, number)
    [one] = promote(database, moves, 1)
    database.write(lambda session: db_reservations.update(
        session, db_reservations.get(session, samples.TOKEN), samples.NOW,
        status=reservation_records.ReservationStatus.ENDING))
    fail(moves, one, State.DELETING)
    assert in_state(database, State.PROMOTING) == []


def test_nothing_is_claimed_by_what_is_not_so_any_more(database, moves):
    seen = shadow_moves.Seen(
        members=[add(database, number) for number in range(3)],
        record=reservation(database))
    assert len(moves.promote(samples.TOKEN, 1, samples.NOW, 'an alarm',
                             seen=seen)) == 1
    # another engine had seen the same
    assert moves.promote(samples.TOKEN, 1, samples.NOW, 'an alarm',
                         seen=seen) == []
    assert len(in_state(database, State.PROMOTING)) == 1


@pytest.mark.parametrize('changes', [
    {'status': reservation_records.ReservationStatus.DELETING},
    {'policy': samples.policy(maximum_promoted=0)},
    {'policy': samples.policy(
        mode=reservation_records.Mode.FORECAST_ONLY)}])
def test_nothing_moves_by_what_was_seen_before_its_owner_changed_it(
        database, moves, changes):
    # given a pass that looks at one that waits and one that serves
    members = [add(database, 1), add(database, 2, state=State.ALLOCATED)]
    seen = shadow_moves.Seen(members=members, record=reservation(database))
    # when its owner changes the reservation
    change(database, **changes)
    # then nothing follows of what was decided before
    assert moves.promote(samples.TOKEN, 1, samples.NOW, 'an alarm',
                         seen=seen) == []
    assert moves.return_to_pool(samples.TOKEN, 1, samples.NOW, 'calm',
                                seen=seen) == []


def test_a_lease_that_was_extended_meanwhile_keeps_no_promotion(
        database, moves):
    seen = shadow_moves.Seen(
        members=[add(database, 1)], record=reservation(database))
    change(database, name='other')
    assert moves.promote(samples.TOKEN, 1, samples.NOW, 'an alarm',
                         seen=seen)


def change(database, **changes):
    database.write(lambda session: db_reservations.update(
        session, db_reservations.get(session, samples.TOKEN), samples.NOW,
        **changes))


def test_nothing_is_claimed_where_what_comes_first_says_no(
        database, moves):
    add(database, 1)
    assert moves.promote(samples.TOKEN, 1, samples.NOW, 'an alarm',
                         first=lambda session: False) == []
    assert promotions(database) == []


def promotions(database):
    return [one for _, one in database.read(
        lambda session: db_promotions.list_promotions(
            session, samples.TOKEN))]


def test_two_that_saw_the_same_send_back_what_was_decided_once(
        database, moves):
    members = [add(database, number, state=State.ALLOCATED)
               for number in (1, 2)]
    seen = shadow_moves.Seen(record=samples.record(), members=members)
    sent = [moves.return_to_pool(
        samples.TOKEN, 1, samples.NOW, 'calm', seen=seen) for _ in range(2)]
    assert [len(some) for some in sent] == [1, 0]
