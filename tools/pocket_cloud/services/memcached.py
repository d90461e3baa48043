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

"""memcached: tokens that were checked already."""

import os

from pocket_cloud import probes
from pocket_cloud import processes
from pocket_cloud import service


class Memcached(service.Service):
    """A cache of 64 MB."""

    name = 'memcached'
    tasks_need = ()
    needs = ()
    layer = 2

    def commands(self) -> list[processes.Command]:
        user = ('-u', 'root') if os.geteuid() == 0 else ()
        return [processes.Command('memcached', (
            'memcached', '-l', '127.0.0.1', '-U', '0', '-m', '64',
            '-p', str(self.cloud.ports['memcached']), *user),
            self.environment())]

    def ready(self) -> list[service.Probe]:
        return [probes.tcp(self.cloud.ports['memcached'],
                           b'version\r\n', b'VERSION')]
