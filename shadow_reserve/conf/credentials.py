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

from keystoneauth1 import loading
from oslo_config import cfg

GROUP = 'service_credentials'

#: One section for each service that is called, for its endpoint.
SERVICES = {
    'nova': 'compute',
    'glance': 'image',
    'neutron': 'network',
    'cinder': 'block-storage',
    'placement': 'placement',
    'keystone': 'identity',
    'gnocchi': 'metric',
    'aodh': 'alarming',
    'octavia': 'load-balancer',
}


def register_opts(conf: cfg.ConfigOpts) -> None:
    loading.register_auth_conf_options(conf, GROUP)
    loading.register_session_conf_options(conf, GROUP)
    # Without one, a service that hangs would hang us too.
    conf.set_default('timeout', 60, group=GROUP)
    for section, service_type in SERVICES.items():
        loading.register_adapter_conf_options(conf, section)
        conf.set_default('service_type', service_type, group=section)


def list_opts() -> list[tuple[cfg.OptGroup | str, list[cfg.Opt]]]:
    credentials: list[cfg.Opt] = (
        loading.get_auth_common_conf_options()
        + loading.get_auth_plugin_conf_options('password')
        + loading.get_session_conf_options())
    return [(GROUP, credentials), *(
        (section, loading.get_adapter_conf_options())
        for section in SERVICES)]
