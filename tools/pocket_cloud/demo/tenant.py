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


"""The ordinary tenant: a few servers, and ``openstack shadow ...``."""

from collections.abc import Callable
import json
import os
import pathlib
import shlex
import subprocess
import sys
from typing import Any

from openstack import connection
from openstack import exceptions

from pocket_cloud.demo import checks

CLOUD = 'demo'
GROUP_KEY = 'metering.server_group'
FLAVOR = 'm1.small'
IMAGE = 'pocket'
#: Seconds; several that start at once share the processors.
COMMAND_TIMEOUT = 120


class Application:
    """Servers that share the metadata that makes them one application."""

    def __init__(self, tenant: connection.Connection, name: str) -> None:
        self._tenant = tenant
        self.name = name
        self.flavor: Any = tenant.compute.find_flavor(
            FLAVOR, ignore_missing=False)
        self._image: Any = tenant.image.find_image(
            IMAGE, ignore_missing=False)
        self.server_ids: list[str] = []

    def create(self, count: int) -> None:
        """Ask for the servers."""
        for number in range(1, count + 1):
            server = self._tenant.compute.create_server(
                name=f'{self.name}-{number}', flavor_id=self.flavor.id,
                image_id=self._image.id, networks='none',
                metadata={GROUP_KEY: self.name})
            self.server_ids.append(server.id)

    def servers(self) -> list[Any]:
        """All of the application, shadow too, as the tenant sees them."""
        return [server for server in self._tenant.compute.servers()
                if (server.metadata or {}).get(GROUP_KEY) == self.name]

    def delete(self) -> list[str]:
        """Ask for the deletion of our own servers.

        :returns: those that are still there
        """
        for server_id in self.server_ids:
            self._tenant.compute.delete_server(
                server_id, ignore_missing=True)
        return [server_id for server_id in self.server_ids
                if self._is_there(server_id)]

    def _is_there(self, server_id: str) -> bool:
        try:
            self._tenant.compute.get_server(server_id)
        except exceptions.NotFoundException:
            return False
        return True


class CommandLine:
    """``openstack``, in the tenant's name.

    :param show: gets each command line as it could be typed
    """

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        self._program = pathlib.Path(sys.executable).parent / 'openstack'
        self._environment = {**os.environ, 'OS_CLOUD': CLOUD}

    def shadow(self, *words: str, quiet: bool = False) -> Any:
        """Run ``openstack shadow ...``.

        :param quiet: do not show it (it has been shown, and is repeated)
        :returns: what it answers
        :raises CheckFailed: when it fails, with what it says
        """
        typed = ['openstack', 'shadow', *words]
        if 'delete' not in words:
            typed += ['-f', 'json']
        if not quiet:
            self._show(shlex.join(typed))
        try:
            done = subprocess.run(
                [str(self._program), *typed[1:]], env=self._environment,
                capture_output=True, text=True, timeout=COMMAND_TIMEOUT)
        except subprocess.TimeoutExpired as error:
            raise checks.CheckFailed(
                f'"{shlex.join(typed)}" has not ended within '
                f'{COMMAND_TIMEOUT} s.') from error
        checks.require(
            done.returncode == 0,
            f'"{shlex.join(typed)}" failed: {done.stderr.strip()}')
        return json.loads(done.stdout) if done.stdout.strip() else None
