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

"""What a forecast is to cover, and how much may be spent on it."""

import dataclasses
import datetime

DAY = datetime.timedelta(days=1)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ForecastSettings:
    """Settings of one forecaster; all of it is plain values.

    :param step: length of one step of every series
    :param horizon: how far ahead the profile goes
    :param levels: quantile levels, ascending, each within (0, 1)
    :param peak_window: the window whose maximum a pool is sized for
    :param min_points: finite points below which there is no forecast
    :param learning_points: finite points below which a series takes no
        part in learning and is served by the expert mix
    :param max_rows: bound on the training rows of all series together, for
        the near steps, the far ones and the window maximum each
    :param holidays: dates, in UTC, that are like Sundays
    :param threads: that levels are fitted in, and batches of series worked
        out in; one leaves the other cores to the engine that runs beside it
    :raises ValueError: when they contradict each other
    """

    step: datetime.timedelta = datetime.timedelta(minutes=5)
    horizon: datetime.timedelta = DAY
    levels: tuple[float, ...] = (0.5, 0.9, 0.95, 0.99)
    peak_window: datetime.timedelta = datetime.timedelta(minutes=30)
    min_points: int = 288
    learning_points: int = 864
    max_rows: int = 66_000
    holidays: frozenset[datetime.date] = frozenset()
    threads: int = 1

    def __post_init__(self) -> None:
        if self.step <= datetime.timedelta():
            raise ValueError('step must be positive')
        if DAY % self.step:
            raise ValueError('step must divide a day')
        if not 1 <= self.horizon_steps <= self.day_steps:
            raise ValueError('horizon must be one step to one day')
        if not 1 <= self.peak_steps <= self.day_steps:
            raise ValueError('peak_window must be one step to one day')
        if (not self.levels or list(self.levels) != sorted(set(self.levels))
                or not 0 < self.levels[0] <= self.levels[-1] < 1):
            raise ValueError('levels must ascend within (0, 1)')

    @property
    def day_steps(self) -> int:
        return DAY // self.step

    @property
    def horizon_steps(self) -> int:
        return self.horizon // self.step

    @property
    def near_steps(self) -> int:
        """Steps that are forecast with what holds within the hour."""
        return min(max(self.day_steps // 24, 1), self.horizon_steps)

    @property
    def peak_steps(self) -> int:
        return self.steps_in(self.peak_window)

    def in_one_thread(self) -> 'ForecastSettings':
        """For each of several pieces of work beside each other."""
        return dataclasses.replace(self, threads=1)

    def steps_in(self, window: datetime.timedelta) -> int:
        """Steps that cover ``window``: what is begun counts whole."""
        return -(-window // self.step)
