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


"""What the report is made from, filled in while the story runs."""

import dataclasses
import datetime
from typing import Any

Points = list[tuple[datetime.datetime, float]]
States = list[tuple[datetime.datetime, str]]


@dataclasses.dataclass(slots=True)
class Step:
    """One step of the story; ``lines`` are (service, what it said)."""

    number: int
    title: str
    started: datetime.datetime
    seconds: float = 0.0
    succeeded: bool = False
    lines: list[tuple[str, str]] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True, slots=True)
class LiveSample:
    """What the load generator did, and which servers Nova gave it.

    ``demand_vcpus`` is asked of the application; ``primary`` and
    ``promoted`` servers share it, ``held`` ones are shelved.
    """

    moment: datetime.datetime
    demand_vcpus: float
    primary: int
    promoted: int
    held: int


@dataclasses.dataclass(frozen=True, slots=True)
class Forecast:
    """Quantiles of the CPU demand, vCPUs, by step."""

    origin: datetime.datetime
    step: datetime.timedelta
    levels: tuple[float, ...]
    quantiles: tuple[tuple[float, ...], ...]
    summary: str


@dataclasses.dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened; ``source`` says who says so."""

    moment: datetime.datetime
    text: str
    source: str


@dataclasses.dataclass(frozen=True, slots=True)
class Leg:
    """A part of the way from load to capacity."""

    name: str
    start: datetime.datetime
    end: datetime.datetime

    @property
    def seconds(self) -> float:
        return (self.end - self.start).total_seconds()

    def __str__(self) -> str:
        """How long it took, to what can be told of it."""
        digits = 1 if self.seconds >= 1 else 3
        return f'{self.seconds:.{digits}f} s'


@dataclasses.dataclass(slots=True)
class Recording:
    """Everything that was seen.

    ``history`` and ``measured`` (percent, a point each 30 seconds) are
    read back from Gnocchi, ``alarm`` (the states of the one on CPU) from
    Aodh's history; ``before`` and ``after`` are the reservation as
    the command line shows it.
    """

    application: str
    trace: str
    started: datetime.datetime
    primary: int = 0
    vcpus: int = 1
    threshold_percent: float = 80.0
    history: Points = dataclasses.field(default_factory=list)
    live: list[LiveSample] = dataclasses.field(default_factory=list)
    measured: Points = dataclasses.field(default_factory=list)
    alarm: States = dataclasses.field(default_factory=list)
    forecast: Forecast | None = None
    marks: list[Mark] = dataclasses.field(default_factory=list)
    legs: list[Leg] = dataclasses.field(default_factory=list)
    steps: list[Step] = dataclasses.field(default_factory=list)
    before: dict[str, Any] = dataclasses.field(default_factory=dict)
    after: dict[str, Any] = dataclasses.field(default_factory=dict)
    ledger: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    failure: str | None = None
    seconds: float = 0.0
