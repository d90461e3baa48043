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

"""Our filter in Nova's own scheduler, which asks our own API over HTTP."""

import logging
import threading
from typing import Any
from wsgiref import simple_server

import nova.conf

from shadow_reserve.api import app
from shadow_reserve.db import shadow as db_shadow
from shadow_reserve.nova import options
from shadow_reserve.records import holding
from shadow_reserve.records import shadow
from tests.api import fakes
from tests.api import fixtures as api_fixtures
from tests.integration import base

FILTER = 'shadow_reserve.nova.scheduler_filter.ShadowReserveFilter'
HOST = 'compute-1'
OTHER_IMAGE = 'a2459075-d96c-40d5-893e-577ff92e721c'
SLOT = {'VCPU': 1, 'MEMORY_MB': 2048, 'DISK_GB': 20}
FULL = {'VCPU': 6, 'MEMORY_MB': 0, 'DISK_GB': 900}
ROOM_FOR_ONE = {**FULL, 'MEMORY_MB': 512}


class _Handler(simple_server.WSGIRequestHandler):
    def log_message(self, *args: Any) -> None:
        pass


class Api:
    """Our API at a port of its own; nova-scheduler is told the port."""

    def __init__(self) -> None:
        self.asked = 0
        self.application: Any = None
        self._server = simple_server.make_server(
            '127.0.0.1', 0, self._answer, handler_class=_Handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.url = f'http://127.0.0.1:{self._server.server_port}'

    def _answer(self, environ: Any, start_response: Any) -> Any:
        self.asked += 1
        environ['HTTP_X_AUTH_TOKEN'] = 'nova'
        return self.application(environ, start_response)

    def stop(self) -> None:
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()


class FilterTestCase(base.CloudTestCase):
    """Given a host, an API, and a scheduler that asks it."""

    hosts = (HOST,)

    def setUp(self) -> None:
        self.api_of_ours = Api()
        self.addCleanup(self.api_of_ours.stop)
        options.register_opts(nova.conf.CONF)
        self.flags(auth_type='none', timeout=5,
                   endpoint_override=self.api_of_ours.url,
                   group=options.GROUP.name)
        self.flags(
            available_filters=['nova.scheduler.filters.all_filters', FILTER],
            enabled_filters=['ComputeFilter', 'ShadowReserveFilter'],
            group='filter_scheduler')
        super().setUp()
        conf = api_fixtures.make_conf('sqlite://')
        self.api_of_ours.application = app.build(
            conf, api_fixtures.make_parts(
                conf, self.database, None, lambda token: None,
                lambda record, members, now: None),
            fakes.Authentication)

    # Given

    def given_promotion(self, room: dict[str, int]) -> shadow.ShadowInstance:
        """One of an offloaded member onto a host that is otherwise full,
        or has as much room left as the test needs."""
        record = self.given_reservation()
        (member,) = self.given_members(record)
        self.ask_nova(
            base.SERVICE, 'POST', f'/servers/{member.server_id}/action',
            json={'shelveOffload': None})
        self.wait_for_status(member.server_id, 'SHELVED_OFFLOADED')
        self.wait_for_claim(member.server_id, None)
        return self.database.write(
            lambda session: db_shadow.update_instance(
                session, member, state=base.State.PROMOTING, host=HOST,
                tier=holding.Tier.OFFLOADED,
                slot=holding.Slot(resources=SLOT, room=room)))

    # When

    def create(self, caller: Any = base.STRANGER, **fields: Any) -> str:
        """A server that may come to nothing; gives its status then."""
        answer = self.ask_nova(caller, 'POST', '/servers', json={'server': {
            'name': 'app', 'imageRef': base.IMAGE, 'networks': 'none',
            'flavorRef': base.TINY.flavor_id, **fields}})
        server_id = answer['server']['id']
        return str(self.wait(
            lambda: self.status_of(server_id) not in (None, 'BUILD')
            and self.status_of(server_id), lambda: server_id))

    def unshelve(self, member: shadow.ShadowInstance) -> None:
        self.doors.nova().post(
            f'/servers/{member.server_id}/action', microversion='2.91',
            json={'unshelve': {'host': HOST}})
        self.wait_for_status(member.server_id, 'ACTIVE')


class SlotTest(FilterTestCase):
    """On a cloud of one host."""

    def test_a_full_host_is_kept_for_the_one_that_is_promoted(self) -> None:
        for number in range(base.SMALL_ONES_ON_A_HOST - 1):
            self.given_server(
                base.STRANGER, name=f'before-{number}', size=base.SMALL)
        member = self.given_promotion(FULL)

        self.assertEqual('ERROR', self.create())
        self.assertEqual('ERROR', self.create(base.SERVICE, host=HOST))

        self.unshelve(member)
        self.assertEqual(HOST, self.claims.claim_of(member.server_id))

    def test_who_fits_beside_the_slot_is_not_kept_out(self) -> None:
        member = self.given_promotion(ROOM_FOR_ONE)

        self.assertEqual('ACTIVE', self.create())
        self.assertEqual(
            'ERROR', self.create(flavorRef=base.SMALL.flavor_id))

        self.unshelve(member)

    def test_when_the_promotion_is_over_the_host_is_anybodys(self) -> None:
        member = self.given_promotion(FULL)
        self.assertEqual('ERROR', self.create())

        self.database.write(lambda session: db_shadow.update_instance(
            session, member, state=base.State.ALLOCATED, slot=None))

        self.assertEqual('ACTIVE', self.create())

    def test_servers_of_one_request_are_judged_together(self) -> None:
        """Two would fit one by one, not both, and only one question is
        asked."""
        self.given_promotion(ROOM_FOR_ONE)
        before = self.api_of_ours.asked

        self.assertEqual('ERROR', self.create(min_count=2, max_count=2))

        self.assertEqual(before + 1, self.api_of_ours.asked)

    def test_a_rebuild_is_none_of_our_business(self) -> None:
        server_id = self.given_server(base.STRANGER)
        self.given_promotion(FULL)
        before = self.api_of_ours.asked

        self.ask_nova(
            base.STRANGER, 'POST', f'/servers/{server_id}/action',
            json={'rebuild': {'imageRef': OTHER_IMAGE}})

        self.wait_for_status(server_id, 'REBUILD')
        self.wait_for_status(server_id, 'ACTIVE')
        self.assertEqual(before, self.api_of_ours.asked)

    def test_who_forces_a_host_passes_by_every_filter(self) -> None:
        """Nova does not ask filters then; only administrators may."""
        self.given_promotion(FULL)
        before = self.api_of_ours.asked

        self.assertEqual('ACTIVE', self.create(
            base.SERVICE, availability_zone=f'nova:{HOST}'))

        self.assertEqual(before, self.api_of_ours.asked)

    def test_without_the_service_servers_are_placed_all_the_same(
            self) -> None:
        self.given_promotion(FULL)
        self.api_of_ours.stop()

        with self.assertLogs('shadow_reserve.nova.client',
                             logging.WARNING) as logs:
            self.assertEqual('ACTIVE', self.create())
            self.assertEqual('ACTIVE', self.create())

        (warning,) = logs.output
        self.assertIn('did not say which promotions', warning)


class OtherHostTest(FilterTestCase):
    """On a cloud of two hosts."""

    hosts = (HOST, 'compute-2')

    def test_others_go_elsewhere(self) -> None:
        self.given_promotion(FULL)

        for number in range(base.SMALL_ONES_ON_A_HOST):
            server_id = self.given_server(
                base.STRANGER, name=f'other-{number}', size=base.SMALL)
            self.assertEqual('compute-2', self.claims.claim_of(server_id))
