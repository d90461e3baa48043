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

"""OS::ShadowReserve::Reservation

heat-engine also loads this file by its path (plugin_dirs), so it imports
nothing but Heat: one import that fails would keep heat-engine from
starting.
"""

from typing import Any
from typing import TypeAlias

from heat.common import exception
from heat.common.i18n import _
from heat.engine import attributes
from heat.engine import constraints
from heat.engine import properties
from heat.engine import resource
from heat.engine import translation

Schema: TypeAlias = properties.Schema


def _policy_schema() -> dict[str, Schema]:
    """Fields of the policy, with the service's own defaults.

    They are here too because a field that is taken out of a template goes
    back to its default.
    """
    above_zero = constraints.Range(min=0.000001)
    return {
        'mode': Schema(
            Schema.STRING,
            _('Whether the service only says what it would do, or does '
              'it.'),
            default='forecast_only', constraints=[
                constraints.AllowedValues(['forecast_only', 'active'])]),
        'service_level': Schema(
            Schema.NUMBER,
            _('Share of time in which the capacity is meant to suffice.'),
            default=0.95,
            constraints=[constraints.Range(min=0.000001, max=0.999999)]),
        'safety_margin': Schema(
            Schema.NUMBER,
            _('Share that is added on top of the forecast.'),
            default=0.2, constraints=[constraints.Range(min=0, max=10)]),
        'target_utilisation': Schema(
            Schema.NUMBER,
            _('Share of an instance that is meant to be busy.'),
            default=0.6,
            constraints=[constraints.Range(min=0.000001, max=1)]),
        'minimum_shadow': Schema(
            Schema.INTEGER, _('Shadow instances to hold at least.'),
            default=0, constraints=[constraints.Range(min=0, max=1000)]),
        'maximum_shadow': Schema(
            Schema.INTEGER, _('Shadow instances to hold at most.'),
            default=10, constraints=[constraints.Range(min=0, max=1000)]),
        'cpu_threshold': Schema(
            Schema.NUMBER,
            _('CPU utilisation, in percent, above which shadow is '
              'promoted.'),
            default=80.0, constraints=[above_zero]),
        'memory_threshold': Schema(
            Schema.NUMBER,
            _('Memory pressure, in percent, above which shadow is '
              'promoted.'),
            default=90.0, constraints=[above_zero]),
        'io_latency_threshold': Schema(
            Schema.NUMBER,
            _('I/O latency, in milliseconds, above which shadow is '
              'promoted.'),
            default=50.0, constraints=[above_zero]),
        'scale_in_threshold': Schema(
            Schema.NUMBER,
            _('Utilisation, in percent, under which shadow goes back into '
              'the pool.'),
            default=40.0, constraints=[above_zero]),
        'cooldown': Schema(
            Schema.INTEGER,
            _('Seconds between a change and going back.'),
            default=900, constraints=[constraints.Range(min=0)]),
        'maximum_extension': Schema(
            Schema.NUMBER,
            _('Share of the duration by which use of shadow may prolong '
              'the lease.'),
            default=0.5, constraints=[constraints.Range(min=0, max=10)]),
        'budget': Schema(
            Schema.STRING,
            _('The most that shadow may cost in all, a decimal number; '
              'there is no bound without it.')),
    }


