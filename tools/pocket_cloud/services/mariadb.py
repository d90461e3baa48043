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

"""MariaDB: a server of its own with its own folder, socket and port."""

import getpass
import os
import pathlib

from pocket_cloud import probes
from pocket_cloud import processes
from pocket_cloud import service
from pocket_cloud import state


def client(cloud: state.State, statements: str) -> tuple[str, ...]:
    """The command that executes the statements as the server's root."""
    return ('mariadb', '--no-defaults',
            f'--socket={cloud.path("run", "mariadb.sock")}',
            '--execute', statements)


def create(database: str) -> str:
    """The statement that makes a database, if it is not there."""
    return (f'CREATE DATABASE IF NOT EXISTS `{database}` '
            f'CHARACTER SET utf8mb4;')


class MariaDB(service.Service):
    """Databases and the users for them are made by ``init_file``.

    So a database that a later version needs is there after the next
    start, and no client has to run.
    """

    name = 'mariadb'
    tasks_need = ()
    needs = ()
    layer = 2

    #: Filled by the registry: the databases of all services.
    all_databases: tuple[tuple[str, ...], ...] = ()

    def configure(self) -> dict[str, str]:
        password = self.cloud.secret('mariadb')
        lines = []
        for names in self.all_databases:
            user = f"'{names[0]}'@'127.0.0.1'"
            lines.append(f'CREATE USER IF NOT EXISTS {user};')
            lines.append(
                f"ALTER USER {user} IDENTIFIED BY '{password}';")
            for name in names:
                lines.append(create(name))
                lines.append(f'GRANT ALL ON `{name}`.* TO {user};')
        return {'mariadb/init.sql': '\n'.join(lines) + '\n'}

    def initialise(self) -> list[service.Task]:
        return [service.Task('install-db', (
            'mariadb-install-db', '--no-defaults', '--skip-test-db',
            '--auth-root-authentication-method=socket',
            f'--auth-root-socket-user={getpass.getuser()}',
            f'--datadir={self._data()}', *self._user()),
            self.environment(), folder=pathlib.Path(self._data()))]

    def commands(self) -> list[processes.Command]:
        return [processes.Command('mariadb', (
            'mariadbd', '--no-defaults',
            f'--datadir={self._data()}',
            f'--socket={self.cloud.path("run", "mariadb.sock")}',
            f'--pid-file={self.cloud.path("run", "mariadb.pid")}',
            f'--tmpdir={self.cloud.directory("mariadb", "tmp")}',
            f'--init-file={self.etc("mariadb", "init.sql")}',
            '--bind-address=127.0.0.1',
            f'--port={self.cloud.ports["mariadb"]}',
            '--skip-name-resolve', '--skip-log-bin',
            '--max-connections=1000', '--log-warnings=1',
            # What survives a power cut of a throw-away cloud does not
            # matter; the seconds its migrations take do.
            '--innodb-flush-log-at-trx-commit=0', '--innodb-doublewrite=0',
            '--innodb-buffer-pool-size=128M', '--performance-schema=OFF',
            *self._user()), self.environment())]

    def ready(self) -> list[service.Probe]:
        return [probes.tcp(self.cloud.ports['mariadb'], expect=b'MariaDB')]

    def _data(self) -> str:
        return str(self.cloud.directory('mariadb', 'data'))

    def _user(self) -> tuple[str, ...]:
        """The server runs as root only if it is told so by name."""
        return ('--user=root',) if os.geteuid() == 0 else ()
