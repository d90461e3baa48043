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

"""What would go wrong later, said before anything is started."""

import os
import pathlib
import shutil
import socket

from pocket_cloud import errors
from pocket_cloud import packages
from pocket_cloud import ports
from pocket_cloud import state

#: MiB. The environment is 0.9 GB, the rest databases and logs.
DISK_TO_INSTALL = 3000
DISK_TO_START = 500
#: MiB. What the whole cloud takes at its largest.
MEMORY = 3000


def check_packages(missing: list[str], user: int) -> None:
    """apt needs root, but only if there is something to install."""
    if missing and user != 0:
        raise errors.PocketCloudError(
            f'{", ".join(missing)} must be installed, which only root may: '
            f'run "apt-get install {" ".join(missing)}" as root, or this '
            f'as root.')


def check_disk(folder: pathlib.Path, needed: int) -> None:
    there = folder
    while not there.exists():
        there = there.parent
    free = shutil.disk_usage(there).free // 2**20
    if free < needed:
        raise errors.PocketCloudError(
            f'{there} has {free} MB of free disk space, and {needed} MB are '
            f'needed: make room, or choose another place with --state.')


def available_memory(text: str) -> int:
    """MiB, from the text of /proc/meminfo."""
    for line in text.splitlines():
        if line.startswith('MemAvailable:'):
            return int(line.split()[1]) // 1024
    return 0


def check_memory(available: int) -> None:
    if available < MEMORY:
        raise errors.PocketCloudError(
            f'{available} MB of memory are free, and {MEMORY} MB are '
            f'needed: end something that is large, or take a larger '
            f'machine.')


def check_ports(taken: ports.Ports) -> None:
    """No port of a cloud that does not run may be in use."""
    for name, port in taken.all().items():
        with socket.socket() as server:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                server.bind(('127.0.0.1', port))
            except OSError as error:
                raise errors.PocketCloudError(
                    f'Port {port}, which is for {name}, is in use '
                    f'({error.strerror}): end what uses it, or choose other '
                    f'ports with --port-offset {taken.offset + ports.STEP}.',
                    ) from error


def before_install(cloud: state.State) -> None:
    check_packages(packages.missing(), os.geteuid())
    fresh = not cloud.stamps.exists('venv')
    check_disk(cloud.folder, DISK_TO_INSTALL if fresh else DISK_TO_START)


def before_start(cloud: state.State) -> None:
    """Only where nothing of this cloud runs."""
    check_disk(cloud.folder, DISK_TO_START)
    check_memory(available_memory(
        pathlib.Path('/proc/meminfo').read_text()))
    check_ports(cloud.ports)
