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

"""Aodh: alarms, looked at every few seconds."""

from pocket_cloud import ini
from pocket_cloud import probes
from pocket_cloud import processes
from pocket_cloud import service
from pocket_cloud import uwsgi

#: Ours only: consumers of one topic take messages from each other.
ALARM_TOPIC = 'shadow_reserve_alarms'


class Aodh(service.Service):
    """The API, one evaluator, one notifier."""

    name = 'aodh'
    databases = ('aodh',)
    service_type = 'alarming'
    user_roles = ('service', 'admin')

    def configure(self) -> dict[str, str]:
        config = self.etc('aodh', 'aodh.conf')
        paste = self.shipped(self.package('aodh') + '/api/api-paste.ini')
        return {
            'aodh/aodh.conf': ini.render({
                'DEFAULT': {'transport_url': self.transport_url()},
                'api': {'paste_config': self.etc('aodh', 'api-paste.ini'),
                        'auth_mode': 'keystone'},
                'database': {'connection': self.database_url()},
                # Not coordinated: then it says when it evaluated an alarm.
                'evaluator': {'workers': 1, 'evaluation_interval': 5},
                'notifier': {'workers': 1},
                'oslo_messaging_notifications': {
                    'driver': 'messagingv2',
                    'topics': f'notifications,{ALARM_TOPIC}'},
                'service_credentials': self.credentials(),
                'keystone_authtoken': self.authtoken(),
            }),
            'aodh/api-paste.ini': paste.replace(
                'oslo_config_project = aodh',
                'oslo_config_project = aodh\n'
                f'oslo_config_file = {config}'),
            # Its own module takes no option and looks below /etc.
            'aodh/application.py': (
                'from aodh.api import app\n\n'
                'application = app.build_wsgi_app(\n'
                f'    argv=[\'--config-file\', {config!r}])\n'),
        }

    def initialise(self) -> list[service.Task]:
        return [service.Task('dbsync', (
            self.cloud.program('aodh-dbsync'), '--config-file',
            self.etc('aodh', 'aodh.conf')), self.environment(),
            databases=self.databases)]

    def commands(self) -> list[processes.Command]:
        api = uwsgi.command(
            self.cloud, 'aodh', 'aodh-api',
            ('--wsgi-file', self.etc('aodh', 'application.py')),
            self.environment())
        rest = [processes.Command(
            f'aodh-{name}', (self.cloud.program(f'aodh-{name}'),
                             '--config-file', self.etc('aodh', 'aodh.conf')),
            self.environment()) for name in ('evaluator', 'notifier')]
        return [api, *rest]

    def ready(self) -> list[service.Probe]:
        return [probes.answers(
            self.cloud.ports.url('aodh') + '/healthcheck')]
