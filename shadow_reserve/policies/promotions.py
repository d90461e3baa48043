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

from oslo_policy import policy

from shadow_reserve.policies import base

LIST = 'shadow_reserve:promotions:list'
SHOW = 'shadow_reserve:promotions:show'

_RULES = [
    policy.DocumentedRuleDefault(
        name=LIST, check_str=base.SERVICE_OR_ADMIN,
        description='List the room on hosts that promotions under way have '
                    'let go. Nova\'s scheduler filter asks for it.',
        operations=[{'method': 'GET', 'path': '/v1/promotions'}],
        scope_types=['project']),
    policy.DocumentedRuleDefault(
        name=SHOW, check_str=base.READER_OR_ADMIN,
        description='List the promotions of a reservation, with the time '
                    'that each part of them took.',
        operations=[{'method': 'GET',
                     'path': '/v1/reservations/{token}/promotions'}],
        scope_types=['project']),
]


def list_rules() -> list[policy.RuleDefault]:
    return list(_RULES)
