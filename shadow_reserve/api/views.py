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

"""How records are shown to those who ask."""

from collections.abc import Sequence
import datetime
from typing import Any

from shadow_reserve.db import codec
from shadow_reserve.records import demand
from shadow_reserve.records import journal
from shadow_reserve.records import promotion
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow
from shadow_reserve.shadow import occupancy
from shadow_reserve.trigger import decision

#: Details of events that are the operator's business only.
_OPERATOR_DETAILS = frozenset({'host', 'hosts', 'trust_id'})


def time(value: datetime.datetime | None) -> str | None:
    if value is None:
        return None
    return value.astimezone(datetime.UTC).isoformat().replace('+00:00', 'Z')


def seconds(length: datetime.timedelta) -> int | float:
    """A length of time; a whole number of seconds without a point."""
    value = length.total_seconds()
    return int(value) if value.is_integer() else value


def show_reservation(
        record: reservation.ReservationRecord, base_url: str,
        now: datetime.datetime) -> dict[str, Any]:
    """A reservation. Its trust is nobody's business but the engine's.

    :param base_url: address of the list of reservations
    :param now: a lease may be over though no engine has seen that yet
    """
    address = f'{base_url}/{record.token}'
    return {
        'token': record.token,
        'name': record.name,
        'status': record.status_at(now).value,
        'project_id': record.project_id,
        'user_id': record.user_id,
        'flavor': record.resource_type,
        'quantity': record.quantity,
        'start_time': time(record.start_time),
        'end_time': time(record.end_time),
        'duration': seconds(record.duration),
        'contracted_duration': seconds(record.contracted_duration),
        'cost': format(record.cost, 'f'),
        'lease_backend': record.lease_backend,
        'lease_id': record.lease_id,
        'shadow_allocation_id': record.shadow_allocation_id,
        'policy': _policy(record.policy),
        'template': _template(record.template),
        'selector': codec.selector_to_json(record.selector),
        'created_at': time(record.created_at),
        'updated_at': time(record.updated_at),
        'links': [{'rel': 'self', 'href': address}, *(
            {'rel': name, 'href': f'{address}/{name}'}
            for name in ('shadow', 'forecast', 'promotions', 'ledger',
                         'events'))],
    }


def _policy(policy: reservation.Policy) -> dict[str, Any]:
    """As it is given: a hook has the fields of its kind only."""
    fields = codec.policy_to_json(policy)
    fields['hooks'] = [
        {name: value for name, value in one.items() if value is not None}
        for one in fields['hooks']]
    return fields


def _template(template: reservation.InstanceTemplate) -> dict[str, Any]:
    # User data is left out: it often holds secrets, and Nova does not show
    # it to tenants either.
    return {
        'image': template.image_id,
        'networks': list(template.network_ids),
        'security_groups': list(template.security_groups),
        'key_name': template.key_name,
        'availability_zone': template.availability_zone,
        'metadata': dict(template.metadata),
        'config_drive': template.config_drive,
        'readiness': _readiness(template.readiness),
        'volumes': [{'size': volume.size_gib, 'type': volume.volume_type,
                     'attach': volume.attach.value}
                    for volume in template.volumes],
    }


def _readiness(
        readiness: reservation.Readiness | None) -> dict[str, Any] | None:
    if readiness is None:
        return None
    names = (('key', 'value')
             if readiness.kind is reservation.ReadinessKind.METADATA
             else ('port', 'path'))
    return {'kind': readiness.kind.value,
            **{name: getattr(readiness, name) for name in names}}


def show_instance(instance: shadow.ShadowInstance, *,
                  with_host: bool) -> dict[str, Any]:
    answer = {
        'instance_id': instance.instance_id,
        'server_id': instance.server_id,
        'state': instance.state.value,
        'state_since': time(instance.state_since),
        'reason': instance.reason,
        'tier': instance.tier.value,
        # What is lent is on its way to be let go of.
        'claim_held': (instance.host is not None
                       and instance.lent_at is None),
        'lent_at': time(instance.lent_at),
        'uses': instance.uses,
        'created_at': time(instance.created_at),
    }
    if with_host:
        answer['host'] = instance.host
    return answer


