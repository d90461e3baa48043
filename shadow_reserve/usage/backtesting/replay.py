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

"""What a policy would have held, and what it would have saved.

The demand of many applications is replayed minute by minute, in servers.
Between two readings it is taken to go straight from one to the other. At
each reading a policy says the *total* capacity that it wants, active and
shadow, until the next; it never wants less than what the demand asked for
then, or asks for by now. A server that is missing is built cold, one that
is held as shadow is promoted when the demand asks for it, and what nobody
has wanted for a while goes. Shadow is what is held beyond what would be
held without any.

Servers of an application are alike, so that they can be numbered: the one
wanted last goes first. Then server ``n`` is held while anybody wanted ``n``
servers within the time of the scale-in, and it is ready when it has been
held without a break for as long as a build takes. So the whole replay is a
running maximum and a running minimum over time, for all applications at
once; the tests hold it equal to servers that are built one by one.
"""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
import dataclasses
import functools

import numpy as np
from numpy import typing as npt

from shadow_reserve.usage import series as series_module

FloatArray = series_module.FloatArray
#: Servers, and flags of servers, by application and minute.
Counts = npt.NDArray[np.int32]

#: Rounding noise must not cost a server.
NOISE = 1e-6
#: No application has so many servers; what wants more is held at that.
MOST_SERVERS = 1e6
#: Applications that are replayed at once, which bounds the memory.
BLOCK = 256


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Clock:
    """How long things take, in minutes.

    :param step: from one reading, and one decision, to the next
    :param build: until a server that is built cold is of use
    :param promotion: until a shadow server that was asked for is
    :param scale_in: until a server that nobody wants goes
    :raises ValueError: when a time is negative, or there is no step
    """

    step: int = 5
    build: int = 5
    promotion: int = 0
    scale_in: int = 15

    def __post_init__(self) -> None:
        if self.step < 1:
            raise ValueError('a step takes at least a minute')
        if min(self.build, self.promotion, self.scale_in) < 0:
            raise ValueError('no time is negative')


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Outcome:
    """What came of it, one value an application, shape ``(apps,)``.

    :param violations: minutes with fewer active servers than the demand
        asked for
    :param deficit: server-minutes that were missing then
    :param shadow_hours: server-hours of shadow, ready and being built
    :param demand_hours: server-hours of the demand itself
    """

    violations: FloatArray
    deficit: FloatArray
    shadow_hours: FloatArray
    demand_hours: FloatArray

    @classmethod
    def joined(cls, parts: Sequence['Outcome']) -> 'Outcome':
        """The applications of all parts, one after the other."""
        return cls(**{field.name: np.concatenate([
            getattr(part, field.name) for part in parts])
            for field in dataclasses.fields(cls)})

    def only(self, which: npt.NDArray[np.int64]) -> 'Outcome':
        """The applications of these numbers."""
        return Outcome(**{field.name: getattr(self, field.name)[which]
                          for field in dataclasses.fields(self)})

    @property
    def held(self) -> float:
        """Shadow hours over the demand's, all applications together."""
        demand = float(self.demand_hours.sum())
        return float(self.shadow_hours.sum()) / demand if demand else 0.0

    def avoided(self, reactive: 'Outcome') -> float:
        """The share of the minutes short that were short without shadow.

        One, if there were none to avoid.
        """
        before = float(reactive.violations.sum())
        if not before:
            return 1.0
        return 1.0 - float(self.violations.sum()) / before


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """One setting of a policy, all applications together.

    ``held`` and ``avoided`` are shares, as ``Outcome`` has them;
    ``deficit`` is in server-minutes.
    """

    setting: float
    held: float
    avoided: float
    deficit: float
    outcome: Outcome = dataclasses.field(repr=False, compare=False)


class Replay:
    """Some applications' demand, to try policies on.

    :param demand: ``(apps, readings)`` in servers; the readings are one
        step of the clock apart. Minutes beside a gap (NaN) count for
        nothing.
    :raises ValueError: when it does not have two dimensions, or fewer than
        two readings of at least one application
    """

    def __init__(self, demand: FloatArray, clock: Clock) -> None:
        if demand.ndim != 2 or not len(demand) or demand.shape[1] < 2:
            raise ValueError('a replay takes at least two readings of each '
                             'application')
        self.demand = demand
        self._clock = clock

    @functools.cached_property
    def reactive(self) -> Outcome:
        """Without any shadow: what the others are compared with."""
        return self.run(np.zeros_like(self.demand))

    def run(self, totals: FloatArray) -> Outcome:
        """Replay a policy.

        :param totals: ``(apps, readings)``: servers wanted in all from
            each reading on; parts of one count whole
        """
        return Outcome.joined([
            block.run(totals[index * BLOCK:(index + 1) * BLOCK])
            for index, block in enumerate(self._blocks)])

    def swept(self, policy: Callable[[float], FloatArray],
              settings: Iterable[float]) -> list[Point]:
        """Replay a policy at each of its settings.

        :param policy: from a setting to its totals
        """
        points = []
        for setting in settings:
            outcome = self.run(policy(setting))
            points.append(point_of(setting, outcome, self.reactive))
        return points

    @functools.cached_property
    def _blocks(self) -> list['_Block']:
        return [_Block(self.demand[first:first + BLOCK], self._clock)
                for first in range(0, len(self.demand), BLOCK)]


