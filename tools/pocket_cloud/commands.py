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

"""What each command of ``pocket-cloud`` does."""

from collections.abc import Sequence
import os
import pathlib
import shutil
import subprocess
import sys
import time

from pocket_cloud import access
from pocket_cloud import environment
from pocket_cloud import errors
from pocket_cloud import locking
from pocket_cloud import packages
from pocket_cloud import preflight
from pocket_cloud import processes
from pocket_cloud import progress
from pocket_cloud import registry
from pocket_cloud import runner
from pocket_cloud import state


class Commands:
    """:param cloud: the one that the global options name"""

    def __init__(self, cloud: state.State) -> None:
        self._cloud = cloud
        self._services = registry.services(cloud)
        self._runner = runner.Runner(cloud, self._services)

    def is_running(self) -> bool:
        return any(map(self._processes.running, self._processes.names()))

    def install(self) -> None:
        """Packages and the virtual environment; nothing is started."""
        preflight.before_install(self._cloud)
        with locking.alone(self._cloud):
            self._install()

    def _install(self) -> None:
        packages.install(packages.missing(),
                         self._cloud.path('logs', 'apt.log'))
        environment.install(self._cloud)

    def start(self) -> None:
        """Whatever of it does not run yet."""
        started = time.monotonic()
        preflight.before_install(self._cloud)
        if not self.is_running():
            preflight.before_start(self._cloud)
        with locking.alone(self._cloud):
            self._install()
            state.write_private(self._cloud.path('etc', 'clouds.yaml'),
                                access.clouds_file(self._cloud))
            self._runner.start()
        progress.say(f'The cloud is up after '
                     f'{time.monotonic() - started:.0f} s. Work with it: '
                     f'{self._how("run openstack server list")}')

    def stop(self, names: Sequence[str] = ()) -> None:
        """End the processes of some services, or all that we started."""
        if not self._cloud.folder.exists():
            progress.say(f'There is nothing in {self._cloud.folder}.')
            return
        with locking.alone(self._cloud):
            if names:
                self._stop_some(names)
            else:
                self._stop()

    def _stop_some(self, names: Sequence[str]) -> None:
        chosen = [command for name in names for command in self._find(name)]
        for command in chosen:
            with progress.step(f'{command.name}: stopped'):
                self._processes.stop(command.name)

    def _stop(self) -> None:
        with progress.step('everything: stopped'):
            self._runner.stop()

    def destroy(self) -> None:
        """Stop, and remove the folder with all that is in it."""
        if not self._cloud.folder.exists():
            progress.say(f'There is nothing in {self._cloud.folder}.')
            return
        self._check_folder()
        with locking.alone(self._cloud):
            self._stop()
            with progress.step(f'{self._cloud.folder}: removed'):
                shutil.rmtree(self._cloud.folder)

    def status(self) -> int:
        """A line for each process, with the memory that it and its
        children take; 1 if one of them does not run."""
        complete = True
        for entry in self._services:
            for command in entry.commands():
                process = self._processes.running(command.name)
                complete = complete and process is not None
                what = 'does not run' if process is None else (
                    f'runs, process {process.pid}, '
                    f'{processes.memory(process.pid)} MiB')
                progress.say(f'{command.name:24} {what}')
        absent = set(registry.EXTRAS) - set(self._cloud.extras)
        for name, port in self._cloud.ports.all().items():
            if name not in absent:
                progress.say(f'{name:24} port {port}')
        return 0 if complete else 1

    def restart(self, names: list[str]) -> None:
        """Stop and start services, or single processes of them."""
        with locking.alone(self._cloud):
            self._stop_some(names)
        self.start()

    def logs(self, name: str) -> None:
        """The end of its logs, and on a terminal what comes after it."""
        paths = [str(self._processes.log(command.name))
                 for command in self._find(name)]
        follow = ['-F'] if sys.stdout.isatty() else []
        os.execvp('tail', ['tail', '-n', '100', *follow, *paths])

    def run(self, name: str, command: list[str]) -> int:
        """A command as one of the cloud's users."""
        if name not in access.CLOUDS:
            raise errors.PocketCloudError(
                f'There is no cloud "{name}" in clouds.yaml, only '
                f'{", ".join(access.CLOUDS)}.')
        found = access.environment(self._cloud, name)
        try:
            return subprocess.run(command, env=found).returncode
        except FileNotFoundError as error:
            raise errors.PocketCloudError(
                f'There is no command "{command[0]}".') from error

    def demo(self, arguments: list[str], keep: bool) -> int:
        """The whole story; the cloud is stopped again if we started it."""
        before = self.is_running()
        try:
            self.start()
            found = access.environment(self._cloud, access.DEFAULT_CLOUD)
            found['PYTHONPATH'] = str(state.REPOSITORY / 'tools')
            return subprocess.run(
                (self._cloud.program('python'), '-m', 'pocket_cloud.demo',
                 *arguments), env=found).returncode
        finally:
            if not keep and not before:
                self.stop()

    @property
    def _processes(self) -> processes.Processes:
        return self._runner.processes

    def _find(self, name: str) -> list[processes.Command]:
        """The processes of a service, or the one of that name."""
        known = {}
        for entry in self._services:
            known[entry.name] = entry.commands()
        for commands in list(known.values()):
            for command in commands:
                known.setdefault(command.name, [command])
        if not known.get(name):
            names = ', '.join(sorted(key for key in known if known[key]))
            raise errors.PocketCloudError(
                f'There is no service "{name}". There are {names}.')
        return known[name]

    def _check_folder(self) -> None:
        """Never remove what is not ours."""
        if not (self._cloud.folder / 'stamps').is_dir() \
                and not (self._cloud.folder / 'logs').is_dir():
            raise errors.PocketCloudError(
                f'{self._cloud.folder} does not look like a pocket cloud\'s '
                f'folder: remove it by hand if you mean it.')

    def _how(self, command: str) -> str:
        options = ''
        if self._cloud.folder != state.State(
                offset=self._cloud.ports.offset).folder:
            options += f' --state {self._cloud.folder}'
        if self._cloud.ports.offset:
            options += f' --port-offset {self._cloud.ports.offset}'
        program = pathlib.Path('tools/pocket-cloud')
        return f'{program}{options} {command}'
