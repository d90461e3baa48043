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

"""OS::ShadowReserve::Reservation on Heat's own classes."""

import pathlib
from unittest import mock

import jsonschema
import pytest

pytest.importorskip('heat')

from heat.common import exception  # noqa: E402
from heat.common import plugin_loader  # noqa: E402
from heat.common import template_format  # noqa: E402
from heat.engine.clients.os import cinder  # noqa: E402
from heat.engine.clients.os import glance  # noqa: E402
from heat.engine.clients.os import neutron  # noqa: E402
from heat.engine.clients.os import nova  # noqa: E402
from heat.engine import plugin_manager  # noqa: E402
from heat.engine import rsrc_defn  # noqa: E402
from heat.engine import scheduler  # noqa: E402
from openstack import exceptions as sdk_exceptions  # noqa: E402

from shadow_reserve.api.schemas import (  # noqa: E402
    reservations as schemas)
from shadow_reserve.client.sdk import reservation as sdk  # noqa: E402
from shadow_reserve.client.sdk import shadow as sdk_shadow  # noqa: E402
from shadow_reserve.db import codec  # noqa: E402
import shadow_reserve.heat  # noqa: E402
from shadow_reserve.heat.resources import reservation  # noqa: E402
from shadow_reserve.records import reservation as records  # noqa: E402

TOKEN = 'aaaaaaaa-0000-4000-8000-000000000001'
HEAT = pathlib.Path(shadow_reserve.heat.__file__).parent

#: Heat sends no nulls within lists.
DEFAULTS = codec.policy_to_json(records.Policy()) | {
    'hold': [{'tier': 'shelved'}]}

TEMPLATE = """
heat_template_version: wallaby
resources:
  shadow:
    type: OS::ShadowReserve::Reservation
    properties:
      flavor: small
      quantity: 4
      duration: 3600
      template:
        image: cirros
        networks: [private]
        metadata: {role: web}
      selector: {kind: metadata, key: app, value: web}
      policy: {mode: active, maximum_shadow: 3, budget: '12.50'}
"""


class Proxy:
    """The SDK's proxy, with one reservation behind it."""

    def __init__(self):
        self.created = None
        self.updates = []
        self.statuses = ['creating', 'active']
        self.deleted = False

    def create_reservation(self, **fields):
        self.created = fields
        return sdk.Reservation(token=TOKEN)

    def get_reservation(self, token):
        assert token == TOKEN
        if self.deleted and not self.statuses:
            raise sdk_exceptions.NotFoundException('gone')
        status = (self.statuses.pop(0) if len(self.statuses) > 1
                  or self.deleted else self.statuses[0])
        return sdk.Reservation(
            token=TOKEN, status=status, cost='0.416000',
            end_time='2026-01-31T14:00:00Z')

    def update_reservation(self, token, **changes):
        assert token == TOKEN
        self.updates.append(changes)

    def delete_reservation(self, token):
        assert token == TOKEN
        self.deleted = True
        self.statuses = ['deleting', 'deleting']

    def get_shadow(self, token):
        return sdk_shadow.Shadow(
            allocation_id='allocation', quantity=1, status='available',
            instances=[{'instance_id': 'i', 'server_id': 's',
                        'state': 'available', 'tier': 'shelved',
                        'claim_held': True}])


def identify(name_or_id):
    return f'id-of-{name_or_id.removeprefix("id-of-")}'


@pytest.fixture
def proxy():
    return Proxy()


