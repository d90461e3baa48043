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

"""What an application is expected to need, and how we came to think so."""

import dataclasses
import datetime
import enum

from shadow_reserve.records import levels

#: From here on, the latest reading is too old to be just late: servers are
#: polled every five minutes, Gnocchi takes some more to process that, and
#: who missed a dozen polls in a row is not polled any more.
STALE_AFTER = datetime.timedelta(hours=1)

_HOUR = datetime.timedelta(hours=1)


class DemandResource(enum.StrEnum):
    """A resource whose demand is forecast; the value carries its unit."""

    #: Virtual CPUs kept busy, summed over the application's instances.
    VCPU = 'vcpu'
    #: Memory in use inside the guests, MiB, summed over the instances.
    MEMORY = 'memory_mib'
    #: Disk throughput, read and written, MiB/s, summed over the instances.
    DISK_THROUGHPUT = 'disk_mib_per_second'
    #: What the data on their disks occupy, GiB, summed over the instances.
    STORAGE = 'storage_gib'
    #: Time that an I/O request took, ms: the mean over all requests of all
    #: instances, not a sum. Without requests there is none.
    IO_LATENCY = 'io_latency_ms'


class ForecastModel(enum.StrEnum):
    """Which kind of model stands behind a profile."""

    GRADIENT_BOOSTING = 'gradient_boosting'
    EXPERT_MIX = 'expert_mix'
    NOT_ENOUGH_HISTORY = 'not_enough_history'


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Provenance:
    """What a forecast was made from.

    ``training_end`` is how far the history went when the series was last
    looked at as a whole, measured or not; ``latest_reading`` is the end of
    the last step that was measured, ``None`` when none was, or when the
    profile was stored by a version that did not say.

    ``score`` and ``baseline_score`` are mean pinball losses of this model
    and of seasonal naive over the latest held-out windows of this very
    series, scaled by the in-sample seasonal-naive mean absolute error:
    lower is better, and ``None`` means that there was no window to score.
    ``coverage`` gives, for each quantile level, the share of held-out
    points that lay at or under the forecast.
    ``calibration`` is the offset of each level of the peak that adaptive
    conformal calibration has arrived at, as a multiple of its distance from
    the median. ``censored_points`` counts the points at which demand was
    pinned at the capacity. ``model_version`` names the learned model.
    """

    model: ForecastModel
    training_start: datetime.datetime | None
    training_end: datetime.datetime | None
    points: int
    points_needed: int
    score: float | None = None
    baseline_score: float | None = None
    coverage: tuple[float, ...] = ()
    calibration: tuple[float, ...] = ()
    censored_points: int = 0
    model_version: int | None = None
    latest_reading: datetime.datetime | None = None

    @property
    def beats_baseline(self) -> bool | None:
        """Whether it did better than seasonal naive; ``None`` when that
        could not be told."""
        if self.score is None or self.baseline_score is None:
            return None
        return self.score < self.baseline_score

    @property
    def summary(self) -> str:
        """One line for people."""
        if self.model is ForecastModel.NOT_ENOUGH_HISTORY:
            return (f'not enough history ({self.points} of '
                    f'{self.points_needed} points)')
        text = f'{self.model.value} on {self.points} points'
        if self.beats_baseline is False:
            text += ', no better than seasonal naive'
        if self.censored_points:
            text += (f', {self.censored_points} of them pinned at capacity, '
                     f'where demand may have been more')
        return text


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Readings:
    """What was needed of one resource in the latest complete steps.

    ``values[i]`` is the mean of the step that starts at
    ``start + i * step``; ``None`` where nothing was measured.
    """

    resource: DemandResource
    start: datetime.datetime
    step: datetime.timedelta
    values: tuple[float | None, ...]

    @property
    def measured_until(self) -> datetime.datetime | None:
        """The end of the last step that was measured."""
        measured = [index for index, value in enumerate(self.values)
                    if value is not None]
        return (self.start + (measured[-1] + 1) * self.step if measured
                else None)

    def latest(self, since: datetime.datetime) -> float | None:
        """The last value, if its step was not over by ``since``."""
        until = self.measured_until
        if until is None or until <= since:
            return None
        return self.values[(until - self.start) // self.step - 1]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class DemandProfile:
    """Forecast quantiles of one resource of one application.

    ``quantiles[i][j]`` is the forecast of the quantile ``levels[j]`` of the
    mean demand during the step that starts at ``origin + i * step``; the
    last step is the horizon. ``window_peak[j]`` is the same quantile of the
    *maximum* over the first ``peak_window``, which is what a pool must be
    sized for: a quantile of every step is not the quantile of their peak.
    A profile without enough history has no quantiles at all.
    """

    token: str
    resource: DemandResource
    origin: datetime.datetime
    step: datetime.timedelta
    levels: tuple[float, ...]
    quantiles: tuple[tuple[float, ...], ...]
    peak_window: datetime.timedelta
    window_peak: tuple[float, ...]
    provenance: Provenance

    @property
    def is_usable(self) -> bool:
        """Whether something may be sized by it."""
        return bool(self.window_peak)

    @property
    def reading_age(self) -> datetime.timedelta:
        """From the latest reading to the origin; 0 if it is not known."""
        latest = self.provenance.latest_reading
        return (datetime.timedelta() if latest is None
                else self.origin - latest)

    @property
    def is_stale(self) -> bool:
        """Whether the series had fallen silent before the forecast."""
        return self.reading_age > STALE_AFTER

    @property
    def staleness(self) -> str:
        """For people, how old the latest reading was at the origin."""
        hours = self.reading_age // _HOUR
        count, unit = (hours, 'hour') if hours < 48 else (hours // 24, 'day')
        return (f'the latest {self.resource.value} reading is {count} {unit}'
                f'{"" if count == 1 else "s"} old')

    @property
    def summary(self) -> str:
        """One line for people, on what it was made from."""
        text = self.provenance.summary
        return f'{text}; stale: {self.staleness}' if self.is_stale else text

    def peak_at(self, level: float) -> float:
        """The window maximum at ``level``, as ``levels`` has it.

        :raises ValueError: when the profile is not usable, or the level
            is not between 0 and 1
        """
        if not self.is_usable:
            raise ValueError(self.provenance.summary)
        return levels.at(level, self.levels, self.window_peak)

    def highest(self, level: float, start: datetime.datetime,
                stop: datetime.datetime) -> float | None:
        """The highest of the steps between two times, each at ``level``;
        ``None`` where the profile has no step there."""
        first = max((start - self.origin) // self.step, 0)
        last = -((self.origin - stop) // self.step)
        values = [levels.at(level, self.levels, row)
                  for row in self.quantiles[first:max(last, 0)]]
        return max(values, default=None)
