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

"""Which applications the engine must watch itself, since no alarm will.

Aodh is not believed more than it shows. What it says of an alarm tells
whether anything is to be expected of it; what the last reading of the
history says tells whether something was expected that did not come.
"""

from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import datetime
import enum

from shadow_reserve.cloud import aodh as cloud_aodh
from shadow_reserve.records import demand
from shadow_reserve.records import reservation
from shadow_reserve.records import usage
from shadow_reserve.trigger import alarms as trigger_alarms
from shadow_reserve.trigger import decision
from shadow_reserve.trigger import rules as trigger_rules

#: Aodh keeps the time of an evaluation in whole seconds.
_SAME_TIME = datetime.timedelta(seconds=2)

#: A reading that is older says nothing of now.
_RECENT = datetime.timedelta(minutes=15)

_INSUFFICIENT = 'insufficient data'

_RESOURCES = {
    trigger_rules.CPU: demand.DemandResource.VCPU,
    trigger_rules.MEMORY: demand.DemandResource.MEMORY,
}


class Cause(enum.StrEnum):
    #: Aodh does not answer, or with errors.
    UNREACHABLE = 'aodh_unreachable'
    #: No evaluator takes up the alarm any more, or none in time.
    NOT_EVALUATED = 'not_evaluated'
    #: Aodh finds no measures, though servers run.
    NO_DATA = 'no_data'
    #: Usage was over its threshold, and no alarm stands.
    UNANSWERED = 'unanswered'


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    """``metric`` is the one that Aodh has no data of, if it is one."""

    cause: Cause
    message: str
    metric: str | None = None

    def is_nothing_to_see(self, live: usage.LiveUsage) -> bool:
        """Whether Aodh is right: what it has no data of has no measure,
        and the other alarms see all the rest."""
        return (self.metric is not None
                and _value_of(live, self.metric) is None)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """What is known of one active reservation.

    ``alarm_ids`` are by metric. ``running`` counts the application's
    servers, of which ``recent`` are the latest readings.
    """

    record: reservation.ReservationRecord
    alarm_ids: Mapping[str, str | None]
    running: int
    recent: Sequence[demand.Readings] = ()


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Manner:
    """What the times of evaluation that Aodh shows are worth.

    ``dates``: it shows any, and then only evaluates alarms that have one.
    ``tells``: they are those of evaluations. They are not where Aodh's
    evaluators are coordinated: all are then as the API wrote them.
    """

    dates: bool = False
    tells: bool = False


def manner_of(alarms: Collection[cloud_aodh.Alarm]) -> Manner:
    return Manner(
        dates=any(alarm.evaluated_at for alarm in alarms),
        tells=any(alarm.evaluated_at - alarm.changed_at > _SAME_TIME
                  for alarm in alarms
                  if alarm.evaluated_at and alarm.changed_at))


def why(subject: Subject,
        alarms: Mapping[str, cloud_aodh.Alarm] | None,
        manner: Manner, now: datetime.datetime,
        patience: datetime.timedelta) -> Reason | None:
    """Why nothing is to be expected of a reservation's alarms.

    :param alarms: all there are, by id; ``None`` when Aodh cannot be asked
    :param patience: for how long an alarm may not have been evaluated
    """
    if not subject.running:
        return None
    if alarms is None:
        return Reason(cause=Cause.UNREACHABLE,
                      message='Aodh cannot be asked for its alarms')
    own = {metric: alarm for metric, alarm_id in subject.alarm_ids.items()
           if alarm_id and (alarm := alarms.get(alarm_id)) is not None
           and alarm.enabled}
    return (_late(own, manner, now, patience) or _blind(own, subject)
            or _unanswered(own, subject, now))


def _late(own: Mapping[str, cloud_aodh.Alarm], manner: Manner,
          now: datetime.datetime,
          patience: datetime.timedelta) -> Reason | None:
    for metric, alarm in own.items():
        if alarm.evaluated_at is None:
            if not manner.dates:
                continue
            # So does Aodh leave an alarm that was changed over its API
            # without this time; its evaluators pass over it from then on.
            return Reason(
                cause=Cause.NOT_EVALUATED, message=(
                    f'no evaluator of Aodh takes up the {metric} alarm'))
        late = now - alarm.evaluated_at
        if manner.tells and late > patience:
            return Reason(
                cause=Cause.NOT_EVALUATED, message=(
                    f'Aodh evaluated the {metric} alarm last '
                    f'{late.total_seconds():.0f} s ago'))
    return None


