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

"""Octavia's pools, played as the API of release 19 was seen to answer."""

import json

from keystoneauth1 import exceptions as ks_exceptions
import pytest

from shadow_reserve.cloud import exceptions
from shadow_reserve.cloud import octavia

POOL = 'b9ad7803-2c38-4719-90ee-7b9a855edd08'


class Answer:
    reason = 'as the test says'

    def __init__(self, status_code, body=None):
        self.status_code = status_code
        self._text = json.dumps(body)

    def json(self):
        return json.loads(self._text)


class FakeOctavia:
    """One pool of one load balancer, which is busy after each change."""

    def __init__(self):
        self.members, self.busy, self.asked = [], False, []
        self.filters = True
        self.error = None

    def settle(self):
        self.busy = False
        self.members = [
            {**one, 'provisioning_status': 'ACTIVE'} for one in self.members
            if one['provisioning_status'] != 'PENDING_DELETE']

    def put(self, name, address, port=80):
        self.members.append({
            'id': f'member-{len(self.asked)}-{len(self.members)}',
            'name': name, 'address': address, 'protocol_port': port,
            'provisioning_status': 'ACTIVE'})

    def shown(self):
        return [(one['name'], one['address'], one['provisioning_status'])
                for one in self.members]

    def request(self, path, method, params=None, json=None, **ignored):
        self.asked.append(method)
        if self.error is not None:
            raise self.error
        parts = path.split('/')
        if parts[1:3] != ['lbaas', 'pools'] or parts[3] != POOL:
            return Answer(404, {'faultcode': 'Client', 'faultstring': (
                f'Pool {parts[3]} not found.')})
        if method == 'GET':
            return Answer(200, {'members': [
                one for one in self.members
                if not self.filters or all(
                    str(one[key]) == value
                    for key, value in params.items())]})
        if self.busy:
            return Answer(409, {'faultcode': 'Client', 'faultstring': (
                f'Pool {POOL} is immutable and cannot be updated.')})
        if method == 'POST':
            new = json['member']
            if any((one['address'], one['protocol_port']) == (
                    new['address'], new['protocol_port'])
                    for one in self.members):
                return Answer(409, {'faultstring': (
                    'Another member on this pool is already using ip')})
            self.put(new['name'], new['address'], new['protocol_port'])
            self.members[-1]['provisioning_status'] = 'PENDING_CREATE'
        else:
            [one] = [one for one in self.members if one['id'] == parts[-1]]
            one['provisioning_status'] = 'PENDING_DELETE'
        self.busy = True
        return Answer(201, {})


@pytest.fixture
def fake():
    return FakeOctavia()


@pytest.fixture
def door(fake):
    return octavia.Octavia(lambda session: fake)


def add(door, name='shadow-1', address='10.0.0.9'):
    door.add_member(None, POOL, name, address, 80)


def test_it_is_added_once_and_removed_once(door, fake):
    add(door)
    add(door)
    fake.settle()
    add(door)
    assert fake.shown() == [('shadow-1', '10.0.0.9', 'ACTIVE')]
    assert fake.asked.count('POST') == 1

    door.remove_member(None, POOL, 'shadow-1')
    door.remove_member(None, POOL, 'shadow-1')
    fake.settle()
    door.remove_member(None, POOL, 'shadow-1')
    assert fake.shown() == []
    assert fake.asked.count('DELETE') == 1


@pytest.mark.parametrize('filters', [True, False])
def test_others_are_left_alone(door, fake, filters):
    fake.filters = filters
    fake.put('web-1', '10.0.0.1')
    add(door)
    fake.settle()
    door.remove_member(None, POOL, 'shadow-1')
    fake.settle()
    assert fake.shown() == [('web-1', '10.0.0.1', 'ACTIVE')]


def test_a_busy_load_balancer_is_a_conflict(door, fake):
    fake.put('shadow-2', '10.0.0.2')
    fake.busy = True
    with pytest.raises(exceptions.Conflict, match='immutable'):
        add(door)
    with pytest.raises(exceptions.Conflict, match='immutable'):
        door.remove_member(None, POOL, 'shadow-2')


@pytest.mark.parametrize(('there', 'wanted'), [
    ('10.0.0.9', '10.0.0.9'), ('fd00::0001', 'fd00::1')])
def test_an_address_that_somebody_put_there_is_theirs(
        door, fake, there, wanted):
    fake.put('by-hand', there)
    fake.busy = True
    add(door, address=wanted)
    door.remove_member(None, POOL, 'shadow-1')
    assert fake.shown() == [('by-hand', there, 'ACTIVE')]


def test_one_whose_address_changed_is_replaced(door, fake):
    fake.put('shadow-1', '10.0.0.8')
    with pytest.raises(exceptions.Conflict):
        add(door)
    fake.settle()
    add(door)
    fake.settle()
    assert fake.shown() == [('shadow-1', '10.0.0.9', 'ACTIVE')]


def test_a_pool_that_is_gone(door):
    other = 'c7adead9-d64b-4cb3-a483-02d1d06a0234'
    with pytest.raises(exceptions.NotFound, match='not found'):
        door.add_member(None, other, 'shadow-1', '10.0.0.9', 80)
    door.remove_member(None, other, 'shadow-1')


def test_no_pool_leads_elsewhere(door, fake):
    with pytest.raises(exceptions.NotFound):
        door.add_member(None, f'x/../{POOL}', 'shadow-1', '10.0.0.9', 80)
    assert fake.members == []


def test_a_cloud_without_load_balancers_says_so(door, fake):
    fake.error = ks_exceptions.EndpointNotFound()
    with pytest.raises(exceptions.CloudError, match='no load') as caught:
        add(door)
    assert not isinstance(caught.value, exceptions.ServiceUnavailable)
    fake.error = ks_exceptions.ConnectFailure('refused')
    with pytest.raises(exceptions.ServiceUnavailable):
        add(door)