@pytest.fixture
def make_resource(make_stack, proxy, monkeypatch):
    for plugin, finder in (
            (nova.NovaClientPlugin, 'find_flavor_by_name_or_id'),
            (glance.GlanceClientPlugin, 'find_image_by_name_or_id')):
        monkeypatch.setattr(
            plugin, finder, lambda self, name: identify(name))
    monkeypatch.setattr(
        cinder.CinderClientPlugin, 'get_volume_type',
        lambda self, name: identify(name))
    monkeypatch.setattr(
        neutron.NeutronClientPlugin, 'find_resourceid_by_name_or_id',
        lambda self, kind, name, cmd_resource=None: identify(name))
    monkeypatch.setattr(scheduler, 'ENABLE_SLEEP', False)
    monkeypatch.setattr(
        reservation.Reservation, 'client', lambda self: proxy)
    # What constraints ask for is asked of clouds, not of us.
    monkeypatch.setattr(
        'heat.engine.constraints.CustomConstraint.validate',
        lambda *arguments, **options: None)

    stacks = []

    def make(**changes):
        parsed = template_format.parse(TEMPLATE)
        fields = parsed['resources']['shadow']['properties']
        for name, value in changes.items():
            if value is None:
                fields.pop(name, None)
            else:
                fields[name] = value
        stacks.append(make_stack(parsed))
        return stacks[-1]['shadow']
    return make


def create(resource):
    scheduler.TaskRunner(resource.create)()
    assert resource.state == (resource.CREATE, resource.COMPLETE)


def update(resource, **changes):
    fields = dict(resource.t.properties(
        resource.properties_schema).data, **changes)
    scheduler.TaskRunner(
        resource.update, rsrc_defn.ResourceDefinition(
            resource.name, resource.type(), {
                name: value for name, value in fields.items()
                if value is not None}))()


def test_create_waits_until_it_is_active(make_resource, proxy):
    resource = make_resource()
    resource.validate()
    create(resource)
    assert resource.resource_id == TOKEN
    assert proxy.statuses == ['active']
    assert proxy.created == {
        'name': resource.physical_resource_name(),
        'flavor': 'id-of-small', 'quantity': 4, 'duration': 3600,
        'template': {
            'image': 'id-of-cirros', 'networks': ['id-of-private'],
            'security_groups': [], 'metadata': {'role': 'web'},
            'config_drive': False, 'volumes': []},
        'selector': {'kind': 'metadata', 'key': 'app', 'value': 'web'},
        'policy': DEFAULTS | {
            'mode': 'active', 'maximum_shadow': 3, 'budget': '12.50'},
    }


SCHEDULED = {'start': '0 18 * * 5', 'duration': 14400, 'quantity': 10}


def test_all_that_says_how_it_is_held(make_resource, proxy):
    held = {'hold': [{'tier': 'shelved', 'count': 2}, {'tier': 'stopped'}],
            'schedule': [SCHEDULED], 'priority': 80, 'drain_time': 120,
            'maximum_uses': 20, 'maximum_age': 604800}
    resource = make_resource(policy=held, template={
        'image': 'cirros', 'config_drive': True,
        'readiness': {'kind': 'http', 'port': 8080},
        'volumes': [{'size': 10, 'type': 'fast', 'attach': 'build'},
                    {'size': 1}]})
    resource.validate()
    create(resource)
    assert proxy.created['policy'] == DEFAULTS | held | {
        'schedule': [SCHEDULED | {'timezone': 'UTC'}]}
    assert proxy.created['template'] == {
        'image': 'id-of-cirros', 'networks': [], 'security_groups': [],
        'metadata': {}, 'config_drive': True,
        'readiness': {'kind': 'http', 'port': 8080},
        'volumes': [
            {'size': 10, 'type': 'id-of-fast', 'attach': 'build'},
            {'size': 1, 'attach': 'promotion'}]}


def test_all_that_says_when_it_is_promoted(make_resource, proxy):
    told = {'cpu_threshold': 70.0, 'memory_scale_in_threshold': 30.0,
            'alarm_period': 300, 'alarm_evaluation_periods': 3,
            'alarm_combination': 'all', 'promotion_step': 2,
            'promotion_cooldown': 120, 'maximum_promoted': 4,
            'cold_creation': True, 'promote_ahead': 0.8,
            'hooks': [
                {'kind': 'webhook', 'url': 'https://example.org/'},
                {'kind': 'octavia_pool', 'pool_id': 'pool',
                 'protocol_port': 80},
                {'kind': 'metadata', 'key': 'serves', 'value': ''}]}
    resource = make_resource(policy=told | {'memory_threshold': 0})
    resource.validate()
    create(resource)
    # In a template 0 leaves a metric alone; a null would be the default.
    assert proxy.created['policy'] == DEFAULTS | told | {
        'memory_threshold': None}


