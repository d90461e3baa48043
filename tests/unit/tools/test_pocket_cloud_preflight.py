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
from unittest import mock

from pocket_cloud import errors
from pocket_cloud import locking
from pocket_cloud import packages
from pocket_cloud import ports
from pocket_cloud import preflight
from pocket_cloud import state
import pytest


def test_a_port_in_use_is_named_with_a_way_out() -> None:
    taken = ports.Ports(10900)
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(('127.0.0.1', taken['glance']))
        server.listen()
        with pytest.raises(
                errors.PocketCloudError,
                match=rf'Port {taken["glance"]}, which is for glance, is in '
                      r'use .*--port-offset 11000'):
            preflight.check_ports(taken)
    preflight.check_ports(taken)


def test_only_what_is_missing_needs_root() -> None:
    preflight.check_packages([], 1000)
    preflight.check_packages(['memcached'], 0)
    with pytest.raises(errors.PocketCloudError,
                       match='apt-get install memcached'):
        preflight.check_packages(['memcached'], 1000)


def test_too_little_disk_says_how_much_and_where(
        tmp_path: pathlib.Path) -> None:
    folder = tmp_path / 'not' / 'there'
    preflight.check_disk(folder, 0)
    with pytest.raises(errors.PocketCloudError,
                       match=rf'{tmp_path} has \d+ MB .* --state'):
        preflight.check_disk(folder, 2**40)
    assert not folder.exists()


def test_too_little_memory() -> None:
    text = 'MemTotal: 9 kB\nMemAvailable:    2048000 kB\n'
    assert preflight.available_memory(text) == 2000
    preflight.check_memory(preflight.MEMORY)
    with pytest.raises(errors.PocketCloudError, match='2000 MB of memory'):
        preflight.check_memory(2000)


def test_too_old_a_python() -> None:
    preflight.check_python((3, 11))
    preflight.check_python((3, 13))
    with pytest.raises(errors.PocketCloudError, match=r'Python 3\.9'):
        preflight.check_python((3, 9))


def test_two_commands_at_once_are_refused(tmp_path: pathlib.Path) -> None:
    cloud = state.State(tmp_path / 's')
    with locking.alone(cloud), \
            pytest.raises(errors.PocketCloudError, match='at work'), \
            locking.alone(cloud):
        pass
    with locking.alone(cloud):
        pass


def test_debian_starts_nothing_and_its_policy_comes_back(
        tmp_path: pathlib.Path) -> None:
    policy = tmp_path / 'policy-rc.d'
    with packages.no_autostart(policy):
        assert 'exit 101' in policy.read_text()
        assert policy.stat().st_mode & 0o111
    assert not policy.exists()
    policy.write_text('theirs')
    with pytest.raises(KeyboardInterrupt), packages.no_autostart(policy):
        raise KeyboardInterrupt
    assert policy.read_text() == 'theirs'


def test_nothing_to_install_asks_apt_nothing(
        tmp_path: pathlib.Path) -> None:
    with mock.patch.object(packages, '_apt') as apt:
        packages.install([], tmp_path / 'apt.log')
    apt.assert_not_called()
