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

"""Placement: what there is, and who claims how much of it."""

from pocket_cloud import ini
from pocket_cloud import probes
from pocket_cloud import processes
from pocket_cloud import service
from pocket_cloud import uwsgi


class Placement(service.Service):
    """One process; nova's and our claims meet here."""

    name = 'placement'
    databases = ('placement',)
    needs = ('mariadb', 'memcached')
    service_type = 'placement'
    user_roles = ('service', 'admin')

    def configure(self) -> dict[str, str]:
        return {'placement/placement.conf': ini.render({
            'placement_database': {'connection': self.database_url()},
            'api': {'auth_strategy': 'keystone'},
            'keystone_authtoken': self.authtoken(),
        })}

    def initialise(self) -> list[service.Task]:
        return [service.Task('db-sync', (
            self.cloud.program('placement-manage'), '--config-file',
            self.etc('placement', 'placement.conf'), 'db', 'sync'),
            self.environment(),
            databases=self.databases)]

    def commands(self) -> list[processes.Command]:
        return [uwsgi.command(
            self.cloud, 'placement', 'placement',
            ('--module', 'placement.wsgi.api:application'),
            self.environment(
                OS_PLACEMENT_CONFIG_DIR=self.etc('placement')))]

    def ready(self) -> list[service.Probe]:
        return [probes.answers(self.cloud.ports.url('placement'))]
