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

"""Runs the plugin as stack.sh, unstack.sh and clean.sh do, under bash."""

import dataclasses
import os
import pathlib
import subprocess

HERE = pathlib.Path(__file__).parent
PLUGIN = HERE.parents[2] / 'devstack'

STACK_PHASES = ('pre-install', 'install', 'post-config', 'extra',
                'test-config')

SERVICES = ('keystone,mysql,rabbit,n-cpu,n-api,gnocchi-api,aodh-api,'
            'aodh-evaluator,tempest')


@dataclasses.dataclass(frozen=True)
class Run:
    """What a run called, in order; each call with its arguments."""

    calls: tuple[tuple[str, ...], ...]
    returncode: int
    output: str

    def named(self, name: str) -> list[tuple[str, ...]]:
        return [call[1:] for call in self.calls if call[0] == name]

    def index(self, *start: str) -> int:
        """Where the first call is that begins with ``start``."""
        for index, call in enumerate(self.calls):
            if call[:len(start)] == start:
                return index
        raise AssertionError(f'never called: {start}')

    def option(self, file: str, section: str, name: str) -> str | None:
        """What an option was last set to in a file."""
        values = [call[3] for call in self.named('iniset')
                  if call[:3] == (file, section, name)]
        return values[-1] if values else None

    def summaries(self) -> list[str]:
        return [call[0] for call in self.named('echo_summary')]


class DevStack:
    """A folder that stands for a DevStack machine.

    :param root: an empty folder
    """

    def __init__(self, root: pathlib.Path) -> None:
        self.root = root
        self.conf_dir = root / 'etc'
        self.conf = str(self.conf_dir / 'shadow_reserve.conf')
        self.initial = root / 'initial'
        self.initial.touch()
        binaries = root / 'bin'
        binaries.mkdir()
        for name in ('uwsgi', 'shadow-reserve-manage'):
            program = binaries / name
            program.write_text(
                '#!/usr/bin/env bash\n'
                f'(IFS=$\'\\t\'; printf "%s\\n" "{name}\t$*" >>"$CALLS")\n')
            program.chmod(0o755)
        self.environment = {
            'PATH': f'{binaries}:{os.environ["PATH"]}',
            'BIN_DIR': str(binaries),
            'DEST': '/opt/stack',
            'STACK_USER': 'stack',
            'ENABLED_SERVICES': SERVICES,
            'DATABASE_BACKENDS': 'mysql postgresql',
            'DEVSTACK_PLUGINS': 'ceilometer,aodh,shadow-reserve',
            'ENABLE_DEBUG_LOG_LEVEL': 'True',
            'REGION_NAME': 'RegionOne',
            'SERVICE_HOST': '192.0.2.1',
            'SERVICE_PROTOCOL': 'http',
            'SERVICE_TIMEOUT': '60',
            'NOVA_CONF': '/etc/nova/nova.conf',
            'NOVA_FILTERS': 'ComputeFilter,SameHostFilter',
            'AODH_CONF': '/etc/aodh/aodh.conf',
            'HEAT_CONF': '/etc/heat/heat.conf',
            'TEMPEST_CONFIG': '/opt/stack/tempest/etc/tempest.conf',
            'SHADOW_RESERVE_CONF_DIR': str(self.conf_dir),
            'INITIAL': str(self.initial),
        }

    def already(self, file: str, section: str, name: str, value: str,
                how: str = 'iniset') -> None:
        """Set an option as another plugin has done before."""
        with self.initial.open('a') as file_object:
            file_object.write(f'{how}\t{file}\t{section}\t{name}\t{value}\n')

    def run(self, *phases: str, **environment: str) -> Run:
        """Source everything in DevStack's order, in one process.

        :param phases: each the arguments of one call of ``plugin.sh``
        :param environment: in addition to what a usual machine has
        """
        calls = self.root / 'calls'
        calls.write_text('')
        lines = [
            'set -o errexit', 'set -o nounset', 'set -o pipefail',
            f'source {HERE}/stubs.sh',
            f'source {PLUGIN}/override-defaults',
            f'source {PLUGIN}/settings',
        ]
        for phase in phases:
            lines.append(f'_log phase {phase}')
            lines.append(f'source {PLUGIN}/plugin.sh {phase}')
        lines.append('_log end "$-"')
        lines.append('_log topics "$AODH_NOTIFICATION_TOPICS"')
        lines.append('_log format "$NOVA_NOTIFICATION_FORMAT"')
        done = subprocess.run(
            ['bash', '-c', '\n'.join(lines)], capture_output=True,
            text=True, check=False, timeout=60,
            env=self.environment | {'CALLS': str(calls)} | environment)
        return Run(
            calls=tuple(tuple(line.split('\t'))
                        for line in calls.read_text().splitlines()),
            returncode=done.returncode, output=done.stdout + done.stderr)

    def stack(self, **environment: str) -> Run:
        """All that stack.sh does with the plugin."""
        return self.run(*(f'stack {phase}' for phase in STACK_PHASES),
                        **environment)
