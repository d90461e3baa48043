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

CREATE = 'shadow_reserve:reservations:create'
LIST = 'shadow_reserve:reservations:list'
LIST_ALL_PROJECTS = 'shadow_reserve:reservations:list:all_projects'
SHOW = 'shadow_reserve:reservations:show'
UPDATE = 'shadow_reserve:reservations:update'
DELETE = 'shadow_reserve:reservations:delete'

_ONE = '/v1/reservations/{token}'

_RULES = [
    policy.DocumentedRuleDefault(
        name=CREATE, check_str=base.MEMBER_OR_ADMIN,
        description='Create a reservation in the project of the token.',
        operations=[{'method': 'POST', 'path': '/v1/reservations'}],
        scope_types=['project']),
    policy.DocumentedRuleDefault(
        name=LIST, check_str=base.READER_OR_ADMIN,
        description='List the reservations of the project of the token.',
        operations=[{'method': 'GET', 'path': '/v1/reservations'}],
        scope_types=['project']),
    policy.DocumentedRuleDefault(
        name=LIST_ALL_PROJECTS, check_str=base.ADMIN,
        description='List the reservations of all projects.',
        operations=[{'method': 'GET',
                     'path': '/v1/reservations?all_projects=true'}],
        scope_types=['project']),
    policy.DocumentedRuleDefault(
        name=SHOW, check_str=base.READER_OR_ADMIN,
        description='Show a reservation. To those who may not, it and all '
                    'that belongs to it does not exist: they are told 404 '
                    'whatever they ask.',
        operations=[{'method': 'GET', 'path': _ONE}],
        scope_types=['project']),
    policy.DocumentedRuleDefault(
        name=UPDATE, check_str=base.MEMBER_OR_ADMIN,
        description='Change a reservation\'s name, policy or template.',
        operations=[{'method': 'PATCH', 'path': _ONE}],
        scope_types=['project']),
    policy.DocumentedRuleDefault(
        name=DELETE, check_str=base.MEMBER_OR_ADMIN,
        description='Delete a reservation and all that it holds.',
        operations=[{'method': 'DELETE', 'path': _ONE}],
        scope_types=['project']),
]


def list_rules() -> list[policy.RuleDefault]:
    return list(_RULES)
