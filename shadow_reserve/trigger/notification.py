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

"""Messages on our topic: what may be believed of them.

Nothing in a message is acted on. It only says where to look; what is
found there, in our database and at Aodh, decides.
"""

from typing import Any

ALARM_TRANSITION = 'alarm.state_transition'
#: Sent by the API after a change.
RESERVATION_CHANGED = 'shadow_reserve.reservation.changed'

_LONGEST_ID = 64


def alarm_id_of(event_type: str, payload: Any) -> str | None:
    """The alarm that a notification is about, if it is about one.

    Malformed payloads give ``None``, whatever they are made of.
    """
    if event_type != ALARM_TRANSITION:
        return None
    return _identifier(payload, 'alarm_id')


def token_of(event_type: str, payload: Any) -> str | None:
    """The reservation that the API says it changed."""
    if event_type != RESERVATION_CHANGED:
        return None
    return _identifier(payload, 'token')


def _identifier(payload: Any, key: str) -> str | None:
    value = payload.get(key) if isinstance(payload, dict) else None
    if isinstance(value, str) and 0 < len(value) <= _LONGEST_ID:
        return value
    return None
