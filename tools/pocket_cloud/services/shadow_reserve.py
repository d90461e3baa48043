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

"""Ours: the API and the engine."""

import pathlib

from pocket_cloud import ini
from pocket_cloud import probes
from pocket_cloud import processes
from pocket_cloud import service
from pocket_cloud.services import aodh
from pocket_cloud import uwsgi

SECTIONS = ('nova', 'placement', 'keystone', 'glance', 'neutron', 'gnocchi',
            'aodh', 'cinder')


class ShadowReserve(service.Service):
    """Everything is quicker than in earnest: a demo does not wait hours."""

    name = 'shadow-reserve'
    databases = ('shadow_reserve',)
    service_type = 'shadow-reserve'
    user_roles = ('service', 'admin')
    layer = 0
    needs = ('mariadb', 'rabbitmq', 'memcached', 'catalogue')

    def configure(self) -> dict[str, str]:
        return {self._relative(): ini.render({
            'DEFAULT': {'debug': True,
                        'transport_url': self.transport_url()},
            'database': {
                'connection': self.database_url(),
                # It has no TLS, and each connection would read all of the
                # system's certificates for it.
                'connection_parameters': 'ssl_disabled=true'},
            'keystone_authtoken': self.authtoken(),
            'service_credentials': self.credentials(),
            'engine': {'reconcile_interval': 3, 'sweep_interval': 20,
                       'sweep_grace': 30},
            'oslo_messaging_notifications': {'driver': 'messagingv2'},
            'trigger': {'notification_topic': aodh.ALARM_TOPIC,
                        'granularity': 30, 'alarm_patience': 30,
                        'watch_interval': 10,
                        'webhook_networks': '127.0.0.0/8'},
            'forecast': {'interval': 60},
            'lease': {'settle_interval': 15},
            'shadow': {'settle_time': 5, 'promotion_timeout': 60,
                       'error_backoff': 10},
            **{section: {'region_name': service.REGION}
               for section in SECTIONS},
        })}

    def initialise(self) -> list[service.Task]:
        return [service.Task('db-sync', (
            self.cloud.program('shadow-reserve-manage'), '--config-file',
            self._config(), 'db', 'sync'), self.environment(),
            databases=self.databases)]

    def commands(self) -> list[processes.Command]:
        return [
            uwsgi.command(
                self.cloud, 'shadow-reserve', 'shadow-reserve-api',
                ('--module', 'shadow_reserve.wsgi.api:application'),
                self.environment(
                    OS_SHADOW_RESERVE_CONFIG_FILES=self._config())),
            processes.Command('shadow-reserve-engine', (
                self.cloud.program('shadow-reserve-engine'),
                '--config-file', self._config()), self.environment()),
        ]

    def ready(self) -> list[service.Probe]:
        return [probes.answers(
            self.cloud.ports.url('shadow-reserve') + '/healthcheck')]

    def _relative(self) -> str:
        return 'shadow_reserve/shadow_reserve.conf'

    def _config(self) -> str:
        return self.etc(*pathlib.PurePosixPath(self._relative()).parts)
