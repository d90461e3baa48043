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

"""What a service is to the pocket cloud."""

import abc
import collections.abc
import dataclasses
import os
import pathlib

from pocket_cloud import ini
from pocket_cloud import processes
from pocket_cloud import state

REGION = 'RegionOne'

CORE = 'core'

#: Asked until it answers None; what it answers else says what is missing.
Probe = collections.abc.Callable[[], str | None]


@dataclasses.dataclass(frozen=True)
class Task:
    """A program that runs to its end, once in the life of a cloud."""

    name: str
    arguments: tuple[str, ...]
    environment: collections.abc.Mapping[str, str] = dataclasses.field(
        default_factory=dict)
    #: Beside the arguments, what decides that it must run again.
    inputs: str = ''
    #: Databases that are made anew before its first success: a migration
    #: that was interrupted cannot go on where it was.
    databases: tuple[str, ...] = ()
    #: A folder that is emptied before its first success.
    folder: pathlib.Path | None = None
    #: Exit codes that mean that it is done.
    accepted: tuple[int, ...] = (0,)


class Service(abc.ABC):
    """One service; ``services`` holds them all.

    Files are written at every start, tasks run once, commands are
    processes, probes say when they are ready.
    """

    #: By which its processes, tasks and log files begin.
    name: str
    #: ``core`` is always there, another one where it was asked for.
    group = CORE
    #: Databases made for it, and the user that may use them.
    databases: tuple[str, ...] = ()
    #: Services that must be ready before its tasks run.
    tasks_need: tuple[str, ...] = ('mariadb',)
    #: Services that must be ready before its processes start.
    needs: tuple[str, ...] = ('mariadb', 'rabbitmq', 'memcached')
    #: At a stop the lowest go first. What works through other services
    #: goes before them, so that it can end what it has begun.
    layer = 1
    #: Its type in the catalogue, and what follows the endpoint's port.
    service_type: str | None = None
    endpoint_path = ''
    #: Its user's name and roles in the project ``service``.
    user_roles: tuple[str, ...] = ()

    def __init__(self, cloud: state.State) -> None:
        self.cloud = cloud

    def configure(self) -> dict[str, str]:
        """Text of each file, by its path below ``etc``."""
        return {}

    def initialise(self) -> list[Task]:
        """Tasks in their order."""
        return []

    @abc.abstractmethod
    def commands(self) -> list[processes.Command]:
        """Its processes, in the order of their start."""

    def ready(self) -> list[Probe]:
        """All must answer None."""
        return []

    # What most services have in common.

    def etc(self, *parts: str) -> str:
        return str(self.cloud.path('etc', *parts))

    def shipped(self, path: str) -> str:
        """The text of a file that a service's package brings."""
        return (self.cloud.venv / path).read_text()

    def package(self, name: str) -> str:
        """The folder of a Python package, below the environment's."""
        library = next((self.cloud.venv / 'lib').glob('python3.*'))
        return f'lib/{library.name}/site-packages/{name}'

    def environment(self, **more: str) -> dict[str, str]:
        return {**clean_environment(self.cloud), **more}

    def password(self) -> str:
        return self.cloud.secret(self.name)

    def database_url(self, name: str | None = None) -> str:
        port = self.cloud.ports['mariadb']
        user = self.databases[0]
        return (f'mysql+pymysql://{user}:{self.cloud.secret("mariadb")}'
                f'@127.0.0.1:{port}/{name or user}?charset=utf8mb4')

    def transport_url(self) -> str:
        return (f'rabbit://openstack:{self.cloud.secret("rabbitmq")}'
                f'@127.0.0.1:{self.cloud.ports["rabbitmq"]}/')

    def credentials(self) -> dict[str, ini.Value]:
        """Options by which it authenticates as its own user."""
        return {
            'auth_type': 'password',
            'auth_url': self.cloud.ports.url('keystone'),
            'username': self.name,
            'password': self.password(),
            'project_name': 'service',
            'user_domain_name': 'Default',
            'project_domain_name': 'Default',
            'region_name': REGION,
        }

    def authtoken(self) -> dict[str, ini.Value]:
        """The section ``keystone_authtoken``."""
        return {
            **self.credentials(),
            'www_authenticate_uri': self.cloud.ports.url('keystone'),
            'memcached_servers':
                f'127.0.0.1:{self.cloud.ports["memcached"]}',
            'service_token_roles': 'service',
            'service_token_roles_required': True,
        }


def clean_environment(cloud: state.State) -> dict[str, str]:
    """The caller's environment without what would lead a service astray."""
    kept = {
        name: value for name, value in os.environ.items()
        if not name.startswith(('OS_', 'PYTHON', 'VIRTUAL_ENV'))
        and not name.lower().endswith('_proxy')}
    path = ':'.join((str(cloud.venv / 'bin'), '/usr/local/sbin',
                     '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin',
                     '/bin'))
    return {**kept, 'PATH': path, 'HOME': str(cloud.directory('home')),
            'LC_ALL': 'C.UTF-8', 'TZ': 'UTC'}
