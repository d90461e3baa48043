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

from typing import Any

from shadow_reserve.api.schemas import common
from shadow_reserve.records import holding

#: Ten years, in seconds; beyond it dates run out of range somewhere.
MAXIMUM_DURATION = 10 * 365 * 86400

_TIME: common.JsonSchema = {
    'type': 'string', 'maxLength': 64, 'format': 'date-time',
    'description': 'Give a time in ISO 8601, 2026-01-31T09:00:00Z; without '
                   'an offset it is taken as UTC.',
}

_SHARE = 'Give a share above 0 and under 1: 0.95 for 95 %.'

_POLICY = common.only({
    'mode': {
        'enum': ['forecast_only', 'active'],
        'description': 'Give forecast_only or active.',
    },
    'service_level': common.number(
        _SHARE, exclusiveMinimum=0, exclusiveMaximum=1),
    'safety_margin': common.number(
        'Give the share that is added on top of the forecast, from 0 to '
        '10: 0.2 for 20 %.', minimum=0, maximum=10),
    'target_utilisation': common.number(
        'Give a share above 0, up to 1: 0.6 for 60 %.',
        exclusiveMinimum=0, maximum=1),
    'minimum_shadow': common.integer(
        'Give a number of instances from 0 to 1000.',
        minimum=0, maximum=1000),
    'maximum_shadow': common.integer(
        'Give a number of instances from 0 to 1000.',
        minimum=0, maximum=1000),
    'cpu_threshold': common.number(
        'Give percents above 0, up to 100.',
        exclusiveMinimum=0, maximum=100),
    'memory_threshold': common.number(
        'Give percents above 0, up to 100.',
        exclusiveMinimum=0, maximum=100),
    'io_latency_threshold': common.number(
        'Give milliseconds above 0, up to 1000000.',
        exclusiveMinimum=0, maximum=1000000),
    'scale_in_threshold': common.number(
        'Give percents above 0, up to 100, and under cpu_threshold.',
        exclusiveMinimum=0, maximum=100),
    'cooldown': common.integer(
        'Give seconds, from 0 to 604800 (a week).',
        minimum=0, maximum=604800),
    'maximum_extension': common.number(
        'Give the share of the duration by which use of shadow may '
        'prolong it, from 0 to 10.', minimum=0, maximum=10),
    'hold': {
        'type': 'array', 'minItems': 1, 'maxItems': 4,
        'items': common.only({
            'tier': {
                'enum': [tier.value for tier in holding.Tier],
                'description': 'Give suspended, shelved, stopped or '
                               'offloaded.',
            },
            'count': {
                'type': ['integer', 'null'], 'minimum': 1, 'maximum': 1000,
                'description': 'Give a number of instances from 1 to 1000; '
                               'none, in the last part, for the rest.',
            },
        }, required=('tier',)),
        'description': 'Give one to four parts of a mix.',
    },
    'priority': common.integer(
        'Give a number from 0, given back first, to 100.',
        minimum=0, maximum=100),
    'budget': {
        'type': ['string', 'null'],
        'pattern': r'^[0-9]{1,12}(\.[0-9]{1,6})?$',
        'description': 'Give a decimal number as a string, "12.50", or '
                       'null for no bound.',
    },
})

_TEMPLATE = common.only({
    'image': common.NAME,
    'networks': {'type': 'array', 'items': common.NAME, 'maxItems': 32},
    'security_groups': {
        'type': 'array', 'items': common.NAME, 'maxItems': 32},
    'key_name': common.NAME_OR_NULL,
    'user_data': {
        'type': ['string', 'null'], 'maxLength': 65535, 'format': 'base64',
        'description': 'Give at most 65535 characters in base64, as Nova '
                       'takes them.',
    },
    'availability_zone': common.NAME_OR_NULL,
    'metadata': {
        'type': 'object', 'maxProperties': 100,
        'propertyNames': {
            'pattern': '^[a-zA-Z0-9-_:. ]{1,255}$', 'format': 'text',
            'description': 'Give a key of 1 to 255 letters, digits, '
                           'spaces and -_:. characters.',
        },
        'additionalProperties': {
            'type': 'string', 'maxLength': 255, 'format': 'text',
            'description': 'Give a string of at most 255 characters.',
        },
        'properties': {},
    },
}, required=('image',))

_SELECTOR = common.only({
    'kind': {
        'enum': ['metadata', 'server_group'],
        'description': 'Give metadata (with key and value) or '
                       'server_group (with its id as the value).',
    },
    'key': common.NAME,
    'value': common.NAME,
}, required=('kind', 'value'))

CREATE: dict[str, Any] = common.only({
    'reservation': common.only({
        'name': common.NAME,
        'flavor': common.NAME,
        'quantity': common.integer(
            'Give a number of instances, 1 or more.',
            minimum=1, maximum=1000000),
        'start_time': {**_TIME, 'type': ['string', 'null']},
        'duration': common.integer(
            'Give seconds, 60 or more.',
            minimum=60, maximum=MAXIMUM_DURATION),
        'end_time': _TIME,
        'template': _TEMPLATE,
        'selector': _SELECTOR,
        'policy': _POLICY,
    }, required=('name', 'flavor', 'quantity', 'template', 'selector')),
}, required=('reservation',))

UPDATE: dict[str, Any] = common.only({
    'reservation': common.only({
        'name': common.NAME,
        'policy': {**_POLICY, 'minProperties': 1},
    }, minProperties=1, description=(
        'Give a new name, or fields of the policy.')),
}, required=('reservation',))
