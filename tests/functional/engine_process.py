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

"""An engine of the test's own, which may be killed at any moment."""

from collections.abc import Iterator
from collections.abc import Mapping
import configparser
import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

from tests.functional import pocket
from tests.functional import proxy as faulty_proxy


class EngineProcess:
    """Runs the engine and, when it dies, runs it again.

    :param configs: configuration files, the later ones winning
    :param log: where its output goes
    """

    def __init__(self, configs: list[pathlib.Path],
                 log: pathlib.Path) -> None:
        self._command = [
            str(pathlib.Path(sys.executable).parent
                / 'shadow-reserve-engine')]
        for config in configs:
            self._command += ['--config-file', str(config)]
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._wanted = False
        self.deaths: list[str] = []

    def start(self) -> None:
        self._wanted = True
        self._spawn()
        threading.Thread(target=self._watch, daemon=True).start()

    def stop(self) -> None:
        self._wanted = False
        self._kill()

    def strike(self, fault: faulty_proxy.Fault) -> None:
        """Kill it with all its children, at once and for good."""
        self.kill(fault.name)

    def kill(self, name: str) -> None:
        """The same for another reason than a fault."""
        self._kill()
        self.deaths.append(name)

    def _spawn(self) -> None:
        with self._lock, self._log.open('ab') as output:
            self._process = subprocess.Popen(
                self._command, stdout=output, stderr=subprocess.STDOUT,
                start_new_session=True)

    def _kill(self) -> None:
        with self._lock:
            if self._process is None:
                return
            try:
                os.killpg(self._process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self._process.wait()

    def _watch(self) -> None:
        while self._wanted:
            process = self._process
            if process is not None and process.poll() is not None:
                self._spawn()
            time.sleep(0.2)


#: The sections of our configuration, and what is behind them.
SERVICES = {
    'nova': 'compute', 'placement': 'placement', 'aodh': 'alarming',
    'gnocchi': 'metric', 'keystone': 'identity', 'cinder': 'block-storage',
}


#: Seconds: between a slow answer and a lost one.
_TIMEOUT = 4


def _with_version(url: str) -> str:
    return url if url.rstrip('/').endswith('/v3') else (
        f'{url.rstrip("/")}/v3')


class Engine:
    """An engine and the proxies before all the services it calls."""

    def __init__(self, folder: pathlib.Path,
                 faults: Mapping[str, list[faulty_proxy.Fault]],
                 options: Mapping[str, Mapping[str, str]]) -> None:
        overrides = configparser.ConfigParser()
        overrides['DEFAULT'] = {'log_file': str(folder / 'engine.log')}
        self.process = EngineProcess(
            [pocket.service_config(), folder / 'overrides.conf'],
            folder / 'engine.out')
        self.proxies: dict[str, faulty_proxy.FaultyProxy] = {}
        for section, service_type in SERVICES.items():
            target = pocket.endpoint(service_type)
            if target is None and section not in faults:
                continue
            assert target is not None
            proxy = faulty_proxy.FaultyProxy(
                target, faults.get(section, []), self.process.strike)
            self.proxies[section] = proxy
            overrides[section] = {'endpoint_override': proxy.url}
        overrides['service_credentials'] = {
            # Not the plugin that asks Keystone where it is: it would be
            # told past the proxy.
            'auth_type': 'v3password',
            'auth_url': _with_version(self.proxies['keystone'].url),
            'timeout': str(_TIMEOUT)}
        overrides.read_dict(options)
        with (folder / 'overrides.conf').open('w') as file:
            overrides.write(file)

    def close(self) -> None:
        self.process.stop()
        for proxy in self.proxies.values():
            proxy.close()


@contextlib.contextmanager
def running(folder: pathlib.Path,
            faults: Mapping[str, list[faulty_proxy.Fault]],
            options: Mapping[str, Mapping[str, str]] | None = None,
            ) -> Iterator[Engine]:
    """Our engine behind proxies, in place of the pocket cloud's own.

    :param options: of its configuration, by section, where they differ
    """
    engine = Engine(folder, faults, options or {})
    with pocket.without('shadow-reserve-engine'):
        engine.process.start()
        try:
            yield engine
        finally:
            engine.close()
