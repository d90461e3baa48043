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

from keystoneauth1 import adapter
from keystoneauth1.identity import v3
from keystoneauth1 import session
from keystoneauth1 import token_endpoint
from oslo_config import cfg
import pytest
import requests

from shadow_reserve.cloud import credentials
from shadow_reserve.cloud import exceptions
from shadow_reserve.cloud import trusts
from shadow_reserve.conf import credentials as credentials_conf

URL = 'http://keystone.example.org/v3'
USER = token_endpoint.Token(URL, 'the-users-token')


@pytest.fixture
def keystone(requests_mock):
    requests_mock.post(
        f'{URL}/auth/tokens', headers={'X-Subject-Token': 'service-token'},
        json={'token': {
            'user': {'id': 'service-user', 'name': 'shadow-reserve'},
            'expires_at': '2099-01-01T00:00:00.000000Z', 'methods': []}})
    return requests_mock


@pytest.fixture
def made(keystone):
    service = session.Session(auth=v3.Password(
        URL, user_id='service-user', password='secret'))
    return trusts.Trusts(
        adapter.Adapter(service, endpoint_override=URL),
        lambda trust_id: session.Session(), ['member', 'reader'])


def create(made, roles=('admin', 'Member', 'reader')):
    return made.create(
        USER, user_id='user-demo', project_id='project-one', roles=roles)


def test_create_delegates_no_more_than_it_may(made, keystone):
    keystone.post(f'{URL}/OS-TRUST/trusts', json={'trust': {'id': 't'}})
    assert create(made) == 't'
    assert keystone.last_request.headers['X-Auth-Token'] == (
        'the-users-token')
    assert keystone.last_request.json() == {'trust': {
        'trustor_user_id': 'user-demo', 'trustee_user_id': 'service-user',
        'project_id': 'project-one', 'impersonation': True,
        'allow_redelegation': False,
        'roles': [{'name': 'Member'}, {'name': 'reader'}]}}


def test_create_with_nothing_to_delegate(made, keystone):
    with pytest.raises(exceptions.Forbidden, match='member, reader'):
        create(made, roles=('admin', 'service'))
    assert not keystone.called


def test_create_with_credentials_that_may_not(made, keystone):
    keystone.post(f'{URL}/OS-TRUST/trusts', status_code=403, json={
        'error': {'message': 'restricted application credential'}})
    with pytest.raises(exceptions.Forbidden, match='restricted'):
        create(made)


def test_create_while_keystone_is_down(made, keystone):
    keystone.post(f'{URL}/auth/tokens',
                  exc=requests.exceptions.ConnectionError)
    with pytest.raises(exceptions.ServiceUnavailable):
        create(made)


def test_list(made, keystone):
    keystone.get(f'{URL}/OS-TRUST/trusts?trustee_user_id=service-user',
                 json={'trusts': [{
                     'id': 't', 'trustor_user_id': 'user-demo',
                     'project_id': 'project-one', 'impersonation': True}]})
    assert made.list_trusts() == [trusts.Trust(
        trust_id='t', trustor_user_id='user-demo',
        project_id='project-one')]


def test_delete_may_be_repeated(made, keystone):
    keystone.delete(f'{URL}/OS-TRUST/trusts/t', [
        {'status_code': 204}, {'status_code': 404}])
    made.delete('t')
    made.delete('t')


def test_a_session_is_kept_as_long_as_its_trust(made, keystone):
    first = made.session_for('t')
    assert made.session_for('t') is first
    assert made.session_for('u') is not first
    keystone.delete(f'{URL}/OS-TRUST/trusts/t', status_code=204)
    made.delete('t')
    assert made.session_for('t') is not first


def test_without_a_trust_there_is_no_session(made):
    with pytest.raises(exceptions.Forbidden):
        made.session_for(None)


def test_credentials_within_a_trust(keystone):
    conf = cfg.ConfigOpts()
    credentials_conf.register_opts(conf)
    conf([], default_config_files=[])
    # Options of the plugin are there only once it is known which it is.
    conf.set_override('auth_type', 'v3password', group='service_credentials')
    with pytest.raises(Exception, match='auth_url'):
        credentials.Credentials(conf).within('t').get_token()
    for name, value in (('auth_url', URL), ('user_id', 'service-user'),
                        ('password', 'secret'),
                        ('project_id', 'service-project')):
        conf.set_override(name, value, group='service_credentials')
    found = credentials.Credentials(conf)
    assert found.within('t').get_token() == 'service-token'
    assert keystone.last_request.json()['auth']['scope'] == {
        'OS-TRUST:trust': {'id': 't'}}
    found.adapter('keystone').get_user_id()
    assert keystone.last_request.json()['auth']['scope'] == {
        'project': {'id': 'service-project'}}
    assert found.within('t').timeout == 60
