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

import json
import os
import pathlib
import subprocess
import sys
import time

from pocket_cloud import processes
import pytest


@pytest.fixture
def ours(tmp_path: pathlib.Path) -> processes.Processes:
    return processes.Processes(tmp_path / 'run', tmp_path / 'logs')


def sleeper(name: str = 'sleeper', *, shell: str = '') -> processes.Command:
    command = ('sh', '-c', shell) if shell else ('sleep', '60')
    return processes.Command(name, command, dict(os.environ))


def wait_for(path: pathlib.Path) -> str:
    deadline = time.monotonic() + 10
    while not (path.exists() and path.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return path.read_text()


def test_start_and_stop(ours: processes.Processes) -> None:
    ours.start(sleeper())
    process = ours.running('sleeper')
    assert process is not None
    assert processes.start_time(process.pid) == process.started
    ours.start(sleeper())
    assert ours.running('sleeper') == process
    ours.stop('sleeper')
    assert ours.running('sleeper') is None
    assert ours.names() == []
    assert processes.start_time(process.pid) is None


def test_a_process_that_ended_at_once_does_not_run(
        ours: processes.Processes, tmp_path: pathlib.Path) -> None:
    """Its start could not be read, and that it is gone neither."""
    folder = tmp_path / 'run'
    folder.mkdir()
    processes.record(folder, 'ended').write_text(json.dumps(
        {'pid': 2 ** 22 + 1, 'started': None}))
    assert ours.running('ended') is None


def test_somebody_elses_process_with_the_same_id_is_left_alone(
        ours: processes.Processes, tmp_path: pathlib.Path) -> None:
    with subprocess.Popen(('sleep', '60'), start_new_session=True) as other:
        started = processes.start_time(other.pid)
        assert started is not None
        folder = tmp_path / 'run'
        folder.mkdir()
        processes.record(folder, 'reused').write_text(json.dumps(
            {'pid': other.pid, 'started': started - 1}))
        assert ours.running('reused') is None
        ours.stop('reused')
        assert ours.names() == []
        assert processes.start_time(other.pid) == started
        other.kill()


def test_children_end_with_their_leader(
        ours: processes.Processes, tmp_path: pathlib.Path) -> None:
    told = tmp_path / 'child'
    ours.start(sleeper(shell=f'sleep 60 & echo $! > {told}; wait'))
    child = int(wait_for(told))
    ours.stop('sleeper')
    assert processes.start_time(child) is None


def test_children_end_though_their_leader_is_gone(
        ours: processes.Processes, tmp_path: pathlib.Path) -> None:
    told = tmp_path / 'child'
    ours.start(sleeper(shell=f'sleep 60 & echo $! > {told}'))
    child = int(wait_for(told))
    ours.stop('sleeper')
    assert processes.start_time(child) is None


def test_one_that_does_not_listen_is_killed(
        ours: processes.Processes, tmp_path: pathlib.Path) -> None:
    told = tmp_path / 'ready'
    ours.start(sleeper(
        shell=f'trap "" TERM; echo yes > {told}; '
              'while true; do sleep 1; done'))
    wait_for(told)
    process = ours.running('sleeper')
    assert process is not None
    ours.stop('sleeper', timeout=0.3)
    assert processes.start_time(process.pid) is None


def test_one_without_a_record_is_found_by_its_mark(
        ours: processes.Processes, tmp_path: pathlib.Path) -> None:
    ours.start(sleeper())
    process = ours.running('sleeper')
    assert process is not None
    processes.record(tmp_path / 'run', 'sleeper').unlink()
    processes.Processes(tmp_path / 'other', tmp_path).stop_strays()
    assert processes.start_time(process.pid) == process.started
    ours.stop_strays()
    assert processes.start_time(process.pid) is None


def test_output_goes_to_the_log(ours: processes.Processes) -> None:
    ours.start(processes.Command(
        'talker', (sys.executable, '-c', 'print("hello")'),
        dict(os.environ)))
    assert wait_for(ours.log('talker')).strip() == 'hello'


def test_a_broken_record_is_no_process(
        ours: processes.Processes, tmp_path: pathlib.Path) -> None:
    (tmp_path / 'run').mkdir()
    processes.record(tmp_path / 'run', 'broken').write_text('{')
    assert ours.running('broken') is None
    ours.stop('broken')
    assert ours.names() == []
