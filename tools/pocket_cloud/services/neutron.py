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

"""Neutron: only the API. Nothing is plugged, but ports do bind."""

import json

from pocket_cloud import ini
from pocket_cloud import probes
from pocket_cloud import processes
from pocket_cloud import service
from pocket_cloud.services import mariadb
from pocket_cloud.services import nova
from pocket_cloud import uwsgi

#: Far enough away that an agent that never reports is alive for ever.
HEARTBEAT = '2100-01-01 00:00:00'


class Neutron(service.Service):
    """Its agents are rows in the database, with a heartbeat to come.

    The mechanism driver binds a port where an Open vSwitch agent lives;
    networks of the type ``local`` need no more of it.
    """

    name = 'neutron'
    databases = ('neutron',)
    # For the token with which it is asked whether it is ready.
    needs = ('mariadb', 'rabbitmq', 'memcached', 'catalogue')
    service_type = 'network'
    user_roles = ('service', 'admin')

    def configure(self) -> dict[str, str]:
        paste = self.cloud.venv / 'etc' / 'neutron' / 'api-paste.ini'
        return {
            'neutron/neutron.conf': ini.render({
                'DEFAULT': {
                    'core_plugin': 'ml2',
                    'service_plugins': '',
                    'api_paste_config': str(paste),
                    'state_path': str(self.cloud.directory('neutron')),
                    'transport_url': self.transport_url(),
                    'notify_nova_on_port_status_changes': False,
                    'notify_nova_on_port_data_changes': False,
                },
                'database': {'connection': self.database_url()},
                'keystone_authtoken': self.authtoken(),
                'oslo_concurrency': {
                    'lock_path': str(self.cloud.directory(
                        'neutron', 'lock'))},
                'quotas': {name: -1 for name in (
                    'quota_port', 'quota_network', 'quota_subnet',
                    'quota_security_group', 'quota_security_group_rule')},
                'ml2': {
                    'type_drivers': 'local',
                    'tenant_network_types': 'local',
                    'mechanism_drivers': 'openvswitch',
                    'extension_drivers': '',
                },
            }),
        }

    def initialise(self) -> list[service.Task]:
        return [
            service.Task('db-sync', (
                self.cloud.program('neutron-db-manage'), '--config-file',
                self.etc('neutron', 'neutron.conf'), 'upgrade', 'heads'),
                self.environment(), databases=self.databases),
            service.Task('agents', mariadb.client(
                self.cloud, self._agents()), self.environment()),
        ]

    def commands(self) -> list[processes.Command]:
        return [uwsgi.command(
            self.cloud, 'neutron', 'neutron',
            ('--module', 'neutron.wsgi.api:application'),
            self.environment(
                OS_NEUTRON_CONFIG_FILES=self.etc(
                    'neutron', 'neutron.conf')))]

    def ready(self) -> list[service.Probe]:
        return [probes.answers(self.cloud.ports.url('neutron')),
                self._lists_networks]

    def _lists_networks(self) -> str | None:
        """Some query must come before the first one for ports.

        That one uses an attribute of SQLAlchemy's that another query
        makes, and answers 500 for ever if it is the first.
        """
        url = self.cloud.ports.url('neutron') + '/v2.0/networks?limit=1'
        try:
            probes.ask(self.cloud, url)
        except OSError as error:
            return str(error)
        return None

    def _agents(self) -> str:
        configurations = json.dumps({
            'bridge_mappings': {}, 'tunnel_types': [], 'datapath_type':
            'system', 'vhostuser_socket_dir': '', 'ovs_capabilities': {}})
        rows = ',\n'.join(
            f"(UUID(), 'Open vSwitch agent', 'neutron-openvswitch-agent',"
            f" 'N/A', '{host}', 1, NOW(), NOW(), '{HEARTBEAT}',"
            f" '{configurations}', 0)" for host in nova.HOSTS)
        return (
            'REPLACE INTO neutron.agents (id, agent_type, `binary`, topic, '
            'host, admin_state_up, created_at, started_at, '
            f'heartbeat_timestamp, configurations, `load`) VALUES\n{rows};\n')