def test_what_is_sent_fits_the_service(make_resource, proxy):
    resource = make_resource()
    create(resource)
    jsonschema.validate({'reservation': proxy.created}, schemas.CREATE)
    update(resource, name='shop', policy={'schedule': [SCHEDULED]},
           template={'image': 'debian', 'volumes': [{'size': 1}]})
    jsonschema.validate({'reservation': proxy.updates[0]}, schemas.UPDATE)


def test_every_field_of_the_service_can_be_given():
    fields = schemas.CREATE['properties']['reservation']['properties']
    for name in ('policy', 'template', 'selector'):
        schema = reservation.Reservation.properties_schema[name]
        assert schema.schema.keys() == fields[name]['properties'].keys()


def test_update_of_the_template_is_in_place(make_resource, proxy):
    resource = make_resource(template={
        'image': 'cirros', 'user_data': 'aGVsbG8=', 'key_name': 'laptop'})
    create(resource)
    update(resource, template={
        'image': 'debian', 'networks': ['private'],
        'volumes': [{'size': 4, 'type': 'fast'}]})
    assert resource.state == (resource.UPDATE, resource.COMPLETE)
    # What the new one does not say is gone, user data as well.
    assert proxy.updates == [{'template': {
        'image': 'id-of-debian', 'networks': ['id-of-private'],
        'security_groups': [], 'metadata': {}, 'user_data': None,
        'config_drive': False, 'volumes': [
            {'size': 4, 'type': 'id-of-fast', 'attach': 'promotion'}]}}]


def test_defaults_are_those_of_the_service(make_resource, proxy):
    create(make_resource(policy=None))
    assert proxy.created['policy'] == DEFAULTS


def test_create_fails_when_it_is_deleted_meanwhile(make_resource, proxy):
    proxy.statuses = ['creating', 'deleting']
    resource = make_resource()
    with pytest.raises(exception.ResourceFailure, match='deleting'):
        scheduler.TaskRunner(resource.create)()


def test_update_of_name_and_policy_is_in_place(make_resource, proxy):
    resource = make_resource()
    create(resource)
    update(resource, name='shop', policy={'mode': 'forecast_only'})
    assert resource.state == (resource.UPDATE, resource.COMPLETE)
    # What the template does not say any more is back at its default.
    assert proxy.updates == [{
        'name': 'shop', 'policy': DEFAULTS}]


def test_update_of_the_contract_replaces(make_resource):
    resource = make_resource()
    create(resource)
    from heat.engine import resource as heat_resource
    with pytest.raises(heat_resource.UpdateReplace):
        update(resource, quantity=5)


def test_delete_waits_until_it_is_gone(make_resource, proxy):
    resource = make_resource()
    create(resource)
    scheduler.TaskRunner(resource.delete)()
    assert resource.state == (resource.DELETE, resource.COMPLETE)
    assert proxy.deleted
    assert proxy.statuses == []


def test_delete_of_what_was_never_made(
        make_resource, proxy, monkeypatch):
    def refuse(**fields):
        raise sdk_exceptions.BadRequestException('no such image')
    monkeypatch.setattr(proxy, 'create_reservation', refuse)
    resource = make_resource()
    with pytest.raises(exception.ResourceFailure, match='no such image'):
        scheduler.TaskRunner(resource.create)()
    scheduler.TaskRunner(resource.delete)()
    assert resource.state == (resource.DELETE, resource.COMPLETE)
    assert not proxy.deleted


def test_check(make_resource, proxy):
    resource = make_resource()
    create(resource)
    scheduler.TaskRunner(resource.check)()
    assert resource.state == (resource.CHECK, resource.COMPLETE)
    proxy.statuses = ['terminated']
    with pytest.raises(exception.ResourceFailure, match='terminated'):
        scheduler.TaskRunner(resource.check)()


