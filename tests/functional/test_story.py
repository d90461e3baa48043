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

"""The demo is the story: it checks every step of it by itself."""

import os
import pathlib

from tests.functional import pocket


def test_the_whole_story_is_as_it_must_be(tmp_path: pathlib.Path) -> None:
    report = tmp_path / 'demo-report.html'

    pocket.command(
        'run', 'env', f'PYTHONPATH={pocket.ROOT / "tools"}', 'python', '-m',
        'pocket_cloud.demo', '--report', os.fspath(report))

    text = report.read_text()
    assert '<svg' in text
    assert 'http://' not in text.replace('http://www.w3.org/', '')
