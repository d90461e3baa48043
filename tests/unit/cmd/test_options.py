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

"""What operators are shown of the configuration."""

import subprocess
import sys

from shadow_reserve.cmd import options


def test_the_sample_has_the_defaults_that_are():
    # given the sample as operators generate it
    sample = subprocess.run(
        [sys.executable, '-c',
         'from oslo_config import generator; generator.main()',
         '--namespace', 'shadow_reserve', '--namespace', 'oslo.db'],
        capture_output=True, text=True, check=True).stdout.splitlines()
    # and the configuration of a service that has nothing configured
    database = options.load([], program='test', config_files=[]).database

    # then what is ours in other libraries' sections is shown
    assert f'#connection = {database.connection}' in sample
    assert f'#max_pool_size = {database.max_pool_size}' in sample
