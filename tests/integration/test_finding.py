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

"""The ways to Nova give what is there, neither more nor less."""

from shadow_reserve.records import reservation
from tests.integration import base
from tests.unit import samples

Kind = reservation.SelectorKind

_SHOP = {'metering.server_group': 'shop'}
_OTHER_TOKEN = '55555555-5555-4555-8555-555555555555'


class FindingTest(base.CloudTestCase):

    def test_an_application_is_found_by_its_metadata(self) -> None:
        running = [self.given_server(metadata=_SHOP, name=f'shop-{number}')
                   for number in range(2)]
        stopped = self.given_server(metadata=_SHOP)
        self.ask_nova(base.OWNER, 'POST', f'/servers/{stopped}/action',
                      json={'os-stop': None})
        self.wait_for_status(stopped, 'SHUTOFF')
        # Neither of another application, nor of another project.
        self.given_server(metadata={'metering.server_group': 'shopper'})
        self.given_server(base.STRANGER, metadata=_SHOP)
        # And in the smallest of pages.
        self.flags(max_limit=1, group='api')

        found = self.nova.list_members(
            base.OWNER.project_id, samples.record().selector)

        self.assertEqual(sorted(running), sorted(found))

    def test_an_application_is_found_by_its_server_group(self) -> None:
        group_id = self.ask_nova(
            base.OWNER, 'POST', '/os-server-groups',
            json={'server_group': {'name': 'shop',
                                   'policy': 'soft-anti-affinity'}},
        )['server_group']['id']
        running = self.given_server(hints={'group': group_id})
        stopped = self.given_server(hints={'group': group_id})
        self.ask_nova(base.OWNER, 'POST', f'/servers/{stopped}/action',
                      json={'os-stop': None})
        self.wait_for_status(stopped, 'SHUTOFF')
        self.given_server()
        selector = reservation.Selector(
            kind=Kind.SERVER_GROUP, value=group_id)

        self.assertEqual([running], self.nova.list_members(
            base.OWNER.project_id, selector))

        # Its shadow joins the group, and is not counted while it settles.
        record = self.given_reservation(selector=selector)
        (member,) = self.given_members(record, state=base.State.SETTLING)
        self.assertEqual(
            {running, member.server_id},
            set(self.nova.list_members(base.OWNER.project_id, selector)))

    def test_shadow_is_found_whoever_owns_it(self) -> None:
        stranger = self.doors.session(base.STRANGER)
        ours = self.given_reservation()
        theirs = samples.record(
            token=_OTHER_TOKEN, size=base.SMALL, template=ours.template)
        self.given_server(metadata=_SHOP)
        server_ids = [self.nova.create_server(
            session, record, samples.instance(instance_id=instance_id))
            for session, record, instance_id in (
                (self.owner, ours, 'first-of-ours'),
                (self.owner, ours, 'second-of-ours'),
                (stranger, theirs, 'one-of-theirs'))]
        for server_id in server_ids:
            self.wait_for_status(server_id, 'ACTIVE')
        self.flags(max_limit=1, group='api')

        found = self.nova.list_shadow_servers()

        self.assertEqual({
            (server_ids[0], ours.token, 'first-of-ours',
             base.OWNER.project_id),
            (server_ids[1], ours.token, 'second-of-ours',
             base.OWNER.project_id),
            (server_ids[2], theirs.token, 'one-of-theirs',
             base.STRANGER.project_id),
        }, {(server.server_id, server.token, server.instance_id,
             server.project_id) for server in found})
        self.assertEqual(3, len(found))
        self.assertEqual(
            {server_ids[2]},
            {server.server_id for server
             in self.nova.list_shadow_servers(theirs.token)})

    def test_a_quota_leaves_the_room_of_its_scarcest_part(self) -> None:
        self.given_server(size=base.SMALL)

        for instances, cores, ram, room in (
                (5, 20, 51200, 4),
                (10, 3, 51200, 2),
                (10, 20, 3 * 2048 - 1, 1),
                (1, 20, 51200, 0),
                (0, 20, 51200, 0),
                (-1, -1, 4 * 2048, 3),
                (-1, -1, -1, None)):
            self.flags(instances=instances, cores=cores, ram=ram,
                       group='quota')
            self.assertEqual(
                room, self.nova.quota_room(self.owner, base.SMALL),
                f'{instances} instances, {cores} cores, {ram} MiB')
