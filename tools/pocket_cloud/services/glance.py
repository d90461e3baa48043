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

"""Glance: images, in files."""

from pocket_cloud import ini
from pocket_cloud import probes
from pocket_cloud import processes
from pocket_cloud import service
from pocket_cloud import uwsgi


class Glance(service.Service):
    """One process, one file store."""

    name = 'glance'
    databases = ('glance',)
    needs = ('mariadb', 'memcached')
    service_type = 'image'
    user_roles = ('service', 'admin')

    def configure(self) -> dict[str, str]:
        data = str(self.cloud.directory('glance'))
        return {
            'glance/glance-api.conf': ini.render({
                'DEFAULT': {
                    'enabled_backends': 'file:file',
                    'worker_self_reference_url':
                        self.cloud.ports.url('glance'),
                    'transport_url': self.transport_url(),
                },
                'database': {'connection': self.database_url()},
                'glance_store': {'default_backend': 'file'},
                'file': {'filesystem_store_datadir': f'{data}/images'},
                'os_glance_tasks_store': {
                    'filesystem_store_datadir': f'{data}/tasks'},
                'os_glance_staging_store': {
                    'filesystem_store_datadir': f'{data}/staging'},
                'paste_deploy': {
                    'flavor': 'keystone',
                    'config_file': self.etc(
                        'glance', 'glance-api-paste.ini'),
                },
                'keystone_authtoken': self.authtoken(),
            }),
            # It reads this one beside its own file, or not at all.
            'glance/glance-api-paste.ini':
                self.shipped('etc/glance/glance-api-paste.ini'),
        }

    def initialise(self) -> list[service.Task]:
        return [service.Task('db-sync', (
            self.cloud.program('glance-manage'), '--config-file',
            self.etc('glance', 'glance-api.conf'), 'db_sync'),
            self.environment(),
            databases=self.databases)]

    def commands(self) -> list[processes.Command]:
        return [uwsgi.command(
            self.cloud, 'glance', 'glance',
            ('--module', 'glance.wsgi.api:application'),
            self.environment(
                OS_GLANCE_CONFIG_DIR=self.etc('glance')))]

    def ready(self) -> list[service.Probe]:
        return [probes.answers(self.cloud.ports.url('glance'))]
