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

"""The quick way from an alarm to a promotion: at once, and once."""

import contextlib
import datetime

import pytest

from shadow_reserve.db import reservations as db_reservations
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow
from tests.unit.engine import alarmed
from tests.unit import samples

State = shadow.InstanceState
settle = alarmed.settle
world, house = alarmed.world, alarmed.house


def test_an_alarm_promotes_without_a_listing(world, house):
    # given an alarm that stands at 90 %
    house.alarm()

    # when its notification is heard
    house.notify(timestamp=alarmed.SAID_AT)
    settle(world)

    # then what brings 2 servers from 90 % to 60 % is on its way
    assert len(house.promoted()) == 1
    assert sorted(house.asked()) == [0, 0, 1]
    # and nothing was looked at but the alarm
    assert [(service, method) for service, method, _ in world.cloud.asked
            ] == [('aodh', 'GET'), ('nova', 'POST')]
    # and each leg is written down
    [one] = house.promotions()
    assert one.signal == alarmed.SIGNAL
    assert one.requested_at == samples.NOW
    assert 'trigger.promote' in house.kinds()


def test_a_repeated_message_promotes_once(world, house):
    house.alarm()
    for _ in range(5):
        house.notify()
    settle(world)
    assert len(house.promoted()) == 1
    assert len(house.promotions()) == 1


def test_a_claim_of_a_pass_is_told_when_it_is_made(
        world, house, monkeypatch):
    # given a pass that waits for Gnocchi
    begun, live = world.now, world.source.live
    house.alarm()
    world.source.cpu = 90.0

    def slowly(*args, **sizes):
        world.now += datetime.timedelta(seconds=3)
        return live(*args, **sizes)
    monkeypatch.setattr(world.source, 'live', slowly)

    world.reconciler.reconcile(house.token, begun)

    # then it is not the pass's beginning that counts
    [one] = house.promotions()
    assert one.claimed_at == begun + datetime.timedelta(seconds=3)


def test_another_change_of_state_is_acted_on_again(world, house):
    # given one that was acted on, promoted, and went back
    house.alarm()
    house.notify()
    settle(world)
    house.move(State.ALLOCATED)
    house.move(State.AVAILABLE)

    # when the alarm stands again, its time as it ever was
    world.now += samples.HOUR
    house.alarm(value=107e9)
    house.notify()

    settle(world)
    assert len(house.promoted()) == 1
    assert len(house.promotions()) == 2


def test_a_late_message_about_what_is_over_changes_nothing(world, house):
    house.notify()
    settle(world)
    assert house.promoted() == []


def test_a_late_message_about_what_a_pass_promoted_for_changes_nothing(
        world, house):
    # given an alarm whose message is late, and a pass that promotes for it
    house.alarm()
    world.source.cpu = 90.0
    assert world.reconciler.reconcile(house.token, world.now) == []
    assert len(house.promoted()) == 1
    house.move(State.ALLOCATED)
    house.move(State.AVAILABLE)

    # when the message comes, and the alarm stands by the same old reading
    world.now += samples.HOUR
    house.notify()

    # then it promotes nobody
    settle(world)
    assert len(house.promotions()) == 1
    # but another change does
    house.alarm(value=107e9)
    house.notify()
    settle(world)
    assert len(house.promotions()) == 2


@pytest.mark.parametrize('cold', [True, False])
def test_what_the_pool_lacks_is_built_by_a_pass_at_once(world, cold):
    # given two servers that do the work of four, and one member
    house = alarmed.House(world, members=1, policy=samples.policy(
        cold_creation=cold, target_utilisation=0.5))
    house.be_looked_at()

    # when the quick way promotes it
    house.alarm(value=119e9)
    house.notify()
    settle(world)
    assert len(house.promoted()) == 1

    # then a pass is asked for, if it may build the rest
    assert house.is_woken() is cold


def test_what_a_cooldown_would_keep_from_being_built_is_left_to_a_pass(
        world):
    house = alarmed.House(world, members=1, policy=samples.policy(
        cold_creation=True, target_utilisation=0.5,
        promotion_cooldown=samples.HOUR))
    world.rounds.run(world.now)
    house.alarm(value=119e9)
    house.notify()
    settle(world)
    assert house.promoted() == []
    assert house.is_woken()


@pytest.mark.parametrize('changes', [
    {'state_reason': 'Manually set via API'},
    {'state_reason': alarmed.REASON.format(500e9)},
    {f'{alarmed.TYPE}_rule': {}},
    {'name': 'shadow-reserve/somebody else/cpu'},
])
def test_what_is_not_sure_is_left_to_a_pass(world, house, changes):
    house.alarm(**changes)
    house.notify()
    settle(world)
    assert house.promoted() == []
    assert house.is_woken()


def test_what_does_not_want_it_is_left_to_a_pass(world):
    for number, changes in enumerate([
            {'policy': samples.policy(
                mode=reservation.Mode.FORECAST_ONLY)},
            {'status': reservation.ReservationStatus.PENDING}]):
        house = alarmed.House(world, number, **changes)
        world.rounds.run(world.now)
        house.alarm()
        house.notify()
        assert house.promoted() == []
        assert house.is_woken()
    settle(world)


def test_after_the_end_of_the_lease_nothing_is_promoted(world, house):
    world.database.write(lambda session: db_reservations.update(
        session, db_reservations.get(session, house.token), world.now,
        duration=samples.MINUTE))
    world.now += samples.HOUR
    house.alarm()
    house.notify()
    assert house.promoted() == []
    assert house.is_woken()


def test_without_a_look_at_the_application_a_pass_is_needed(world):
    house = alarmed.House(world)
    house.alarm()
    house.notify()
    assert house.promoted() == []
    assert house.is_woken()


def test_a_reading_out_of_a_change_of_servers_is_left_to_a_pass(
        world, house):
    # given a member that came to serve within the alarm's three minutes
    house.alarm()
    house.notify()
    settle(world)
    house.move(State.ALLOCATED)
    world.now += 2 * samples.MINUTE

    # when the alarm stands again
    house.alarm(value=107e9)
    house.notify()

    # then no more come by the quick way
    assert len(house.promoted()) == 1
    assert house.is_woken()


def test_a_reservation_that_is_gone_is_no_concern_of_ours(world, house):
    world.database.write(lambda session: db_reservations.update(
        session, house.record, world.now,
        status=reservation.ReservationStatus.DELETED))
    house.alarm()
    house.notify()
    assert house.promoted() == []


def test_alarms_of_others_do_not_go_first(world, house, monkeypatch):
    """Any tenant can have Aodh tell of theirs as often as they like."""
    went_first = []
    monkeypatch.setattr(world.precedence, 'first', lambda: (
        went_first.append(True), contextlib.nullcontext())[1])
    house.alarm()
    house.notify(alarm_id='theirs')
    assert went_first == []
    house.notify()
    settle(world)
    # the message, and then the request to Nova
    assert went_first == [True, True]
