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

"""How an API that is a WSGI application is run."""

import collections.abc

from pocket_cloud import processes
from pocket_cloud import state


def command(cloud: state.State, service: str, name: str,
            application: tuple[str, ...],
            environment: collections.abc.Mapping[str, str],
            *, workers: int = 1, threads: int = 8) -> processes.Command:
    """A uwsgi on the service's port.

    :param application: uwsgi's options that name it
    """
    return processes.Command(name, (
        cloud.program('uwsgi'), '--master', '--die-on-term',
        '--http-socket', f'127.0.0.1:{cloud.ports[service]}',
        *application,
        '--processes', str(workers), '--threads', str(threads),
        # Each worker loads it after the fork: it has threads and sockets.
        '--enable-threads', '--lazy-apps', '--need-app',
        '--buffer-size', '65535',
        '--http-auto-chunked', '--http-chunked-input',
        # Clients keep connections, uwsgi closes them without a word.
        '--add-header', 'Connection: close',
        '--worker-reload-mercy', '2', '--reload-mercy', '3',
        '--disable-logging', '--log-4xx', '--log-5xx',
    ), environment)
