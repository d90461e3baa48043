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

"""The application as a WSGI server loads it, with nothing else running."""

import importlib

from falcon import testing
import pytest

from shadow_reserve.cmd import manage

CONFIGURATION = """
[DEFAULT]
transport_url = fake://

[database]
connection = sqlite:///{folder}/api.db

[keystone_authtoken]
auth_type = password
auth_url = http://127.0.0.1:9/
www_authenticate_uri = http://127.0.0.1:9/

[service_credentials]
auth_type = password
auth_url = http://127.0.0.1:9/
username = shadow-reserve
password = secret
project_name = service
user_domain_id = default
project_domain_id = default
"""


@pytest.fixture
def client(tmp_path, monkeypatch):
    path = tmp_path / 'shadow_reserve.conf'
    path.write_text(CONFIGURATION.format(folder=tmp_path))
    monkeypatch.setattr('sys.argv', [
        'shadow-reserve-manage', '--config-file', str(path), 'db', 'sync'])
    manage.main()
    monkeypatch.setenv('OS_SHADOW_RESERVE_CONFIG_FILES', str(path))
    module = importlib.import_module('shadow_reserve.wsgi.api')
    application = module.build()
    # Falcon's client takes plain functions only.
    return testing.TestClient(
        lambda environ, start_response: application(
            environ, start_response))


@pytest.fixture(autouse=True)
def default_files(tmp_path, monkeypatch):
    # What the import itself builds; a server has no more than this one.
    path = tmp_path / 'first.conf'
    path.write_text(CONFIGURATION.format(folder=tmp_path))
    monkeypatch.setenv('OS_SHADOW_RESERVE_CONFIG_FILES', str(path))


def test_what_needs_no_token(client):
    assert client.simulate_get('/').json['versions'][0]['id'] == 'v1.0'
    answer = client.simulate_get('/healthcheck')
    assert (answer.status_code, answer.text) == (
        200, 'The database answers')


def test_what_needs_a_token(client):
    answer = client.simulate_get('/v1/reservations')
    assert answer.status_code == 401
    assert answer.headers['www-authenticate'].startswith('Keystone')


def test_keystone_is_down(client):
    answer = client.simulate_get(
        '/v1/reservations', headers={'X-Auth-Token': 'token'})
    assert answer.status_code == 503


def test_forged_identity_is_taken_away(client):
    answer = client.simulate_get('/v1/reservations', headers={
        'X-Identity-Status': 'Confirmed', 'X-Project-Id': 'project-one',
        'X-User-Id': 'user-demo', 'X-Roles': 'admin'})
    assert answer.status_code == 401
