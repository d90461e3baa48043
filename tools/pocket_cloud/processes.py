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

"""Processes we started, and only those.

A process is known by its id and the time the kernel started it: an id alone
may be somebody else's by now. Each leads a process group of its own, so
that its children end with it.
"""

import collections.abc
import contextlib
import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import time

STOP_TIMEOUT = 20.0

#: In the environment of everything we start: whose process it is.
MARK = 'POCKET_CLOUD_PROCESS'


@dataclasses.dataclass(frozen=True)
class Command:
    """A process of a service: how to run it, and under what name."""

    name: str
    arguments: tuple[str, ...]
    environment: collections.abc.Mapping[str, str] = dataclasses.field(
        default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Running:
    """A process that was started, as its record says."""

    pid: int
    started: int | None


def start_time(pid: int) -> int | None:
    """In clock ticks since boot; None if there is no such process.

    A zombie counts as gone: it holds no port and no file.
    """
    fields = _fields(pid)
    if not fields or fields[0] == 'Z':
        return None
    return int(fields[19])


def group_members(group: int) -> list[int]:
    """Ids of the processes of a group that still run."""
    members = []
    for pid in _all():
        fields = _fields(pid)
        if fields and fields[0] != 'Z' and int(fields[2]) == group:
            members.append(pid)
    return members


def memory(leader: int) -> int:
    """MiB of a process and its group; what they share counts once each
    by its share."""
    total = 0
    for pid in group_members(leader):
        try:
            text = pathlib.Path(f'/proc/{pid}/smaps_rollup').read_text()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in text.splitlines()
                     if line.startswith('Pss:'))
    return total // 1024


def _all() -> list[int]:
    return [int(entry.name) for entry in pathlib.Path('/proc').iterdir()
            if entry.name.isdigit()]


def _fields(pid: int) -> list[str]:
    """Those of /proc/PID/stat that follow the program's name.

    The name is in brackets and may hold spaces and brackets itself.
    """
    try:
        text = pathlib.Path(f'/proc/{pid}/stat').read_text()
    except OSError:
        return []
    return text.rpartition(')')[2].split()


def _environment(pid: int) -> list[bytes]:
    """What it was started with; nothing if it is gone or not ours."""
    try:
        return pathlib.Path(f'/proc/{pid}/environ').read_bytes().split(b'\0')
    except OSError:
        return []


def record(folder: pathlib.Path, name: str) -> pathlib.Path:
    """The file that says which process it is; as old as the process."""
    return folder / f'{name}.json'


class Processes:
    """:param folder: of the records, one file for each name
    :param logs: folder of what the processes write
    """

    def __init__(self, folder: pathlib.Path, logs: pathlib.Path) -> None:
        self._folder = folder
        self._logs = logs

    def log(self, name: str) -> pathlib.Path:
        return self._logs / f'{name}.log'

    def mark(self, name: str) -> str:
        """What the variable :data:`MARK` is for a process of ours."""
        return f'{self._folder}/{name}'

    def names(self) -> list[str]:
        """Of all that was started and not stopped since."""
        return sorted(path.stem for path in self._folder.glob('*.json'))

    def _recorded(self, name: str) -> Running | None:
        try:
            said = json.loads(record(self._folder, name).read_text())
        except (OSError, ValueError):
            return None
        return Running(said['pid'], said['started'])

    def running(self, name: str) -> Running | None:
        """The process of that name, if it is still the one we started."""
        process = self._recorded(name)
        # One that ended before its start was read has none, and a process
        # that is gone has none either: these must not count as the same.
        if (process is None or process.started is None
                or start_time(process.pid) != process.started):
            return None
        return process

    def start(self, command: Command) -> None:
        """Start it; nothing if it runs already."""
        if self.running(command.name) is not None:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        self._logs.mkdir(parents=True, exist_ok=True)
        environment = {**command.environment, MARK: self.mark(command.name)}
        with self.log(command.name).open('ab') as log:
            child = subprocess.Popen(
                command.arguments, stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, cwd=self._logs.parent,
                env=environment, start_new_session=True)
        # Nobody waits for the child: it outlives us. The record is made
        # before anything else can fail.
        record(self._folder, command.name).write_text(json.dumps({
            'pid': child.pid, 'started': start_time(child.pid)}))
        child.returncode = 0

    def stop(self, name: str, timeout: float = STOP_TIMEOUT) -> None:
        """Ask it to end, wait, and end its whole group if it does not."""
        process = self.running(name)
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGTERM)
            self._wait_until_gone(process, timeout)
            # While a member lives the kernel gives the group's id to nobody
            # else: these are our own.
            self._end(lambda: group_members(process.pid))
        elif (recorded := self._recorded(name)) is not None:
            # The leader is gone, and its group's id may be somebody else's
            # by now: only children that carry our mark.
            mark = f'{MARK}={self.mark(name)}'.encode()
            self._end(lambda: [pid for pid in group_members(recorded.pid)
                               if mark in _environment(pid)])
        record(self._folder, name).unlink(missing_ok=True)

    def stop_strays(self, under: str = '') -> None:
        """End all that carries our mark, whether it has a record or not.

        We may have been killed between the start and the record of it.

        :param under: with which the name begins
        """
        mark = f'{MARK}={self.mark(under)}'.encode()
        self._end(lambda: [pid for pid in _all() if any(
            entry.startswith(mark) for entry in _environment(pid))])

    def _wait_until_gone(self, process: Running, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while start_time(process.pid) == process.started:
            if time.monotonic() > deadline:
                return
            time.sleep(0.05)

    def _end(self, remaining: collections.abc.Callable[[], list[int]],
             ) -> None:
        deadline = time.monotonic() + 5
        while (members := remaining()) and time.monotonic() < deadline:
            for pid in members:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)