def show_judgement(judgement: decision.Judgement,
                   policy: reservation.Policy) -> dict[str, Any]:
    """What the trigger would decide, and what it looked at."""
    decided, live = judgement.decision, judgement.live
    return {
        'verdict': decided.verdict.value,
        'count': decided.count,
        'wanted': decided.wanted,
        'short': decided.short,
        'bound': None if decided.bound is None else decided.bound.value,
        'reason': decided.reason,
        'metrics': list(decided.metrics),
        'alarms': list(judgement.alarmed),
        'mode': policy.mode.value,
        'cold_creation': policy.cold_creation,
        'usage': {
            'as_of': time(live.as_of),
            'members': live.members,
            'cpu_percent': live.cpu_percent,
            'memory_percent': live.memory_percent,
            'io_latency_ms': live.io_latency_ms,
        },
    }


def show_shadow(allocation: shadow.ShadowAllocationRecord,
                instances: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        'allocation_id': allocation.allocation_id,
        'reservation_id': allocation.reservation_id,
        'resource_type': allocation.resource_type,
        'quantity': allocation.quantity,
        'status': allocation.status.value,
        'instances': instances,
    }


def show_profile(profile: demand.DemandProfile,
                 step_limit: int | None) -> dict[str, Any]:
    made_from = profile.provenance
    return {
        'resource': profile.resource.value,
        'origin': time(profile.origin),
        'step': seconds(profile.step),
        'steps': len(profile.quantiles),
        'levels': list(profile.levels),
        'quantiles': [list(row) for row in profile.quantiles[:step_limit]],
        'peak_window': seconds(profile.peak_window),
        'window_peak': list(profile.window_peak),
        'stale': profile.is_stale,
        'provenance': {
            'summary': profile.summary,
            'model': made_from.model.value,
            'training_start': time(made_from.training_start),
            'training_end': time(made_from.training_end),
            'latest_reading': time(made_from.latest_reading),
            'points': made_from.points,
            'points_needed': made_from.points_needed,
            'score': made_from.score,
            'baseline_score': made_from.baseline_score,
            'beats_baseline': made_from.beats_baseline,
            'coverage': list(made_from.coverage),
            'calibration': list(made_from.calibration),
            'censored_points': made_from.censored_points,
            'model_version': made_from.model_version,
        },
    }


def show_entry(sequence: int,
               entry: journal.LedgerEntry) -> dict[str, Any]:
    return {
        'sequence': sequence,
        'entry_id': entry.entry_id,
        'kind': entry.kind.value,
        'period_start': time(entry.period_start),
        'period_end': time(entry.period_end),
        'amount': format(entry.amount, 'f'),
        'extension': seconds(entry.extension),
        'rule': entry.rule,
        'inputs': entry.inputs,
    }


def show_promotion(sequence: int,
                   one: promotion.Promotion) -> dict[str, Any]:
    signal = one.signal
    return {
        'sequence': sequence,
        'promotion_id': one.promotion_id,
        'instance_id': one.instance_id,
        'server_id': one.server_id,
        'tier': one.tier.value,
        'source': signal.source.value,
        'metric': signal.metric,
        'signalled_at': time(signal.signalled_at),
        'heard_at': time(signal.heard_at),
        'claimed_at': time(one.claimed_at),
        'requested_at': time(one.requested_at),
        'active_at': time(one.active_at),
        'joined_at': time(one.joined_at),
        'ended_at': time(one.ended_at),
        'legs': {name: None if length is None else seconds(length)
                 for name, length in one.legs.items()},
        'outcome': one.outcome.value,
        'reason': one.reason,
        'useful': one.useful,
    }


def show_event(sequence: int, event: journal.Event, *,
               with_host: bool) -> dict[str, Any]:
    return {
        'sequence': sequence,
        'event_id': event.event_id,
        'happened_at': time(event.happened_at),
        'kind': event.kind,
        'severity': event.severity.value,
        'message': event.message,
        'details': event.details if with_host else {
            key: value for key, value in event.details.items()
            if key not in _OPERATOR_DETAILS},
    }


def show_capacity(
        hosts: Sequence[occupancy.HostOccupancy]) -> dict[str, Any]:
    return {
        'hosts': [{'host': host.host, 'zone': host.zone,
                   'in_service': host.in_service,
                   'classes': _classes(host.classes)} for host in hosts],
        'zones': [{'zone': zone, 'classes': _classes(classes)}
                  for zone, classes in sorted(
                      occupancy.of_zones(hosts).items())],
        'total': _classes(occupancy.total(hosts)),
    }


def _classes(classes: occupancy.Classes) -> dict[str, Any]:
    return {name: {
        'capacity': one.capacity, 'tenants': one.tenants,
        'shadow': {tier.value: amount
                   for tier, amount in one.shadow.items()},
        'free': one.free, 'oversold': one.oversold,
    } for name, one in classes.items()}
