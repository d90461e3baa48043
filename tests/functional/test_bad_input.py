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

"""What cannot be had is refused with the field, and leaves nothing."""

from typing import Any
import uuid

import openstack
import pytest

from tests.functional import application as test_application
from tests.functional import pocket

wait_for = test_application.wait_for


def request(**changes: Any) -> dict[str, Any]:
    return {
        'name': f'bad-{uuid.uuid4().hex[:8]}', 'flavor': 'm1.tiny',
        'quantity': 1, 'duration': 3600, 'template': {'image': 'pocket'},
        'selector': {'kind': 'metadata', 'key': 'metering.server_group',
                     'value': 'nobody'}, **changes}


@pytest.mark.parametrize('changes, status, field', [
    ({'flavor': 'm1.unknown'}, 400, 'flavor'),
    ({'template': {'image': 'unknown'}}, 400, 'image'),
    ({'template': {'image': 'pocket', 'networks': ['unknown']}}, 400,
     'networks'),
    ({'selector': {'kind': 'server_group', 'value': 'unknown'}}, 400,
     'selector'),
    ({'quantity': 1000000}, 409, 'quantity'),
    ({'start_time': '2030-01-02T00:00:00Z', 'duration': None,
      'end_time': '2030-01-01T00:00:00Z'}, 400, 'end_time'),
    ({'policy': {'safety_margin': -0.1}}, 400, 'safety_margin'),
    ({'policy': {'minimum_shadow': 3, 'maximum_shadow': 2}}, 400,
     'minimum_shadow'),
])
def test_what_is_refused_is_named_and_leaves_nothing(
        changes: dict[str, Any], status: int, field: str) -> None:
    tenant = openstack.connect(cloud='demo')
    api = pocket.Api(tenant)
    trusts = pocket.Witness().trusts()
    fields = {name: value for name, value in request(**changes).items()
              if value is not None}

    response = api.request(
        'POST', '/v1/reservations', json={'reservation': fields})

    assert response.status_code == status, response.text
    [error] = response.json()['errors']
    assert field in error['detail']
    listed = api.request('GET', '/v1/reservations').json()
    assert fields['name'] not in {
        one['name'] for one in listed['reservations']}
    assert pocket.Witness().trusts() <= trusts


def test_without_history_nothing_is_held_and_others_see_nothing() -> None:
    # given a reservation of an application that nobody measured
    api = pocket.Api(openstack.connect(cloud='demo'))
    token = api.create(**request(policy={
        'mode': 'active', 'minimum_shadow': 1}))['token']
    try:
        # then its forecast says so, and nothing is held for it
        wait_for('the forecast says so', 120, lambda: [
            profile['provenance']['summary']
            for profile in api.profiles(token)] == [
            'not enough history (0 of 288 points)'] * 2)
        assert api.states(token) == []

        # and to another tenant it does not exist, whatever they ask
        other = pocket.Api(openstack.connect(cloud='other'))
        path = f'/v1/reservations/{token}'
        for method, suffix in (
                ('GET', ''), ('DELETE', ''), ('GET', '/shadow'),
                ('GET', '/forecast'), ('GET', '/ledger'),
                ('GET', '/events')):
            response = other.request(method, path + suffix)
            assert response.status_code == 404, (method, suffix)
        listed = other.request('GET', '/v1/reservations').json()
        assert listed['reservations'] == []
    finally:
        api.delete(token)
    wait_for('it is gone', 120, lambda: api.is_gone(token))
