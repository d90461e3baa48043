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
