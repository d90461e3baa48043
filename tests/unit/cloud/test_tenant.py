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

import urllib.parse

from keystoneauth1 import adapter
from keystoneauth1 import exceptions as ks_exceptions
from keystoneauth1 import session
from keystoneauth1 import token_endpoint
import pytest
import requests

from shadow_reserve.cloud import exceptions
from shadow_reserve.cloud import tenant
from shadow_reserve.records import reservation

URL = 'http://cloud.example.org'
UUID = '11111111-aaaa-4aaa-8aaa-111111111111'
SMALL = {'id': '42', 'name': 'small', 'vcpus': 2, 'ram': 2048, 'disk': 10}


@pytest.fixture
def cloud():
    def adapters(service, auth):
        return adapter.Adapter(
            session.Session(auth=auth), service_type={
                'nova': 'compute'}.get(service, service),
            endpoint_override=f'{URL}/{service}')
    return tenant.TenantCloud(
        adapters, token_endpoint.Token(URL, 'the-users-token'))


@pytest.fixture
def answer(requests_mock):
    def register(path, body, status=200, **options):
        return requests_mock.get(
            f'{URL}{path}', json=body, status_code=status, **options)
    return register


def test_a_flavor_by_id(cloud, answer):
    mock = answer('/nova/flavors/42', {'flavor': SMALL})
    assert cloud.find_flavor('42') == reservation.InstanceSize(
        flavor_id='42', vcpus=2, memory_mib=2048, disk_gib=10)
    assert mock.last_request.headers['X-Auth-Token'] == 'the-users-token'


@pytest.mark.parametrize(('extra_specs', 'dedicated'), [
    ({}, False), ({'hw:cpu_policy': 'shared'}, False),
    ({'hw:cpu_policy': 'dedicated'}, True)])
def test_a_flavor_with_dedicated_cpus(cloud, answer, extra_specs, dedicated):
    mock = answer('/nova/flavors/42', {
        'flavor': {**SMALL, 'extra_specs': extra_specs}})
    assert cloud.find_flavor('42').dedicated_cpus is dedicated
    # before that, Nova does not show extra specs with a flavor
    assert mock.last_request.headers[
        'OpenStack-API-Version'] == 'compute 2.79'


def test_a_flavor_by_name_on_a_later_page(cloud, answer):
    answer('/nova/flavors/small', {}, 404)
    answer('/nova/flavors/detail', {'flavors': [
        {**SMALL, 'id': '1', 'name': 'tiny'}]})
    answer('/nova/flavors/detail?marker=1', {'flavors': [SMALL]})
    answer('/nova/flavors/detail?marker=42', {'flavors': []})
    assert cloud.find_flavor('small').flavor_id == '42'


def test_a_flavor_there_is_not(cloud, answer):
    mock = answer(f'/nova/flavors/{urllib.parse.quote("a/b?", safe="")}',
                  {}, 404)
    answer('/nova/flavors/detail', {'flavors': []})
    with pytest.raises(exceptions.NotFound, match='no flavor is called'):
        cloud.find_flavor('a/b?')
    assert mock.called


def test_an_image_by_id(cloud, answer):
    answer(f'/glance/images/{UUID}', {
        'id': UUID, 'status': 'active', 'min_ram': 64, 'min_disk': 1})
    assert cloud.find_image(UUID) == tenant.Image(
        image_id=UUID, status='active', minimum_memory_mib=64,
        minimum_disk_gib=1)


def test_an_image_by_name(cloud, answer):
    mock = answer('/glance/images', {'images': [
        {'id': UUID, 'status': 'queued', 'min_ram': None}]})
    image = cloud.find_image('a, "b"')
    assert (image.status, image.minimum_memory_mib) == ('queued', 0)
    assert mock.last_request.qs == {'name': [r'in:"a, \"b\""']}


def test_images_of_one_name(cloud, answer):
    answer('/glance/images', {'images': [{'id': '1'}, {'id': '2'}]})
    with pytest.raises(exceptions.Conflict, match='give the id'):
        cloud.find_image('twins')


def test_a_network_by_name(cloud, answer):
    answer('/neutron/networks?id=private', {'networks': []})
    answer('/neutron/networks?name=private', {'networks': [{'id': 'n'}]})
    assert cloud.find_network('private') == 'n'


