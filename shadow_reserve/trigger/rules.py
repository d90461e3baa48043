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

"""Which alarms a reservation should have: a pure function of its policy."""

from collections.abc import Iterable
import dataclasses
import datetime
import json

from oslo_config import cfg

from shadow_reserve.cloud import aodh as cloud_aodh
from shadow_reserve.records import reservation
from shadow_reserve.records import usage
from shadow_reserve.trigger import gauge

Combination = reservation.AlarmCombination

# Kinds of alarms: the last part of their names.
CPU = 'cpu'
MEMORY = 'memory'
IO_LATENCY = 'io_latency'
#: The one over several metrics.
COMPOSITE = 'composite'
_LOW = '_low'

_NANOSECONDS = 1_000_000_000


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Defaults:
    """The operator's, for policies that leave it to them.

    ``granularity`` in seconds, of the measures that alarms look at;
    ``evaluation_periods`` for how many of them in a row.
    """

    granularity: int
    evaluation_periods: int


def defaults_from_options(conf: cfg.ConfigOpts) -> Defaults:
    return Defaults(
        granularity=conf.trigger.granularity,
        evaluation_periods=conf.trigger.evaluation_periods)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class _Watch:
    """A metric with its two thresholds, as the policy says them."""

    kind: str
    rule: cloud_aodh.ThresholdRule
    scale_in: float


def is_low(kind: str) -> bool:
    """Whether such an alarm says that members may go back."""
    return kind.endswith(_LOW)


def unit(kind: str, size: reservation.InstanceSize,
         granularity: int) -> float:
    """What one percent, or millisecond, of a threshold is to Aodh.

    CPU time is in nanoseconds of each interval, memory in MiB, latency in
    milliseconds.
    """
    match kind.removesuffix(_LOW):
        case 'cpu':
            return size.vcpus * granularity * _NANOSECONDS / 100
        case 'memory':
            return size.memory_mib / 100
    return 1.0


def granularity(policy: reservation.Policy, defaults: Defaults) -> int:
    """Of the measures that the policy's alarms look at, in seconds."""
    if policy.alarm_period is None:
        return defaults.granularity
    return int(policy.alarm_period.total_seconds())


def evaluation_periods(policy: reservation.Policy,
                       defaults: Defaults) -> int:
    """For how many of them in a row a threshold must be crossed."""
    return policy.alarm_evaluation_periods or defaults.evaluation_periods


def evaluation_time(policy: reservation.Policy,
                    defaults: Defaults) -> datetime.timedelta:
    """For how long, all in all."""
    return datetime.timedelta(
        seconds=evaluation_periods(policy, defaults)
        * granularity(policy, defaults))


def rules(record: reservation.ReservationRecord,
          application: usage.Application, defaults: Defaults, *,
          serving: bool) -> dict[str, cloud_aodh.Rule]:
    """The rules of all alarms that there should be, by kind.

    :param serving: whether shadow members serve. Alarms that say that
        they may go back are only there while some do: Aodh evaluates one
        alarm after the other, and the many reservations with none would
        double its work.
    """
    watches = _watches(record, application, defaults)
    found = _high(record.policy, watches)
    if serving:
        found |= {watch.kind + _LOW: dataclasses.replace(
            watch.rule, comparison=cloud_aodh.Comparison.UNDER,
            threshold=watch.scale_in) for watch in watches}
    return found


def _high(policy: reservation.Policy,
          watches: list[_Watch]) -> dict[str, cloud_aodh.Rule]:
    if (policy.alarm_combination is Combination.SEPARATE
            or len(watches) < 2):
        return {watch.kind: watch.rule for watch in watches}
    every = policy.alarm_combination is Combination.ALL
    parts: tuple[cloud_aodh.ThresholdRule | cloud_aodh.CompositeRule, ...]
    if every:
        parts = tuple(part for watch in watches
                      for part in _steady(watch.rule))
    else:
        parts = tuple(cloud_aodh.CompositeRule(
            every=True, parts=_steady(watch.rule)) for watch in watches)
    return {COMPOSITE: cloud_aodh.CompositeRule(every=every, parts=parts)}


def _steady(rule: cloud_aodh.ThresholdRule,
            ) -> tuple[cloud_aodh.ThresholdRule, ...]:
    """The rule, and that its newest interval alone is over it, too.

    Within a composite alarm Aodh takes a rule whose older interval is over
    its threshold, and whose newest is not, for one that stands: it
    believes that it stood before. A single busy interval would do.
    """
    if rule.evaluation_periods == 1:
        return (rule,)
    return (dataclasses.replace(rule, evaluation_periods=1), rule)


def _watches(record: reservation.ReservationRecord,
             application: usage.Application,
             defaults: Defaults) -> list[_Watch]:
    policy = record.policy
    step = granularity(policy, defaults)
    periods = evaluation_periods(policy, defaults)
    query = json.dumps(_query(application), sort_keys=True)
    found = []
    for kind, threshold, scale_in in (
            (CPU, policy.cpu_threshold, policy.scale_in_threshold),
            (MEMORY, policy.memory_threshold, policy.memory_scale_in),
            (IO_LATENCY, policy.io_latency_threshold,
             policy.io_latency_scale_in)):
        if threshold is None or scale_in is None:
            continue
        one = unit(kind, record.size, step)
        rule: cloud_aodh.ThresholdRule
        if kind == IO_LATENCY:
            rule = cloud_aodh.ResourceRule(
                metric=gauge.IO_LATENCY, aggregation_method='mean',
                threshold=threshold * one, granularity=step,
                evaluation_periods=periods, resource_id=record.token,
                resource_type=gauge.RESOURCE_TYPE)
        else:
            rule = cloud_aodh.AggregationRule(
                # For CPU, the rate over the servers' mean counter:
                # nanoseconds for each interval, however often they are
                # polled.
                metric='cpu' if kind == CPU else 'memory.usage',
                aggregation_method='rate:mean' if kind == CPU else 'mean',
                threshold=threshold * one, granularity=step,
                evaluation_periods=periods, query=query)
        found.append(_Watch(kind=kind, rule=rule, scale_in=scale_in * one))
    return found


def _query(application: usage.Application) -> dict[str, object]:
    """Gnocchi's search for the application's servers.

    The project is named in any case: an alarm of the service user is not
    confined to one by Aodh. Of a group, servers that are gone are left
    out, which over the months become many.
    """
    members: list[dict[str, object]]
    if application.server_group:
        members = [{'=': {'server_group': application.server_group}},
                   {'=': {'ended_at': None}}]
    else:
        members = [{'in': {'id': _sorted(application.server_ids)}}]
    return {'and': [
        {'=': {'project_id': application.project_id}}, *members]}


def _sorted(server_ids: Iterable[str]) -> list[str]:
    # An empty list would be an error to Gnocchi: this one finds nothing.
    return sorted(server_ids) or ['00000000-0000-0000-0000-000000000000']
