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

"""What a volume of a shadow instance needs next: a pure function.

Whoever asks again with the same facts gets the same answer, and every
request that it asks for may be made twice.
"""

import dataclasses
import datetime
import enum

from shadow_reserve.records import reservation
from shadow_reserve.records import shadow
from shadow_reserve.records import volume

State = shadow.InstanceState
VolumeState = volume.VolumeState
AttachTime = reservation.AttachTime


class Target(enum.StrEnum):
    """Where a volume should be."""

    #: Made, and not attached.
    FREE = 'free'
    ATTACHED = 'attached'
    #: Wherever it is.
    AS_IS = 'as_is'


class Kind(enum.StrEnum):
    #: It is where it should be; ``state`` says where.
    DONE = 'done'
    WAIT = 'wait'
    MAKE = 'make'
    #: A request whose answer was lost made it: write its id down.
    ADOPT = 'adopt'
    #: Cinder has made it.
    MADE = 'made'
    #: Somebody deleted it.
    LOST = 'lost'
    #: Somebody detached it, or uses it elsewhere.
    TAKEN = 'taken'
    ATTACH = 'attach'
    DETACH = 'detach'
    #: It has not come to be in time, or is somebody else's now.
    FAIL = 'fail'
    #: Cinder says that it is of no use.
    BROKEN = 'broken'


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    kind: Kind
    reason: str = ''
    state: VolumeState | None = None


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """How long things may take, from the operator's configuration."""

    timeout: datetime.timedelta
    #: How long a request for a volume may be on its way unseen.
    create_grace: datetime.timedelta = datetime.timedelta(seconds=60)
    #: When to ask once more for what did not come about.
    ask_again: datetime.timedelta = datetime.timedelta(seconds=20)


_WAIT = Step(Kind.WAIT)
_REQUESTS = frozenset({Kind.MAKE, Kind.ATTACH, Kind.DETACH})

#: Of those that Nova allows, the ones in which a server is not on its way
#: elsewhere. An offloaded one would attach when it is spawned again: late,
#: and in the way of its promotion.
_ATTACHABLE = frozenset({'ACTIVE', 'SHUTOFF'})
_DETACHABLE = frozenset({'ACTIVE', 'PAUSED', 'SHUTOFF', 'SHELVED',
                         'SHELVED_OFFLOADED'})

_UNDER_WAY = frozenset({VolumeState.MAKING, VolumeState.ATTACHING,
                        VolumeState.DETACHING})


def target_of(state: State, attach: AttachTime) -> Target:
    """Where a volume should be while its member is in ``state``."""
    if state in shadow.SERVING_STATES:
        return Target.ATTACHED
    if state not in (State.SETTLING, State.RETURNING):
        return Target.AS_IS
    return (Target.ATTACHED if attach is AttachTime.BUILD else Target.FREE)


def is_settled(member: shadow.ShadowInstance, target: Target,
               server: shadow.Server, row: volume.ShadowVolume) -> bool:
    """Whether all is as it was left: then nothing needs to be asked."""
    attached = row.volume_id in server.volume_ids
    match target:
        case Target.FREE:
            return row.state is VolumeState.FREE and not attached
        case Target.AS_IS:
            return row.state is not VolumeState.ATTACHED or attached
        case Target.ATTACHED:
            return (row.state is VolumeState.ATTACHED and attached) or (
                row.state is VolumeState.TAKEN and not attached
                and member.state in shadow.SERVING_STATES)


def next_step(
        member: shadow.ShadowInstance, target: Target,
        server: shadow.Server, row: volume.ShadowVolume | None,
        found: volume.Volume | None, now: datetime.datetime,
        limits: Limits) -> Step:
    """The one next thing to do.

    :param target: FREE or ATTACHED
    :param row: ``None`` where nothing was ever asked for
    :param found: what Cinder says of it; ``None`` when Cinder has no such
        volume
    """
    if row is None:
        return Step(Kind.MAKE)
    serving = member.state in shadow.SERVING_STATES
    waited = now - max(row.since, member.state_since)
    if found is not None and found.status == 'error':
        reason = 'Cinder put it into "error"'
        # Said once while the server serves, which goes on without it.
        if serving and row.reason == reason:
            return _WAIT
        return Step(Kind.BROKEN, reason)
    step = _next_step(serving, target, server, row, found, now, limits)
    under_way = row.state in _UNDER_WAY
    if waited >= limits.timeout and (
            (step.kind is Kind.WAIT and (under_way or not serving))
            or (step.kind in _REQUESTS and under_way)):
        what = {Target.FREE: 'made and free',
                Target.ATTACHED: 'attached'}[target]
        said = '' if found is None else f' (Cinder says {found.status})'
        return Step(Kind.FAIL, ': '.join(filter(None, (
            f'not {what} after {waited}{said}', row.reason))))
    return step


def _next_step(
        serving: bool, target: Target, server: shadow.Server,
        row: volume.ShadowVolume, found: volume.Volume | None,
        now: datetime.datetime, limits: Limits) -> Step:
    if row.volume_id is None:
        if found is not None:
            return Step(Kind.ADOPT)
        # A request of an engine that died may still be on its way.
        if _asked_within(row, limits.create_grace, now):
            return _WAIT
        return Step(Kind.MAKE)
    if found is None:
        return Step(Kind.LOST, 'somebody else deleted it')
    others = sorted(set(found.attachments.values()) - {server.server_id})
    if others:
        reason = f'somebody else attached it to server {others[0]}'
        if not serving:
            return Step(Kind.FAIL, reason)
        if row.state is VolumeState.TAKEN:
            return Step(Kind.DONE, state=VolumeState.TAKEN)
        return Step(Kind.TAKEN, reason)
    if row.state is VolumeState.MAKING and found.status == 'available':
        return Step(Kind.MADE)
    asked = _asked_within(row, limits.ask_again, now)
    if target is Target.ATTACHED:
        return _towards_attached(serving, server, row, found, asked)
    return _towards_free(server, row, found, asked)


def _asked_within(row: volume.ShadowVolume, span: datetime.timedelta,
                  now: datetime.datetime) -> bool:
    return row.asked_at is not None and now - row.asked_at < span


def _towards_attached(
        serving: bool, server: shadow.Server, row: volume.ShadowVolume,
        found: volume.Volume, asked: bool) -> Step:
    known = found.volume_id in server.volume_ids
    if known and found.status == 'in-use':
        return Step(Kind.DONE, state=VolumeState.ATTACHED)
    if known or found.status != 'available':
        return _WAIT
    if row.state is VolumeState.TAKEN and serving:
        return Step(Kind.DONE, state=VolumeState.TAKEN)
    if row.state is VolumeState.ATTACHED:
        return Step(Kind.TAKEN, 'somebody else detached it')
    if server.task_state or server.status not in _ATTACHABLE:
        return _WAIT
    if row.state is VolumeState.ATTACHING and asked:
        return _WAIT
    return Step(Kind.ATTACH)


def _towards_free(
        server: shadow.Server, row: volume.ShadowVolume,
        found: volume.Volume, asked: bool) -> Step:
    known = found.volume_id in server.volume_ids
    if not known and found.status == 'available':
        return Step(Kind.DONE, state=VolumeState.FREE)
    if not known or found.status != 'in-use':
        return _WAIT
    if server.task_state or server.status not in _DETACHABLE:
        return _WAIT
    if row.state is VolumeState.DETACHING and asked:
        return _WAIT
    return Step(Kind.DETACH)
