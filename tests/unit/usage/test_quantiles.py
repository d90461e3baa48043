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

import hypothesis
from hypothesis.extra import numpy as hnp
from hypothesis import strategies as st
import numpy as np

from shadow_reserve.usage import quantiles

LEVELS = (0.5, 0.9, 0.95, 0.99)
tables = hnp.arrays(
    np.float32, hnp.array_shapes(min_dims=1, max_dims=3, max_side=12),
    elements=st.floats(-1e6, 1e6, width=32) | st.just(np.nan))
ascending = st.lists(st.floats(0.001, 0.999), min_size=1, max_size=5,
                     unique=True).map(sorted)


@hypothesis.given(tables, ascending)
def test_the_fast_quantiles_are_numpys(values, levels):
    found = quantiles.of_last_axis(values, levels)
    rows = values.reshape(-1, values.shape[-1])
    for row, said in zip(rows, found.reshape(len(rows), -1)):
        if not np.isfinite(row).any():
            assert np.isnan(said).all()
            continue
        np.testing.assert_allclose(
            said, np.nanquantile(row.astype(np.float64), levels),
            rtol=1e-5, atol=0.2)


@hypothesis.given(tables)
def test_quantiles_ascend_and_lie_within_the_values(values):
    found = quantiles.of_last_axis(values, LEVELS)
    known = np.isfinite(found)
    assert (np.diff(found, axis=-1)[known[..., 1:]] >= 0).all()
    if known.any():
        assert found[known].max() <= np.nanmax(values)
        assert found[known].min() >= np.nanmin(values)


def test_the_quantiles_of_nothing_are_gaps():
    found = quantiles.of_last_axis(np.empty((3, 0), np.float32), LEVELS)
    assert found.shape == (3, 4)
    assert np.isnan(found).all()
