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

"""Members of pools, at the real API of Octavia.

Its code runs in this process, over a database of its own, with the driver
that carries nothing out: what it would have done is done by the test.
"""

import logging
from typing import Any
import uuid
import warnings

from keystoneauth1 import adapter
from keystoneauth1 import discover
from keystoneauth1 import plugin
from keystoneauth1 import session as ks_session
from octavia.api import app as octavia_app
from octavia.common import constants
from octavia.db import models
from octavia.tests.functional.db import base
from oslo_config import cfg
from oslo_config import fixture as oslo_fixture
from sqlalchemy import exc as sqlalchemy_exceptions
from wsgi_intercept import interceptor

from shadow_reserve.cloud import exceptions
from shadow_reserve.cloud import octavia

URL = 'http://octavia.example/load-balancer'
#: Those that a trust delegates, unless told otherwise.
ROLES = 'member,reader'
PORT = 8080


class Caller(plugin.BaseAuthPlugin):
    """Octavia believes what the headers of a request say."""

    def __init__(self, project_id: str, roles: str = ROLES) -> None:
        super().__init__()
        self._headers = {'X-Project-Id': project_id, 'X-User-Id': 'user',
                         'X-Roles': roles, 'X-Auth-Token': 'token'}

    def get_headers(self, *args: Any, **kwargs: Any) -> dict[str, str]:
        return self._headers

    def get_endpoint(self, *args: Any, **kwargs: Any) -> str:
        return URL


class MembersTest(base.OctaviaDBTestBase):

    def setUp(self) -> None:
        super().setUp()
        # Of a SQLAlchemy that is newer than the one it was tested with.
        warnings.filterwarnings(
            'ignore', category=sqlalchemy_exceptions.SADeprecationWarning)
        logging.getLogger('octavia').setLevel(logging.WARNING)
        self.conf = conf = self.useFixture(oslo_fixture.Config(cfg.CONF))
        conf.config(group='controller_worker',
                    network_driver='network_noop_driver')
        # Like Keystone's, but that nobody looks at tokens.
        conf.config(group='api_settings',
                    auth_strategy=constants.TESTING,
                    default_provider_driver='noop_driver',
                    enabled_provider_drivers={'noop_driver': 'None.'})
        application = octavia_app.setup_app(argv=[])
        way = interceptor.RequestsInterceptor(lambda: application, url=URL)
        way.install_intercept()
        self.addCleanup(way.uninstall_intercept)
        self.project_id = uuid.uuid4().hex
        self.tenant = ks_session.Session(auth=Caller(self.project_id))
        endpoint = discover.Discover(self.tenant, URL).url_for((2, 'latest'))
        self.octavia = octavia.Octavia(lambda session: adapter.Adapter(
            session, service_type='load-balancer',
            endpoint_override=endpoint))
        self.pool_id = self.given_pool()

    def given_pool(self) -> str:
        balancer = self.ask('POST', '/lbaas/loadbalancers', {
            'loadbalancer': {'vip_subnet_id': str(uuid.uuid4())}})
        self.carry_out()
        pool = self.ask('POST', '/lbaas/pools', {'pool': {
            'loadbalancer_id': balancer['loadbalancer']['id'],
            'protocol': 'HTTP', 'lb_algorithm': 'ROUND_ROBIN'}})
        self.carry_out()
        return str(pool['pool']['id'])

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        return self.tenant.request(
            f'{URL}/v2{path}', method, json=body).json()

    def carry_out(self) -> None:
        """What a provider's worker does with what it was asked for."""
        with self.session.begin():
            for model in (models.Member, models.Pool, models.LoadBalancer):
                for row in self.session.query(model):
                    if row.provisioning_status == constants.PENDING_DELETE:
                        self.session.delete(row)
                    else:
                        row.provisioning_status = constants.ACTIVE

    def members(self) -> list[tuple[str, str, int]]:
        rows = self.ask(
            'GET', f'/lbaas/pools/{self.pool_id}/members')['members']
        return sorted((row['name'], row['address'], row['protocol_port'])
                      for row in rows)

    def add(self, name: str, address: str) -> None:
        self.octavia.add_member(
            self.tenant, self.pool_id, name, address, PORT)

    def remove(self, name: str) -> None:
        self.octavia.remove_member(self.tenant, self.pool_id, name)

    def test_a_member_comes_and_goes(self) -> None:
        self.add('shadow-1', '192.0.2.1')
        self.carry_out()
        # Once more changes nothing, and is not refused.
        self.add('shadow-1', '192.0.2.1')
        self.assertEqual([('shadow-1', '192.0.2.1', PORT)], self.members())

        self.remove('shadow-1')
        # It is on its way out: nothing is asked for again.
        self.remove('shadow-1')
        self.carry_out()
        self.remove('shadow-1')
        self.assertEqual([], self.members())

    def test_a_load_balancer_takes_one_change_at_a_time(self) -> None:
        self.add('shadow-1', '192.0.2.1')
        self.assertRaises(exceptions.Conflict, self.add,
                          'shadow-2', '192.0.2.2')
        self.assertRaises(exceptions.Conflict, self.remove, 'shadow-1')
        self.carry_out()
        self.add('shadow-2', '192.0.2.2')
        self.carry_out()
        self.assertEqual(2, len(self.members()))

    def test_an_address_that_somebody_put_there_will_do(self) -> None:
        self.add('by-hand', '2001:db8::1')
        self.carry_out()
        self.add('shadow-1', '2001:0db8:0:0::1')
        self.assertEqual([('by-hand', '2001:db8::1', PORT)], self.members())
        # Nor is it taken away with ours.
        self.remove('shadow-1')
        self.assertEqual(1, len(self.members()))

    def test_one_with_another_address_makes_room(self) -> None:
        self.add('shadow-1', '192.0.2.1')
        self.carry_out()
        # The old one goes first, and the pool is busy with that.
        self.assertRaises(exceptions.Conflict, self.add,
                          'shadow-1', '192.0.2.9')
        self.carry_out()
        self.add('shadow-1', '192.0.2.9')
        self.carry_out()
        self.assertEqual([('shadow-1', '192.0.2.9', PORT)], self.members())

    def test_a_pool_of_several_pages(self) -> None:
        self.conf.config(group='api_settings', pagination_max_limit=1)
        for number in (1, 2, 3):
            self.add(f'shadow-{number}', f'192.0.2.{number}')
            self.carry_out()
        for number in (1, 2, 3):
            self.add(f'shadow-{number}', f'192.0.2.{number}')
            self.remove(f'shadow-{number}')
            self.carry_out()
        self.assertEqual([], self.members())

    def test_a_pool_that_is_gone(self) -> None:
        self.pool_id = str(uuid.uuid4())
        self.assertRaises(exceptions.NotFound, self.add,
                          'shadow-1', '192.0.2.1')
        self.remove('shadow-1')

    def test_the_pool_of_somebody_else(self) -> None:
        self.tenant = ks_session.Session(auth=Caller(uuid.uuid4().hex))
        self.assertRaises(exceptions.Forbidden, self.add,
                          'shadow-1', '192.0.2.1')

    def test_who_may_only_read(self) -> None:
        self.tenant = ks_session.Session(auth=Caller(
            self.project_id, 'reader'))
        self.assertRaises(exceptions.Forbidden, self.add,
                          'shadow-1', '192.0.2.1')
