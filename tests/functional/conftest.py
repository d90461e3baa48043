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

from collections.abc import Iterator
import uuid

import pytest

from tests.functional import application as test_application
from tests.functional import pocket


@pytest.fixture
def cinder() -> None:
    if pocket.endpoint('block-storage') is None:
        pytest.skip('this pocket cloud has no Cinder: start --with cinder')


@pytest.fixture
def application() -> Iterator[test_application.Application]:
    """Two servers of the tenant ``demo`` with four days of history."""
    made = test_application.Application(
        f'app-{uuid.uuid4().hex[:8]}', servers=2)
    try:
        made.back_fill(days=4)
        yield made
    finally:
        made.remove()
