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

What is sampled and where forecasts begin is in ``traces``. The period held
back is looked at twice: as it always was, and with all series and origins
that it has, for a sample of 100 with 7 origins says little of a mean.

It measures and does not judge: no forecast wins on every trace. Means are
ruled by a few bursty series, so that medians stand beside them, and where
either is no better than seasonal naive's, that is printed in so many words
and stands in the JSON under ``not_better``.
"""

import dataclasses
import json
import time

from shadow_reserve.usage.backtesting import backtest
from shadow_reserve.usage import settings as settings_module
from tests.benchmarks import ratios
from tests.benchmarks import traces

ORIGINS = 7
#: Steps from one origin to the next where all of a period is looked at: in
#: 28 origins all minutes of the hour and all hours of the day come up.
CLOSE = 61
WHOLE = 'held back, all of it'


def test_accuracy_on_real_traces() -> None:
    settings = settings_module.ForecastSettings()
    report = []
    for path in traces.found():
        for period, fit_at in [*traces.FITS.items(),
                               (WHOLE, traces.FITS['held back'])]:
            began = time.perf_counter()
            sample = traces.sample(
                path, None if period == WHOLE else traces.SAMPLE)
            origins = traces.origins(fit_at, ORIGINS)
            if period == WHOLE:
                origins = list(range(
                    fit_at, len(sample[0].values) - traces.DAY + 1, CLOSE))
            windows = list(backtest.rolling_origin(
                sample, settings, training=traces.TRAINING, fit_at=fit_at,
                origins=origins, seed=1))
            found = backtest.summarised(windows)
            compared = ratios.over_naive(windows)
            seconds = time.perf_counter() - began
            print(f'\n{path.stem}, {period}: {len(sample)} series, '
                  f'{len(origins)} origins, {seconds:.0f} s')
            _print_table(found, settings.levels)
            _print_ratios(compared)
            lost = _not_better(found)
            for one in lost:
                print(f'NOT BETTER than seasonal naive: {one}')
            report.append({
                'trace': path.stem, 'period': period, 'seconds': seconds,
                'series': len(sample), 'origins': len(origins),
                'not_better': lost,
                'results': [dataclasses.asdict(one) for one in found],
                'over_naive': [dataclasses.asdict(one) for one in compared]})
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
    print(f'{"window":8} {"forecaster":32} {"mean":>6} {"median":>6} '
          f'{"/naive":>6} {shares}')
    for one in found:
        rivals = [other.mean for other in found
                  if other.window == one.window
                  and other.forecaster in backtest.NAIVE_NAMES]
        print(f'{one.window:8} {one.forecaster:32} {one.mean:6.3f} '
              f'{one.median:6.3f} {one.mean / min(rivals):6.3f} '
              + ' '.join(f'{share:6.3f}' for share in one.coverage))


def _print_ratios(compared: list[ratios.Ratio]) -> None:
    for one in compared:
        print(f'{one.window}: mean over naive ({one.rival}) {one.mean:.3f} '
              f'+- {one.error:.3f}, median {one.median:.3f}, geometric mean '
              f'{one.geometric:.3f} +- {one.geometric_error:.3f}; the worst '
              f'series is {one.worst:.2f} of the mean')
