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

"""What the properties of OS::ShadowReserve::Reservation are made of."""

from typing import TypeAlias

from heat.common.i18n import _
from heat.engine import constraints
from heat.engine import properties

Schema: TypeAlias = properties.Schema


def policy() -> dict[str, Schema]:
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
        'hold': Schema(
            Schema.LIST,
            _('The tiers in which shadow instances wait, the first ones '
              'first; promoted in the same order.'),
            default=[{'tier': 'shelved'}],
            constraints=[constraints.Length(min=1, max=4)],
            schema=Schema(Schema.MAP, schema={
                'tier': Schema(
                    Schema.STRING, _('How they wait.'), required=True,
                    constraints=[constraints.AllowedValues([
                        'suspended', 'shelved', 'stopped', 'offloaded'])]),
                'count': Schema(
                    Schema.INTEGER,
                    _('How many; none in the last part, for the rest.'),
                    constraints=[constraints.Range(min=1, max=1000)]),
            })),
        'priority': Schema(
            Schema.INTEGER,
            _('Where the cloud needs room, idle shadow of low priority is '
              'given back first.'),
            default=50, constraints=[constraints.Range(min=0, max=100)]),
        'schedule': Schema(
            Schema.LIST,
            _('So many shadow instances at set times, whatever the '
              'forecast says.'),
            default=[], constraints=[constraints.Length(max=32)],
            schema=Schema(Schema.MAP, schema={
                'start': Schema(
                    Schema.STRING,
                    _('When, as a cron expression of five fields.'),
                    required=True),
                'duration': Schema(
                    Schema.INTEGER, _('For how many seconds.'),
                    required=True,
                    constraints=[constraints.Range(min=60, max=604800)]),
                'quantity': Schema(
                    Schema.INTEGER, _('How many shadow instances.'),
                    required=True,
                    constraints=[constraints.Range(min=0, max=1000)]),
                'timezone': Schema(
                    Schema.STRING, _('IANA time zone of the start.'),
                    default='UTC'),
            })),
        'drain_time': Schema(
            Schema.INTEGER,
            _('Seconds that an instance which is sent back runs on before it '
              'is held again.'),
            default=0, constraints=[constraints.Range(min=0, max=86400)]),
        'maximum_uses': Schema(
            Schema.INTEGER,
            _('Promotions after which an instance is replaced; there is no '
              'bound without it.'),
            constraints=[constraints.Range(min=1)]),
        'maximum_age': Schema(
            Schema.INTEGER,
            _('Seconds after which an instance is replaced; there is no '
              'bound without it.'),
            constraints=[constraints.Range(min=3600)]),
    }


def template() -> dict[str, Schema]:
    """Fields of the template; of those left out, null is the default."""
    return {
        'image': Schema(
            Schema.STRING, _('Image they boot from.'),
            required=True, constraints=[
                constraints.CustomConstraint('glance.image')]),
        'networks': Schema(
            Schema.LIST, _('Networks; none if empty.'), default=[],
            schema=Schema(Schema.STRING, constraints=[
                constraints.CustomConstraint('neutron.network')])),
        'security_groups': Schema(
            Schema.LIST, _('Security groups.'), default=[],
            schema=Schema(Schema.STRING)),
        'key_name': Schema(
            Schema.STRING, _('Keypair.'), constraints=[
                constraints.CustomConstraint('nova.keypair')]),
        'user_data': Schema(
            Schema.STRING, _('User data, in base64.')),
        'availability_zone': Schema(
            Schema.STRING, _('Availability zone.')),
        'metadata': Schema(
            Schema.MAP, _('Metadata items.'), default={}),
        'config_drive': Schema(
            Schema.BOOLEAN, _('Whether they have a config drive.'),
            default=False),
        'readiness': Schema(
            Schema.MAP,
            _('When a new one is ready to be held; after a time, without '
              'this.'),
            schema={
                'kind': Schema(
                    Schema.STRING,
                    _('metadata: it has the metadata item of that key and '
                      'value. http: it answers at that port and path.'),
                    required=True, constraints=[
                        constraints.AllowedValues(['metadata', 'http'])]),
                'key': Schema(Schema.STRING, _('Key of the item.')),
                'value': Schema(Schema.STRING, _('Value of the item.')),
                'port': Schema(
                    Schema.INTEGER, _('TCP port; 80 if not given.'),
                    constraints=[constraints.Range(min=1, max=65535)]),
                'path': Schema(
                    Schema.STRING, _('Path; / if not given.'),
                    constraints=[constraints.AllowedPattern('/[!-~]*')]),
            }),
        'volumes': Schema(
            Schema.LIST, _('Volumes of each of them.'), default=[],
            constraints=[constraints.Length(max=8)],
            schema=Schema(Schema.MAP, schema={
                'size': Schema(
                    Schema.INTEGER, _('GiB.'), required=True,
                    constraints=[constraints.Range(min=1, max=65536)]),
                'type': Schema(
                    Schema.STRING, _('Volume type.'), constraints=[
                        constraints.CustomConstraint('cinder.vtype')]),
                'attach': Schema(
                    Schema.STRING,
                    _('Whether it stays attached from the build on, or is '
                      'attached at each promotion.'),
                    default='promotion', constraints=[
                        constraints.AllowedValues(
                            ['build', 'promotion'])]),
            })),
    }


def selector() -> dict[str, Schema]:
    return {
        'kind': Schema(
            Schema.STRING, _('How it selects.'), required=True,
            constraints=[constraints.AllowedValues(
                ['metadata', 'server_group'])]),
        'key': Schema(
            Schema.STRING,
            _('Key of the metadata item; with that kind only.')),
        'value': Schema(
            Schema.STRING,
            _('Value of the item, or ID of the server group.'),
            required=True),
    }
