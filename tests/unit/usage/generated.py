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

"""Series for the tests, made from nothing but a seed."""

import datetime

import numpy as np

from shadow_reserve.records import demand
from shadow_reserve.usage import panel as panel_module
from shadow_reserve.usage import series as series_module

DAY = 288
START = datetime.datetime(2026, 1, 5, tzinfo=datetime.UTC)
STEP = datetime.timedelta(minutes=5)
HALF_HOUR = datetime.timedelta(minutes=30)


def series_of(values: object, token: str = 'app',
              resource: demand.DemandResource = demand.DemandResource.VCPU,
              ceiling: np.ndarray | None = None,
              ) -> series_module.DemandSeries:
    return series_module.DemandSeries(
        token=token, resource=resource, start=START, step=STEP,
        values=np.asarray(values, dtype=np.float64), ceiling=ceiling)


def panel_of(*many: object, scale: panel_module.Scale | None = None,
             holidays: frozenset[datetime.date] = frozenset(),
             ) -> panel_module.Panel:
    return panel_module.Panel(
        [series_of(values, f'app{row}') for row, values in enumerate(many)],
        DAY, scale=scale, holidays=holidays)


def daily_shaped(days: int = 14, seed: int = 0, *, level: float = 8.0,
                 swing: float = 5.0, noise: float = 0.5,
                 bursts: float = 0.01) -> np.ndarray:
    """A day's wave with noise, and bursts that come when they like."""
    random = np.random.default_rng(seed)
    step = np.arange(days * DAY)
    wave = level + swing * np.sin(2 * np.pi * (step / DAY - 0.3))
    burst = (random.random(len(step)) < bursts) * random.exponential(
        3.0, len(step))
    return np.maximum(wave + random.normal(0, noise, len(step)) + burst, 0)


def gappy(days: int = 9, seed: int = 0) -> np.ndarray:
    """The same with polls that were missed, and eight hours without any."""
    values = daily_shaped(days, seed)
    random = np.random.default_rng(seed)
    values[random.random(len(values)) < 0.05] = np.nan
    middle = len(values) // 2
    values[middle:middle + 100] = np.nan
    return values
