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

"""What we announce: the types of our notifications, and their payloads.

A payload that is changed gets another version, and its samples under
``doc/notification_samples`` are written anew by
``python -m tests.unit.engine.announced``. Types and payloads are told of in
``doc/source/admin/notifications.rst``.
"""

from collections.abc import Mapping
import dataclasses
from typing import Any

#: A JSON Schema.
Schema = Mapping[str, Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Payload:
    """:param fields: what it has beside :data:`COMMON`"""

    name: str
    version: str
    fields: Mapping[str, Schema]


def _or_null(schema: Schema) -> Schema:
    return {**schema, 'type': [schema['type'], 'null']}


_TEXT: Schema = {'type': 'string'}
_ID: Schema = {'type': 'string', 'format': 'uuid'}
_TIME: Schema = {'type': 'string', 'format': 'date-time'}
_COUNT: Schema = {'type': 'integer', 'minimum': 0}
_NUMBER: Schema = {'type': 'number'}
_FLAG: Schema = {'type': 'boolean'}
_TEXTS: Schema = {'type': 'array', 'items': _TEXT}

#: Fields of every payload.
COMMON: Mapping[str, Schema] = {
    'event_id': _ID,
    'sequence': {'type': 'integer', 'minimum': 1},
    'happened_at': _TIME,
    'kind': _TEXT,
    'severity': {'type': 'string', 'enum': ['info', 'warning', 'error']},
    'reason': _TEXT,
    'token': _ID,
    'project_id': _TEXT,
    'user_id': _TEXT,
}

_MEMBER = {
    'instance_id': _ID,
    'server_id': _or_null(_ID),
}

_RESERVATION = Payload('ReservationPayload', '1.0', {
    'cost': _or_null(_TEXT),
    'changed': _TEXTS,
})
_LEASE = Payload('LeasePayload', '1.0', {
    **_MEMBER,
    'extension': _NUMBER,
    'end_time': _TIME,
    'amount': _TEXT,
})
_SIZE = Payload('SizePayload', '1.0', {
    'quantity': _COUNT,
    'total': _NUMBER,
    'bound': _or_null(_TEXT),
    'binding': _or_null(_TEXT),
    'mode': _TEXT,
})
_FAILURES = Payload('FailuresPayload', '1.0', {'failures': _COUNT})
_INSTANCE = Payload('InstancePayload', '1.0', {
    **_MEMBER,
    'tier': _or_null(_TEXT),
    'host': _or_null(_TEXT),
    'previous': _or_null(_TEXT),
})
_PROMOTION = Payload('PromotionPayload', '1.0', {
    **_MEMBER,
    'tier': _or_null(_TEXT),
    'host': _or_null(_TEXT),
    'cold': _or_null(_FLAG),
    'failed': _or_null(_ID),
    'hooks': _or_null(_TEXTS),
    'promotion_id': _or_null(_ID),
    'source': _or_null(_TEXT),
    'metric': _or_null(_TEXT),
    'signalled_at': _or_null(_TIME),
    'heard_at': _or_null(_TIME),
    'claimed_at': _or_null(_TIME),
    'requested_at': _or_null(_TIME),
    'active_at': _or_null(_TIME),
    'joined_at': _or_null(_TIME),
    'ended_at': _or_null(_TIME),
})
_RETURN = Payload('ReturnPayload', '1.0', {
    **_MEMBER,
    'tier': _or_null(_TEXT),
    'promotion_id': _or_null(_ID),
    'source': _or_null(_TEXT),
    'active_at': _or_null(_TIME),
    'ended_at': _or_null(_TIME),
})
_VOLUME = Payload('VolumePayload', '1.0', {
    **_MEMBER,
    'volume_id': _or_null(_ID),
    'position': _COUNT,
})
_DECISION = Payload('DecisionPayload', '1.0', {
    'count': _COUNT,
    'wanted': _or_null(_COUNT),
    'bound': _or_null(_TEXT),
    'cold': _or_null(_COUNT),
    'cold_bound': _or_null(_TEXT),
    'acted': _FLAG,
    'alarms': _TEXTS,
    'as_of': _or_null(_TIME),
    'mode': _TEXT,
    'cpu_percent': _or_null(_NUMBER),
    'memory_percent': _or_null(_NUMBER),
    'io_latency_ms': _or_null(_NUMBER),
})
_AHEAD = Payload('AheadPayload', '1.0', {
    'count': _COUNT,
    'wanted': _COUNT,
    'members': _COUNT,
    'acted': _FLAG,
    'until': _TIME,
    'at_least': _NUMBER,
    'at_most': _NUMBER,
    'level': _NUMBER,
    'mode': _TEXT,
})
_AHEAD_SCORE = Payload('AheadScorePayload', '1.0', {
    'of': _ID,
    'useful': _or_null(_FLAG),
    'acted': _FLAG,
    'useful_so_far': _COUNT,
    'scored_so_far': _COUNT,
})
_AHEAD_SWITCH = Payload('AheadSwitchPayload', '1.0', {
    'useful': _COUNT,
    'scored': _COUNT,
    'level': _NUMBER,
})
_AHEAD_UNSURE = Payload('AheadUnsurePayload', '1.0', {
    'level': _NUMBER,
    'surest': _NUMBER,
})
_NET = Payload('NetPayload', '1.0', {'cause': _or_null(_TEXT)})
_HOOK = Payload('HookPayload', '1.0', {**_MEMBER, 'hook': _TEXT})
_SERVICE = Payload('ServicePayload', '1.0', {'service': _or_null(_TEXT)})
_FINDING = Payload('FindingPayload', '1.0', {
    'finding': _TEXT,
    'identifier': _TEXT,
})
#: Of events that have no type of their own.
EVENT = Payload('EventPayload', '1.0', {'details': {'type': 'object'}})

#: By kind of event: the type, without ``shadow_reserve.``, and the payload.
#: A key with ``<`` is of a member that comes from the state behind it, and
#: one that ends with ``*`` is of all kinds that begin so.
TYPES: Mapping[str, tuple[str, Payload]] = {
    'reservation.creating': ('reservation.creating', _RESERVATION),
    'reservation.created': ('reservation.created', _RESERVATION),
    'reservation.updated': ('reservation.updated', _RESERVATION),
    'reservation.started': ('reservation.started', _RESERVATION),
    'reservation.ending': ('reservation.ending', _RESERVATION),
    'reservation.terminated': ('reservation.terminated', _RESERVATION),
    'reservation.deleting': ('reservation.deleting', _RESERVATION),
    'reservation.deleted': ('reservation.deleted', _RESERVATION),

    'lease.extended': ('lease.extended', _LEASE),

    'shadow.sized': ('shadow.sized', _SIZE),
    'shadow.builds_stopped': ('shadow.builds_stopped', _FAILURES),
    'shadow.lent': ('shadow.lent', _INSTANCE),
    'instance.claimed': ('shadow.claimed', _INSTANCE),
    'instance.unheld': ('shadow.unheld', _INSTANCE),
    'instance.released': ('shadow.released', _INSTANCE),
    'instance.claim_lost': ('shadow.claim_lost', _INSTANCE),
    'instance.hold_changed': ('shadow.hold_changed', _INSTANCE),
    'instance.renamed': ('shadow.renamed', _INSTANCE),
    'instance.available': ('shadow.available', _INSTANCE),
    'instance.error': ('shadow.error', _INSTANCE),

    'instance.building': ('build.start', _INSTANCE),
    'instance.settling': ('build.settling', _INSTANCE),
    'instance.available<settling': ('build.end', _INSTANCE),
    'instance.error<building': ('build.error', _INSTANCE),
    'instance.error<settling': ('build.error', _INSTANCE),

    'instance.promoting': ('promotion.start', _PROMOTION),
    'instance.no_host': ('promotion.no_host', _PROMOTION),
    'instance.promotion_lost': ('promotion.host_lost', _PROMOTION),
    'promotion.passed_on': ('promotion.passed_on', _PROMOTION),
    'instance.allocated<promoting': ('promotion.end', _PROMOTION),
    'instance.allocated': ('promotion.outside', _PROMOTION),
    'instance.joined': ('promotion.joined', _PROMOTION),
    'instance.error<promoting': ('promotion.error', _PROMOTION),
    'instance.available<promoting': ('promotion.error', _PROMOTION),
    'instance.deleting<promoting': ('promotion.error', _PROMOTION),

    'instance.returning': ('return.start', _RETURN),
    'instance.left': ('return.left', _RETURN),
    'instance.available<returning': ('return.end', _RETURN),
    'instance.error<returning': ('return.error', _RETURN),
    'instance.deleting<returning': ('return.error', _RETURN),
    'instance.hook_failed': ('hook.error', _HOOK),

    'instance.deleting': ('deletion.start', _INSTANCE),
    'instance.gone': ('deletion.end', _INSTANCE),

    'volume.made': ('volume.made', _VOLUME),
    'volume.attached': ('volume.attached', _VOLUME),
    'volume.detached': ('volume.detached', _VOLUME),
    'volume.taken': ('volume.taken', _VOLUME),
    'volume.lost': ('volume.lost', _VOLUME),
    'volume.failed': ('volume.failed', _VOLUME),
    'volume.left': ('volume.left', _VOLUME),
    'volume.gone': ('volume.gone', _VOLUME),

    'trigger.promote': ('trigger.promote', _DECISION),
    'trigger.return': ('trigger.return', _DECISION),
    'trigger.exhausted': ('trigger.exhausted', _DECISION),
    'trigger.nothing': ('trigger.nothing', _DECISION),
    'trigger.ahead': ('trigger.ahead', _AHEAD),
    'trigger.ahead_scored': ('trigger.ahead_scored', _AHEAD_SCORE),
    'trigger.ahead_off': ('trigger.ahead_off', _AHEAD_SWITCH),
    'trigger.ahead_on': ('trigger.ahead_on', _AHEAD_SWITCH),
    'trigger.ahead_unsure': ('trigger.ahead_unsure', _AHEAD_UNSURE),
    'trigger.net_on': ('trigger.net_on', _NET),
    'trigger.net_off': ('trigger.net_off', _NET),

    'service.unavailable': ('service.unavailable', _SERVICE),
    'service.refused': ('service.refused', _SERVICE),
    'service.limited': ('service.limited', _SERVICE),
    'service.recovered': ('service.recovered', _SERVICE),
    'audit.*': ('audit.mended', _FINDING),
}


def of(kind: str, previous: str | None = None) -> tuple[str, Payload]:
    """The type of an event and its payload; there is one for every kind.

    :param previous: the state that a member left by it
    """
    family = kind.partition('.')[0]
    for key in (f'{kind}<{previous}', kind, f'{family}.*'):
        if key in TYPES:
            name, payload = TYPES[key]
            return f'shadow_reserve.{name}', payload
    return f'shadow_reserve.event.{kind}', EVENT


def schema_of(payload: Payload) -> dict[str, Any]:
    """What its data is like, as a JSON Schema."""
    properties = {**COMMON, **payload.fields}
    return {'type': 'object', 'properties': properties,
            'required': sorted(properties), 'additionalProperties': False}
