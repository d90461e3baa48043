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

from openstack import exceptions
import pytest

from tests.api import fixtures

TOKEN = fixtures.TOKEN

REQUEST = {
    'name': 'batch', 'flavor': 'small', 'quantity': 1, 'duration': 3600,
    'template': {'image': 'cirros'},
    'selector': {'kind': 'metadata', 'key': 'app', 'value': 'batch'},
}


def test_reservations_are_listed_over_pages(proxy):
    for number in range(fixtures.MAXIMUM_LIMIT):
        proxy.create_reservation(**REQUEST | {'name': f'batch {number}'})
    names = [found.name for found in proxy.reservations()]
    assert names[0] == 'web'
    assert sorted(names[1:]) == ['batch 0', 'batch 1', 'batch 2']
    assert [found.name for found in proxy.reservations(limit=1)] == names
    assert len(list(proxy.reservations(max_items=2))) == 2
    assert [found.id for found in proxy.reservations(name='web')] == [TOKEN]


def test_a_reservation_is_found_by_token_or_name(proxy):
    assert proxy.get_reservation(TOKEN).name == 'web'
    assert proxy.find_reservation(TOKEN).token == TOKEN
    assert proxy.find_reservation('web').token == TOKEN
    assert proxy.find_reservation('nothing') is None
    proxy.create_reservation(**REQUEST | {'name': 'web'})
    with pytest.raises(exceptions.DuplicateResource):
        proxy.find_reservation('web')


def test_create_update_delete(proxy, service):
    made = proxy.create_reservation(**REQUEST)
    assert (made.status, made.duration, made.cost) == (
        'active', 3600, '0.052000')
    changed = proxy.update_reservation(
        made, name='night', policy={'maximum_shadow': 2})
    assert (changed.name, changed.policy['maximum_shadow']) == ('night', 2)
    changed = proxy.update_reservation(
        made.token, policy={'mode': 'active'})
    assert changed.policy['mode'] == 'active'
    assert changed.policy['maximum_shadow'] == 2
    proxy.delete_reservation(made)
    assert proxy.get_reservation(made).status == 'deleting'
    assert service.woken == [made.token] * 4


def test_deleting_what_is_not_there(proxy_of):
    other = proxy_of('other')
    other.delete_reservation(TOKEN)
    with pytest.raises(exceptions.NotFoundException):
        other.delete_reservation(TOKEN, ignore_missing=False)


def test_errors_say_what_the_service_said(proxy):
    with pytest.raises(exceptions.BadRequestException) as caught:
        proxy.create_reservation(**REQUEST | {'flavor': 'huge'})
    assert str(caught.value).startswith(
        'reservation.flavor: \'huge\' is not there')
    with pytest.raises(exceptions.HttpException) as caught:
        proxy.create_reservation(**REQUEST | {'flavor': 'nova-down'})
    assert caught.value.status_code == 503


def test_shadow(proxy):
    shadow = proxy.get_shadow(TOKEN)
    assert shadow.status == 'available'
    assert shadow.allocation_id == fixtures.ALLOCATION
    instances = proxy.shadow_instances(TOKEN)
    assert [instance.state for instance in instances] == [
        'available', 'available', 'building']
    assert instances[0].claim_held
    assert instances[0].host is None


def test_an_admin_is_told_the_host(proxy_of):
    admin = proxy_of('admin')
    assert admin.shadow_instances(TOKEN)[0].host == 'hypervisor-7'
    assert list(admin.reservations()) == []
    assert [found.id for found in admin.reservations(
        all_projects=True)] == [TOKEN]


def test_promote_and_return(proxy):
    found = proxy.get_reservation(TOKEN)
    moved = proxy.promote_shadow_instances(found, 5)
    assert [instance.state for instance in moved] == ['promoting'] * 2
    with pytest.raises(exceptions.ConflictException,
                       match='No shadow instance is allocated'):
        proxy.return_shadow_instances(TOKEN)


def test_forecast(proxy):
    profiles = proxy.get_forecast(TOKEN).profiles
    assert [profile['resource'] for profile in profiles] == [
        'memory_mib', 'vcpu']
    short = proxy.get_forecast(TOKEN, step_limit=1).profiles
    assert len(short[1]['quantiles']) == 1
    assert short[1]['steps'] == 3


@pytest.mark.parametrize('service', [fixtures.Silent], indirect=True)
def test_a_stale_forecast_says_so(proxy):
    profile, = proxy.get_forecast(TOKEN).profiles
    assert profile['stale']
    assert profile['provenance']['latest_reading'] == '2026-01-28T12:00:00Z'


def test_ledger_and_events_are_read_over_pages(proxy):
    assert [event.sequence for event in proxy.events(TOKEN)] == [
        1, 2, 3, 4, 5]
    assert [event.sequence for event in proxy.events(
        TOKEN, after=2, limit=1)] == [3, 4, 5]
    entries = list(proxy.ledger_entries(TOKEN, max_items=4))
    assert len(entries) == 4
    assert (entries[0].kind, entries[0].amount) == ('hold', '0.012500')
    assert entries[0].inputs == {'hours': '1'}


def test_promotions_are_read_over_pages(proxy):
    found = list(proxy.promotions(TOKEN))
    assert [one.sequence for one in found] == [1, 2, 3, 4]
    assert found[0].legs['requested_to_active'] == 7.25
    assert [one.outcome for one in proxy.promotions(TOKEN, after=2)] == [
        'failed', 'under_way']
