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

"""Reading the hosts, against a Nova and a Placement that count."""

import collections
import json
import re
import time

import pytest
import requests

from shadow_reserve.cloud import capacity
from shadow_reserve.cloud import exceptions


class Services:
    """Both services, as an adapter is asked; three hosts."""

    def __init__(self):
        self.asked = collections.Counter()
        self.generations = {f'id-{number}': 1 for number in (1, 2, 3)}
        self.used = {f'id-{number}': 0 for number in (1, 2, 3)}
        self.gone = set()
        self.metadata = {}

    def request(self, path, method, raise_exc, microversion, params=None):
        self.asked[re.sub(r'/id-\d', '', path)] += 1
        body = self._body(path, params or {})
        response = requests.Response()
        response.status_code = 404 if body is None else 200
        response._content = json.dumps(body or {}).encode()
        return response

    def _body(self, path, params):
        parts = path.split('/')[1:]
        if parts == ['resource_providers']:
            return {'resource_providers': [
                {'uuid': one, 'name': f'{one}.example.org',
                 'generation': generation}
                for one, generation in self.generations.items()
            ] + [{'uuid': 'disks', 'name': 'disks', 'generation': 9}]}
        if parts[0] == 'os-hypervisors':
            return self._hypervisors(params)
        if parts[0] == 'os-aggregates':
            return {'aggregates': [
                {'name': 'az', 'availability_zone': 'az-1',
                 'hosts': ['host-id-1'], 'metadata': {}},
                {'name': 'fast', 'availability_zone': None,
                 'hosts': ['host-id-2'], 'metadata': self.metadata}]}
        if parts[1] in self.gone:
            return None
        if parts[2] == 'usages':
            return {'usages': {'VCPU': self.used[parts[1]]}}
        return {'inventories': {'VCPU': {
            'total': 8, 'reserved': 2, 'allocation_ratio': 4.0,
            'min_unit': 1, 'max_unit': 8, 'step_size': 1}}}

    def _hypervisors(self, params):
        """Two a page."""
        rows = [{'id': one, 'service': {'host': f'host-{one}'},
                 'state': 'down' if one == 'id-3' else 'up',
                 'status': 'enabled', 'vcpus_used': used}
                for one, used in self.used.items()]
        rows.append({'id': 'no-provider', 'service': {'host': 'x'},
                     'state': 'up', 'status': 'enabled'})
        start = 2 if params else 0
        body = {'hypervisors': rows[start:start + 2]}
        if not params:
            body['hypervisors_links'] = [{'rel': 'next'}]
        return body


@pytest.fixture
def services():
    return Services()


@pytest.fixture
def door(services):
    return capacity.Capacity(services, services)


def test_the_hosts_of_both_services(services, door):
    services.used['id-1'] = 30
    first, second, third = door.read().hosts
    assert (first.host, first.service_host, first.zone) == (
        'id-1.example.org', 'host-id-1', 'az-1')
    vcpus = first.classes['VCPU']
    assert (vcpus.capacity, vcpus.free, vcpus.oversold) == (24, 0, 24)
    assert (second.zone, second.in_service) == ('nova', True)
    assert not third.in_service


def test_a_quiet_cloud_is_four_requests(services, door):
    door.read()
    services.asked.clear()
    door.read()
    # Two pages of hypervisors; and each time, some host is read once more.
    assert services.asked == {
        '/resource_providers': 1, '/os-hypervisors/detail': 2,
        '/os-aggregates': 1, '/resource_providers/usages': 1}


def test_what_is_young_enough_is_not_read_again(services, door):
    door.read()
    services.asked.clear()
    door.read(60.0)
    assert not services.asked


def test_a_new_generation_is_read_anew(services, door):
    door.read()
    services.generations['id-2'] = 2
    services.used['id-2'] = 5
    services.asked.clear()
    assert door.read().hosts[1].classes['VCPU'].used == 5
    assert services.asked['/resource_providers/inventories'] == 1


def test_so_is_a_host_of_which_nova_says_something_new(services, door):
    """A claim that was deleted left the generation as it was."""
    services.used['id-2'] = 5
    door.read()
    services.used['id-2'] = 0
    services.asked.clear()
    assert door.read().hosts[1].classes['VCPU'].used == 0
    assert '/resource_providers/inventories' not in services.asked


def test_an_exact_look_reads_all(services, door):
    door.read()
    services.asked.clear()
    door.read(exact=True)
    assert services.asked['/resource_providers/usages'] == 3


def test_in_five_minutes_each_comes_by(services, door, monkeypatch):
    now = time.monotonic()
    monkeypatch.setattr(capacity.time, 'monotonic', lambda: now)
    door.read()
    services.asked.clear()
    for _ in range(10):
        now += 30
        door.read()
    assert 3 <= services.asked['/resource_providers/usages'] <= 10


def test_a_host_that_goes_meanwhile_is_left_out(services, door):
    services.gone.add('id-2')
    assert [host.provider_id for host in door.read().hosts] == [
        'id-1', 'id-3']


@pytest.mark.parametrize(('text', 'share'), [
    ('0.25', 0.25), ('0', 0.0), ('1', 1.0), ('1.01', None), ('-1', None),
    ('nan', None), ('inf', None), ('a half', None), ('', None)])
def test_the_share_of_an_aggregate(services, door, text, share):
    services.metadata[capacity.SHARE_PROPERTY] = text
    assert door.read().aggregates[1].maximum_share == share


def test_a_service_that_is_away(services, door, monkeypatch):
    def away(*args, **kwargs):
        response = requests.Response()
        response.status_code = 503
        return response
    monkeypatch.setattr(services, 'request', away)
    with pytest.raises(exceptions.ServiceUnavailable):
        door.read()
