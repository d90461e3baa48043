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

from oslo_context import context
from oslo_policy import policy
import pytest

from shadow_reserve import policies
from shadow_reserve.policies import base
from tests.api import fixtures

PERSONAS = {
    'service': {'service'},
    'reader': {'reader'},
    'member': {'reader', 'member'},
    'admin': {'reader', 'member', 'admin'},
}
READ = {
    'reservations:list', 'reservations:show', 'shadow:show',
    'forecast:show', 'ledger:show', 'events:show',
    'promotions:show',
}
CHANGE = {
    'reservations:create', 'reservations:update', 'reservations:delete',
    'shadow:promote', 'shadow:return',
}
SERVE = {'promotions:list'}
OPERATE = {
    'capacity:show', 'reservations:list:all_projects', 'shadow:show:host',
} | SERVE


@pytest.fixture
def enforcer():
    return policies.build_enforcer(fixtures.make_conf('sqlite://'))


def allowed(enforcer, persona, project_id):
    asking = context.RequestContext(
        user_id='user', project_id='mine', roles=PERSONAS[persona],
        overwrite=False)
    return {
        rule.name.removeprefix('shadow_reserve:')
        for rule in policies.list_rules()
        if rule.name not in {one.name for one in base.list_rules()}
        and enforcer.authorize(
            rule.name, {'project_id': project_id}, asking)}


def test_defaults(enforcer):
    assert allowed(enforcer, 'reader', 'mine') == READ
    assert allowed(enforcer, 'member', 'mine') == READ | CHANGE
    assert allowed(enforcer, 'admin', 'mine') == READ | CHANGE | OPERATE
    assert allowed(enforcer, 'service', 'mine') == SERVE
    assert allowed(enforcer, 'reader', 'other') == set()
    assert allowed(enforcer, 'member', 'other') == set()
    assert allowed(enforcer, 'admin', 'other') == READ | CHANGE | OPERATE


def test_every_rule_says_what_it_is_for():
    for rule in policies.list_rules():
        assert rule.description
        assert rule.scope_types == ['project']
        if rule not in base.list_rules():
            assert isinstance(rule, policy.DocumentedRuleDefault)
            assert all(operation['path'].startswith('/v1/')
                       for operation in rule.operations)


def test_the_tools_get_an_enforcer():
    assert policies.get_enforcer().registered_rules
