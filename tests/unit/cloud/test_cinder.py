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

"""What is asked of Cinder, and of Nova for its attachments."""

import datetime

from keystoneauth1 import adapter
from keystoneauth1 import identity
from keystoneauth1 import session
from keystoneauth1 import token_endpoint
import pytest

from shadow_reserve.cloud import cinder
from shadow_reserve.cloud import exceptions
from shadow_reserve.cloud import volume_attachments
from shadow_reserve.records import reservation
from tests.unit import samples

URL = 'http://volumes.example.org/v3'
NOVA = f'{URL}/servers/{samples.SERVER}/os-volume_attachments'


def session_of(token):
    return session.Session(auth=token_endpoint.Token(URL, token))


TENANT = session_of('tenant')


def adapter_for(given, kind='block-storage'):
    return adapter.Adapter(given or session_of('service'),
                           endpoint_override=URL, service_type=kind)


@pytest.fixture
def door():
    return cinder.Cinder(adapter_for)


@pytest.fixture
def attachments():
    return volume_attachments.VolumeAttachments(
        lambda given: adapter_for(given, 'compute'))


def row(**changes):
    return {
        'id': 'volume', 'status': 'available', 'attachments': [],
        'os-vol-tenant-attr:tenant_id': 'project',
        'created_at': '2026-03-02T12:00:00.000000',
        'metadata': {'shadow_reserve:token': samples.TOKEN,
                     'shadow_reserve:instance': samples.INSTANCE,
                     'shadow_reserve:position': '1'}, **changes}


def test_a_volume_is_made_as_the_tenant_and_says_whose_it_is(
        door, requests_mock):
    requests_mock.post(f'{URL}/volumes', json={'volume': {'id': 'volume'}})
    record = samples.record(template=reservation.InstanceTemplate(
        image_id='image', volumes=(
            reservation.VolumeTemplate(size_gib=1),
            reservation.VolumeTemplate(size_gib=2, volume_type='fast'))))

    made = door.create_volume(TENANT, record, samples.INSTANCE, 1)

    assert made == 'volume'
    request = requests_mock.last_request
    assert request.headers['X-Auth-Token'] == 'tenant'
    assert request.json() == {'volume': {
        'name': 'shadow-shop-33333333-1', 'size': 2, 'volume_type': 'fast',
        'metadata': row()['metadata']}}


def test_only_those_that_say_they_are_ours_are_listed(door, requests_mock):
    found = [
        row(), row(id='older', created_at='2026-03-02T11:00:00.000000'),
        row(id='theirs', metadata={}),
        row(id='of another member', metadata={
            'shadow_reserve:instance': 'another'}),
        row(id='forged', **{'os-vol-tenant-attr:tenant_id': 'another'})]
    requests_mock.get(f'{URL}/volumes/detail', [
        {'json': {'volumes': found[:3], 'volumes_links': [{'href': ''}]}},
        {'json': {'volumes': found[3:]}}])

    listed = door.list_volumes('project', samples.INSTANCE)

    assert [one.volume_id for one in listed] == ['older', 'volume']
    assert listed[1].position == 1
    assert listed[1].created_at == samples.NOW
    first, second = requests_mock.request_history
    assert first.headers['X-Auth-Token'] == 'service'
    assert first.qs == {
        'all_tenants': ['1'], 'project_id': ['project'], 'metadata': [
            str({'shadow_reserve:instance': samples.INSTANCE})]}
    assert second.qs['marker'] == ['theirs']


def test_those_of_all_projects(door, requests_mock):
    requests_mock.get(f'{URL}/volumes/detail', json={'volumes': [
        row(), row(id='theirs', metadata={}),
        row(id='elsewhere', **{'os-vol-tenant-attr:tenant_id': 'another'})]})

    listed = door.list_volumes()

    assert {one.volume_id: one.token for one in listed} == {
        'volume': samples.TOKEN, 'elsewhere': samples.TOKEN}
    assert requests_mock.last_request.qs == {'all_tenants': ['1']}


def test_a_volume_as_cinder_shows_it(door, requests_mock):
    requests_mock.get(f'{URL}/volumes/volume', json={'volume': row(
        status='in-use', attachments=[
            {'attachment_id': 'one', 'server_id': 'server'}],
        metadata={'shadow_reserve:position': 'no number'})})

    found = door.get_volume('volume')

    assert found.attachments == {'one': 'server'}
    assert (found.status, found.instance_id, found.position) == (
        'in-use', '', None)
    assert found.created_at.tzinfo is datetime.UTC


def test_what_is_gone_already(door, attachments, requests_mock):
    requests_mock.register_uri(
        'GET', f'{URL}/volumes/volume', status_code=404)
    requests_mock.register_uri(
        'DELETE', f'{URL}/volumes/volume', status_code=404)
    requests_mock.post(f'{URL}/volumes/volume/action', status_code=404)
    requests_mock.delete(f'{URL}/attachments/one', status_code=404)
    requests_mock.delete(f'{NOVA}/volume', status_code=404)

    assert door.get_volume('volume') is None
    door.delete_volume('volume')
    door.delete_volume('volume', force=True)
    assert requests_mock.last_request.json() == {'os-force_delete': {}}
    door.delete_attachment('one')
    attachments.detach(TENANT, samples.SERVER, 'volume')


def test_a_volume_is_given_to_its_owner(door, requests_mock):
    requests_mock.delete(
        f'{URL}/volumes/volume/metadata/shadow_reserve:instance')
    requests_mock.delete(
        f'{URL}/volumes/volume/metadata/shadow_reserve:token')
    requests_mock.delete(
        f'{URL}/volumes/volume/metadata/shadow_reserve:position',
        status_code=404)

    door.disown_volume('volume')

    assert requests_mock.call_count == 3


def test_attaching_and_detaching_are_the_tenants(
        attachments, requests_mock):
    requests_mock.post(NOVA, json={})
    attachments.attach(TENANT, samples.SERVER, 'volume')
    assert requests_mock.last_request.json() == {
        'volumeAttachment': {'volumeId': 'volume'}}
    assert requests_mock.last_request.headers['X-Auth-Token'] == 'tenant'

    requests_mock.delete(f'{NOVA}/volume', status_code=202)
    attachments.detach(TENANT, samples.SERVER, 'volume')

    requests_mock.post(NOVA, status_code=409, json={
        'conflictingRequest': {'message': 'task_state spawning'}})
    with pytest.raises(exceptions.Conflict, match='spawning'):
        attachments.attach(TENANT, samples.SERVER, 'volume')


@pytest.mark.parametrize(('catalog', 'there'), [
    ((), False), (('compute',), False), (('block-storage',), True)])
def test_a_cloud_need_not_have_it(catalog, there, requests_mock):
    requests_mock.post(
        'http://keystone/v3/auth/tokens',
        headers={'X-Subject-Token': 'token'}, json={'token': {
            'methods': ['password'], 'user': {'id': 'service'},
            'expires_at': '2100-01-01T00:00:00.000000Z',
            'catalog': [
                {'type': kind, 'endpoints': [
                    {'interface': 'public', 'region': 'RegionOne',
                     'region_id': 'RegionOne', 'url': URL}]}
                for kind in catalog]}})
    auth = identity.V3Password(
        'http://keystone/v3', username='service', password='secret',
        user_domain_id='default')
    door = cinder.Cinder(lambda given: adapter.Adapter(
        session.Session(auth=auth), service_type='block-storage',
        interface='public', region_name='RegionOne'))
    assert door.is_there() is there
