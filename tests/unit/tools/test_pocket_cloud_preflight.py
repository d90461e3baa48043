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

import pathlib
import socket

from pocket_cloud import errors
from pocket_cloud import packages
from pocket_cloud import ports
from pocket_cloud import preflight
import pytest


def sentence(error: pytest.ExceptionInfo[errors.PocketCloudError]) -> str:
    text = str(error.value)
    assert '\n' not in text
    assert text.endswith('.')
    return text


def test_root_is_needed_only_for_what_is_missing() -> None:
    preflight.check_packages([], user=1000)
    preflight.check_packages(['memcached'], user=0)
    with pytest.raises(errors.PocketCloudError) as error:
        preflight.check_packages(['memcached'], user=1000)
    assert 'apt-get install memcached' in sentence(error)


def test_too_little_disk(tmp_path: pathlib.Path) -> None:
    preflight.check_disk(tmp_path / 'not' / 'yet', 1)
    with pytest.raises(errors.PocketCloudError) as error:
        preflight.check_disk(tmp_path / 'not' / 'yet', 2**40)
    assert str(tmp_path) in sentence(error)


def test_too_little_memory() -> None:
    text = 'MemTotal: 9000000 kB\nMemAvailable:    2048000 kB\n'
    assert preflight.available_memory(text) == 2000
    preflight.check_memory(preflight.MEMORY)
    with pytest.raises(errors.PocketCloudError) as error:
        preflight.check_memory(2000)
    assert '2000 MB' in sentence(error)


def test_a_port_in_use() -> None:
    taken = ports.Ports(11600)
    preflight.check_ports(taken)
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(('127.0.0.1', taken['nova']))
        other.listen()
        with pytest.raises(errors.PocketCloudError) as error:
            preflight.check_ports(taken)
    assert str(taken['nova']) in sentence(error)
    assert 'nova' in sentence(error)


def test_the_policy_that_was_there_is_put_back(
        tmp_path: pathlib.Path) -> None:
    policy = tmp_path / 'policy-rc.d'
    policy.write_text('theirs')
    policy.chmod(0o700)
    with packages.no_autostart(policy):
        assert 'exit 101' in policy.read_text()
    assert policy.read_text() == 'theirs'
    assert policy.stat().st_mode & 0o777 == 0o700
    assert list(tmp_path.iterdir()) == [policy]


def test_the_policy_survives_that_we_are_killed(
        tmp_path: pathlib.Path) -> None:
    policy = tmp_path / 'policy-rc.d'
    policy.write_text('theirs')
    left = {}
    with packages.no_autostart(policy):
        for path in tmp_path.iterdir():
            left[path] = path.read_text()
    # As if its clean-up had not been run.
    for path, text in left.items():
        path.write_text(text)
    with packages.no_autostart(policy):
        assert 'exit 101' in policy.read_text()
    assert policy.read_text() == 'theirs'
    assert list(tmp_path.iterdir()) == [policy]


def test_no_policy_is_left_where_there_was_none(
        tmp_path: pathlib.Path) -> None:
    with packages.no_autostart(tmp_path / 'policy-rc.d'):
        pass
    assert list(tmp_path.iterdir()) == []
