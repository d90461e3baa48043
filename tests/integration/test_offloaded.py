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

"""A cloud that offloads at once: nothing is held, and that is said."""

from shadow_reserve.records import journal
from tests.integration import base

State = base.State


class OffloadedShadowTest(base.CloudTestCase):
    """With Nova's default, shelved_offload_time = 0."""

    shelved_offload_time = 0

    def test_a_claim_that_is_not_held_is_missed(self) -> None:
        record = self.given_reservation()

        (member,) = self.given_members(record)

        self.assertEqual('SHELVED_OFFLOADED',
                         self.status_of(member.server_id))
        self.assertIsNone(self.claims.claim_of(member.server_id))
        self.assertIsNone(member.host)
        (event,) = self.events(record, 'instance.available')
        self.assertEqual(journal.Severity.WARNING, event.severity)
        self.assertIn('Placement holds no claim', event.message)
        self.assertIn('shelved_offload_time = -1', event.message)

    def test_a_promotion_onto_a_full_host_is_given_up(self) -> None:
        """Nova answers 202, and then nothing: no ERROR, no fault."""
        record = self.given_reservation()
        (member,) = self.given_members(record)
        for number in range(base.SMALL_ONES_ON_A_HOST):
            self.given_server(base.STRANGER, name=f'other-{number}',
                              size=base.SMALL)

        self.moves.promote(record.token, 1, self.now, 'the load is high')
        self.assertEqual([], self.drive(record))
        self.wait_for_failed_unshelve(member.server_id)
        self.assertEqual([], self.drive(record))
        (waiting,) = self.manager.members(record)
        self.assertEqual(State.PROMOTING, waiting.state)
        self.now += base.LIMITS.promotion_timeout
        self.assertEqual([], self.drive(record))

        (failed,) = self.manager.members(record)
        self.assertEqual(State.ERROR, failed.state)
        self.assertIn('SHELVED_OFFLOADED', failed.reason)
        (event,) = self.events(record, 'instance.error')
        self.assertEqual(journal.Severity.ERROR, event.severity)
        self.now += base.LIMITS.error_backoff
        self.drive_until_gone(record)
        self.wait_for_status(member.server_id, None)

    def wait_for_failed_unshelve(self, server_id: str) -> None:
        """The one trace of it: the event of the instance's action."""
        path = f'/servers/{server_id}/os-instance-actions'

        def failed() -> bool:
            actions = self.ask_nova(base.SERVICE, 'GET', path)
            return any(
                event['result'] == 'Error'
                for action in actions['instanceActions']
                if action['action'] == 'unshelve'
                for event in self.ask_nova(
                    base.SERVICE, 'GET', f'{path}/{action["request_id"]}',
                )['instanceAction']['events'])
        self.wait(failed, lambda: f'{server_id} was not unshelved')
