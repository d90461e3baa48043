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

"""The primary reservation, and what its owner wants of the service."""

import dataclasses
import datetime
import decimal
import enum

from shadow_reserve.records import holding
from shadow_reserve.records import hook


class ReservationStatus(enum.StrEnum):
    #: Written down, its trust not yet made: an intent.
    CREATING = 'creating'
    PENDING = 'pending'
    ACTIVE = 'active'
    #: Its end has come; what it held is being taken down.
    ENDING = 'ending'
    TERMINATED = 'terminated'
    DELETING = 'deleting'
    DELETED = 'deleted'


#: States in which the engine still owes the reservation some work.
LIVE_STATUSES = frozenset({
    ReservationStatus.CREATING, ReservationStatus.PENDING,
    ReservationStatus.ACTIVE, ReservationStatus.ENDING,
    ReservationStatus.DELETING,
})


class Mode(enum.StrEnum):
    """Whether the service only says what it would do, or does it."""

    FORECAST_ONLY = 'forecast_only'
    ACTIVE = 'active'


class SelectorKind(enum.StrEnum):
    METADATA = 'metadata'
    SERVER_GROUP = 'server_group'


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Selector:
    """Which instances of the project are the application.

    ``metadata``: servers whose metadata item ``key`` is ``value``.
    ``server_group``: members of the Nova server group with id ``value``.
    """

    kind: SelectorKind
    value: str
    key: str = ''


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class InstanceSize:
    """What one instance of the flavor takes, as it was when reserved.

    ``dedicated_cpus``: each of its vCPUs has a host CPU for itself.
    """

    flavor_id: str
    vcpus: int
    memory_mib: int
    disk_gib: int
    dedicated_cpus: bool = False


class ReadinessKind(enum.StrEnum):
    METADATA = 'metadata'
    HTTP = 'http'


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Readiness:
    """What a new server must show before it is held.

    ``metadata``: its metadata item ``key`` is ``value``. ``http``: a GET
    of ``path`` at ``port`` of one of its fixed addresses is answered with
    a status under 400.
    """

    kind: ReadinessKind
    key: str = ''
    value: str = ''
    port: int = 80
    path: str = '/'


