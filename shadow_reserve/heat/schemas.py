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
        **_thresholds(),
        **_alarms(),
        **_promotions(),
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


def _thresholds() -> dict[str, Schema]:
    """A null in a template is the default; so that a metric can be left
    alone, its threshold may be 0."""
    def watched(text: str, default: float) -> Schema:
        return Schema(Schema.NUMBER, text, default=default,
                      constraints=[constraints.Range(min=0)])

    def scale_in(text: str, default: float | None = None) -> Schema:
        return Schema(Schema.NUMBER, text, default=default,
                      constraints=[constraints.Range(min=0.000001)])
    return {
        'cpu_threshold': watched(
            _('CPU utilisation, in percent, above which shadow is '
              'promoted; 0 to leave it alone.'), 80.0),
        'memory_threshold': watched(
            _('Memory pressure, in percent, above which shadow is '
              'promoted; 0 to leave it alone.'), 90.0),
        'io_latency_threshold': watched(
            _('I/O latency, in milliseconds, above which shadow is '
              'promoted; 0 to leave it alone.'), 50.0),
        'scale_in_threshold': scale_in(
            _('CPU utilisation, in percent, under which shadow goes back '
              'into the pool.'), 40.0),
        'memory_scale_in_threshold': scale_in(
            _('The same for memory pressure; half of its threshold if not '
              'given.')),
        'io_latency_scale_in_threshold': scale_in(
            _('The same for I/O latency, in milliseconds; half of its '
              'threshold if not given.')),
    }


def _alarms() -> dict[str, Schema]:
    return {
        'alarm_period': Schema(
            Schema.INTEGER,
            _('Seconds; granularity of the measures that alarms look at; '
              'what the operator has set if not given.'),
            constraints=[constraints.Range(min=1, max=86400)]),
        'alarm_evaluation_periods': Schema(
            Schema.INTEGER,
            _('For how many of these periods in a row a threshold must be '
              'crossed; what the operator has set if not given.'),
            constraints=[constraints.Range(min=1, max=100)]),
        'alarm_combination': Schema(
            Schema.STRING,
            _('An alarm for each metric, any of which promotes, or one '
              'over any or all of them.'),
            default='separate', constraints=[
                constraints.AllowedValues(['separate', 'any', 'all'])]),
    }


def _promotions() -> dict[str, Schema]:
    return {
        'promotion_step': Schema(
            Schema.INTEGER,
            _('Instances that are promoted at a time; as many as bring '
              'utilisation to its target if not given.'),
            constraints=[constraints.Range(min=1, max=1000)]),
        'promotion_cooldown': Schema(
            Schema.INTEGER, _('Seconds between two promotions.'),
            default=0, constraints=[constraints.Range(min=0, max=604800)]),
        'maximum_promoted': Schema(
            Schema.INTEGER,
            _('Shadow instances that serve at a time, at most; there is no '
              'bound without it.'),
            constraints=[constraints.Range(min=1, max=1000)]),
        'cold_creation': Schema(
            Schema.BOOLEAN,
            _('Whether what the pool lacks is built from nothing.'),
            default=False),
        'promote_ahead': Schema(
            Schema.NUMBER,
            _('Probability with which the forecast must say that a '
              'threshold will be crossed for shadow to be promoted ahead '
              'of the alarm; not at all if not given.'),
            constraints=[constraints.Range(min=0.000001, max=0.999999)]),
        'hooks': Schema(
            Schema.LIST,
            _('What is done when an instance has come to serve, and undone '
              'when it goes back.'),
            default=[], constraints=[constraints.Length(max=8)],
            schema=Schema(Schema.MAP, schema={
                'kind': Schema(
                    Schema.STRING,
                    _('webhook: with url. octavia_pool: with pool_id and '
                      'protocol_port. metadata: with key and value.'),
                    required=True, constraints=[constraints.AllowedValues(
                        ['webhook', 'octavia_pool', 'metadata'])]),
                'url': Schema(
                    Schema.STRING, _('Address that is asked by POST.')),
                'pool_id': Schema(
                    Schema.STRING, _('ID of the Octavia pool.')),
                'protocol_port': Schema(
                    Schema.INTEGER, _('Port on which instances serve.'),
                    constraints=[constraints.Range(min=1, max=65535)]),
                'key': Schema(
                    Schema.STRING, _('Key of the metadata item.')),
                'value': Schema(
                    Schema.STRING, _('Value of the metadata item.')),
            })),
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
