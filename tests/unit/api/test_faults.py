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

"""What is answered when something below the API fails."""

import logging

import falcon
from falcon import testing
from oslo_db import exception as db_exception
import pytest

from shadow_reserve.api import errors
from shadow_reserve.api import faults
from shadow_reserve.cloud import exceptions as cloud_exceptions
from shadow_reserve import exceptions
from tests.api import fixtures


class Handler:
    def __init__(self, error):
        self._error = error

    def on_get(self, req, resp):
        raise self._error


@pytest.fixture
def ask():
    def get(error):
        app = falcon.App()
        app.set_error_serializer(errors.serialize)
        faults.add_to(app)
        app.add_route('/', Handler(error))
        return testing.TestClient(app).simulate_get('/')
    return get


@pytest.mark.parametrize(('error', 'status', 'code'), [
    (exceptions.ReservationNotFound('token'), 404, 'not-found'),
    (exceptions.ConcurrentUpdate('read it again'), 409,
     'concurrent-update'),
    (cloud_exceptions.ServiceUnavailable('nova', 'refused'), 503,
     'service-unavailable'),
    (cloud_exceptions.Forbidden('nova', 'no'), 403, 'forbidden'),
    (cloud_exceptions.CloudError('nova', 'teapot'), 409,
     'refused-elsewhere'),
    (db_exception.DBConnectionError(), 503, 'service-unavailable'),
    (db_exception.DBNonExistentTable('t', None), 503,
     'service-unavailable'),
    (RuntimeError('secret'), 500, 'unexpected')])
def test_each_has_a_status_and_a_code(ask, error, status, code):
    answer = ask(error)
    problem, = answer.json['errors']
    assert (answer.status_code, problem['status']) == (status, status)
    assert problem['code'] == f'shadow-reserve.{code}'
    assert problem['detail']
    assert 'secret' not in answer.text
    assert ('retry-after' in answer.headers) == (status == 503)


def test_the_log_has_what_the_answer_has_not(ask, caplog):
    with caplog.at_level(logging.ERROR):
        ask(RuntimeError('secret'))
    assert 'secret' in caplog.text


def test_changes_that_never_get_through_are_409(monkeypatch):
    standing = fixtures.Standing()
    standing.start_fixture()

    def lose(work):
        raise exceptions.ConcurrentUpdate('It was changed meanwhile.')
    monkeypatch.setattr(standing.database, 'write', lose)
    application = fixtures.setup_app()
    client = testing.TestClient(
        lambda environ, start_response: application(
            environ, start_response),
        headers={'X-Auth-Token': 'demo'})
    answer = client.simulate_patch(
        f'/v1/reservations/{fixtures.TOKEN}',
        json={'reservation': {'name': 'shop'}})
    assert answer.status_code == 409
    assert answer.json['errors'][0]['detail'] == (
        'It was changed meanwhile.')
    standing.stop_fixture()
