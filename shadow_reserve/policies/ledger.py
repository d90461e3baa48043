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

SHOW = 'shadow_reserve:ledger:show'

_RULES = [
    policy.DocumentedRuleDefault(
        name=SHOW, check_str=base.READER_OR_ADMIN,
        description='List what a reservation was charged and extended for.',
        operations=[{'method': 'GET',
                     'path': '/v1/reservations/{token}/ledger'}],
        scope_types=['project']),
]


def list_rules() -> list[policy.RuleDefault]:
    return list(_RULES)
