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

"""From an event to the notification that tells of it."""

import dataclasses
import datetime
from typing import Any

from shadow_reserve.engine import announcement_types
from shadow_reserve.records import journal
from shadow_reserve.records import promotion

NAMESPACE = 'shadow_reserve'

_SIGNAL_TIMES = ('signalled_at', 'heard_at')
_LEGS = ('claimed_at', 'requested_at', 'active_at', 'joined_at', 'ended_at')


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Announcement:
    """A notification; its severity becomes its priority."""

    event_type: str
    severity: journal.Severity
    payload: dict[str, Any]


def of(news: journal.News) -> Announcement:
    """The same event gives the same announcement, whenever it is asked
    for: what came after it is not in it."""
    event = news.event
    event_type, payload = announcement_types.of(
        event.kind, event.details.get('previous'))
    facts = {**event.details, **_facts(news)}
    # Nothing but what the payload says: details may be anything.
    fields = (*announcement_types.COMMON, *payload.fields)
    return Announcement(
        event_type=event_type, severity=event.severity, payload={
            f'{NAMESPACE}_object.name': payload.name,
            f'{NAMESPACE}_object.version': payload.version,
            f'{NAMESPACE}_object.namespace': NAMESPACE,
            f'{NAMESPACE}_object.data': {
                name: facts.get(name) for name in fields}})


def _facts(news: journal.News) -> dict[str, Any]:
    event = news.event
    facts = {
        'event_id': event.event_id,
        'sequence': news.sequence,
        'happened_at': _text(event.happened_at),
        'kind': event.kind,
        'severity': event.severity.value,
        'reason': event.message,
        'token': event.token,
        'project_id': news.project_id,
        'user_id': news.user_id,
        'changed': _names(event.details.get('changes')),
        'finding': event.kind.partition('.')[2],
        'details': event.details,
    }
    if news.last_promotion is not None:
        facts |= _promotion_facts(news.last_promotion, event.happened_at)
    return facts


def _names(changes: Any) -> list[str]:
    """Not the values, which may be long, and have secrets in addresses."""
    return sorted(changes) if isinstance(changes, dict) else []


def _promotion_facts(one: promotion.Promotion,
                     now: datetime.datetime) -> dict[str, Any]:
    facts: dict[str, Any] = {
        'promotion_id': one.promotion_id,
        'source': one.signal.source.value,
        'metric': one.signal.metric,
    }
    for name in _SIGNAL_TIMES:
        facts[name] = _text(getattr(one.signal, name))
    for name in _LEGS:
        at = getattr(one, name)
        facts[name] = _text(at) if at is not None and at <= now else None
    return facts


def _text(time: datetime.datetime | None) -> str | None:
    if time is None:
        return None
    return time.astimezone(datetime.UTC).isoformat().replace('+00:00', 'Z')
