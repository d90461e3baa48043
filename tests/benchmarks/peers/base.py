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

"""What every peer is asked for, and what they share.

A module beside this one adapts one library: its ``peers()`` returns the
forecasters to compare with. It imports the library at its top, so that
importing it fails where the library is not installed.
"""

from collections.abc import Mapping
import dataclasses
import datetime
from typing import Any
from typing import Protocol

import numpy as np
import pandas as pd

from shadow_reserve.usage import series as series_module
from tests.benchmarks import traces

FloatArray = series_module.FloatArray

HORIZON = traces.DAY
LEVELS = (0.5, 0.9, 0.95, 0.99)
#: Two-sided intervals, in percent, whose upper ends are the levels above
#: the median.
INTERVALS = (80, 90, 98)
FREQUENCY = '5min'

#: Of every boosted model: LightGBM's defaults, one thread, no chatter.
LIGHTGBM: dict[str, Any] = {'n_jobs': 1, 'random_state': 1, 'verbose': -1}


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Panel:
    """Histories of one length that end at one step.

    :param start: of the first step, aware
    :param histories: ``(steps,)`` for each token, NaN for gaps
    """

    start: datetime.datetime
    histories: Mapping[str, FloatArray]

    def index(self, token: str, ahead: int = 0) -> pd.DatetimeIndex:
        """The naive UTC time of every step of the history.

        :param ahead: that many steps after the history instead
        """
        steps = len(self.histories[token])
        start = self.start.replace(tzinfo=None)
        if ahead:
            return pd.date_range(start + steps * traces.STEP, periods=ahead,
                                 freq=FREQUENCY)
        return pd.date_range(start, periods=steps, freq=FREQUENCY)

    def long(self) -> pd.DataFrame:
        """One row for each series and step, as Nixtla's libraries ask."""
        return pd.concat([
            pd.DataFrame({'unique_id': token, 'ds': self.index(token),
                          'y': filled(history)})
            for token, history in self.histories.items()],
            ignore_index=True)

    def wide(self) -> pd.DataFrame:
        """One column for each series."""
        return pd.DataFrame(
            {token: filled(history)
             for token, history in self.histories.items()},
            index=self.index(next(iter(self.histories))))


class Peer(Protocol):
    """One forecaster.

    :param shared: fits one model for all series, once, and is asked for
        the forecasts of all together; else ``fit`` is not called and each
        forecast is asked for alone
    """

    name: str
    shared: bool

    def fit(self, panel: Panel) -> None:
        """Learn from all the series."""

    def forecast(self, panel: Panel) -> Mapping[str, FloatArray]:
        """``(HORIZON, levels)`` for each token."""


def filled(values: FloatArray) -> FloatArray:
    """Gaps bridged by straight lines: most libraries take none."""
    steps = np.arange(len(values))
    known = np.isfinite(values)
    return np.interp(steps, steps[known], values[known])
