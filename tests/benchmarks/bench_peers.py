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

"""How our forecasts compare with what a team could install instead.

    SHADOW_RESERVE_TRACES=<folder> tox -e bench -- -k peers

Every peer forecasts the same series of the same CPU traces from the same
origins, of 14 days of history each, and is scored as ours is, on the next
hour and the next 24 hours. Ours and the peers that share one model between
series are fitted once, at the first origin, on a larger sample that the
scored series are part of; the others are fitted anew for each forecast, as
they must be. How each peer is used, and why so, is said in its module.

To a peer's favour its quantiles are sorted and cut off at zero, and gaps
are bridged where it takes none. Where it fails, or says what is not finite,
seasonal naive's score is taken, and that is counted. A peer that is not
installed is named and left out.

Costs are CPU seconds, those of child processes too: of fitting the shared
model once, and of 1,000 forecasts (for local models with their fit). Our
own forecasts are counted with the scoring, and the naive experts, that the
backtest does with them. ``/ours`` is the mean, and the median, over ours:
below one the peer is ahead.

``SHADOW_RESERVE_PEER_SERIES`` says how many series are scored (20). With
these, two traces take eleven CPU minutes for each period; ``-k design`` or
``-k held`` runs one.
"""

from collections.abc import Iterator
from collections.abc import Mapping
import dataclasses
import importlib
import json
import os
from typing import Any

import pytest

from shadow_reserve.usage.backtesting import backtest
from tests.benchmarks import traces

pytest.importorskip('pandas')
from tests.benchmarks.peers import base  # noqa: E402
from tests.benchmarks.peers import comparison  # noqa: E402

LIBRARIES = ('statsforecast', 'mlforecast', 'skforecast', 'prophet')
SCORED = int(os.environ.get('SHADOW_RESERVE_PEER_SERIES', '20'))
#: What other resources' traces have in their names: peers are slow, and CPU
#: is what is compared.
OTHERS = ('_mem_', '_disk_')


@pytest.mark.parametrize('period', list(traces.FITS))
def test_peers_on_real_traces(period: str) -> None:
    fit_at = traces.FITS[period]
    peers = list(_installed())
    report = []
    for path in traces.found():
        if any(name in path.stem for name in OTHERS):
            continue
        sample = traces.sample(path)
        scored = sample[:SCORED]
        outcomes = comparison.ours(sample, scored, fit_at)
        naive = outcomes[backtest.NAIVE].windows
        for peer in peers:
            outcomes[peer.name] = comparison.theirs(
                peer, sample, scored, fit_at, naive)
        print(f'\n{path.stem}, {period}: {len(scored)} series, '
              f'{comparison.ORIGINS} origins; shared models are fitted on '
              f'{len(sample)} series')
        report.append({'trace': path.stem, 'period': period,
                       'fitted_on': len(sample),
                       'results': _printed(outcomes)})
    print('\n' + json.dumps(report))


def _installed() -> Iterator[base.Peer]:
    for library in LIBRARIES:
        try:
            module = importlib.import_module(
                f'tests.benchmarks.peers.{library}')
        except ImportError as error:
            print(f'\nLEFT OUT: {library} is not installed: {error}')
            continue
        yield from module.peers()


def _printed(outcomes: Mapping[str, comparison.Outcome],
             ) -> list[dict[str, Any]]:
    """Print a table for each window; the same in plain values."""
    found = {(one.window, one.forecaster): one
             for outcome in outcomes.values()
             for one in backtest.summarised(outcome.windows)}
    result = []
    for window, steps in comparison.WINDOWS.items():
        own = found[window, backtest.SERVED]
        print(f'{f"{steps // 12} h":26} {"mean":>7} {"/ours":>6} '
              f'{"median":>7} {"/ours":>6} '
              + ' '.join(f'{f"<={one:g}":>6}' for one in base.LEVELS)
              + f' {"fit s":>7} {"s/1000":>7} {"failed":>6}')
        for name, outcome in outcomes.items():
            one = found[window, name]
            cost = _cost(outcome)
            print(f'{name:26} {one.mean:7.3f} {one.mean / own.mean:6.2f} '
                  f'{one.median:7.3f} {one.median / own.median:6.2f} '
                  + ' '.join(f'{share:6.3f}' for share in one.coverage)
                  + ' ' + ' '.join('      -' if value is None
                                   else f'{value:7.1f}'
                                   for value in cost.values())
                  + f' {outcome.failed:6}')
            result.append(dataclasses.asdict(one) | cost | {
                'mean_to_ours': one.mean / own.mean,
                'median_to_ours': one.median / own.median,
                'failed': outcome.failed, 'error': outcome.error})
    for name, outcome in outcomes.items():
        if outcome.error:
            print(f'FAILED {outcome.failed} of {outcome.forecasts}: {name}: '
                  f'{outcome.error}')
    return result


def _cost(outcome: comparison.Outcome) -> dict[str, float | None]:
    return {
        'fit_seconds': outcome.fit_seconds,
        'seconds_per_1000': 1000 * outcome.forecast_seconds
        / outcome.forecasts if outcome.forecasts else None}