class AttachTime(enum.StrEnum):
    #: Attached when the server is built, and kept.
    BUILD = 'build'
    #: Attached while the server serves, and detached on its way back.
    PROMOTION = 'promotion'


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class VolumeTemplate:
    """A volume that each shadow instance gets, made once for it."""

    size_gib: int
    volume_type: str | None = None
    attach: AttachTime = AttachTime.PROMOTION


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class InstanceTemplate:
    """What a shadow instance is built from, beside its flavor.

    ``readiness`` is ``None`` where time alone tells that it is ready.
    """

    image_id: str
    network_ids: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    key_name: str | None = None
    user_data: str | None = None
    availability_zone: str | None = None
    metadata: tuple[tuple[str, str], ...] = ()
    config_drive: bool = False
    readiness: Readiness | None = None
    volumes: tuple[VolumeTemplate, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ScheduledShadow:
    """So many shadow instances at set times, whatever the forecast says.

    ``start`` is a cron expression in ``timezone``; each time it comes, it
    is in force for ``duration``.
    """

    start: str
    duration: datetime.timedelta
    quantity: int
    timezone: str = 'UTC'


class AlarmCombination(enum.StrEnum):
    """Which of a reservation's alarms must stand before it promotes."""

    #: Each metric has an alarm of its own, and any one of them promotes.
    SEPARATE = 'separate'
    #: One composite alarm over all metrics: any of them, or all together.
    ANY = 'any'
    ALL = 'all'


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """How much shadow to hold, when to use it, and up to what cost.

    ``service_level`` is the quantile of the forecast peak that the total
    capacity must carry; ``safety_margin`` is added on top (0.2 = 20 %).
    ``target_utilisation`` is the share of an instance that is meant to be
    busy when the size is right. Thresholds are in percent (CPU, memory)
    and milliseconds (I/O). ``maximum_extension`` bounds all extensions
    together, as a share of the duration first asked for. ``budget`` bounds
    the total of the charges for shadow; ``None`` is no bound.

    A threshold of ``None`` has that metric raise no alarm. Where a
    scale-in threshold of memory or I/O latency is ``None``, it is half of
    the threshold; members go back when all that is measured is under its
    scale-in threshold. ``alarm_period`` is the granularity of the measures
    that alarms look at, ``alarm_evaluation_periods`` for how many of them
    in a row; ``None`` leaves both to the operator.

    Over a threshold, ``promotion_step`` members are promoted, or as many
    as bring the utilisation to its target; never more than
    ``maximum_promoted`` serve at a time, and not before
    ``promotion_cooldown`` after the last promotion. With
    ``cold_creation``, what the pool lacks is built from nothing. With
    ``promote_ahead``, members are promoted as soon as the forecast says
    that a threshold is crossed with at least that probability.
    ``hooks`` are run when a member has come to serve, and undone when it
    goes back.

    ``hold`` says in which tiers members wait, the first ones first; they
    are promoted in the same order. Idle shadow of low ``priority`` (0 to
    100) is given back first when the cloud needs its room. On the way
    back into the pool a member drains for ``drain_time``, and is replaced
    after ``maximum_uses`` promotions or at ``maximum_age``.
    """

    mode: Mode = Mode.FORECAST_ONLY
    service_level: float = 0.95
    safety_margin: float = 0.2
    target_utilisation: float = 0.6
    minimum_shadow: int = 0
    maximum_shadow: int = 10
    cpu_threshold: float | None = 80.0
    memory_threshold: float | None = 90.0
    io_latency_threshold: float | None = 50.0
    scale_in_threshold: float = 40.0
    memory_scale_in_threshold: float | None = None
    io_latency_scale_in_threshold: float | None = None
    alarm_period: datetime.timedelta | None = None
    alarm_evaluation_periods: int | None = None
    alarm_combination: AlarmCombination = AlarmCombination.SEPARATE
    promotion_step: int | None = None
    promotion_cooldown: datetime.timedelta = datetime.timedelta()
    maximum_promoted: int | None = None
    cold_creation: bool = False
    promote_ahead: float | None = None
    hooks: tuple[hook.Hook, ...] = ()
    cooldown: datetime.timedelta = datetime.timedelta(minutes=15)
    maximum_extension: float = 0.5
    budget: decimal.Decimal | None = None
    hold: tuple[holding.HoldStep, ...] = (
        holding.HoldStep(tier=holding.Tier.SHELVED),)
    priority: int = 50
    schedule: tuple[ScheduledShadow, ...] = ()
    drain_time: datetime.timedelta = datetime.timedelta()
    maximum_uses: int | None = None
    maximum_age: datetime.timedelta | None = None

    @property
    def memory_scale_in(self) -> float | None:
        """The memory pressure in percent under which members go back;
        ``None`` where memory has no say."""
        return _scale_in(
            self.memory_scale_in_threshold, self.memory_threshold)

    @property
    def io_latency_scale_in(self) -> float | None:
        """The I/O latency in milliseconds, likewise."""
        return _scale_in(
            self.io_latency_scale_in_threshold, self.io_latency_threshold)


def _scale_in(asked: float | None, threshold: float | None) -> float | None:
    if asked is not None or threshold is None:
        return asked
    return threshold / 2


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ReservationRecord:
    """A Blazar-style lease with its shadow; ``token`` is its name.

    ``resource_type`` is the flavor's name as the user wrote it, ``size``
    what it stood for then. ``duration`` grows with extensions,
    ``contracted_duration`` does not. ``cost`` is the sum of the ledger's
    charges. ``generation`` is the compare-and-swap token of its row.
    """

    token: str
    name: str
    user_id: str
    project_id: str
    resource_type: str
    size: InstanceSize
    quantity: int
    start_time: datetime.datetime
    duration: datetime.timedelta
    contracted_duration: datetime.timedelta
    shadow_allocation_id: str
    status: ReservationStatus
    lease_backend: str
    lease_id: str | None
    cost: decimal.Decimal
    policy: Policy
    template: InstanceTemplate
    selector: Selector
    trust_id: str | None
    generation: int
    created_at: datetime.datetime
    updated_at: datetime.datetime

    @property
    def end_time(self) -> datetime.datetime:
        return self.start_time + self.duration

    def status_at(self, now: datetime.datetime) -> ReservationStatus:
        """Its status, once a pass has seen that its lease is over."""
        if (self.status in (ReservationStatus.PENDING,
                            ReservationStatus.ACTIVE)
                and now >= self.end_time):
            return ReservationStatus.ENDING
        return self.status

    def remaining(self, now: datetime.datetime) -> datetime.timedelta:
        """What is left of the lease at ``now``; never negative."""
        left = self.end_time - max(now, self.start_time)
        return max(left, datetime.timedelta())
