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

"""A metadata hook, as Nova lets it be there and taken off again."""

from shadow_reserve.records import hook
from shadow_reserve.records import reservation
from tests.integration import base
from tests.unit import samples

State = base.State
ROLE = hook.Hook(kind=hook.HookKind.METADATA, key='role', value='serving')


class MetadataHookTest(base.CloudTestCase):

    def metadata_of(self, server_id: str) -> dict[str, str]:
        answer = self.ask_nova(
            base.OWNER, 'GET', f'/servers/{server_id}/metadata')
        return dict(answer['metadata'])

    def test_it_is_there_while_the_server_serves(self) -> None:
        record = self.given_reservation(
            policy=samples.policy(hooks=(ROLE,)))
        (held,) = self.given_members(record)
        before = self.metadata_of(held.server_id)
        self.assertNotIn('role', before)

        for _ in range(2):
            self.moves.promote(record.token, 1, self.now, 'a test wants it')
            (serving,) = self.drive_until(record, State.ALLOCATED)
            self.assertEqual(
                'serving', self.metadata_of(held.server_id)['role'])
            (serving,) = self.manager.members(record)
            self.assertIsNotNone(serving.joined_at)

            self.moves.return_to_pool(
                record.token, 1, self.now, 'a test wants it')
            (back,) = self.drive_until(record, State.AVAILABLE)
            self.assertEqual('SHELVED', self.status_of(held.server_id))
            self.assertEqual(before, self.metadata_of(held.server_id))
            self.assertIsNone(back.joined_at)
        self.assertEqual(2, len(self.events(record, 'instance.joined')))
        self.assertEqual(2, len(self.events(record, 'instance.left')))
        self.assertEqual([], self.events(record, 'instance.hook_failed'))

    def test_a_server_deleted_by_its_tenant_leaves_nothing(self) -> None:
        record = self.given_reservation(
            policy=samples.policy(hooks=(ROLE,)))
        self.given_members(record)
        self.moves.promote(record.token, 1, self.now, 'a test wants it')
        (serving,) = self.drive_until(record, State.ALLOCATED)

        self.ask_nova(base.OWNER, 'DELETE', f'/servers/{serving.server_id}')
        self.wait_for_status(serving.server_id, None)

        self.drive_until_gone(record)
        self.assertEqual([], self.events(record, 'instance.hook_failed'))

    def test_what_it_was_built_with_comes_back(self) -> None:
        record = self.given_reservation(
            policy=samples.policy(hooks=(ROLE,)),
            template=reservation.InstanceTemplate(
                image_id=base.IMAGE, metadata=(('role', 'spare'),)))
        (held,) = self.given_members(record)
        self.moves.promote(record.token, 1, self.now, 'a test wants it')
        self.drive_until(record, State.ALLOCATED)
        self.assertEqual(
            'serving', self.metadata_of(held.server_id)['role'])

        self.moves.return_to_pool(
            record.token, 1, self.now, 'a test wants it')
        self.drive_until(record, State.AVAILABLE)
        self.assertEqual('spare', self.metadata_of(held.server_id)['role'])
