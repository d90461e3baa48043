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

"""The client against the real API, in one process and without a network."""

import types

from keystoneauth1 import session
from keystoneauth1 import token_endpoint
from openstack.config import cloud_region
from openstack import connection
import pytest
import wsgi_intercept
from wsgi_intercept import requests_intercept

from shadow_reserve.client.sdk import description
from tests.api import fixtures

HOST = 'shadow.example.org'


@pytest.fixture(params=[fixtures.Standing])
def service(request):
    """What the API runs on; parametrise it with another fixture."""
    api = request.param()
    api.start_fixture()
    requests_intercept.install()
    wsgi_intercept.add_wsgi_intercept(HOST, 80, fixtures.setup_app)
    yield api
    wsgi_intercept.remove_wsgi_intercept(HOST, 80)
    requests_intercept.uninstall()
    api.stop_fixture()


@pytest.fixture
def proxy_of(service):
    def connect(person):
        auth = token_endpoint.Token(f'http://{HOST}/v1', person)
        config = cloud_region.from_session(
            session=session.Session(auth=auth), name='here',
            app_name='tests')
        return description.add_to(connection.Connection(config=config))
    return connect


@pytest.fixture
def proxy(proxy_of):
    return proxy_of('demo')


@pytest.fixture
def run(proxy):
    """Run a command as the shell would, and give what it answers."""
    def execute(command, *arguments, client=proxy):
        shell = types.SimpleNamespace(
            client_manager=types.SimpleNamespace(shadow_reserve=client))
        made = command(shell, None)
        return made.take_action(
            made.get_parser('openstack').parse_args(arguments))
    return execute
