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

"""Brings services up, several at a time, each after what it needs."""

import collections.abc
import concurrent.futures
import os
import shutil
import signal
import subprocess
import threading
import time

from pocket_cloud import environment
from pocket_cloud import errors
from pocket_cloud import processes
from pocket_cloud import progress
from pocket_cloud import service
from pocket_cloud.services import mariadb
from pocket_cloud import stamps
from pocket_cloud import state

#: A machine with one slow core needs a while to import everything.
READY_TIMEOUT = 180.0

#: Tasks are marked apart from services.
TASK = 'task/'


class Runner:
    """:param services: in an order in which each comes after its needs"""

    def __init__(self, cloud: state.State,
                 services: collections.abc.Sequence[service.Service],
                 ) -> None:
        self._cloud = cloud
        self._services = services
        self.processes = processes.Processes(
            cloud.folder / 'run', cloud.folder / 'logs')
        self._up = {entry.name: threading.Event() for entry in services}
        self._failed = threading.Event()

    def start(self) -> None:
        """Configure, initialise and start all that does not run."""
        # Of a command before this one that was killed.
        self.processes.stop_strays(TASK)
        with concurrent.futures.ThreadPoolExecutor(
                2 * len(self._services)) as pool:
            jobs = []
            for entry in self._services:
                tasks = pool.submit(self._guard, self._initialise, entry)
                jobs += [tasks, pool.submit(
                    self._guard, self._bring_up, entry, tasks)]
            try:
                concurrent.futures.wait(jobs)
            except BaseException:
                self._failed.set()
                raise
        problems = [job.exception() for job in jobs if job.exception()]
        real = [one for one in problems
                if not isinstance(one, errors.GaveUpError)]
        for problem in real or problems:
            if problem is not None:
                raise problem

    def stop(self) -> None:
        """Everything that was started, those below last."""
        layers = {command.name: entry.layer for entry in self._services
                  for command in entry.commands()}
        names = self.processes.names()
        for layer in sorted({0, *layers.values()}):
            chosen = [name for name in names if layers.get(name, 0) == layer]
            with concurrent.futures.ThreadPoolExecutor(
                    len(chosen) or 1) as pool:
                list(pool.map(self.processes.stop, chosen))
        self.processes.stop_strays()

    def _guard(self, job: collections.abc.Callable[..., None],
               *arguments: object) -> None:
        try:
            job(*arguments)
        except BaseException:
            self._failed.set()
            raise

    def _wait_for(self, names: tuple[str, ...]) -> None:
        for name in names:
            while not self._up[name].wait(0.2):
                if self._failed.is_set():
                    raise errors.GaveUpError(f'{name} did not come up.')

    def _initialise(self, entry: service.Service) -> None:
        for path, text in entry.configure().items():
            state.write_private(self._cloud.path('etc', *path.split('/')),
                                text)
        tasks = entry.initialise()
        if not tasks:
            return
        done = [(f'{entry.name}-{task.name}', stamps.fingerprint(
            *task.arguments, task.inputs)) for task in tasks]
        if all(self._cloud.stamps.is_current(*one) for one in done):
            return
        self._wait_for(entry.tasks_need)
        for task, (name, inputs) in zip(tasks, done, strict=True):
            if not self._cloud.stamps.is_current(name, inputs):
                with progress.step(f'{entry.name}: {task.name}'):
                    if not self._cloud.stamps.exists(name):
                        self._begin_anew(task)
                    self._run(name, task)
                self._cloud.stamps.set(name, inputs)

    def _begin_anew(self, task: service.Task) -> None:
        if task.folder is not None:
            shutil.rmtree(task.folder)
            task.folder.mkdir()
        if task.databases:
            self._run('mariadb-client', service.Task('empty', mariadb.client(
                self._cloud, ''.join(
                    f'DROP DATABASE IF EXISTS `{name}`;'
                    + mariadb.create(name) for name in task.databases)),
                task.environment))

    def _run(self, name: str, task: service.Task) -> None:
        """A task to its end; its output goes to a log of that name."""
        log = self.processes.log(name)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open('ab') as output:
            result = subprocess.Popen(
                task.arguments, stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, cwd=self._cloud.folder,
                start_new_session=True,
                env={**task.environment,
                     processes.MARK: self.processes.mark(TASK + name)})
            while result.poll() is None:
                time.sleep(0.05)
                if self._failed.is_set():
                    # With its children, which would write for a while.
                    os.killpg(result.pid, signal.SIGKILL)
                    result.wait()
                    raise errors.GaveUpError(f'{name} was ended.')
        if result.returncode not in task.accepted:
            raise errors.PocketCloudError(
                f'{name} failed. The last lines of {log}:\n'
                f'{environment.tail(log)}\n'
                f'Say "start" again; if it stays so, "destroy" and begin '
                f'anew.')

    def _bring_up(self, entry: service.Service,
                  tasks: 'concurrent.futures.Future[None]') -> None:
        # What failed there is raised there.
        while not tasks.done():
            time.sleep(0.05)
        if tasks.exception() is not None:
            raise errors.GaveUpError(f'{entry.name} was not initialised.')
        self._wait_for(entry.needs)
        commands = entry.commands()
        with progress.step(f'{entry.name}: up'):
            for command in commands:
                self.processes.start(command)
            self._wait_until_ready(entry, commands)
        self._up[entry.name].set()

    def _wait_until_ready(self, entry: service.Service,
                          commands: list[processes.Command]) -> None:
        deadline = time.monotonic() + READY_TIMEOUT
        for probe in entry.ready():
            while (missing := probe()) is not None:
                self._check_alive(commands)
                if self._failed.is_set():
                    raise errors.GaveUpError(f'{entry.name} was given up.')
                if time.monotonic() > deadline:
                    raise self._not_up(
                        commands[0].name,
                        f'{entry.name} is not ready after '
                        f'{READY_TIMEOUT:.0f} s ({missing})')
                time.sleep(0.2)
        self._check_alive(commands)

    def _check_alive(self, commands: list[processes.Command]) -> None:
        for command in commands:
            if self.processes.running(command.name) is None:
                raise self._not_up(command.name, f'{command.name} ended')

    def _not_up(self, name: str, what: str) -> errors.PocketCloudError:
        log = self.processes.log(name)
        return errors.PocketCloudError(
            f'{what}. The last lines of {log}:\n{environment.tail(log)}\n'
            f'Mend what they say and "start" again; "logs {name}" shows '
            f'more.')
