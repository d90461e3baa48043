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

from pocket_cloud import errors
from pocket_cloud import stamps
from pocket_cloud import state
import pytest


def test_each_offset_has_a_folder_of_its_own() -> None:
    assert state.State().folder.name == '.pocket-cloud'
    assert state.State(offset=200).folder.name == '.pocket-cloud-200'


def test_a_path_too_long_for_a_socket_is_refused() -> None:
    with pytest.raises(errors.PocketCloudError, match='too long'):
        state.State(pathlib.Path('/', 'x' * 90))


def test_a_secret_is_made_once_and_kept_private(
        tmp_path: pathlib.Path) -> None:
    folder = tmp_path / 's'
    secret = state.State(folder).secret('nova')
    assert state.State(folder).secret('nova') == secret
    assert state.State(folder).secret('glance') != secret
    mode = (folder / 'secrets.json').stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


def test_a_step_is_done_once_and_again_for_other_inputs(
        tmp_path: pathlib.Path) -> None:
    done = stamps.Stamps(tmp_path / 'stamps')
    assert not done.exists('venv')
    done.set('venv', 'one')
    assert done.is_current('venv', 'one')
    assert not done.is_current('venv', 'two')
    assert done.exists('venv')


def test_a_stamp_written_half_way_does_not_count(
        tmp_path: pathlib.Path) -> None:
    (tmp_path / 'venv.unfinished').write_text('one\n')
    assert not stamps.Stamps(tmp_path).exists('venv')


def test_a_fingerprint_knows_where_one_input_ends() -> None:
    assert stamps.fingerprint('ab', 'c') != stamps.fingerprint('a', 'bc')
    assert stamps.fingerprint('ab') == stamps.fingerprint(b'ab')
