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

"""Shadow whose servers Nova has let go of: the service's own claims."""

import datetime
from typing import Any

from shadow_reserve.cloud import nova as cloud_nova
from shadow_reserve.cloud import placement as cloud_placement
from shadow_reserve.db import shadow as db_shadow
from shadow_reserve.engine import observation
from shadow_reserve.records import holding
from shadow_reserve.records import journal
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow
from tests.integration import base
from tests.unit import samples

State = base.State
Tier = holding.Tier
OFFLOADED = samples.policy(hold=(holding.HoldStep(tier=Tier.OFFLOADED),))


class _Overtaken(cloud_nova.Nova):
    """Somebody else is quicker, once."""

    overtake = staticmethod(lambda host: None)

    def unshelve_onto(self, server_id: str, host: str) -> None:
        overtake, self.overtake = self.overtake, lambda host: None
        overtake(host)
        super().unshelve_onto(server_id, host)


class _Unwilling(cloud_nova.Nova):
    """Some hosts look empty, and take no server: Nova finds them down, or
    in another cell than the server's."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.unwilling: set[str] = set()
        self.tried: list[str] = []

    def unshelve_onto(self, server_id: str, host: str) -> None:
        self.tried.append(host)
        if host not in self.unwilling:
            super().unshelve_onto(server_id, host)

    def was_unshelved(self, server_id: str,
                      since: datetime.datetime) -> bool:
        return bool(self.tried)


class _Offloaded(base.CloudTestCase):
    hosts = ('compute-1', 'compute-2')

    def claimed_by_us(self, member: shadow.ShadowInstance) -> str | None:
        return self.claims.claim_of(member.instance_id)

    def fill(self, host: str, count: int) -> str:
        """:returns: the id of the last server"""
        server_id = ''
        for number in range(count):
            server_id = self.given_server(
                base.SERVICE, name=f'other-{host}-{number}',
                size=base.SMALL, host=host)
        return server_id


class OffloadedShadowTest(_Offloaded):
    """On a cloud that offloads only when it is told to."""

    def test_its_capacity_is_claimed_as_nova_would(self) -> None:
        record = self.given_reservation(policy=OFFLOADED)

        (settling,) = self.given_members(record, state=State.SETTLING)
        by_nova = self.claims.claim(settling.server_id)
        (held,) = self.drive_until(record, State.AVAILABLE)

        self.assertEqual('SHELVED_OFFLOADED',
                         self.status_of(held.server_id))
        self.assertIs(Tier.OFFLOADED, held.tier)
        self.assertIsNone(self.claims.claim_of(held.server_id))
        self.assertIn(held.host, self.hosts)
        self.assertEqual(held.host, self.claimed_by_us(held))
        self.assertEqual(by_nova.resources,
                         self.claims.claim(held.instance_id).resources)
        # It is the service's, so the tenant's quota does not know of it.
        answer = self.doors.placement().get(
            f'/allocations/{held.instance_id}',
            microversion=cloud_placement.MICROVERSION).json()
        self.assertEqual((base.SERVICE.project_id, 'SHADOW'),
                         (answer['project_id'], answer['consumer_type']))

    def test_it_lands_where_its_claim_was(self) -> None:
        record = self.given_reservation(policy=OFFLOADED)
        (held,) = self.given_members(record)

        self.moves.promote(record.token, 1, self.now, 'the load is high')
        self.assertEqual([], self.drive(record))
        ((server_id, host, slot),) = self.database.read(
            db_shadow.list_slots)
        (serving,) = self.drive_until(record, State.ALLOCATED)

        self.assertEqual((held.server_id, held.host), (server_id, host))
        self.assertEqual(
            {'VCPU': 1, 'MEMORY_MB': 2048, 'DISK_GB': 20}, slot.resources)
        # What is free beside it on a host with room for four.
        self.assertEqual(3 * 2048, slot.room['MEMORY_MB'])
        self.assertEqual('ACTIVE', self.status_of(held.server_id))
        self.assertEqual(held.host, serving.host)
        self.assertEqual(held.host, self.claims.claim_of(held.server_id))
        self.assertIsNone(self.claimed_by_us(held))
        self.assertEqual([], self.database.read(db_shadow.list_slots))

    def test_a_lost_race_is_told_and_the_next_host_taken(self) -> None:
        record = self.given_reservation(policy=OFFLOADED)
        (held,) = self.given_members(record)
        # All of its host but the slot is taken.
        self.fill(held.host, base.SMALL_ONES_ON_A_HOST - 1)
        nova = _Overtaken(self.doors.nova)
        nova.overtake = lambda host: self.fill(host, 1)
        self.manager = self.start_manager(nova)

        self.moves.promote(record.token, 1, self.now, 'the load is high')
        (serving,) = self.drive_until(record, State.ALLOCATED)

        self.assertNotEqual(held.host, serving.host)
        self.assertEqual(serving.host,
                         self.claims.claim_of(held.server_id))
        (event,) = self.events(record, 'instance.promotion_lost')
        self.assertEqual(journal.Severity.WARNING, event.severity)
        self.assertEqual(held.host, event.details['host'])

    def test_one_that_is_on_its_way_is_not_taken_for_lost(self) -> None:
        record = self.given_reservation(policy=OFFLOADED)
        (held,) = self.given_members(record)
        self.moves.promote(record.token, 1, self.now, 'the load is high')
        seen = observation.observe(
            self.nova, record, self.manager.members(record))

        # A pass may drive twice by what it saw at its beginning.
        for _ in range(2):
            self.assertEqual([], self.manager.drive(
                record, seen.servers, self.now))
        (serving,) = self.drive_until(record, State.ALLOCATED)

        self.assertEqual(held.host, serving.host)
        self.assertEqual([], self.events(record, 'instance.promotion_lost'))

    def test_lent_capacity_is_anybodys_and_held_again_later(self) -> None:
        record = self.given_reservation(policy=OFFLOADED)
        (held,) = self.given_members(record)
        for host in self.hosts:
            self.fill(host, base.SMALL_ONES_ON_A_HOST - (
                host == held.host))

        self.moves.lend(record.token, held, self.now, 'others need it')
        self.assertEqual([], self.drive(record))
        taker = self.given_server(base.STRANGER, size=base.SMALL)

        (lent,) = self.manager.members(record)
        self.assertEqual(State.AVAILABLE, lent.state)
        self.assertIsNone(lent.host)
        self.assertIsNone(lent.charged_until)
        # While nobody has room, it is asked for now and then.
        self.now += base.LIMITS.reclaim_delay
        self.assertEqual([], self.drive(record))
        self.assertIsNone(self.manager.members(record)[0].host)
        # And when somebody goes, it is held again.
        self.ask_nova(base.SERVICE, 'DELETE', f'/servers/{taker}')
        self.wait_for_status(taker, None)
        self.wait_for_claim(taker, None)
        self.now += base.LIMITS.reclaim_delay
        self.assertEqual([], self.drive(record))
        (again,) = self.manager.members(record)
        self.assertEqual(again.host, self.claimed_by_us(again))
        self.assertIsNone(again.lent_at)

    def test_a_claim_whose_server_is_deleted_goes_too(self) -> None:
        record = self.given_reservation(policy=OFFLOADED)
        (held,) = self.given_members(record)

        self.ask_nova(base.OWNER, 'DELETE', f'/servers/{held.server_id}')
        self.wait_for_status(held.server_id, None)
        self.drive_until_gone(record)

        self.assertIsNone(self.claimed_by_us(held))

    def test_one_that_is_unshelved_by_hand_lets_its_claim_go(self) -> None:
        record = self.given_reservation(policy=OFFLOADED)
        (held,) = self.given_members(record)

        self.ask_nova(base.OWNER, 'POST',
                      f'/servers/{held.server_id}/action',
                      json={'unshelve': None})
        self.wait_for_status(held.server_id, 'ACTIVE')
        (serving,) = self.drive_until(record, State.ALLOCATED)

        self.assertIsNone(self.claimed_by_us(held))
        self.assertEqual(serving.host,
                         self.claims.claim_of(held.server_id))

    def test_a_server_group_has_its_way_with_claims(self) -> None:
        group = self.ask_nova(
            base.OWNER, 'POST', '/os-server-groups', json={
                'server_group': {'name': 'apart',
                                 'policy': 'anti-affinity'}})
        record = self.given_reservation(
            policy=OFFLOADED, selector=reservation.Selector(
                kind=reservation.SelectorKind.SERVER_GROUP,
                value=group['server_group']['id']))

        members = self.given_members(record, 2)

        self.assertEqual(set(self.hosts),
                         {member.host for member in members})

    def test_a_mix_is_filled_and_used_in_its_order(self) -> None:
        record = self.given_reservation(policy=samples.policy(hold=(
            holding.HoldStep(tier=Tier.SUSPENDED, count=1),
            holding.HoldStep(tier=Tier.STOPPED, count=1),
            holding.HoldStep(tier=Tier.SHELVED, count=1),
            holding.HoldStep(tier=Tier.OFFLOADED))))

        members = self.given_members(record, 4)

        self.assertEqual(
            {'SUSPENDED', 'SHUTOFF', 'SHELVED', 'SHELVED_OFFLOADED'},
            {self.status_of(member.server_id) for member in members})
        for step in record.policy.hold:
            (moved,) = self.moves.promote(
                record.token, 1, self.now, 'the load is high')
            self.assertIs(step.tier, moved.tier)
        self.drive_until(record, State.ALLOCATED)
        self.assertEqual(
            {'ACTIVE'},
            {self.status_of(member.server_id) for member in members})


class OffloadAtOnceTest(_Offloaded):
    """With Nova's default, shelved_offload_time = 0."""

    hosts = ('compute-1',)
    shelved_offload_time = 0

    def test_the_hold_follows_what_the_cloud_did(self) -> None:
        record = self.given_reservation()

        (member,) = self.given_members(record)

        self.assertEqual('SHELVED_OFFLOADED',
                         self.status_of(member.server_id))
        self.assertIs(Tier.OFFLOADED, member.tier)
        self.assertEqual('compute-1', member.host)
        self.assertEqual('compute-1', self.claimed_by_us(member))

    def test_a_promotion_without_any_room_is_given_up(self) -> None:
        record = self.given_reservation()
        (member,) = self.given_members(record)
        self.moves.lend(record.token, member, self.now, 'others need it')
        self.assertEqual([], self.drive(record))
        other = self.fill('compute-1', base.SMALL_ONES_ON_A_HOST)

        self.moves.promote(record.token, 1, self.now, 'the load is high')
        self.assertEqual([], self.drive(record))
        (waiting,) = self.manager.members(record)
        self.assertEqual(State.PROMOTING, waiting.state)
        self.assertIn('no host', waiting.reason)
        self.now += base.LIMITS.promotion_timeout
        self.assertEqual([], self.drive(record))

        # What was built is kept, and held again when there is room.
        (kept,) = self.manager.members(record)
        self.assertEqual(State.AVAILABLE, kept.state)
        self.assertIsNone(kept.host)
        event = self.events(record, 'instance.available')[-1]
        self.assertIn('no host had room', event.message)
        self.assertEqual(journal.Severity.ERROR, event.severity)
        self.assertEqual([], self.events(record, 'instance.promotion_lost'))
        # It is no success after which failed builds were forgiven, and
        # nobody counts on it until there is room for it.
        self.assertEqual(0, kept.uses)
        self.assertTrue(shadow.is_stranded(kept))
        self.now += base.LIMITS.reclaim_delay
        self.ask_nova(base.SERVICE, 'DELETE', f'/servers/{other}')
        self.wait_for_claim(other, None)
        self.assertEqual([], self.drive(record))
        (again,) = self.manager.members(record)
        self.assertEqual('compute-1', again.host)
        self.assertEqual(1, shadow.count_available([again]))

    def test_a_race_that_is_lost_for_good_is_lost_once(self) -> None:
        record = self.given_reservation()
        (held,) = self.given_members(record)
        self.fill('compute-1', base.SMALL_ONES_ON_A_HOST - 1)
        nova = _Overtaken(self.doors.nova)
        nova.overtake = lambda host: self.fill(host, 1)
        self.manager = self.start_manager(nova)

        self.moves.promote(record.token, 1, self.now, 'the load is high')
        self.wait(lambda: self.drive(record) == [] and self.events(
            record, 'instance.no_host'), lambda: 'it is not lost')
        for _ in range(3):
            self.assertEqual([], self.drive(record))

        self.assertEqual(1, len(self.events(
            record, 'instance.promotion_lost')))
        self.assertEqual(1, len(self.events(record, 'instance.no_host')))
        # The scheduler filter keeps nobody off what is let go no more.
        self.assertEqual([], self.database.read(db_shadow.list_slots))
        self.now += base.LIMITS.promotion_timeout
        self.assertEqual([], self.drive(record))
        (kept,) = self.manager.members(record)
        self.assertEqual((State.AVAILABLE, held.server_id),
                         (kept.state, kept.server_id))


class UnwillingHostsTest(_Offloaded):
    hosts = ('compute-1', 'compute-2', 'compute-3')

    def test_a_host_that_takes_none_is_not_tried_again(self) -> None:
        record = self.given_reservation(policy=OFFLOADED)
        (held,) = self.given_members(record)
        *others, willing = sorted(set(self.hosts) - {held.host})
        # The others have more memory free than the one that is left.
        self.fill(willing, 2)
        nova = _Unwilling(self.doors.nova)
        nova.unwilling = {held.host, *others}
        self.manager = self.start_manager(nova)

        self.moves.promote(record.token, 1, self.now, 'the load is high')
        (serving,) = self.drive_until(record, State.ALLOCATED)

        self.assertEqual(willing, serving.host)
        self.assertEqual([held.host, *others, willing], nova.tried)
        self.assertEqual([held.host, *others], [
            event.details['host'] for event in self.events(
                record, 'instance.promotion_lost')])
