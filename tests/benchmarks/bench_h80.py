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

"""H80: the shadow that avoids 80 % of the minutes short, on real traces.

    SHADOW_RESERVE_TRACES=<folder> tox -e bench

Applications are sums of five virtual machines of one trace, drawn with a
fixed seed; a server carries as much as makes the 99th percentile of an
application's training 20 servers. The model learns from 14 days, and the
12 after them are replayed: each set apart, and both together, by one model
over all. H80 is the held shadow, in percent of the demand's server-hours.
The forecast's policy has a small safety margin; its service level is swept.

Five-minute means are taken as readings at the end of their step, with
straight lines between them: a decision then knows nothing of what comes.
Cold builds are ordered at the minute that demand rises, so that the
reactive baseline is as quick as it can be.
"""

import datetime
import json
import os
import pathlib
import time

import numpy as np
import pytest

from shadow_reserve.records import demand
from shadow_reserve.usage.backtesting import backtest
from shadow_reserve.usage.backtesting import contest
from shadow_reserve.usage.backtesting import replay
from shadow_reserve.usage import forecaster
from shadow_reserve.usage import series as series_module
from shadow_reserve.usage import settings as settings_module

parquet = pytest.importorskip('pyarrow.parquet')

DAY = 288
TRAINING, TESTED = 14 * DAY, 12 * DAY
SETS = {'azure': 'azure_v1_microsoft_avg_100.parquet',
        'bitbrains': 'bitbrains_rnd_2013-08_cpu_mhz.parquet'}
MEMBERS = 5
SERVERS_AT_P99 = 20.0
SEED = 7
START = datetime.datetime(2026, 1, 5, tzinfo=datetime.UTC)
STEP = datetime.timedelta(minutes=5)
#: The build, and until the next decision: what a decision decides on.
WINDOW = datetime.timedelta(minutes=10)
MARGIN = 0.02
AVOIDED = (0.5, 0.7, 0.8, 0.9, 0.95)


def applications(path: pathlib.Path) -> np.ndarray:
    """``(apps, steps)`` in servers; gaps of a member hold its last value."""
    table = parquet.read_table(path)
    names = [name for name in table.column_names
             if not name.startswith('__')]
    values = np.array([table[name].to_numpy(zero_copy_only=False)
                       for name in names], np.float64)
    values = values[np.isfinite(values).mean(axis=1) > 0.9]
    order = np.random.default_rng(SEED).permutation(len(values))
    whole = len(order) // MEMBERS * MEMBERS
    sums = np.nan_to_num(values[order[:whole]]).reshape(
        -1, MEMBERS, values.shape[1]).sum(axis=1)[:, :TRAINING + TESTED]
    unit = np.percentile(sums[:, :TRAINING], 99, axis=1, keepdims=True)
    return sums[unit[:, 0] > 0] / unit[unit[:, 0] > 0] * SERVERS_AT_P99


def test_what_is_held_on_real_traces() -> None:
    folder = pathlib.Path(os.environ.get('SHADOW_RESERVE_TRACES', '.'))
    having = {name: folder / file for name, file in SETS.items()
              if (folder / file).exists()}
    if not having:
        pytest.skip('SHADOW_RESERVE_TRACES names no folder with '
                    + ' or '.join(SETS.values()))
    parts = {name: applications(path) for name, path in having.items()}
    whole = np.concatenate(list(parts.values()))
    settings = settings_module.ForecastSettings(peak_window=WINDOW)
    series = [series_module.DemandSeries(
        token=str(row), resource=demand.DemandResource.VCPU, start=START,
        step=STEP, values=values) for row, values in enumerate(whole)]
    began = time.process_time()
    fitted = forecaster.DemandForecaster(settings).fit(
        [series_module.DemandSeries(
            token=one.token, resource=one.resource, start=START, step=STEP,
            values=one.values[:TRAINING]) for one in series], SEED)
    fit_seconds = time.process_time() - began
    origins = range(TRAINING - 1, TRAINING + TESTED)
    began = time.process_time()
    forecast = backtest.replayed_peaks(fitted, series, origins, TRAINING)
    peak_seconds = time.process_time() - began
    match = contest.Match(
        demand=whole.astype(np.float32), start=TRAINING - 1,
        peaks=forecast * np.float32(1 + MARGIN), levels=settings.levels,
        clock=replay.Clock())
    began = time.process_time()
    found = contest.contest(match)
    print(f'\nCPU seconds: fit {fit_seconds:.0f}, peaks {peak_seconds:.0f}, '
          f'replay {time.process_time() - began:.0f}')
    report, first = [], 0
    for name, values in parts.items():
        which = range(first, first + len(values))
        first += len(values)
        report.append(_reported(name, contest.of_some(found, which)))
    report.append(_reported('together', found))
    print('\n' + json.dumps(report))


def _reported(name: str, found: dict[str, list[replay.Point]]) -> dict:
    count = len(found[contest.STATIC][0].outcome.violations)
    print(f'\n{name}: {count} applications')
    print(f'{"policy":16}' + ''.join(
        f'{f"H{share * 100:.0f}":>8}' for share in AVOIDED)
        + f'{"deficit at 80 %":>18}')
    rows = {}
    for policy, points in found.items():
        held = {f'H{share * 100:.0f}': replay.held_at(points, share)
                for share in AVOIDED}
        deficit = _deficit_at(points, 0.8)
        rows[policy] = {**held, 'deficit': deficit}
        print(f'{policy:16}' + ''.join(
            f'{"-" if one is None else format(100 * one, ".1f"):>8}'
            for one in held.values()) + f'{deficit:>18.0f}')
    for share in (0.8, 0.9):
        best = contest.best_rule(found, share)
        ours = replay.held_at(found[contest.FORECAST], share)
        if best is not None and ours is not None:
            print(f'H{share * 100:.0f} of the forecast over the best rule '
                  f'({best[0]}): {ours / best[1]:.2f}')
    return {'set': name, 'applications': count, 'policies': rows}


def _deficit_at(points: list[replay.Point], avoided: float) -> float:
    """Server-minutes short at the first setting that avoids as much."""
    reached = [one for one in points if one.avoided >= avoided]
    return min(reached, key=lambda one: one.held).deficit if reached \
        else float('nan')
