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

"""Where everything of one cloud lies, and the secrets it was made with."""

import collections.abc
import json
import os
import pathlib
import secrets
import threading

from pocket_cloud import errors
from pocket_cloud import ports
from pocket_cloud import stamps

#: A UNIX socket's path may have 107 bytes, and ``run/mariadb.sock`` is ours.
LONGEST_STATE = 80

#: Ordinary users, each in a project of the same name.
TENANTS = ('demo', 'other')

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


class State:
    """One cloud's folder: :meth:`path` is the only way to a file in it.

    :param folder: None is the default, a folder of its own for each offset
    """

    def __init__(self, folder: pathlib.Path | None = None,
                 offset: int = 0) -> None:
        self.ports = ports.Ports(offset)
        if folder is None:
            suffix = f'-{offset}' if offset else ''
            folder = pathlib.Path.home() / f'.pocket-cloud{suffix}'
        self.folder = folder.expanduser().absolute()
        if len(os.fsencode(self.folder)) > LONGEST_STATE:
            raise errors.PocketCloudError(
                f'The path {self.folder} is too long for the UNIX sockets '
                f'in it: choose one of at most {LONGEST_STATE} bytes with '
                f'--state.')
        self.stamps = stamps.Stamps(self.folder / 'stamps')
        self._lock = threading.Lock()
        self._secrets: dict[str, str] = {}

    def path(self, *parts: str) -> pathlib.Path:
        """A path in the folder; the folders above it are made."""
        path = self.folder.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def directory(self, *parts: str) -> pathlib.Path:
        """As :meth:`path`, and it is a folder that exists."""
        path = self.folder.joinpath(*parts)
        path.mkdir(parents=True, exist_ok=True)
        return path

    @property
    def extras(self) -> tuple[str, ...]:
        """What was added to the cloud beside what is always there."""
        path = self.folder / 'extras.json'
        return tuple(json.loads(path.read_text())) if path.is_file() else ()

    def add(self, extras: collections.abc.Iterable[str]) -> None:
        """Add to the cloud, for good."""
        wanted = sorted({*self.extras, *extras})
        if wanted != list(self.extras):
            write_private(self.path('extras.json'), json.dumps(wanted))

    @property
    def venv(self) -> pathlib.Path:
        return self.folder / 'venv'

    def program(self, name: str) -> str:
        """A program of the virtual environment."""
        return str(self.venv / 'bin' / name)

    def secret(self, name: str) -> str:
        """A password, made once for each state and name."""
        with self._lock:
            path = self.path('secrets.json')
            if not self._secrets and path.is_file():
                self._secrets = json.loads(path.read_text())
            if name not in self._secrets:
                self._secrets[name] = secrets.token_hex(16)
                write_private(path, json.dumps(self._secrets, indent=1))
            return self._secrets[name]


def write_private(path: pathlib.Path, text: str) -> None:
    """Write a file that only its owner may read, from its first byte."""
    unfinished = path.with_name(path.name + '.unfinished')
    unfinished.unlink(missing_ok=True)
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, 'w') as file:
        file.write(text)
    unfinished.replace(path)
