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

SHOW = 'shadow_reserve:shadow:show'
SHOW_HOST = 'shadow_reserve:shadow:show:host'
PROMOTE = 'shadow_reserve:shadow:promote'
RETURN = 'shadow_reserve:shadow:return'

_SHADOW = '/v1/reservations/{token}/shadow'

_RULES = [
    policy.DocumentedRuleDefault(
        name=SHOW, check_str=base.READER_OR_ADMIN,
        description='Show the shadow of a reservation and its instances.',
        operations=[{'method': 'GET', 'path': _SHADOW}],
        scope_types=['project']),
    policy.DocumentedRuleDefault(
        name=SHOW_HOST, check_str=base.ADMIN,
        description='Show on which hypervisor the capacity of a shadow '
                    'instance is claimed, also in events.',
        operations=[
            {'method': 'GET', 'path': _SHADOW},
            {'method': 'GET', 'path': '/v1/reservations/{token}/events'}],
        scope_types=['project']),
    policy.DocumentedRuleDefault(
        name=PROMOTE, check_str=base.MEMBER_OR_ADMIN,
        description='Put shadow instances to use by hand.',
        operations=[{'method': 'POST', 'path': f'{_SHADOW}/promote'}],
        scope_types=['project']),
    policy.DocumentedRuleDefault(
        name=RETURN, check_str=base.MEMBER_OR_ADMIN,
        description='Send shadow instances back into the pool by hand.',
        operations=[{'method': 'POST', 'path': f'{_SHADOW}/return'}],
        scope_types=['project']),
]


def list_rules() -> list[policy.RuleDefault]:
    return list(_RULES)
