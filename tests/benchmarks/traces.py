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

"""The real traces, and the protocol that every accuracy benchmark keeps.

The folder that ``SHADOW_RESERVE_TRACES`` names holds Parquet files, one
column a series, one row for each five minutes. Of each file a fixed sample
is taken, or all of it, without series that hardly move. Every design choice
was made on the first 21 days (``design``); the rest is looked at for reporting
only (``held back``).
"""

import datetime
import os
import pathlib

import numpy as np
import pytest

from shadow_reserve.records import demand
from shadow_reserve.usage import scores
from shadow_reserve.usage import series as series_module

DAY = 288
TRAINING = 14 * DAY
#: Where a model is fitted; the origins follow.
FITS = {'design': 14 * DAY, 'held back': 21 * DAY}
#: Steps between two origins: no divisor of a day, so that the origins come
#: at all times of it.
STRIDE = 227
SAMPLE = 100
START = datetime.datetime(2026, 1, 5, tzinfo=datetime.UTC)
STEP = datetime.timedelta(minutes=5)


def found() -> list[pathlib.Path]:
    """The traces; the test that asks is skipped when there are none."""
    folder = os.environ.get('SHADOW_RESERVE_TRACES')
    if not folder:
        pytest.skip('SHADOW_RESERVE_TRACES does not name a folder with '
                    'Parquet traces')
    files = sorted(pathlib.Path(folder).glob('*.parquet'))
    if not files:
        pytest.skip(f'no Parquet file in SHADOW_RESERVE_TRACES={folder}')
    return files


def origins(fit_at: int, count: int) -> list[int]:
    """The first steps that the forecasts have not seen."""
    return [fit_at + STRIDE * turn for turn in range(count)]


def sample(path: pathlib.Path, most: int | None = SAMPLE,
           ) -> list[series_module.DemandSeries]:
    """The same series each time: in a random order with a fixed seed.

    :param most: ``None`` takes all
    """
    parquet = pytest.importorskip('pyarrow.parquet')
    table = parquet.read_table(path)
    names = [name for name in table.column_names
             if not name.startswith('__') and name != 'index']
    chosen = []
    for name in np.random.default_rng(7).permutation(names):
        values = np.asarray(
            table[str(name)].to_numpy(zero_copy_only=False), np.float64)
        known = values[:TRAINING][np.isfinite(values[:TRAINING])]
        moves = scores.seasonal_error(values[:TRAINING], DAY)
        if (len(known) < 0.9 * TRAINING
                or not moves > 0.01 * float(known.mean())):
            continue
        chosen.append(series_module.DemandSeries(
            token=str(name), resource=demand.DemandResource.VCPU,
            start=START, step=STEP, values=values))
        if len(chosen) == most:
            break
    return chosen
