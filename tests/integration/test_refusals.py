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

"""What Nova refuses or cannot do comes back in Nova's own words."""

import uuid

from shadow_reserve.records import holding
from shadow_reserve.records import journal
from shadow_reserve.records import reservation
from shadow_reserve.shadow import building
from tests.integration import base
from tests.unit import samples

State = base.State


class RefusalTest(base.CloudTestCase):

    def test_a_server_over_quota_is_an_error_in_novas_words(self) -> None:
        record = self.given_reservation()
        self.flags(instances=1, group='quota')
        self.assertEqual(1, self.nova.quota_room(self.owner, record.size))
        self.given_members(record, state=State.SETTLING)
        self.assertEqual(0, self.nova.quota_room(self.owner, record.size))

        building.add_to_pool(
            self.database, record, 2, self.now, 'a test wants one too many')
        self.assertEqual([], self.drive(record))

        (failed,) = (member for member in self.manager.members(record)
                     if member.server_id is None)
        self.assertEqual(State.ERROR, failed.state)
        self.assertIn('Quota exceeded for instances', failed.reason)
        self.assertIn('HTTP 403', failed.reason)
        (event,) = self.events(record, 'instance.error')
        self.assertEqual(failed.reason, event.message)
        self.assertEqual(journal.Severity.ERROR, event.severity)
        self.assertEqual(1, len(self.nova.list_shadow_servers()))

    def test_a_server_that_fits_nowhere_is_an_error_and_goes(self) -> None:
        record = self.given_reservation(size=base.HUGE)
        building.add_to_pool(
            self.database, record, 1, self.now, 'a test wants it')
        self.assertEqual([], self.drive(record))
        (member,) = self.manager.members(record)
        # Nova says ERROR a little before it says why.
        self.wait(lambda: self.nova.get_server(member.server_id).fault,
                  lambda: f'{self.nova.get_server(member.server_id)}')

        (failed,) = self.drive_until(record, State.ERROR)

        self.assertIn('No valid host was found', failed.reason)
        self.now += base.LIMITS.error_backoff
        self.drive_until_gone(record)
        self.assertIsNone(self.status_of(member.server_id))


class DeletedMeanwhileTest(base.CloudTestCase):
    """What a reservation was made with need not be there any more."""

    def test_its_image(self) -> None:
        self.assert_refused(
            reservation.InstanceTemplate(image_id=str(uuid.uuid4())), 'mage')

    def test_its_network(self) -> None:
        self.assert_refused(
            reservation.InstanceTemplate(
                image_id=base.IMAGE, network_ids=(str(uuid.uuid4()),)),
            'etwork')

    def assert_refused(self, template: reservation.InstanceTemplate,
                       named: str) -> None:
        record = self.given_reservation(template=template)
        building.add_to_pool(
            self.database, record, 1, self.now, 'a test wants it')

        (failed,) = self.drive_until(record, State.ERROR)

        self.assertIn(named, failed.reason)
        self.assertIn('HTTP 400', failed.reason)
        self.now += base.LIMITS.error_backoff
        self.drive_until_gone(record)
        self.assertEqual([], self.nova.list_shadow_servers())

    def test_the_snapshot_of_an_offloaded_member(self) -> None:
        before = self.image_ids()
        record = self.given_reservation(policy=samples.policy(
            hold=(holding.HoldStep(tier=holding.Tier.OFFLOADED),)))
        (held,) = self.given_members(record)
        (snapshot,) = self.image_ids() - before
        del self.glance.images[snapshot]

        self.moves.promote(record.token, 1, self.now, 'the load is high')
        (failed,) = self.drive_until(record, State.ERROR)

        self.assertIn(snapshot, failed.reason)
        self.now += base.LIMITS.error_backoff
        self.drive_until_gone(record)
        self.assertIsNone(self.claims.claim_of(held.instance_id))
        self.assertIsNone(self.claims.claim_of(held.server_id))
