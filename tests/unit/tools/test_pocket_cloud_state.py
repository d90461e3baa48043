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
import stat

from hypothesis import given
from hypothesis import strategies
from pocket_cloud import errors
from pocket_cloud import ports
from pocket_cloud import stamps
from pocket_cloud import state
import pytest

OFFSETS = strategies.integers(0, 116).map(lambda number: number * ports.STEP)


@given(OFFSETS, OFFSETS)
def test_ports_of_two_offsets_do_not_collide(one: int, two: int) -> None:
    first = set(ports.Ports(one).all().values())
    second = set(ports.Ports(two).all().values())
    assert len(first) == len(ports.NAMES)
    assert one == two or not first & second


@given(OFFSETS)
def test_ports_stay_below_those_of_outgoing_connections(offset: int) -> None:
    assert max(ports.Ports(offset).all().values()) <= ports.LAST


@pytest.mark.parametrize('offset', [-100, 1, 50, 11700, 65000])
def test_an_offset_that_could_collide_is_refused(offset: int) -> None:
    with pytest.raises(errors.PocketCloudError, match='--port-offset'):
        ports.Ports(offset)


def test_a_stamp_counts_for_its_inputs_only(tmp_path: pathlib.Path) -> None:
    done = stamps.Stamps(tmp_path / 'stamps')
    before = stamps.fingerprint('one', b'two')
    assert not done.exists('step')
    done.set('step', before)
    assert done.exists('step')
    assert done.is_current('step', before)
    assert not done.is_current('step', stamps.fingerprint('one', 'three'))
    assert stamps.Stamps(tmp_path / 'stamps').is_current('step', before)


def test_a_fingerprint_knows_where_an_input_ends() -> None:
    assert stamps.fingerprint('ab', 'c') != stamps.fingerprint('a', 'bc')


def test_each_offset_has_a_folder_of_its_own() -> None:
    assert state.State().folder.name == '.pocket-cloud'
    assert state.State(offset=200).folder.name == '.pocket-cloud-200'


def test_a_path_too_long_for_a_socket_is_refused() -> None:
    with pytest.raises(errors.PocketCloudError, match='too long'):
        state.State(pathlib.Path('/tmp', 'x' * 100))


def test_secrets_are_kept_and_private(tmp_path: pathlib.Path) -> None:
    secret = state.State(tmp_path).secret('admin')
    assert state.State(tmp_path).secret('admin') == secret
    assert state.State(tmp_path).secret('demo') != secret
    mode = (tmp_path / 'secrets.json').stat().st_mode
    assert stat.S_IMODE(mode) == 0o600
