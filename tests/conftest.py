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

"""For all tests under pytest."""

import os

import hypothesis
import pytest

# Before any test that imports oslo.messaging first.
from shadow_reserve import cmd  # noqa: F401

# The same examples in every run, so that a change is not failed for what
# it did not do. To look for new ones: HYPOTHESIS_PROFILE=explore.
hypothesis.settings.register_profile(
    'repeat', derandomize=True, deadline=None)
hypothesis.settings.register_profile(
    'explore', max_examples=500, deadline=None)
hypothesis.settings.load_profile(
    os.environ.get('HYPOTHESIS_PROFILE', 'repeat'))


def pytest_make_parametrize_id(
        config: pytest.Config, val: object, argname: str) -> str | None:
    """No colons: gabbi's plugin takes a test with one for a gabbit."""
    if isinstance(val, str) and ':' in val:
        return ascii(val)[1:-1].replace(':', '')
    return None
