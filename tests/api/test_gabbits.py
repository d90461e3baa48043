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

"""Runs the gabbits, each file in order, against the API in this process."""

import pathlib

from gabbi import driver
from gabbi.driver import test_pytest  # noqa: F401

from tests.api import fixtures

_GABBITS = pathlib.Path(__file__).parent / 'gabbits'


def pytest_generate_tests(metafunc):
    driver.py_test_generator(
        str(_GABBITS), intercept=fixtures.setup_app,
        fixture_module=fixtures, test_loader_name='gabbits',
        metafunc=metafunc)
