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

"""Cinder: API, scheduler, and a back end that keeps nothing."""

import datetime

from pocket_cloud import ini
from pocket_cloud import probes
from pocket_cloud import processes
from pocket_cloud import service
from pocket_cloud import state
from pocket_cloud import uwsgi

BACKEND = 'pocket'
HOST = 'pocket-cloud'


class Cinder(service.Service):
    """Three processes, only where they are asked for."""

    name = 'cinder'
    group = 'cinder'
    databases = ('cinder',)
    # For the token with which it is asked whether it is ready.
    needs = ('mariadb', 'rabbitmq', 'memcached', 'catalogue')
    service_type = 'block-storage'
    endpoint_path = '/v3'
    user_roles = ('service', 'admin')

    def configure(self) -> dict[str, str]:
        shipped = self.cloud.venv / 'etc' / 'cinder'
        credentials = self.credentials()
        return {'cinder/cinder.conf': ini.render({
            'DEFAULT': {
                'transport_url': self.transport_url(),
                'host': HOST,
                'state_path': str(self.cloud.directory('cinder')),
                'api_paste_config': str(shipped / 'api-paste.ini'),
                'resource_query_filters_file':
                    str(shipped / 'resource_filters.json'),
                'auth_strategy': 'keystone',
                'enabled_backends': BACKEND,
                # A machine that sleeps a little has no dead services.
                'service_down_time': 120,
                'quota_volumes': 200, 'quota_gigabytes': 10000,
            },
            BACKEND: {
                'volume_driver': 'pocket_cloud.cinder_driver.PocketDriver',
                'volume_backend_name': BACKEND,
            },
            'database': {'connection': self.database_url()},
            'keystone_authtoken': self.authtoken(),
            # It asks Nova before it lets an attachment go.
            'nova': {**credentials, 'interface': 'public'},
            'service_user': {**credentials, 'send_service_user_token': True},
            'oslo_concurrency': {
                'lock_path': str(self.cloud.directory('cinder', 'lock'))},
        })}

    def initialise(self) -> list[service.Task]:
        return [service.Task('db-sync', (
            self.cloud.program('cinder-manage'), *self._config(),
            'db', 'sync'), self.environment(), databases=self.databases)]

    def commands(self) -> list[processes.Command]:
        api = uwsgi.command(
            self.cloud, 'cinder', 'cinder-api',
            ('--pyargv', ' '.join(self._config()),
             '--module', 'cinder.wsgi.api:application'),
            self.environment())
        # With threads: eventlet is on its way out of Cinder too.
        environment = self.environment(
            PYTHONPATH=str(state.REPOSITORY / 'tools'),
            OS_CINDER_DISABLE_EVENTLET_PATCHING='true')
        return [api, *(processes.Command(
            f'cinder-{name}',
            (self.cloud.program(f'cinder-{name}'), *self._config()),
            environment) for name in ('scheduler', 'volume'))]

    def ready(self) -> list[service.Probe]:
        return [probes.answers(self.cloud.ports.url('cinder')),
                self._are_up]

    def _are_up(self) -> str | None:
        """Both have reported since their start."""
        url = self.cloud.ports.url('cinder') + '/v3/os-services'
        try:
            found = probes.ask(self.cloud, url)['services']
        except OSError as error:
            return str(error)
        reported = {
            entry['binary']: datetime.datetime.fromisoformat(
                entry['updated_at'] + '+00:00').timestamp()
            for entry in found if entry['updated_at']}
        for binary in ('cinder-scheduler', 'cinder-volume'):
            started = processes.record(
                self.cloud.directory('run'), binary).stat().st_mtime
            if reported.get(binary, 0) < started:
                return f'no word yet of {binary}'
        return None

    def _config(self) -> tuple[str, ...]:
        return ('--config-file', self.etc('cinder', 'cinder.conf'))
