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

import datetime
import math
from typing import Any

from shadow_reserve.records import capacity

ALARM_TRANSITION = 'alarm.state_transition'
#: Sent by the API after a change.
RESERVATION_CHANGED = 'shadow_reserve.reservation.changed'

#: What Nova says when a server runs again. One that was shelved on its host
#: is powered on: of an unshelve it is told only where it was offloaded.
SERVER_RUNS = frozenset({
    'instance.power_on.end', 'instance.resume.end', 'instance.unshelve.end',
})

#: What Nova's conductor says when a server that was to be created, moved
#: to another host, or evacuated found none. It says nothing when that
#: happens to one that is unshelved.
SERVER_CREATED = 'compute_task.build_instances.error'
SERVER_MOVED = frozenset({
    'compute_task.migrate_server.error', 'compute_task.rebuild_server.error',
})

#: Raised in the scheduler; what comes to the conductor over the bus is of a
#: class of the same name with a suffix that oslo.messaging gives it.
_NO_HOST = frozenset({'NoValidHost', 'NoValidHost_Remote'})
_LONGEST_ID = 64
#: Of a message; what says that it took longer is not believed.
_LONGEST_WAY = datetime.timedelta(hours=1)
_LONGEST_NAME = 255
_MOST_HOSTS = 1000
_LARGEST = 2 ** 31 - 1

#: Extra specs by which a flavor says itself what it takes begin with it.
_OTHER_RESOURCES = 'resources'
#: The class of its vCPUs, by its extra spec ``hw:cpu_policy``.
_CPUS = {'shared': 'VCPU', 'dedicated': 'PCPU'}


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


def server_id_of(event_type: str, payload: Any) -> str | None:
    """The server that Nova says runs again."""
    if event_type not in SERVER_RUNS:
        return None
    try:
        return _identifier(_data(payload), 'uuid')
    except ValueError:
        return None


def said_at_of(payload: Any, heard_at: datetime.datetime,
               ) -> datetime.datetime | None:
    """When an alarm changed its state, as its notification has it; only
    to be shown, and no later than it was heard."""
    value = payload.get('timestamp') if isinstance(payload, dict) else None
    if not isinstance(value, str) or len(value) > _LONGEST_ID:
        return None
    try:
        said_at = datetime.datetime.fromisoformat(value)
        if said_at.tzinfo is None:
            # Aodh writes UTC, and does not say so.
            said_at = said_at.replace(tzinfo=datetime.UTC)
        said_at = min(said_at.astimezone(datetime.UTC), heard_at)
        return said_at if heard_at - said_at <= _LONGEST_WAY else None
    except (ValueError, OverflowError):
        return None


def need_of(event_type: str, payload: Any) -> capacity.Need | None:
    """The server that Nova says it found no host for.

    Flavors with resources of their own, or with CPUs of both kinds, give
    ``None``, as malformed payloads do: nothing is known that could be
    given back for them.
    """
    if event_type != SERVER_CREATED and event_type not in SERVER_MOVED:
        return None
    try:
        data = _data(payload)
        if _text(_data(data['reason'])['exception']) not in _NO_HOST:
            return None
        spec = _data(data['request_spec'])
        return capacity.Need(
            server_id=_text(data['instance_uuid'], _LONGEST_ID),
            resources=_resources(_data(spec['flavor'])),
            zone=_optional(spec['availability_zone']),
            only_hosts=_destination(spec),
            ignored_hosts=frozenset(_names(spec['ignore_hosts'] or [])),
            is_new=event_type == SERVER_CREATED)
    except (KeyError, ValueError):
        return None


def _data(value: Any) -> dict[Any, Any]:
    """The fields of one of Nova's versioned objects."""
    data = value.get('nova_object.data') if isinstance(value, dict) else None
    if not isinstance(data, dict):
        raise ValueError('not a versioned object')
    return data


def _resources(flavor: dict[Any, Any]) -> dict[str, int]:
    specs = flavor['extra_specs'] or {}
    if not isinstance(specs, dict) or any(
            str(name).startswith(_OTHER_RESOURCES) for name in specs):
        raise ValueError('it takes other resources')
    policy = str(specs.get('hw:cpu_policy', 'shared'))
    if policy not in _CPUS:
        raise ValueError('it takes CPUs of both kinds')
    disk = (_number(flavor['root_gb']) + _number(flavor['ephemeral_gb'])
            + math.ceil(_number(flavor['swap']) / 1024))
    amounts = {_CPUS[policy]: _number(flavor['vcpus']),
               'MEMORY_MB': _number(flavor['memory_mb']),
               'DISK_GB': disk}
    return {name: amount for name, amount in amounts.items() if amount}


def _destination(spec: dict[Any, Any]) -> frozenset[str]:
    """The one host that was asked for, if one was."""
    hosts = [_optional(spec['force_hosts'])]
    if spec['requested_destination'] is not None:
        hosts.append(_optional(
            _data(spec['requested_destination'])['host']))
    return frozenset(host for host in hosts if host is not None)


def _number(value: Any) -> int:
    if type(value) is int and 0 <= value <= _LARGEST:
        return value
    raise ValueError('not an amount')


def _text(value: Any, longest: int = _LONGEST_NAME) -> str:
    if isinstance(value, str) and 0 < len(value) <= longest:
        return value
    raise ValueError('not a name')


def _optional(value: Any) -> str | None:
    return None if value is None else _text(value)


def _names(value: Any) -> list[str]:
    if isinstance(value, list) and len(value) <= _MOST_HOSTS:
        return [_text(one) for one in value]
    raise ValueError('not a list of names')


def _identifier(payload: Any, key: str) -> str | None:
    value = payload.get(key) if isinstance(payload, dict) else None
    if (isinstance(value, str) and 0 < len(value) <= _LONGEST_ID
            and value.isascii() and value.isprintable()):
        return value
    return None