class _Block:
    """As many applications as are replayed at once."""

    def __init__(self, demand: FloatArray, clock: Clock) -> None:
        known = np.isfinite(demand)
        minutes, self._known = _by_minute(
            _filled(demand, known), known, clock.step)
        self._clock = clock
        self._need = _whole(minutes)
        # Without shadow, too, nothing goes between two decisions.
        self._asked = np.maximum(self._need, np.repeat(
            self._need[:, ::clock.step], clock.step, axis=1))
        self._called = _latest_of(np.maximum, self._asked, clock.scale_in)
        self._promoted = _latest_of(np.minimum, self._called,
                                    clock.promotion)
        self._hours = np.where(self._known, minutes, 0.0).sum(
            axis=1, dtype=np.float64) / 60.0

    def run(self, totals: FloatArray) -> Outcome:
        clock = self._clock
        wanted = np.repeat(_whole(totals[:, :-1]), clock.step, axis=1)
        held = _latest_of(np.maximum, np.maximum(wanted, self._asked),
                          clock.scale_in)
        ready = _latest_of(np.minimum, held, clock.build)
        missing = self._need - np.minimum(ready, self._promoted)
        missing = np.where(self._known, np.maximum(missing, 0), 0)
        shadow = np.where(self._known, held - self._called, 0)
        return Outcome(
            violations=(missing > 0).sum(axis=1).astype(np.float64),
            deficit=missing.sum(axis=1).astype(np.float64),
            shadow_hours=shadow.sum(axis=1) / 60.0,
            demand_hours=self._hours)


def point_of(setting: float, outcome: Outcome, reactive: Outcome) -> Point:
    """:param reactive: the outcome of the same applications without shadow
    """
    return Point(setting=setting, held=outcome.held,
                 avoided=outcome.avoided(reactive),
                 deficit=float(outcome.deficit.sum()), outcome=outcome)


def held_at(points: Iterable[Point], avoided: float) -> float | None:
    """The share held where ``avoided`` is reached: H80 at 0.8.

    Straight between the points of a sweep, of which one that holds more
    and avoids less than another is no use to anybody. ``None`` when the
    sweep does not reach so far; a sweep that begins beyond it says what
    its first point holds.
    """
    reached, held = -np.inf, 0.0
    for point in sorted(points, key=lambda one: (one.held, -one.avoided)):
        if point.avoided >= avoided:
            if not np.isfinite(reached):
                return point.held
            share = (avoided - reached) / (point.avoided - reached)
            return held + share * (point.held - held)
        if point.avoided > reached:
            reached, held = point.avoided, point.held
    return None


def _filled(demand: FloatArray, known: npt.NDArray[np.bool_]) -> FloatArray:
    """Gaps hold the reading before, so that nothing scales in on them."""
    last = np.maximum.accumulate(
        np.where(known, np.arange(demand.shape[1]), -1), axis=1)
    first = np.argmax(known, axis=1)[:, None]
    places = np.where(last < 0, first, last)
    return np.nan_to_num(np.take_along_axis(demand, places, axis=1))


def _by_minute(demand: FloatArray, known: npt.NDArray[np.bool_],
               step: int) -> tuple[npt.NDArray[np.float32],
                                   npt.NDArray[np.bool_]]:
    """The demand at each minute, and whether it is known there."""
    share = np.arange(step, dtype=np.float32) / np.float32(step)
    values = demand.astype(np.float32)
    left, right = values[:, :-1, None], values[:, 1:, None]
    minutes = (left + (right - left) * share).reshape(len(values), -1)
    both = np.repeat(known[:, :-1] & known[:, 1:], step, axis=1)
    return minutes, both


def _whole(values: npt.NDArray[np.floating]) -> Counts:
    """Whole servers; what is no number wants none."""
    with np.errstate(invalid='ignore'):
        counts = np.clip(np.ceil(values - NOISE * np.abs(values)),
                         0.0, MOST_SERVERS)
    return np.where(np.isfinite(values), counts, 0.0).astype(np.int32)


def _latest_of(choose: np.ufunc, values: Counts, back: int) -> Counts:
    """The maximum or minimum over each minute and the ``back`` before it.

    Before the first minute all was as it is then. Windows are doubled
    until they are wide enough.
    """
    result = values
    width = 1
    while width < back + 1:
        shift = min(width, back + 1 - width)
        shift = min(shift, values.shape[1])
        earlier = np.concatenate([
            np.repeat(result[:, :1], shift, axis=1),
            result[:, :-shift]], axis=1)
        result = choose(result, earlier)
        width += shift
    return result