class Reservation(resource.Resource):
    """Reserved instances of a flavor, with a shadow beside them.

    The service forecasts the demand of the application that the selector
    finds, holds instances ready for it, and puts them to use when the
    demand needs them.
    """

    PROPERTIES = (
        NAME, FLAVOR, QUANTITY, START_TIME, DURATION, END_TIME, TEMPLATE,
        SELECTOR, POLICY,
    ) = (
        'name', 'flavor', 'quantity', 'start_time', 'duration', 'end_time',
        'template', 'selector', 'policy',
    )

    _TEMPLATE_KEYS = (
        IMAGE, NETWORKS, SECURITY_GROUPS, KEY_NAME, USER_DATA,
        AVAILABILITY_ZONE, METADATA,
    ) = (
        'image', 'networks', 'security_groups', 'key_name', 'user_data',
        'availability_zone', 'metadata',
    )

    _SELECTOR_KEYS = (KIND, KEY, VALUE) = ('kind', 'key', 'value')

    ATTRIBUTES = (TOKEN, STATUS, END_TIME_ATTR, COST, SHADOW) = (
        'token', 'status', 'end_time', 'cost', 'shadow')

    properties_schema = {
        NAME: Schema(
            Schema.STRING, _('Name of the reservation.'),
            constraints=[constraints.Length(min=1, max=255)],
            update_allowed=True),
        FLAVOR: Schema(
            Schema.STRING, _('Flavor of its instances.'), required=True,
            constraints=[constraints.CustomConstraint('nova.flavor')]),
        QUANTITY: Schema(
            Schema.INTEGER, _('How many instances are reserved.'),
            required=True, constraints=[constraints.Range(min=1)]),
        START_TIME: Schema(
            Schema.STRING, _('When it starts; at once if not given.'),
            constraints=[constraints.CustomConstraint('iso_8601')]),
        DURATION: Schema(
            Schema.INTEGER,
            _('Seconds that it lasts. Either this or end_time.'),
            constraints=[constraints.Range(min=60)]),
        END_TIME: Schema(
            Schema.STRING, _('When it ends. Either this or duration.'),
            constraints=[constraints.CustomConstraint('iso_8601')]),
        TEMPLATE: Schema(
            Schema.MAP, _('What shadow instances are built from.'),
            required=True,
            schema={
                IMAGE: Schema(
                    Schema.STRING, _('Image they boot from.'),
                    required=True, constraints=[
                        constraints.CustomConstraint('glance.image')]),
                NETWORKS: Schema(
                    Schema.LIST, _('Networks; none if empty.'), default=[],
                    schema=Schema(Schema.STRING, constraints=[
                        constraints.CustomConstraint('neutron.network')])),
                SECURITY_GROUPS: Schema(
                    Schema.LIST, _('Security groups.'), default=[],
                    schema=Schema(Schema.STRING)),
                KEY_NAME: Schema(
                    Schema.STRING, _('Keypair.'), constraints=[
                        constraints.CustomConstraint('nova.keypair')]),
                USER_DATA: Schema(
                    Schema.STRING, _('User data, in base64.')),
                AVAILABILITY_ZONE: Schema(
                    Schema.STRING, _('Availability zone.')),
                METADATA: Schema(
                    Schema.MAP, _('Metadata items.'), default={}),
            }),
        SELECTOR: Schema(
            Schema.MAP,
            _('Which servers of the project are the application.'),
            required=True,
            schema={
                KIND: Schema(
                    Schema.STRING, _('How it selects.'), required=True,
                    constraints=[constraints.AllowedValues(
                        ['metadata', 'server_group'])]),
                KEY: Schema(
                    Schema.STRING,
                    _('Key of the metadata item; with that kind only.')),
                VALUE: Schema(
                    Schema.STRING,
                    _('Value of the item, or ID of the server group.'),
                    required=True),
            }),
        POLICY: Schema(
            Schema.MAP,
            _('How much shadow to hold, when to use it, and up to what '
              'cost.'),
            schema=_policy_schema(), default={}, update_allowed=True),
    }

    attributes_schema = {
        TOKEN: attributes.Schema(
            _('What names the reservation everywhere.'),
            type=attributes.Schema.STRING),
        STATUS: attributes.Schema(
            _('pending, active, ending or terminated.'),
            type=attributes.Schema.STRING,
            cache_mode=attributes.Schema.CACHE_NONE),
        END_TIME_ATTR: attributes.Schema(
            _('When it ends, extensions included.'),
            type=attributes.Schema.STRING,
            cache_mode=attributes.Schema.CACHE_NONE),
        COST: attributes.Schema(
            _('The sum of all charges so far.'),
            type=attributes.Schema.STRING,
            cache_mode=attributes.Schema.CACHE_NONE),
        SHADOW: attributes.Schema(
            _('The shadow: its allocation_id, quantity and status, and '
              'its instances.'),
            type=attributes.Schema.MAP,
            cache_mode=attributes.Schema.CACHE_NONE),
    }

    default_client_name = 'shadow_reserve'

    def translation_rules(
            self, props: Any) -> list[translation.TranslationRule]:
        def resolve(path: list[str], client: str, finder: str,
                    entity: str | None = None,
                    ) -> translation.TranslationRule:
            return translation.TranslationRule(
                props, translation.TranslationRule.RESOLVE, path,
                client_plugin=self.client_plugin(client), finder=finder,
                entity=entity)
        by_name = 'find_resourceid_by_name_or_id'
        return [
            resolve([self.FLAVOR], 'nova', 'find_flavor_by_name_or_id'),
            resolve([self.TEMPLATE, self.IMAGE], 'glance',
                    'find_image_by_name_or_id'),
            resolve([self.TEMPLATE, self.NETWORKS], 'neutron', by_name,
                    'network'),
            resolve([self.TEMPLATE, self.SECURITY_GROUPS], 'neutron',
                    by_name, 'security_group'),
        ]

    def validate(self) -> None:
        super().validate()
        given = [name for name in (self.DURATION, self.END_TIME)
                 if self.properties[name] is not None]
        if len(given) == 2:
            raise exception.ResourcePropertyConflict(*given)
        if not given:
            raise exception.PropertyUnspecifiedError(
                self.DURATION, self.END_TIME)
        selector = self.properties[self.SELECTOR]
        if (selector[self.KIND] == 'metadata') != bool(selector[self.KEY]):
            raise exception.StackValidationFailed(message=_(
                'selector: give the key with the kind metadata, and none '
                'with the kind server_group.'))

    def handle_create(self) -> str:
        fields: dict[str, Any] = {
            self.NAME: self._reservation_name(),
            self.POLICY: self._policy(self.properties[self.POLICY]),
        }
        for name in (self.FLAVOR, self.QUANTITY, self.START_TIME,
                     self.DURATION, self.END_TIME):
            if self.properties[name] is not None:
                fields[name] = self.properties[name]
        for name in (self.TEMPLATE, self.SELECTOR):
            fields[name] = {
                key: value for key, value in self.properties[name].items()
                if value is not None}
        token: str = self.client().create_reservation(**fields).token
        self.resource_id_set(token)
        return token

    def check_create_complete(self, token: str) -> bool:
        return self._is_ready(token)

    def handle_update(self, json_snippet: Any, tmpl_diff: Any,
                      prop_diff: dict[str, Any]) -> str | None:
        changes: dict[str, Any] = {}
        if self.NAME in prop_diff:
            changes[self.NAME] = (
                prop_diff[self.NAME] or self.physical_resource_name())
        if self.POLICY in prop_diff:
            changes[self.POLICY] = self._policy(prop_diff[self.POLICY])
        if not changes:
            return None
        self.client().update_reservation(self.resource_id, **changes)
        return str(self.resource_id)

    def handle_delete(self) -> str | None:
        token: str | None = self.resource_id
        if token is not None:
            self.client().delete_reservation(token)
        return token

    def check_delete_complete(self, token: str | None) -> bool:
        if token is None:
            return True
        try:
            self.client().get_reservation(token)
        except Exception as error:
            self.client_plugin().ignore_not_found(error)
            return True
        return False

    def handle_check(self) -> None:
        if not self._is_ready(self.resource_id):
            raise exception.Error(_('The reservation is not complete.'))

    def _is_ready(self, token: str) -> bool:
        """:raises ResourceUnknownStatus: where it never will be"""
        status = self.client().get_reservation(token).status
        if status in ('pending', 'active'):
            return True
        if status == 'creating':
            return False
        raise exception.ResourceUnknownStatus(
            resource_status=status, result=_('Reservation not usable'))

    def _reservation_name(self) -> str:
        return str(self.properties[self.NAME]
                   or self.physical_resource_name())

    @staticmethod
    def _policy(given: dict[str, Any] | None) -> dict[str, Any]:
        """All fields: those not given have their defaults."""
        given = given or {}
        return {name: schema.default if given.get(name) is None
                else given[name]
                for name, schema in _policy_schema().items()}

    def _resolve_attribute(self, name: str) -> Any:
        if self.resource_id is None:
            return None
        if name == self.SHADOW:
            shadow = self.client().get_shadow(self.resource_id)
            return {
                'allocation_id': shadow.allocation_id,
                'quantity': shadow.quantity,
                'status': shadow.status,
                'instances': [
                    {key: getattr(instance, key) for key in (
                        'instance_id', 'server_id', 'state',
                        'claim_held')}
                    for instance in shadow.instances],
            }
        return getattr(
            self.client().get_reservation(self.resource_id), name)


def resource_mapping() -> dict[str, type[resource.Resource]]:
    """What heat-engine learns from this file."""
    return {'OS::ShadowReserve::Reservation': Reservation}
