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

"""Who is who: the personas that the other policies are written in."""

from oslo_policy import policy

ADMIN = 'rule:admin_api'
MEMBER_OR_ADMIN = 'rule:project_member_or_admin'
READER_OR_ADMIN = 'rule:project_reader_or_admin'
SERVICE_OR_ADMIN = 'rule:service_or_admin'

_RULES = [
    policy.RuleDefault(
        name='admin_api', check_str='role:admin',
        description='An operator of the cloud.', scope_types=['project']),
    policy.RuleDefault(
        name='project_member_api',
        check_str='role:member and project_id:%(project_id)s',
        description='Someone who may change what is in the project.',
        scope_types=['project']),
    policy.RuleDefault(
        name='project_reader_api',
        check_str='role:reader and project_id:%(project_id)s',
        description='Someone who may look at what is in the project.',
        scope_types=['project']),
    policy.RuleDefault(
        name='project_member_or_admin',
        check_str='rule:project_member_api or rule:admin_api',
        description='Default of what changes a reservation.',
        scope_types=['project']),
    policy.RuleDefault(
        name='project_reader_or_admin',
        check_str='rule:project_reader_api or rule:admin_api',
        description='Default of what shows a reservation.',
        scope_types=['project']),
    policy.RuleDefault(
        name='service_api', check_str='role:service',
        description='Another service of the cloud.',
        scope_types=['project']),
    policy.RuleDefault(
        name='service_or_admin',
        check_str='rule:service_api or rule:admin_api',
        description='Default of what is said to other services.',
        scope_types=['project']),
]


def list_rules() -> list[policy.RuleDefault]:
    return list(_RULES)
