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

"""RabbitMQ: a node of its own, with an epmd of its own."""

import base64
import hashlib
import json
import pathlib

from pocket_cloud import probes
from pocket_cloud import processes
from pocket_cloud import service

#: Debian's own programs, not the wrappers in /usr/sbin, which change to
#: the user rabbitmq and to that user's folders.
PROGRAMS = pathlib.Path('/usr/lib/rabbitmq/bin')

#: Queues of notifications that perhaps nobody reads keep the newest ones.
KEPT_NOTIFICATIONS = 1000


class Epmd(service.Service):
    """Where Erlang's nodes ask for each other.

    Our own, in the foreground, and there before the node, which otherwise
    starts one in the background that outlives it.
    """

    name = 'epmd'
    tasks_need = ()
    needs = ()
    layer = 3

    def commands(self) -> list[processes.Command]:
        port = str(self.cloud.ports['epmd'])
        return [processes.Command(
            'epmd', ('epmd', '-address', '127.0.0.1', '-port', port),
            self.environment())]

    def ready(self) -> list[service.Probe]:
        return [probes.tcp(self.cloud.ports['epmd'])]


class RabbitMQ(service.Service):
    """Users and policies come from a definitions file read at boot."""

    name = 'rabbitmq'
    tasks_need = ()
    needs = ('epmd',)
    layer = 2

    def configure(self) -> dict[str, str]:
        node = {
            'listeners.tcp.1': f'127.0.0.1:{self.cloud.ports["rabbitmq"]}',
            'load_definitions': self.etc('rabbitmq', 'definitions.json'),
            'log.console': 'true',
            # A client that leaves without a word is a warning.
            'log.console.level': 'error',
            'log.file': 'false',
            # Of the machine's memory, which is not ours alone.
            'vm_memory_high_watermark.absolute': '512MB',
            'disk_free_limit.absolute': '200MB',
        }
        return {
            'rabbitmq/rabbitmq.conf': ''.join(
                f'{key} = {value}\n' for key, value in node.items()),
            'rabbitmq/definitions.json': json.dumps(
                self._definitions(), indent=1),
            'rabbitmq/enabled_plugins': '[].\n',
        }

    def commands(self) -> list[processes.Command]:
        ports = self.cloud.ports
        environment = self.environment(
            ERL_EPMD_ADDRESS='127.0.0.1', ERL_EPMD_PORT=str(ports['epmd']),
            HOME=str(self.cloud.directory('rabbitmq')),
            RABBITMQ_NODENAME=f'pocket{ports.offset}@localhost',
            RABBITMQ_DIST_PORT=str(ports['rabbitmq-distribution']),
            RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=(
                '-kernel inet_dist_use_interface {127,0,0,1} '
                # Schedulers that wait for work busily take a core of two.
                '+sbwt none +sbwtdcpu none +sbwtdio none'),
            RABBITMQ_CONFIG_FILE=self.etc('rabbitmq', 'rabbitmq.conf'),
            RABBITMQ_CONF_ENV_FILE='/dev/null',
            RABBITMQ_ENABLED_PLUGINS_FILE=self.etc(
                'rabbitmq', 'enabled_plugins'),
            RABBITMQ_MNESIA_BASE=str(
                self.cloud.directory('rabbitmq', 'mnesia')),
            RABBITMQ_LOG_BASE=str(self.cloud.directory('logs')),
            RABBITMQ_PID_FILE=str(self.cloud.path('run', 'rabbitmq.pid')))
        return [processes.Command(
            'rabbitmq', (str(PROGRAMS / 'rabbitmq-server'),), environment)]

    def ready(self) -> list[service.Probe]:
        return [probes.tcp(self.cloud.ports['rabbitmq'],
                           b'AMQP\x00\x00\x09\x01', b'RabbitMQ')]

    def _definitions(self) -> dict[str, object]:
        # The salt may be the same for ever: the file holds only a hash of
        # a random password, but must not change from start to start.
        password = self.cloud.secret('rabbitmq')
        salt = hashlib.sha256(b'salt' + password.encode()).digest()[:4]
        digest = hashlib.sha256(salt + password.encode()).digest()
        return {
            'vhosts': [{'name': '/'}],
            'users': [{
                'name': 'openstack',
                'password_hash': base64.b64encode(salt + digest).decode(),
                'hashing_algorithm': 'rabbit_password_hashing_sha256',
                'tags': '',
            }],
            'permissions': [{
                'user': 'openstack', 'vhost': '/',
                'configure': '.*', 'write': '.*', 'read': '.*',
            }],
            'policies': [{
                'vhost': '/', 'name': 'notifications', 'priority': 0,
                'pattern': r'^(versioned_)?notifications\.'
                           r'|^shadow_reserve_alarms\.'
                           r'|^shadow_reserve_notifications\.',
                'apply-to': 'queues',
                'definition': {'max-length': KEPT_NOTIFICATIONS,
                               'overflow': 'drop-head'},
            }],
        }
