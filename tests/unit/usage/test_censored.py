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

"""Demand that a capacity cut short, with the model as it serves.

(``test_model`` has fewer trees, and a gate without training: what it says
is partly chance.)
"""

import numpy as np

from shadow_reserve.usage import forecaster
from tests.unit.usage import generated
from tests.unit.usage import trained

DAY = generated.DAY
LEVELS = trained.SETTINGS.levels


def capped_fleet(told: bool):
    """Demand, and what was seen of it under a capacity that is too small."""
    series, futures = [], []
    for seed in range(4):
        whole = generated.daily_shaped(9, seed, bursts=0.0, noise=1.0)
        ceiling = np.full(8 * DAY, np.quantile(whole, 0.75))
        seen = np.minimum(whole[:8 * DAY], ceiling)
        series.append(generated.series_of(
            seen, f'app{seed}', ceiling=ceiling if told else None))
        futures.append(whole[8 * DAY:])
    return series, np.stack(futures)


def coverage_of_demand(told: bool):
    series, futures = capped_fleet(told)
    fitted = forecaster.DemandForecaster(trained.SETTINGS).fit(series, 1)
    known = trained.trusting(fitted.refreshed(series))
    said = np.array([one.quantiles for one in
                     fitted.profiles(series, known)])
    return (futures[..., None] <= said).mean(axis=(0, 1))


def test_a_capacity_that_is_known_makes_the_forecast_cover_more_demand():
    # Given demand of which the upper quarter was never served
    blind, told = coverage_of_demand(False), coverage_of_demand(True)
    # Then the forecasts are nearer to the demand that there truly was
    short = np.array(LEVELS) - blind
    assert (short[1:] > 0.08).all()
    assert (told[1:] > blind[1:] + 0.025).all()
    assert (np.abs(told - LEVELS)[1:] < short[1:]).all()
