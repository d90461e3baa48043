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

"""What happens behind the manager's back is taken in at its next look."""

from keystoneauth1 import session as ks_session

from shadow_reserve.cloud import nova as cloud_nova
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow
from shadow_reserve.shadow import building
from tests.integration import base

State = base.State


class _Killed(BaseException):
    """What ends a process: nothing catches it."""


class _LastRequest(cloud_nova.Nova):
    """The way to Nova of an engine that dies as soon as Nova has agreed."""

    def create_server(
            self, session: ks_session.Session,
            record: reservation.ReservationRecord,
            instance: shadow.ShadowInstance) -> str:
        super().create_server(session, record, instance)
        raise _Killed


class BehindOurBackTest(base.CloudTestCase):

    def test_the_server_of_an_engine_that_died_is_adopted(self) -> None:
        record = self.given_reservation()
        self.manager = self.start_manager(_LastRequest(self.doors.nova))
        building.add_to_pool(
            self.database, record, 1, self.now, 'a test wants it')
        self.assertRaises(_Killed, self.drive, record)
        (intent,) = self.manager.members(record)
        self.assertIsNone(intent.server_id)
        (orphan,) = self.nova.list_shadow_servers(record.token)

        self.manager = self.start_manager(self.nova)
        # Long after: not for want of time is no second one asked for.
        self.now += base.LIMITS.create_grace
        (member,) = self.drive_until(record, State.AVAILABLE)

        self.assertEqual(orphan.server_id, member.server_id)
        self.assertEqual(
            [orphan.server_id],
            [server.server_id
             for server in self.nova.list_shadow_servers()])
        self.assertEqual(member.host,
                         self.claims.claim_of(orphan.server_id))

    def test_a_server_that_its_owner_deleted_is_forgotten(self) -> None:
        record = self.given_reservation()
        (member,) = self.given_members(record)

        self.ask_nova(base.OWNER, 'DELETE', f'/servers/{member.server_id}')
        self.wait_for_status(member.server_id, None)
        self.drive_until_gone(record)

        self.assertEqual([], self.events(record, 'instance.error'))
        (event,) = self.events(record, 'instance.deleting')
        self.assertIn('deleted by someone else', event.message)
        self.wait_for_claim(member.server_id, None)

    def test_a_server_that_its_owner_unshelved_serves(self) -> None:
        record = self.given_reservation()
        (member,) = self.given_members(record)

        self.ask_nova(base.OWNER, 'POST',
                      f'/servers/{member.server_id}/action',
                      json={'unshelve': None})
        (serving,) = self.drive_until(record, State.ALLOCATED)

        self.assertIn('by someone else', serving.reason)
        self.assertEqual(shadow.AllocationStatus.ALLOCATED,
                         self.status_of_shadow(record))
        # It is billed as a use from here on.
        self.assertEqual(serving.state_since, serving.charged_until)

    def test_a_server_whose_tag_was_taken_off_is_still_ours(self) -> None:
        record = self.given_reservation()
        (settling,) = self.given_members(record, state=State.SETTLING)

        self.ask_nova(base.OWNER, 'DELETE',
                      f'/servers/{settling.server_id}/tags')
        self.assertEqual([], self.nova.list_shadow_servers())
        (held,) = self.drive_until(record, State.AVAILABLE)

        self.assertEqual(settling.server_id, held.server_id)
        self.assertEqual('SHELVED', self.status_of(held.server_id))

    def test_a_server_that_its_owner_renamed_stays(self) -> None:
        record = self.given_reservation()
        members = self.given_members(record, 2)

        for name in ('my-own', 'my-own', 'mine'):
            for member in members:
                self.ask_nova(
                    base.OWNER, 'PUT', f'/servers/{member.server_id}',
                    json={'server': {'name': f'{name}-{member.server_id}'}})
            self.assertEqual([], self.drive(record))
            self.assertEqual([], self.drive(record))

        # Each name of each is told once.
        self.assertEqual([
            f'{name}-{member.server_id}' for name in ('my-own', 'mine')
            for member in members], [
            event.details['name']
            for event in self.events(record, 'instance.renamed')])
        self.assertEqual({State.AVAILABLE}, {
            member.state for member in self.manager.members(record)})
