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

"""How accurate forecasts are on real traces, beside the naive ones.

    SHADOW_RESERVE_TRACES=<folder> tox -e bench

The folder holds Parquet files, one column a series, one row for each five
minutes. Of each file a fixed sample is taken, without series that hardly
move. Every design choice was made on the first 21 days (``design``); the
rest is looked at for reporting only (``held back``).

It measures and does not judge: no forecast wins on every trace. Means are
ruled by a few bursty series, so that medians stand beside them, and where
either is no better than seasonal naive's, that is printed in so many words
and stands in the JSON under ``not_better``.
"""

import dataclasses
import datetime
import json
import os
import pathlib
import time

import numpy as np
import pytest

from shadow_reserve.records import demand
from shadow_reserve.usage import backtest
from shadow_reserve.usage import scores
from shadow_reserve.usage import series as series_module
from shadow_reserve.usage import settings as settings_module

parquet = pytest.importorskip('pyarrow.parquet')

DAY = 288
TRAINING = 14 * DAY
#: Where the model is fitted; seven origins follow, at all times of the day.
FITS = {'design': 14 * DAY, 'held back': 21 * DAY}
ORIGINS = tuple(227 * turn for turn in range(7))
SAMPLE = 100
START = datetime.datetime(2026, 1, 5, tzinfo=datetime.UTC)
STEP = datetime.timedelta(minutes=5)


def _traces() -> list[pathlib.Path]:
    folder = os.environ.get('SHADOW_RESERVE_TRACES')
    if not folder:
        pytest.skip('SHADOW_RESERVE_TRACES does not name a folder with '
                    'Parquet traces')
    found = sorted(pathlib.Path(folder).glob('*.parquet'))
    if not found:
        pytest.skip(f'no Parquet file in SHADOW_RESERVE_TRACES={folder}')
    return found


def _sample(path: pathlib.Path) -> list[series_module.DemandSeries]:
    """The same series each time: in a random order with a fixed seed."""
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
        if len(chosen) == SAMPLE:
            break
    return chosen


def test_accuracy_on_real_traces() -> None:
    settings = settings_module.ForecastSettings()
    report = []
    for path in _traces():
        sample = _sample(path)
        for period, fit_at in FITS.items():
            began = time.perf_counter()
            found = backtest.summarised(backtest.rolling_origin(
                sample, settings, training=TRAINING, fit_at=fit_at,
                origins=[fit_at + origin for origin in ORIGINS], seed=1))
            seconds = time.perf_counter() - began
            print(f'\n{path.stem}, {period}: {len(sample)} series, '
                  f'{len(ORIGINS)} origins, {seconds:.0f} s')
            _print_table(found, settings.levels)
            lost = _not_better(found)
            for one in lost:
                print(f'NOT BETTER than seasonal naive: {one}')
            report.append({
                'trace': path.stem, 'period': period, 'seconds': seconds,
                'not_better': lost,
                'results': [dataclasses.asdict(one) for one in found]})
    print('\n' + json.dumps(report))


def _not_better(found: list[backtest.Summary]) -> list[str]:
    by_name = {(one.window, one.forecaster): one for one in found}
    lost = []
    for window in (backtest.HOUR, backtest.HORIZON, backtest.PEAK):
        ours = by_name[window, backtest.SERVED]
        naive = by_name[window, backtest.NAIVE]
        if ours.mean >= naive.mean:
            lost.append(f'{window}, mean')
        if ours.median >= naive.median:
            lost.append(f'{window}, median')
    return lost


def _print_table(found: list[backtest.Summary],
                 levels: tuple[float, ...]) -> None:
    shares = ' '.join(f'{f"<={one:g}":>6}' for one in levels)
    print(f'{"window":8} {"forecaster":20} {"mean":>6} {"median":>6} '
          f'{"/best":>6} {shares}')
    for one in found:
        rivals = [other.mean for other in found
                  if other.window == one.window
                  and other.forecaster in backtest.EXPERT_NAMES.values()]
        print(f'{one.window:8} {one.forecaster:20} {one.mean:6.3f} '
              f'{one.median:6.3f} {one.mean / min(rivals):6.3f} '
              + ' '.join(f'{share:6.3f}' for share in one.coverage))