def test_an_id_goes_before_a_name(cloud, answer):
    answer('/neutron/networks?id=n', {'networks': [{'id': 'n'}]})
    answer('/neutron/networks?name=n', {'networks': [{'id': 'other'}]})
    assert cloud.find_network('n') == 'n'


def test_a_network_there_is_not(cloud, answer):
    answer('/neutron/networks', {'networks': []})
    with pytest.raises(exceptions.NotFound, match='no network is called n'):
        cloud.find_network('n')


def test_a_security_group(cloud, answer):
    answer('/neutron/security-groups?id=web', {'security_groups': []})
    answer('/neutron/security-groups?name=web', {
        'security_groups': [{'id': 'g'}]})
    cloud.check_security_group('web')
    answer('/neutron/security-groups', {'security_groups': []})
    with pytest.raises(exceptions.NotFound):
        cloud.check_security_group('web')


def test_key_and_server_group(cloud, answer):
    answer('/nova/os-keypairs/laptop', {'keypair': {}})
    cloud.check_key('laptop')
    answer('/nova/os-server-groups/group', {}, 404)
    with pytest.raises(exceptions.NotFound):
        cloud.check_server_group('group')


def test_availability_zones(cloud, answer):
    answer('/nova/os-availability-zone', {'availabilityZoneInfo': [
        {'zoneName': 'up', 'zoneState': {'available': True}},
        {'zoneName': 'down', 'zoneState': {'available': False}}]})
    cloud.check_availability_zone('up')
    for name in ('down', 'up:host-1'):
        with pytest.raises(exceptions.NotFound):
            cloud.check_availability_zone(name)


def test_volume_types(cloud, answer):
    answer('/cinder/types', {'volume_types': [{'id': '1', 'name': 'slow'}]})
    answer('/cinder/types?marker=1', {'volume_types': [
        {'id': '2', 'name': 'fast'}]})
    answer('/cinder/types?marker=2', {'volume_types': []})
    for name in ('slow', 'fast', '2', None):
        cloud.check_volume_type(name)
    with pytest.raises(exceptions.NotFound,
                       match='no volume type is called other'):
        cloud.check_volume_type('other')


@pytest.mark.parametrize('name', ['fast', None])
def test_volumes_in_a_cloud_without_cinder(name):
    class Catalogue(token_endpoint.Token):
        def get_endpoint(self, *arguments, **options):
            raise ks_exceptions.EndpointNotFound('no block-storage')
    cloud = tenant.TenantCloud(
        lambda service, auth: adapter.Adapter(session.Session(auth=auth)),
        Catalogue(URL, 'the-users-token'))
    with pytest.raises(exceptions.CloudError,
                       match='offers no volumes') as caught:
        cloud.check_volume_type(name)
    assert not isinstance(caught.value, exceptions.ServiceUnavailable)


def test_volumes_while_cinder_is_down(cloud, answer):
    answer('/cinder/types', {}, 503)
    with pytest.raises(exceptions.ServiceUnavailable):
        cloud.check_volume_type(None)


def test_quota(cloud, answer):
    answer('/nova/limits', {'limits': {'absolute': {
        'maxTotalInstances': 10, 'maxTotalCores': -1,
        'maxTotalRAMSize': 51200}}})
    assert cloud.get_quota() == tenant.Quota(
        instances=10, vcpus=None, memory_mib=51200)


@pytest.mark.parametrize(('status', 'kind'), [
    (401, exceptions.Forbidden), (403, exceptions.Forbidden),
    (404, exceptions.NotFound), (409, exceptions.Conflict),
    (418, exceptions.CloudError), (429, exceptions.ServiceUnavailable),
    (500, exceptions.ServiceUnavailable),
    (503, exceptions.ServiceUnavailable)])
def test_bad_answers(cloud, answer, status, kind):
    answer('/nova/limits', {'itemNotFound': {'message': 'why'}}, status)
    with pytest.raises(exceptions.CloudError, match='why') as caught:
        cloud.get_quota()
    assert type(caught.value) is kind
    assert caught.value.service == 'nova'


def test_no_answer(cloud, requests_mock):
    requests_mock.get(f'{URL}/nova/limits',
                      exc=requests.exceptions.ConnectionError)
    with pytest.raises(exceptions.ServiceUnavailable):
        cloud.get_quota()
