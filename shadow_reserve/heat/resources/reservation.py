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
nothing but Heat, and of this package what imports nothing but Heat: one
import that fails would keep heat-engine from starting.
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

from shadow_reserve.heat import schemas

Schema: TypeAlias = properties.Schema


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
        IMAGE, NETWORKS, SECURITY_GROUPS, USER_DATA, READINESS, VOLUMES,
    ) = (
        'image', 'networks', 'security_groups', 'user_data', 'readiness',
        'volumes',
    )

    _SELECTOR_KEYS = (KIND, KEY) = ('kind', 'key')

    HOOKS = 'hooks'

    #: 0 in a template is null to the service: that metric is left alone.
    _THRESHOLDS = frozenset({
        'cpu_threshold', 'memory_threshold', 'io_latency_threshold'})

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
            required=True, schema=schemas.template(), update_allowed=True),
        SELECTOR: Schema(
            Schema.MAP,
            _('Which servers of the project are the application.'),
            required=True, schema=schemas.selector()),
        POLICY: Schema(
            Schema.MAP,
            _('How much shadow to hold, when to use it, and up to what '
              'cost.'),
            schema=schemas.policy(), default={}, update_allowed=True),
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
            resolve([self.TEMPLATE, self.VOLUMES, 'type'], 'cinder',
                    'get_volume_type'),
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
        self._check_readiness(self.properties[self.TEMPLATE][self.READINESS])
        for hook in (self.properties[self.POLICY] or {}).get(
                self.HOOKS) or []:
            self._check_hook(hook)

    @staticmethod
    def _check_hook(given: dict[str, Any]) -> None:
        by_kind = {'webhook': {'url'},
                   'octavia_pool': {'pool_id', 'protocol_port'},
                   'metadata': {'key', 'value'}}
        own = by_kind[given['kind']]
        if own != {name for name, value in given.items()
                   if value is not None} - {'kind'}:
            raise exception.StackValidationFailed(message=_(
                'hooks: give %(fields)s, and nothing else, with the kind '
                '%(kind)s.') % {'fields': ' and '.join(sorted(own)),
                                'kind': given['kind']})

    @staticmethod
    def _check_readiness(given: dict[str, Any] | None) -> None:
        if not given:
            return
        by_kind = {'metadata': {'key', 'value'}, 'http': {'port', 'path'}}
        names = {name for name, value in given.items()
                 if value is not None} - {'kind'}
        own = by_kind[given['kind']]
        if names - own or (given['kind'] == 'metadata' and names != own):
            raise exception.StackValidationFailed(message=_(
                'readiness: give key and value with the kind metadata, and '
                'at most port and path with the kind http.'))

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
            fields[name] = _without_nulls(self.properties[name])
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
        if self.TEMPLATE in prop_diff:
            # Of what is left out the service keeps the user data; here it
            # was taken away.
            changes[self.TEMPLATE] = {
                self.USER_DATA: None,
                **_without_nulls(prop_diff[self.TEMPLATE])}
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
        fields = {name: schema.default if given.get(name) is None
                  else _without_nulls(given[name])
                  for name, schema in schemas.policy().items()}
        return {name: None if name in Reservation._THRESHOLDS and value == 0
                else value for name, value in fields.items()}

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
                        'instance_id', 'server_id', 'state', 'tier',
                        'claim_held')}
                    for instance in shadow.instances],
            }
        return getattr(
            self.client().get_reservation(self.resource_id), name)


def _without_nulls(value: Any) -> Any:
    """The same without what was not given, in whatever it is in."""
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items()
                if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value


def resource_mapping() -> dict[str, type[resource.Resource]]:
    """What heat-engine learns from this file."""
    return {'OS::ShadowReserve::Reservation': Reservation}
