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

"""Gnocchi: measures, in files, folded every few seconds."""

from pocket_cloud import ini
from pocket_cloud import probes
from pocket_cloud import processes
from pocket_cloud import service
from pocket_cloud import uwsgi


class Gnocchi(service.Service):
    """The API and one metricd; they meet in the folder of measures."""

    name = 'gnocchi'
    databases = ('gnocchi',)
    needs = ('mariadb', 'memcached')
    service_type = 'metric'
    user_roles = ('service', 'admin')

    def configure(self) -> dict[str, str]:
        data = str(self.cloud.directory('gnocchi'))
        paste = self.shipped(
            self.package('gnocchi') + '/rest/api-paste.ini')
        return {
            'gnocchi/gnocchi.conf': ini.render({
                'DEFAULT': {
                    # At INFO it logs its database's password.
                    'verbose': False,
                    'coordination_url': f'file://{data}/coordination',
                },
                'api': {
                    'auth_mode': 'keystone',
                    'paste_config': self.etc('gnocchi', 'api-paste.ini'),
                },
                'indexer': {'url': self.database_url()},
                'storage': {'driver': 'file',
                            'file_basepath': f'{data}/storage'},
                'incoming': {'driver': 'file',
                             'file_basepath': f'{data}/incoming'},
                'metricd': {'workers': 1, 'metric_processing_delay': 2,
                            'metric_reporting_delay': -1},
                'keystone_authtoken': self.authtoken(),
            }),
            # The filter looks for the options by itself, and not where the
            # service found them.
            'gnocchi/api-paste.ini': paste.replace(
                'oslo_config_project = gnocchi',
                'oslo_config_project = gnocchi\n'
                f'oslo_config_file = {self.etc("gnocchi", "gnocchi.conf")}'),
        }

    def initialise(self) -> list[service.Task]:
        return [service.Task('upgrade', (
            self.cloud.program('gnocchi-upgrade'), '--config-file',
            self.etc('gnocchi', 'gnocchi.conf')), self.environment(),
            databases=self.databases)]

    def commands(self) -> list[processes.Command]:
        config = self.etc('gnocchi', 'gnocchi.conf')
        return [
            uwsgi.command(
                self.cloud, 'gnocchi', 'gnocchi-api',
                ('--pyargv', f'--config-file {config}',
                 '--module', 'gnocchi.rest.wsgi:application'),
                self.environment()),
            processes.Command('gnocchi-metricd', (
                self.cloud.program('gnocchi-metricd'),
                '--config-file', config), self.environment()),
        ]

    def ready(self) -> list[service.Probe]:
        return [probes.answers(
            self.cloud.ports.url('gnocchi') + '/healthcheck')]
