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

"""A model for the tests: enough to learn a wave from, and quick."""

from collections.abc import Sequence
import dataclasses
import functools

import numpy as np

from shadow_reserve.records import demand
from shadow_reserve.usage import forecaster
from shadow_reserve.usage import refreshing
from shadow_reserve.usage import series as series_module
from shadow_reserve.usage import settings as settings_module
from tests.unit.usage import generated

SETTINGS = settings_module.ForecastSettings(max_rows=3000)
LEARNED = demand.ForecastModel.GRADIENT_BOOSTING
MIX = demand.ForecastModel.EXPERT_MIX
TOO_LITTLE = demand.ForecastModel.NOT_ENOUGH_HISTORY


@functools.cache
def fitted() -> forecaster.FittedModel:
    return forecaster.DemandForecaster(SETTINGS).fit(
        [generated.series_of(generated.daily_shaped(14, seed), f'app{seed}')
         for seed in range(3)], seed=1)


def profiles(series: Sequence[series_module.DemandSeries],
             model: forecaster.FittedModel | None = None,
             ) -> list[demand.DemandProfile]:
    model = model or fitted()
    return list(model.profiles(series, model.refreshed(series)))


def profile(values: object,
            model: forecaster.FittedModel | None = None,
            ) -> demand.DemandProfile:
    return profiles([generated.series_of(values)], model)[0]


def trusting(known: refreshing.Refreshed) -> refreshing.Refreshed:
    """The same, but the trees serve all series, whatever they are worth."""
    return dataclasses.replace(known, verdicts=dataclasses.replace(
        known.verdicts, serves=np.ones_like(known.verdicts.serves)))


def assert_sound(one: demand.DemandProfile) -> None:
    if one.provenance.model is TOO_LITTLE:
        assert one.quantiles == () and one.window_peak == ()
        return
    values = np.array([*one.quantiles, one.window_peak])
    assert values.shape == (generated.DAY + 1, 4)
    assert np.isfinite(values).all()
    assert (values >= 0).all()
    assert (np.diff(values, axis=1) >= 0).all()
