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
from shadow_reserve.api.schemas import policy
from shadow_reserve.api.schemas import template

_TIME: common.JsonSchema = {
    'type': 'string', 'maxLength': 64, 'format': 'date-time',
    'description': 'Give a time in ISO 8601, 2026-01-31T09:00:00Z; without '
                   'an offset it is taken as UTC.',
}

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
            minimum=60, maximum=common.MAXIMUM_DURATION),
        'end_time': _TIME,
        'template': template.TEMPLATE,
        'selector': _SELECTOR,
        'policy': policy.POLICY,
    }, required=('name', 'flavor', 'quantity', 'template', 'selector')),
}, required=('reservation',))

UPDATE: dict[str, Any] = common.only({
    'reservation': common.only({
        'name': common.NAME,
        'policy': {**policy.POLICY, 'minProperties': 1},
        'template': template.TEMPLATE,
    }, minProperties=1, description=(
        'Give a new name, fields of the policy, or a whole template.')),
}, required=('reservation',))
