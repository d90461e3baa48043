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

"""The section of nova.conf that the scheduler filter reads."""

from keystoneauth1 import loading
from oslo_config import cfg

GROUP = cfg.OptGroup(
    'shadow_reserve', title='shadow_reserve, for its scheduler filter')

OPTIONS: list[cfg.Opt] = [
    cfg.IntOpt(
        'retry_interval', default=10, min=1,
        help='Seconds for which shadow_reserve is not asked again after it '
             'could not be reached, was too slow, or answered nonsense. '
             'Servers are placed without its word meanwhile.'),
]


def _connection() -> list[cfg.Opt]:
    """keystoneauth's, but for how a user authenticates."""
    options: list[cfg.Opt] = [
        *loading.get_session_conf_options(),
        *loading.get_adapter_conf_options(include_deprecated=False)]
    # Every request to place a server waits for the answer.
    cfg.set_defaults(options, timeout=1, service_type='shadow-reserve',
                     valid_interfaces=['internal', 'public'])
    return options


def register_opts(conf: cfg.ConfigOpts) -> None:
    conf.register_group(GROUP)
    conf.register_opts(OPTIONS + _connection(), group=GROUP)
    loading.register_auth_conf_options(conf, GROUP.name)


def list_opts() -> list[tuple[cfg.OptGroup, list[cfg.Opt]]]:
    """What ``oslo-config-generator`` writes into a sample."""
    return [(GROUP, [
        *OPTIONS, *loading.get_auth_common_conf_options(),
        *loading.get_auth_plugin_conf_options('password'),
        *_connection()])]
