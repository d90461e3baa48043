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

"""Idle shadow gets out of the way of servers that find no host."""

from typing import Any

from nova.tests import fixtures as nova_fixtures

from shadow_reserve.cloud import capacity as cloud_capacity
from shadow_reserve.engine import known as engine_known
from shadow_reserve.engine import lending as engine_lending
from shadow_reserve.engine import listener as engine_listener
from shadow_reserve.engine import room as engine_room
from shadow_reserve.records import capacity
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow
from shadow_reserve.shadow import building
from shadow_reserve.shadow import room
from tests.integration import base

SHARES = room.Shares(maximum=1.0, free=0.0)


class LendingTest(base.CloudTestCase):

    hosts = ('compute-1', 'compute-2')

    def setUp(self) -> None:
        super().setUp()
        # Versioned notifications, which nobody else listens to here.
        self.notifier = self.useFixture(
            nova_fixtures.NotificationFixture(self))
        self.cloud = cloud_capacity.Capacity(
            self.doors.placement(), self.doors.nova())
        self.woken: list[str] = []
        self.lending = self.start_lending(SHARES)

    def start_lending(self, shares: room.Shares) -> engine_lending.Lending:
        return engine_lending.Lending(
            self.database, engine_known.Known(self.database),
            self.moves, self.cloud, self.nova,
            self.steps, shares, self.woken.append)

    def test_who_finds_no_host_finds_one_at_the_second_try(self) -> None:
        record = self.given_reservation()
        self.given_members(record, 2)
        for number in range(6):
            self.given_server(base.STRANGER, name=f'other-{number}',
                              size=base.SMALL)

        failed = self.create('real')
        self.wait_for_status(failed, 'ERROR')
        self.hear_of_it()
        self.lending.run(self.now)

        (lent,) = [member for member in self.manager.members(record)
                   if member.lent_at is not None]
        self.assertEqual([record.token], self.woken)
        self.drive_until_given_back(record, lent)
        again = self.create('real again')
        self.wait_for_status(again, 'ACTIVE')
        (event,) = self.events(record, 'shadow.lent')
        self.assertNotIn(failed, event.message)
        self.assertEqual(lent.host, event.details['host'])

    def test_nothing_is_lent_for_a_shadow_instance(self) -> None:
        record = self.given_reservation()
        self.given_members(record, 2)
        for number in range(6):
            self.given_server(base.STRANGER, name=f'other-{number}',
                              size=base.SMALL)

        building.add_to_pool(
            self.database, record, 3, self.now, 'a test wants one more')
        self.drive(record)
        *_, third = self.manager.members(record)
        self.wait_for_status(third.server_id, 'ERROR')
        self.hear_of_it()
        self.lending.run(self.now)

        self.assertEqual([], self.events(record, 'shadow.lent'))
        self.assertEqual(0, self.lending.without_host)

    def test_nor_for_what_no_room_would_help(self) -> None:
        record = self.given_reservation()
        self.given_members(record, 2)

        failed = self.create('huge', base.HUGE)
        self.wait_for_status(failed, 'ERROR')
        self.hear_of_it()
        self.lending.run(self.now)

        self.assertEqual(1, self.lending.without_host)
        self.assertEqual([], self.events(record, 'shadow.lent'))

    def test_a_share_of_the_zone_is_kept_free(self) -> None:
        record = self.given_reservation()
        self.given_members(record, 2)
        for number in range(4):
            self.given_server(base.STRANGER, name=f'other-{number}',
                              size=base.SMALL)

        # A quarter of the memory is free, and two eighths idle shadow's.
        self.start_lending(room.Shares(maximum=1.0, free=0.2)).run(self.now)
        self.assertEqual([], self.events(record, 'shadow.lent'))
        self.start_lending(room.Shares(maximum=1.0, free=0.3)).run(self.now)

        (event,) = self.events(record, 'shadow.lent')
        self.assertIn('less than 30% of zone nova is free', event.message)

    def test_the_hosts_as_they_are(self) -> None:
        self.ask_nova(base.SERVICE, 'POST', '/os-aggregates', json={
            'aggregate': {'name': 'fast', 'availability_zone': 'az-1'}})
        self.ask_nova(base.SERVICE, 'POST', '/os-aggregates/1/action', json={
            'add_host': {'host': 'compute-1'}})
        self.ask_nova(base.SERVICE, 'POST', '/os-aggregates/1/action', json={
            'set_metadata': {
                'metadata': {cloud_capacity.SHARE_PROPERTY: '0.25'}}})
        before = self.host('compute-1')
        server_id = self.given_server(size=base.SMALL,
                                      availability_zone='az-1')
        during = self.host('compute-1')
        self.ask_nova(base.OWNER, 'DELETE', f'/servers/{server_id}')
        self.wait_for_status(server_id, None)
        self.wait_for_claim(server_id, None)

        self.assertEqual('az-1', before.zone)
        self.assertTrue(before.in_service)
        memory = before.classes['MEMORY_MB']
        self.assertEqual((8192, 0), (memory.capacity, memory.used))
        self.assertEqual(2048, during.classes['MEMORY_MB'].used)
        # That a claim was deleted is no new generation of its host.
        self.assertEqual(
            0, self.host('compute-1').classes['MEMORY_MB'].used)
        self.assertEqual('nova', self.host('compute-2').zone)
        (aggregate,) = self.cloud.read().aggregates
        self.assertEqual(0.25, aggregate.maximum_share)

    def test_how_much_room_there_is(self) -> None:
        record = self.given_reservation()
        self.given_members(record, 1)
        rooms = engine_room.Room(
            self.database, engine_known.Known(self.database), self.cloud,
            room.Shares(maximum=0.25, free=0.0),
            lambda: self.now)

        # Eight fit into the cloud, and two into a quarter of it.
        self.assertEqual((1, 'cap'), rooms.instances(record))
        building.add_to_pool(
            self.database, record, 2, self.now, 'a test wants one more')
        self.now += base.STEP * 2
        self.assertEqual((0, 'cap'), rooms.instances(record))

    # When

    def create(self, name: str, size: Any = base.SMALL) -> str:
        answer = self.ask_nova(base.STRANGER, 'POST', '/servers', json={
            'server': {'name': name, 'imageRef': base.IMAGE,
                       'flavorRef': size.flavor_id, 'networks': 'none'}})
        return str(answer['server']['id'])

    def hear_of_it(self) -> None:
        """What the listener would have been given."""
        def heard() -> list[Any]:
            return [one for one in self.notifier.versioned_notifications
                    if one['priority'] == 'ERROR']
        self.wait(heard, lambda: 'Nova said nothing')
        endpoint = engine_listener.Endpoint(
            None, None,  # type: ignore[arg-type]
            self.woken.append, self.lending.hear, lambda: self.now)
        for one in heard():
            endpoint.error({}, one['publisher_id'], one['event_type'],
                           one['payload'], {})

    def drive_until_given_back(
            self, record: reservation.ReservationRecord,
            lent: shadow.ShadowInstance) -> None:
        """What the passes do that a wake sets off."""
        def given_back() -> bool:
            self.assertEqual([], self.drive(record))
            return self.claims.claim_of(lent.server_id) is None
        self.wait(given_back, lambda: self.story(record))

    # Then

    def host(self, name: str) -> capacity.HostCapacity:
        (found,) = [host for host in self.cloud.read().hosts
                    if host.host == name]
        return found
