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

"""A round's listing says what the ways to Nova say, of real changes."""

import datetime

from shadow_reserve.cloud import aodh as cloud_aodh
from shadow_reserve.engine import fleet as engine_fleet
from shadow_reserve.engine import known as engine_known
from shadow_reserve.engine import precedence
from shadow_reserve.engine import worker
from shadow_reserve.records import reservation
from tests.integration import base
from tests.unit import fake_cloud

_SHOP = {'metering.server_group': 'shop'}


class RoundTest(base.CloudTestCase):

    def setUp(self) -> None:
        super().setUp()
        self.fleet = engine_fleet.Fleet(
            self.database, engine_known.Known(self.database), self.nova,
            cloud_aodh.Aodh(fake_cloud.FakeCloud().adapter('aodh')),
            datetime.timedelta(hours=1), precedence.Precedence())

    def assert_same(self, record: reservation.ReservationRecord) -> int:
        """:returns: how many running servers there are"""
        glance = self.fleet.look(worker.utcnow())
        self.assertEqual([], list(glance.failures))
        self.assertEqual(
            {server.server_id: server for server
             in self.nova.list_shadow_servers(record.token)},
            {server.server_id: server for server
             in self.fleet.list_shadow_servers(record.token)})
        asked = (record.project_id, record.selector)
        running = sorted(self.nova.list_members(*asked))
        self.assertEqual(running, sorted(self.fleet.list_members(*asked)))
        return len(running)

    def test_what_changes_is_seen_without_listing_all(self) -> None:
        self.flags(max_limit=1, group='api')
        record = self.given_reservation()
        first = self.given_server(metadata=_SHOP)
        self.assertEqual(1, self.assert_same(record))

        second = self.given_server(metadata=_SHOP)
        self.given_server(base.STRANGER, metadata=_SHOP)
        self.assertEqual(2, self.assert_same(record))

        self.given_members(record, 2)
        self.assertEqual(2, self.assert_same(record))

        self.ask_nova(base.OWNER, 'POST', f'/servers/{first}/action',
                      json={'os-stop': None})
        self.wait_for_status(first, 'SHUTOFF')
        self.assertEqual(1, self.assert_same(record))

        for server_id in (second, self.manager.members(record)[0].server_id):
            assert server_id is not None
            self.nova.delete_server(server_id)
            self.wait_for_status(server_id, None)
        self.assertEqual(0, self.assert_same(record))

    def test_server_groups_of_all_projects_are_listed(self) -> None:
        self.flags(max_limit=1, group='api')
        groups = [self.ask_nova(
            caller, 'POST', '/os-server-groups', json={'server_group': {
                'name': 'shop', 'policy': 'soft-anti-affinity'}},
        )['server_group']['id'] for caller in (
            base.STRANGER, base.OWNER, base.OWNER)]
        record = self.given_reservation(selector=reservation.Selector(
            kind=reservation.SelectorKind.SERVER_GROUP, value=groups[1]))
        self.given_server(hints={'group': groups[1]})
        self.given_server(hints={'group': groups[2]})

        self.assertEqual(1, self.assert_same(record))
