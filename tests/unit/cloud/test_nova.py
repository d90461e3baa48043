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

"""What Nova says of a server that is neither there nor gone."""

from keystoneauth1 import adapter
from keystoneauth1 import session
from keystoneauth1 import token_endpoint
import pytest

from shadow_reserve.cloud import exceptions
from shadow_reserve.cloud import nova as cloud_nova
from shadow_reserve.records import reservation
from tests.unit import samples

URL = 'http://nova.example.org'
#: All that Nova has of a server whose cell is down.
UNKNOWN = {'id': 'lost', 'status': 'UNKNOWN', 'tenant_id': 'p1',
           'created': '2026-03-02T12:00:00Z', 'links': []}


@pytest.fixture
def nova():
    service = session.Session(auth=token_endpoint.Token(URL, 'token'))
    return cloud_nova.Nova(lambda given: adapter.Adapter(
        service, service_type='compute', endpoint_override=URL))


def test_what_is_only_kept_to_be_brought_back_is_gone(nova, requests_mock):
    """Where Nova has a reclaim_instance_interval. Deleting it again would
    begin that interval anew."""
    requests_mock.get(f'{URL}/servers/{samples.SERVER}', json={
        'server': {**UNKNOWN, 'status': 'SOFT_DELETED'}})
    assert nova.get_server(samples.SERVER) is None


def test_a_server_of_a_cell_that_is_down_is_not_gone(nova, requests_mock):
    requests_mock.get(f'{URL}/servers/lost', json={'server': UNKNOWN})
    with pytest.raises(exceptions.ServiceUnavailable, match='cell'):
        nova.get_server('lost')


def test_members_in_that_cell_are_not_taken_for_stopped(
        nova, requests_mock):
    """Or shadow would be built in the place of servers that run."""
    requests_mock.get(f'{URL}/servers/detail', json={'servers': [UNKNOWN]})
    ours = reservation.Selector(
        kind=reservation.SelectorKind.METADATA, key='app', value='a')
    with pytest.raises(exceptions.ServiceUnavailable, match='cell'):
        nova.list_members('p1', ours)
    assert nova.list_shadow_servers() == []
