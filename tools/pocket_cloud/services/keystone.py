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

"""Keystone: who one is, and where everything is."""

import base64

from pocket_cloud import ini
from pocket_cloud import probes
from pocket_cloud import processes
from pocket_cloud import service
from pocket_cloud import uwsgi


class Keystone(service.Service):
    """Fernet tokens; the first administrator is made by ``bootstrap``."""

    name = 'keystone'
    databases = ('keystone',)
    needs = ('mariadb', 'memcached')
    service_type = 'identity'

    def configure(self) -> dict[str, str]:
        config = ini.render({
            'DEFAULT': {'transport_url': self.transport_url()},
            'database': {'connection': self.database_url()},
            'fernet_tokens': {
                'key_repository': self.etc('keystone', 'fernet-keys')},
            'credential': {
                'key_repository': self.etc('keystone', 'credential-keys')},
            'fernet_receipts': {
                'key_repository': self.etc('keystone', 'fernet-keys')},
            'cache': {
                'enabled': True,
                'backend': 'dogpile.cache.pymemcache',
                'memcache_servers':
                    f'127.0.0.1:{self.cloud.ports["memcached"]}',
            },
            # A demo runs longer than an hour, and nobody renews its token.
            'token': {'expiration': 86400},
            # The cheapest that bcrypt allows: every request for a token
            # would otherwise cost a quarter of a second of a core.
            'identity': {'password_hash_rounds': 4},
        })
        return {'keystone/keystone.conf': config, **self._keys()}

    def initialise(self) -> list[service.Task]:
        manage = (self.cloud.program('keystone-manage'),
                  '--config-file', self.etc('keystone', 'keystone.conf'))
        url = self.cloud.ports.url('keystone') + '/v3'
        return [
            service.Task('db-sync', (*manage, 'db_sync'),
                         self.environment(), databases=self.databases),
            service.Task(
                'bootstrap',
                (*manage, 'bootstrap', '--bootstrap-region-id',
                 service.REGION, '--bootstrap-public-url', url,
                 '--bootstrap-internal-url', url,
                 '--bootstrap-admin-url', url),
                # Not on the command line, where all users could read it.
                self.environment(
                    OS_BOOTSTRAP_PASSWORD=self.cloud.secret('admin'))),
        ]

    def commands(self) -> list[processes.Command]:
        return [uwsgi.command(
            self.cloud, 'keystone', 'keystone',
            ('--module', 'keystone.wsgi.api:application'),
            self.environment(
                OS_KEYSTONE_CONFIG_DIR=self.etc('keystone'),
                OS_KEYSTONE_CONFIG_FILES='keystone.conf'))]

    def ready(self) -> list[service.Probe]:
        return [probes.answers(self.cloud.ports.url('keystone') + '/v3')]

    def _keys(self) -> dict[str, str]:
        """What ``fernet_setup`` and ``credential_setup`` make, in no time.

        A key is 32 bytes in base64. The newest is the one with the highest
        number, and there must be one more.
        """
        return {
            f'keystone/{name}/{number}': base64.urlsafe_b64encode(
                self.cloud.secret(f'{name}-{number}').encode()).decode()
            for name in ('fernet-keys', 'credential-keys')
            for number in (0, 1)}
