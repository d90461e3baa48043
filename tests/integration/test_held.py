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

"""Shadow that is held: built, booted once, shelved, and claimed."""

from shadow_reserve.cloud import nova_rows
from shadow_reserve.records import journal
from shadow_reserve.records import shadow
from shadow_reserve.shadow import building
from tests.integration import base

State = base.State
Status = shadow.AllocationStatus


class HeldShadowTest(base.CloudTestCase):
    """On a cloud that never offloads (shelved_offload_time = -1)."""

    hosts = ('compute-1', 'compute-2')

    def test_a_member_is_built_settles_and_is_held_on_its_host(self) -> None:
        record = self.given_reservation()
        building.add_to_pool(
            self.database, record, 1, self.now, 'a test wants it')

        (settling,) = self.drive_until(record, State.SETTLING)
        host = self.claims.claim_of(settling.server_id)
        (held,) = self.drive_until(record, State.AVAILABLE)

        self.assertEqual('SHELVED', self.status_of(held.server_id))
        self.assertIn(host, self.hosts)
        self.assertEqual(host, held.host)
        self.assertEqual(host, self.claims.claim_of(held.server_id))
        server = self.ask_nova(
            base.OWNER, 'GET', f'/servers/{held.server_id}')['server']
        self.assertEqual(base.OWNER.project_id, server['tenant_id'])
        self.assertEqual({
            nova_rows.TOKEN_KEY: record.token,
            nova_rows.INSTANCE_KEY: held.instance_id,
            record.selector.key: record.selector.value,
        }, server['metadata'])
        self.assertEqual([nova_rows.TAG,
                          f'{nova_rows.TAG}:{record.token}'],
                         sorted(server['tags']))

    def test_a_claim_that_nova_lets_go_of_later_is_made_by_us(self) -> None:
        record = self.given_reservation()
        (held,) = self.given_members(record)

        self.ask_nova(base.SERVICE, 'POST',
                      f'/servers/{held.server_id}/action',
                      json={'shelveOffload': None})
        # Nova lets go of the claim first and says so later.
        self.wait_for_status(held.server_id, 'SHELVED_OFFLOADED')
        self.wait_for_claim(held.server_id, None)
        self.assertEqual([], self.drive(record))
        (missed,) = self.manager.members(record)
        self.assertEqual(State.AVAILABLE, missed.state)
        self.assertIsNone(missed.host)
        self.assertEqual([], self.drive(record))

        (member,) = self.manager.members(record)
        self.assertEqual(member.host,
                         self.claims.claim_of(member.instance_id))
        self.assertIn(member.host, self.hosts)
        (event,) = self.events(record, 'instance.claim_lost')
        self.assertEqual(journal.Severity.WARNING, event.severity)

    def test_a_member_serves_on_its_host_and_goes_back_there(self) -> None:
        record = self.given_reservation()
        (held,) = self.given_members(record)

        self.moves.promote(record.token, 1, self.now, 'the load is high')
        (serving,) = self.drive_until(record, State.ALLOCATED)
        self.assertEqual('ACTIVE', self.status_of(held.server_id))
        self.assertEqual(held.host, self.claims.claim_of(held.server_id))
        self.assertEqual(held.host, serving.host)
        self.assertEqual(Status.ALLOCATED, self.status_of_shadow(record))

        self.moves.return_to_pool(
            record.token, 1, self.now, 'the load is low')
        (back,) = self.drive_until(record, State.AVAILABLE)
        self.assertEqual('SHELVED', self.status_of(held.server_id))
        self.assertEqual(held.host, self.claims.claim_of(held.server_id))
        self.assertEqual(held.host, back.host)
        self.assertEqual(Status.AVAILABLE, self.status_of_shadow(record))

    def test_what_is_taken_down_leaves_nothing(self) -> None:
        images = self.image_ids()
        record = self.given_reservation()
        self.given_members(record, 2)
        self.moves.promote(record.token, 1, self.now, 'the load is high')
        self.wait(lambda: not self.drive(record) and {
            member.state for member in self.manager.members(record)
        } == {State.AVAILABLE, State.ALLOCATED}, lambda: self.story(record))
        # And one whose server is not even running yet.
        building.add_to_pool(
            self.database, record, 3, self.now, 'a test wants one more')
        self.assertEqual([], self.drive(record))
        server_ids = [member.server_id
                      for member in self.manager.members(record)]
        self.assertEqual(3, len(set(server_ids) - {None}))

        self.wait(lambda: self.manager.take_down(
            record, self.now, 'it is deleted') or self.drive(record),
            lambda: self.story(record))

        self.assertEqual([], self.nova.list_shadow_servers())
        for server_id in server_ids:
            self.assertIsNone(self.status_of(server_id))
            self.wait_for_claim(server_id, None)
        self.assertEqual(images, self.image_ids())
