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

"""Who may do what: one module of rules for each resource of the API."""

from oslo_config import cfg
from oslo_policy import policy

from shadow_reserve.policies import base
from shadow_reserve.policies import capacity
from shadow_reserve.policies import events
from shadow_reserve.policies import forecast
from shadow_reserve.policies import ledger
from shadow_reserve.policies import promotions
from shadow_reserve.policies import reservations
from shadow_reserve.policies import shadow

_MODULES = (base, capacity, events, forecast, ledger, promotions,
            reservations, shadow)


def list_rules() -> list[policy.RuleDefault]:
    """Every rule with its default, also for the sample of policy.yaml."""
    return [rule for module in _MODULES for rule in module.list_rules()]


def build_enforcer(conf: cfg.ConfigOpts) -> policy.Enforcer:
    """An enforcer of these rules, and of what the operator overrides."""
    enforcer = policy.Enforcer(conf)
    enforcer.register_defaults(list_rules())
    return enforcer


def get_enforcer() -> policy.Enforcer:
    """For the oslo.policy tools, which give no configuration."""
    conf = cfg.ConfigOpts()
    conf([], project='shadow_reserve')
    return build_enforcer(conf)