def _blind(own: Mapping[str, cloud_aodh.Alarm],
           subject: Subject) -> Reason | None:
    # Without I/O there is no latency, which is as it should be.
    telling = set(_RESOURCES)
    if subject.record.policy.io_latency_threshold is None:
        telling.add(trigger_rules.COMPOSITE)
    for metric, alarm in own.items():
        if metric in telling and alarm.state == _INSUFFICIENT:
            one = None if metric == trigger_rules.COMPOSITE else metric
            step = alarm.rule.get('granularity')
            return Reason(cause=Cause.NO_DATA, metric=one, message=(
                f'Aodh finds no measures{f" of {step} s" if step else ""} '
                f'for the {metric} alarm, though {subject.running} servers '
                f'of the application run and their archive policy should '
                f'have them'))
    return None


def _unanswered(own: Mapping[str, cloud_aodh.Alarm], subject: Subject,
                now: datetime.datetime) -> Reason | None:
    record = subject.record
    standing = {metric for metric, alarm in own.items()
                if trigger_alarms.stands(alarm, record.token, metric)}
    if trigger_rules.COMPOSITE in standing:
        return None
    latest = {one.resource: value for one in subject.recent
              if (value := one.latest(now - _RECENT)) is not None}
    share = {
        metric: 100 * latest[resource] / (
            subject.running * resource_of(record.size, resource))
        for metric, resource in _RESOURCES.items() if resource in latest}
    seen = usage.LiveUsage(
        as_of=now, members=subject.running, io_latency_ms=None,
        cpu_percent=share.get(trigger_rules.CPU),
        memory_percent=share.get(trigger_rules.MEMORY))
    over = [metric
            for metric in decision.over_threshold(record.policy, seen)
            if metric not in standing]
    if not over:
        return None
    return Reason(cause=Cause.UNANSWERED, message=(
        f'{" and ".join(over)} had been over the threshold for a whole '
        f'step of the history, and no alarm of that stands'))


def resource_of(size: reservation.InstanceSize,
                resource: demand.DemandResource) -> float:
    """What one instance has of what the CPU or memory alarm looks at."""
    return float(size.vcpus if resource is demand.DemandResource.VCPU
                 else size.memory_mib)


def _value_of(live: usage.LiveUsage, metric: str) -> float | None:
    """What was measured of that which an alarm looks at."""
    return {trigger_rules.CPU: live.cpu_percent,
            trigger_rules.MEMORY: live.memory_percent,
            trigger_rules.IO_LATENCY: live.io_latency_ms}[metric]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """For how long an application was over thresholds without a break.

    ``starts`` are those of the first intervals, for each metric that was
    over its threshold in the latest; ``stop`` is the end of that.
    """

    starts: Mapping[str, datetime.datetime]
    stop: datetime.datetime

    def lasting(self, length: datetime.timedelta) -> tuple[str, ...]:
        """The metrics that were over for that long."""
        return tuple(metric for metric, start in self.starts.items()
                     if self.stop - start >= length)


def followed(run: Run | None, live: usage.LiveUsage | None,
             policy: reservation.Policy, period: datetime.timedelta,
             gap: datetime.timedelta) -> Run | None:
    """The run with one more look at live usage.

    Where alarms are separate each metric has a time of its own, as it has
    an alarm of its own.

    :param run: as of the look before; ``None`` when it was not over
    :param live: ``None`` when nothing was measured, which ends a run
    :param period: length of the interval that live usage is of
    :param gap: between two intervals that still make one run
    """
    over = [] if live is None else decision.over_threshold(policy, live)
    if live is None or not over:
        return None
    start = live.as_of - period
    before: Mapping[str, datetime.datetime] = {}
    if run is not None and start - run.stop <= gap:
        before = run.starts
        if (policy.alarm_combination
                is not reservation.AlarmCombination.SEPARATE):
            before = dict.fromkeys(over, min(before.values()))
    return Run(stop=live.as_of, starts={
        metric: min(start, before.get(metric, start)) for metric in over})
