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

"""The one virtual environment of all services and of ours."""

import os
import pathlib
import subprocess
import sys

from pocket_cloud import errors
from pocket_cloud import progress
from pocket_cloud import stamps
from pocket_cloud import state

HERE = pathlib.Path(__file__).resolve().parent
REQUIREMENTS = (HERE / 'requirements.txt',
                state.REPOSITORY / 'requirements.txt')
CONSTRAINTS = HERE / 'constraints.txt'

#: What an installation of ours depends on, beside the files themselves.
OURS = ('pyproject.toml', 'setup.cfg', 'setup.py')


def install(cloud: state.State) -> None:
    """Make it and fill it, as far as that is not done."""
    log = cloud.path('logs', 'pip.log')
    requirements = (*REQUIREMENTS, *(
        HERE / f'requirements-{extra}.txt' for extra in cloud.extras))
    inputs = stamps.fingerprint(*(
        path.read_bytes() for path in (*requirements, CONSTRAINTS)))
    if not cloud.stamps.is_current('venv', inputs):
        progress.say('  The Python packages come next, some 220 of them: a '
                     'few minutes without a word.')
        with progress.step('Python packages (venv, pip)'):
            if not _works(cloud.program('python')):
                _run((sys.executable, '-m', 'venv', '--clear',
                      str(cloud.venv)), log)
            # It is built for one Python and no other, and pip's cache may
            # hold one that was built for another of the same version.
            _pip(cloud, log, '--no-cache-dir', '-c', str(CONSTRAINTS),
                 'uwsgi')
            _pip(cloud, log, '-c', str(CONSTRAINTS), *(
                part for path in requirements
                for part in ('-r', str(path))))
        cloud.stamps.set('venv', inputs)
    inputs = stamps.fingerprint(inputs, str(state.REPOSITORY), *(
        (state.REPOSITORY / name).read_bytes() for name in OURS))
    if not cloud.stamps.is_current('ours', inputs):
        with progress.step('shadow_reserve itself (pip, editable)'):
            # Its dependencies are there, and so is what builds it.
            _pip(cloud, log, '--no-deps', '--no-build-isolation',
                 '-e', str(state.REPOSITORY))
        cloud.stamps.set('ours', inputs)


def _pip(cloud: state.State, log: pathlib.Path, *arguments: str) -> None:
    _run((cloud.program('python'), '-m', 'pip', '--quiet',
          '--disable-pip-version-check', 'install', *arguments), log)


def _run(command: tuple[str, ...], log: pathlib.Path) -> None:
    environment = dict(os.environ)
    if not _git_knows_a_version():
        environment.setdefault('PBR_VERSION', '0.0.0')
    with log.open('ab') as output:
        result = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=output,
            stderr=subprocess.STDOUT, env=environment)
    if result.returncode:
        raise errors.PocketCloudError(
            f'"{" ".join(command)}" failed, its last lines are\n'
            f'{tail(log)}\nTry again, and if it stays so, by hand.')


def _works(python: str) -> bool:
    """It does not where the Python that it was made from is gone."""
    try:
        return not subprocess.run((python, '-m', 'pip', '--version'),
                                  stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL).returncode
    except OSError:
        return False


def _git_knows_a_version() -> bool:
    """Without a commit, or outside git, pbr has nothing to make it from."""
    try:
        result = subprocess.run(
            ('git', '-C', str(state.REPOSITORY), 'rev-parse', 'HEAD'),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except OSError:
        return False
    return result.returncode == 0


def tail(log: pathlib.Path, lines: int = 20) -> str:
    """The last lines of a log."""
    try:
        text = log.read_text(errors='replace')
    except OSError:
        return '(it wrote nothing)'
    return '\n'.join(text.splitlines()[-lines:])