def test_attributes(make_resource):
    resource = make_resource()
    assert resource.FnGetAtt('status') is None
    create(resource)
    assert resource.FnGetAtt('token') == TOKEN
    assert resource.FnGetAtt('status') == 'active'
    assert resource.FnGetAtt('cost') == '0.416000'
    assert resource.FnGetAtt('end_time') == '2026-01-31T14:00:00Z'
    assert resource.FnGetAtt('shadow', 'instances', 0, 'state') == (
        'available')
    assert resource.FnGetAtt('shadow', 'instances', 0, 'tier') == 'shelved'


@pytest.mark.parametrize(('changes', 'words'), [
    ({'end_time': '2030-01-01T00:00:00Z'}, 'end_time'),
    ({'duration': None}, 'duration'),
    ({'selector': {'kind': 'metadata', 'value': 'web'}}, 'selector'),
    ({'selector': {'kind': 'server_group', 'key': 'a', 'value': 'b'}},
     'selector'),
    ({'selector': {'kind': 'stack', 'value': 'b'}}, 'stack'),
    ({'quantity': 0}, 'quantity'),
    ({'policy': {'safety_margin': -1}}, 'safety_margin'),
    ({'policy': {'service_level': 1}}, 'service_level'),
    ({'policy': {'colour': 'red'}}, 'colour'),
    ({'policy': {'hold': []}}, 'hold'),
    ({'policy': {'hold': [{'tier': 'frozen'}]}}, 'frozen'),
    ({'policy': {'schedule': [{'duration': 60, 'quantity': 1}]}}, 'start'),
    ({'policy': {'maximum_age': 60}}, 'maximum_age'),
    ({'policy': {'alarm_combination': 'most'}}, 'most'),
    ({'policy': {'promote_ahead': 1}}, 'promote_ahead'),
    ({'policy': {'hooks': [{'kind': 'script'}]}}, 'script'),
    ({'policy': {'hooks': [{'kind': 'webhook'}]}},
     'hooks: give url, and nothing else, with the kind webhook'),
    ({'policy': {'hooks': [{'kind': 'metadata', 'key': 'a', 'value': 'b',
                            'url': 'https://example.org/'}]}},
     'hooks: give key and value, and nothing else'),
    ({'template': {'image': 'a', 'readiness': {'kind': 'tcp'}}}, 'tcp'),
    ({'template': {'image': 'a', 'readiness': {'port': 80}}}, 'kind'),
    ({'template': {'image': 'a', 'readiness': {
        'kind': 'metadata', 'key': 'ready'}}}, 'readiness: give key'),
    ({'template': {'image': 'a', 'readiness': {
        'kind': 'http', 'key': 'ready'}}}, 'readiness: give key'),
    ({'template': {'image': 'a', 'volumes': [{'type': 'fast'}]}}, 'size'),
])
def test_bad_templates_are_refused(make_resource, changes, words):
    with pytest.raises(Exception, match=words):
        make_resource(**changes).validate()


def test_heat_finds_it_in_plugin_dirs():
    package = plugin_loader.create_subpackage(
        [str(HEAT / 'resources')], 'tests.unit.heat', 'plugins')
    modules = list(plugin_loader.load_modules(package))
    mapping = plugin_manager.PluginMapping(['available_resource',
                                            'resource'])
    found = {}
    for module in modules:
        found.update(mapping.load_from_module(module))
    assert list(found) == ['OS::ShadowReserve::Reservation']


def test_the_example_is_a_template(make_stack, make_resource):
    text = (HEAT / 'templates' / 'reservation.yaml').read_text()
    stack = make_stack(template_format.parse(text), {'image': 'cirros'})
    resource = stack['reservation']
    assert resource.properties['quantity'] == 4
    assert resource.properties['policy']['maximum_shadow'] == 4
    resource.validate()


def test_client_plugin_tells_errors_apart():
    from shadow_reserve.heat import client
    plugin = client.ShadowReserveClientPlugin(mock.MagicMock())
    assert plugin.is_not_found(sdk_exceptions.NotFoundException())
    assert not plugin.is_not_found(sdk_exceptions.ConflictException())
    assert plugin.is_conflict(sdk_exceptions.ConflictException())
    assert plugin.is_client_exception(
        sdk_exceptions.BadRequestException())
