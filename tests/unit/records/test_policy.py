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

"""What a policy says where nothing was said."""

import pytest

from tests.unit import samples


@pytest.mark.parametrize(
    ('threshold', 'asked', 'effective'),
    [(90.0, None, 45.0), (90.0, 30.0, 30.0), (None, None, None),
     (None, 30.0, 30.0)])
def test_scale_in_is_at_half_of_the_threshold_unless_asked(
        threshold, asked, effective):
    policy = samples.policy(
        memory_threshold=threshold, memory_scale_in_threshold=asked,
        io_latency_threshold=threshold,
        io_latency_scale_in_threshold=asked)
    assert policy.memory_scale_in == effective
    assert policy.io_latency_scale_in == effective
