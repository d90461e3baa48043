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
"""Bugs of Nova that others have met, and what an audit makes of them.

Of nova 34's source:

* LP 1798688, a conflict when unshelving at once after offloading: the
  allocation goes before the status changes now.
* LP 1862633, an allocation that a failed unshelve leaves behind: removed
  when binding or spawning fails; still left when the block devices cannot
  be made ready, or the compute process dies. The test leaves one by hand.
* LP 2025480, the allocation of a server that runs is dropped by a periodic
  task: the race is not to be had on demand. The test drops one by hand.
* LP 1978573, an availability zone stays in the request of an unshelve that
  failed: still open. We name a host, and never a zone.
* LP 1983471 and 1547142, ports left bound and volumes left connected by an
  offload: unbound and terminated now. Not tested here: the fake driver
  binds nothing and connects nothing.
"""

from typing import Any, cast
import uuid

from shadow_reserve.cloud import doors as cloud_doors
from shadow_reserve.cloud import exceptions as cloud_exceptions
from shadow_reserve.cloud import placement as cloud_placement
from shadow_reserve.cloud import placement_audit
from shadow_reserve.cloud import trusts as cloud_trusts
from shadow_reserve.engine import audit
from shadow_reserve.engine import findings
from shadow_reserve.engine import inspection
from shadow_reserve.records import holding
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow
from tests.integration import base

Kind = findings.Kind
State = base.State


class _Elsewhere:
    """Keystone, Aodh and Gnocchi, where all is as it should be, and no
    Cinder."""

    def is_there(self) -> bool:
        return False

    def list_trusts(self) -> list[cloud_trusts.Trust]:
        return [cloud_trusts.Trust(trust_id='trust', trustor_user_id='',
                                   project_id='')]

    def list_alarms(self) -> list[Any]:
        return []

    def resources(self, *_: Any) -> list[Any]:
        return []


class AuditedCase(base.CloudTestCase):

    hosts = ('compute-1', 'compute-2')

    def setUp(self) -> None:
        super().setUp()
        self.placement_api = self.doors.placement()
        # Who asks Placement here is told by headers, so that we say
        # ourselves whose claims are ours.
        self.placement_api.get_project_id = (
            lambda *_, **__: base.SERVICE.project_id)
        self.claim_listing = placement_audit.ClaimListing(
            self.placement_api)
        self.inspector = inspection.Inspector(
            self.database, cloud_doors.Doors(
                credentials=cast(Any, None), nova=self.nova,
                claims=self.claim_listing,
                trusts=cast(Any, _Elsewhere()),
                aodh=cast(Any, _Elsewhere()),
                cinder=cast(Any, _Elsewhere()),
                gnocchi=cast(Any, _Elsewhere())))

    def ask_placement(self, method: str, path: str, **kwargs: Any) -> Any:
        response = self.placement_api.request(
            path, method, microversion=cloud_placement.MICROVERSION,
            **kwargs)
        return response.json() if response.content else None

    def provider(self, host: str) -> str:
        (found,) = self.ask_placement(
            'GET', f'/resource_providers?name={host}')['resource_providers']
        return str(found['uuid'])

    def given_claim(self, consumer_id: str, host: str,
                    consumer_type: str = 'SHADOW',
                    size: reservation.InstanceSize = base.SMALL) -> None:
        self.ask_placement('PUT', f'/allocations/{consumer_id}', json={
            'allocations': {self.provider(host): {'resources': {
                'VCPU': size.vcpus, 'MEMORY_MB': size.memory_mib,
                'DISK_GB': size.disk_gib}}},
            'consumer_generation': None, 'consumer_type': consumer_type,
            'project_id': base.SERVICE.project_id, 'user_id': 'admin'})

    def given_offloaded(self) -> tuple[reservation.ReservationRecord,
                                       shadow.ShadowInstance]:
        record = self.given_reservation()
        (member,) = self.given_members(record)
        self.ask_nova(base.SERVICE, 'POST',
                      f'/servers/{member.server_id}/action',
                      json={'shelveOffload': None})
        self.wait_for_status(member.server_id, 'SHELVED_OFFLOADED')
        return record, member

    def found(self) -> list[findings.Finding]:
        return audit.find(self.inspector.look())

    def mend(self) -> None:
        for finding in self.found():
            self.inspector.mend(finding, self.now)
        self.assertEqual([], self.found())


