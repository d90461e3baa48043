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

"""Debian packages: only what is missing, and nothing of it starts."""

import collections.abc
import contextlib
import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys
import sysconfig
from typing import BinaryIO

from pocket_cloud import errors
from pocket_cloud import progress

#: A program that shows that its package is there.
NEEDED = {
    '/usr/lib/rabbitmq/bin/rabbitmq-server': 'rabbitmq-server',
    '/usr/sbin/mariadbd': 'mariadb-server',
    '/usr/bin/memcached': 'memcached',
}

POLICY = pathlib.Path('/usr/sbin/policy-rc.d')


def missing() -> list[str]:
    """Names of the packages that have to be installed."""
    names = [package for program, package in NEEDED.items()
             if not pathlib.Path(program).exists()]
    if shutil.which('cc') is None:
        # uwsgi comes as source only.
        names += ['gcc', 'libc6-dev']
    if sys.base_prefix == '/usr':
        # Debian's own Python lacks these; one built by hand has them.
        if not _has_ensurepip():
            names.append('python3-venv')
        if not pathlib.Path(
                sysconfig.get_path('include'), 'Python.h').exists():
            names.append('python3-dev')
    return names


def install(names: list[str], log: pathlib.Path) -> None:
    """Install them with apt; nothing if there are none."""
    if not names:
        return
    with progress.step(f'apt: {", ".join(names)}'), no_autostart(), \
            log.open('ab') as output:
        for arguments in (('update',),
                          ('install', '--yes', '--no-install-recommends',
                           *names)):
            _apt(arguments, output, log)


def _apt(arguments: tuple[str, ...], output: BinaryIO,
         log: pathlib.Path) -> None:
    command = ('apt-get', '-o', 'DPkg::Lock::Timeout=120', *arguments)
    # In a session of its own a Ctrl-C does not reach it: dpkg broken off
    # half-way leaves a machine that must be mended by hand.
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=output,
        stderr=subprocess.STDOUT, start_new_session=True,
        env={**os.environ, 'DEBIAN_FRONTEND': 'noninteractive'})
    try:
        process.wait()
    except KeyboardInterrupt:
        progress.say('Interrupted; apt-get must come to its end first.')
        process.wait()
        raise
    if process.returncode:
        raise errors.PocketCloudError(
            f'"{" ".join(command)}" failed: see {log}, and try it by hand.')


@contextlib.contextmanager
def no_autostart(policy: pathlib.Path = POLICY,
                 ) -> collections.abc.Iterator[None]:
    """Debian starts a server when it is installed, unless told not to.

    The file that says so is removed again, and one that was there already
    is put back, at the next time if we were killed in between.
    """
    before = policy.with_name(policy.name + '.before-pocket-cloud')
    if policy.exists() and not before.exists():
        policy.rename(before)
    policy.write_text('#!/bin/sh\nexit 101\n')
    policy.chmod(0o755)
    try:
        yield
    finally:
        policy.unlink()
        if before.exists():
            before.rename(policy)


def _has_ensurepip() -> bool:
    return importlib.util.find_spec('ensurepip') is not None
