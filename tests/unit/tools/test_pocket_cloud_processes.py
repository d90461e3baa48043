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

import collections.abc
import json
import os
import pathlib
import time

from pocket_cloud import processes
import pytest

SLEEP = processes.Command('sleeper', ('sleep', '60'), {'PATH': os.defpath})
#: Leads a group with a child in it, and does not listen to SIGTERM.
STUBBORN = processes.Command(
    'stubborn', ('sh', '-c', 'trap "" TERM; sleep 60 & wait'),
    {'PATH': os.defpath})


@pytest.fixture
def found(tmp_path: pathlib.Path,
          ) -> collections.abc.Iterator[processes.Processes]:
    made = processes.Processes(tmp_path / 'run', tmp_path / 'logs')
    yield made
    for name in made.names():
        made.stop(name, 0.1)


def pid_of(found: processes.Processes, name: str) -> int:
    process = found.running(name)
    assert process is not None
    return process.pid


def test_it_is_started_once_and_ends(found: processes.Processes) -> None:
    found.start(SLEEP)
    pid = pid_of(found, 'sleeper')
    found.start(SLEEP)
    assert pid_of(found, 'sleeper') == pid
    assert os.getpgid(pid) == pid
    found.stop('sleeper')
    assert processes.start_time(pid) is None
    assert found.names() == []


def test_another_command_finds_what_was_started(
        found: processes.Processes, tmp_path: pathlib.Path) -> None:
    found.start(SLEEP)
    again = processes.Processes(tmp_path / 'run', tmp_path / 'logs')
    assert again.running('sleeper') == found.running('sleeper')


def test_an_id_that_is_somebody_elses_by_now_is_left_alone(
        found: processes.Processes, tmp_path: pathlib.Path) -> None:
    """Its record has our id and a time at which we were not there."""
    found.start(SLEEP)
    pid = pid_of(found, 'sleeper')
    file = processes.record(tmp_path / 'run', 'reused')
    started = processes.start_time(pid)
    assert started is not None
    file.write_text(json.dumps({'pid': pid, 'started': started - 1}))
    assert found.running('reused') is None
    found.stop('reused')
    assert processes.start_time(pid) == started
    assert not file.exists()


@pytest.mark.parametrize('text', ['', '{"pid": '])
def test_a_broken_record_is_no_process(
        found: processes.Processes, tmp_path: pathlib.Path,
        text: str) -> None:
    file = processes.record(tmp_path / 'run', 'broken')
    file.parent.mkdir()
    file.write_text(text)
    assert found.running('broken') is None
    found.stop('broken')
    assert found.names() == []


def test_one_that_does_not_listen_ends_with_its_children(
        found: processes.Processes) -> None:
    found.start(STUBBORN)
    pid = pid_of(found, 'stubborn')
    deadline = time.monotonic() + 10
    while len(processes.group_members(pid)) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    found.stop('stubborn', 0.2)
    assert processes.group_members(pid) == []


def test_what_was_started_without_a_record_is_found_by_its_mark(
        found: processes.Processes, tmp_path: pathlib.Path) -> None:
    found.start(SLEEP)
    pid = pid_of(found, 'sleeper')
    processes.record(tmp_path / 'run', 'sleeper').unlink()
    other = processes.Processes(tmp_path / 'other', tmp_path / 'logs')
    other.stop_strays()
    assert processes.start_time(pid) is not None
    found.stop_strays()
    assert processes.start_time(pid) is None


def test_no_process_has_no_start_time() -> None:
    assert processes.start_time(2**22 + 1) is None
    assert processes.start_time(os.getpid()) is not None