class KnownBugsTest(AuditedCase):

    def test_1862633_a_claim_left_by_a_failed_unshelve_goes(self) -> None:
        _, member = self.given_offloaded()
        self.wait_for_claim(member.server_id, None)
        self.given_claim(member.server_id, 'compute-2', 'INSTANCE')

        (finding,) = [finding for finding in self.found()
                      if finding.mend is findings.Mend.REMOVE_CLAIM]
        self.assertEqual(Kind.SERVER_CLAIM_LEFT, finding.kind)
        self.inspector.mend(finding, self.now)

        self.assertIsNone(self.claims.claim_of(member.server_id))

    def test_2025480_a_server_that_runs_without_a_claim_is_told(
            self) -> None:
        record = self.given_reservation()
        (member,) = self.given_members(record)
        self.moves.promote(record.token, 1, self.now, 'a test wants it')
        self.drive_until(record, State.ALLOCATED)
        self.assertEqual([], self.found())

        self.ask_placement('DELETE', f'/allocations/{member.server_id}')

        (finding,) = self.found()
        self.assertEqual(Kind.SERVER_CLAIM_MISSING, finding.kind)
        self.assertEqual(findings.Mend.HAND, finding.mend)
        self.assertIn('heal_allocations', finding.message)

    def test_1798688_an_unshelve_at_once_after_an_offload(self) -> None:
        record, member = self.given_offloaded()

        self.ask_nova(base.OWNER, 'POST',
                      f'/servers/{member.server_id}/action',
                      json={'unshelve': None})

        self.drive_until(record, State.ALLOCATED)
        self.assertIn(self.claims.claim_of(member.server_id), self.hosts)

    def test_1978573_a_failed_unshelve_does_not_bind_the_next(self) -> None:
        _, member = self.given_offloaded()
        self.wait_for_claim(member.server_id, None)
        # Given that compute-1 is full
        for _ in range(base.SMALL_ONES_ON_A_HOST):
            self.given_claim(str(uuid.uuid4()), 'compute-1')
        self.unshelve(member, {'host': 'compute-1'})
        self.wait(lambda: self.nova.get_server(
            member.server_id).task_state is None, lambda: 'still busy')
        self.assertEqual(
            'SHELVED_OFFLOADED', self.status_of(member.server_id))

        self.unshelve(member, {'host': 'compute-2'})

        self.wait_for_status(member.server_id, 'ACTIVE')
        self.wait_for_claim(member.server_id, 'compute-2')

    def unshelve(self, member: shadow.ShadowInstance,
                 how: dict[str, str]) -> None:
        self.doors.nova().request(
            f'/servers/{member.server_id}/action', 'POST',
            json={'unshelve': how}, microversion='2.91')

    def test_what_is_offloaded_was_tagged_before(self) -> None:
        """Nothing of a server can be changed once it is offloaded."""
        _, member = self.given_offloaded()

        response = self.doors.nova(self.owner).request(
            f'/servers/{member.server_id}/metadata', 'POST',
            json={'metadata': {'late': 'yes'}}, raise_exc=False)

        self.assertEqual(409, response.status_code)
        (server,) = self.nova.list_shadow_servers()
        self.assertEqual(member.instance_id, server.instance_id)


class ClaimsOfOursTest(AuditedCase):

    def test_a_claim_for_no_member_is_counted_found_and_removed(
            self) -> None:
        record = self.given_reservation()
        self.given_members(record)
        stray = str(uuid.uuid4())
        self.assertEqual(0, self.claim_listing.count())
        self.assertIsNone(self.inspector.glance()[0].claims)

        self.given_claim(stray, 'compute-1')

        self.assertEqual(1, self.claim_listing.count())
        # A sweep looks closer now.
        (finding,) = audit.find(self.inspector.glance()[0])
        self.assertEqual((Kind.CLAIM_WITHOUT_MEMBER, stray),
                         (finding.kind, finding.identifier))
        self.mend()
        self.assertEqual(0, self.claim_listing.count())

    def test_an_offloaded_member_keeps_its_claim(self) -> None:
        record, member = self.given_offloaded()
        self.wait_for_claim(member.server_id, None)
        (member,) = self.manager.members(record)
        self.moves.move(record.token, member, State.AVAILABLE, self.now,
                        'offloaded', tier=holding.Tier.OFFLOADED,
                        host='compute-2')
        self.given_claim(member.instance_id, 'compute-2')
        self.assertEqual([], self.found())
        self.assertIsNone(self.inspector.glance()[0].claims)

        # When the record says something else, the claim is right.
        (member,) = self.manager.members(record)
        self.moves.move(record.token, member, State.AVAILABLE, self.now,
                        'misled', host='compute-1')
        (finding,) = self.found()
        self.assertEqual(Kind.CLAIM_ELSEWHERE, finding.kind)
        self.mend()
        (member,) = self.manager.members(record)
        self.assertEqual('compute-2', member.host)

    def test_a_claim_that_has_changed_since_is_left_alone(self) -> None:
        self.given_reservation()
        stray = str(uuid.uuid4())
        self.given_claim(stray, 'compute-1')
        (finding,) = self.found()
        held = self.ask_placement('GET', f'/allocations/{stray}')
        self.ask_placement('PUT', f'/allocations/{stray}', json={
            **held, 'allocations': {self.provider('compute-2'): {
                'resources': {'VCPU': 1}}}})

        self.assertRaises(cloud_exceptions.Conflict, self.inspector.mend,
                          finding, self.now)

        self.assertEqual('compute-2', self.claims.claim_of(stray))
