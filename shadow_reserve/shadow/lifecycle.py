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

"""What a shadow instance needs next: a pure function of what is seen.

``building -> settling -> available -> promoting -> allocated ->
returning -> available``, and ``error`` and ``deleting`` from anywhere.
Whoever asks again with the same facts gets the same answer, and every
request it asks for may be made twice: that is what lets an engine die
after any line and start again.
"""

import dataclasses
import datetime
import enum

from shadow_reserve.records import shadow

State = shadow.InstanceState


class Kind(enum.StrEnum):
    """What is to be done with an instance."""

    WAIT = 'wait'
    #: Write down a new state; nothing is asked of Nova.
    MOVE = 'move'
    CREATE = 'create'
    #: The server is there already: write its id down.
    ADOPT = 'adopt'
    SHELVE = 'shelve'
    UNSHELVE = 'unshelve'
    #: Nova may have let go of the claim: look at Placement again.
    CHECK_CLAIM = 'check_claim'
    DELETE = 'delete'
    #: Server and claim are gone: forget the row.
    FORGET = 'forget'


@dataclasses.dataclass(frozen=True, slots=True)
class Action:
    kind: Kind
    reason: str = ''
    state: State | None = None


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """How long things may take, from the operator's configuration."""

    settle_time: datetime.timedelta
    build_timeout: datetime.timedelta
    promotion_timeout: datetime.timedelta
    error_backoff: datetime.timedelta
    #: How long a request for a server may be on its way unseen.
    create_grace: datetime.timedelta = datetime.timedelta(seconds=60)


_WAIT = Action(Kind.WAIT)
_SHELVED = frozenset({'SHELVED', 'SHELVED_OFFLOADED'})


def next_action(
        instance: shadow.ShadowInstance, server: shadow.Server | None,
        now: datetime.datetime, limits: Limits) -> Action:
    """The one next thing to do.

    :param server: what Nova says of it; ``None`` when Nova has no such
        server (a listing that failed must not come here as ``None``)
    """
    age = now - instance.state_since
    if instance.state is State.DELETING:
        return Action(Kind.DELETE if server else Kind.FORGET)
    if instance.state is State.ERROR:
        if age >= limits.error_backoff:
            return _move(State.DELETING, instance.reason)
        return _WAIT
    if instance.server_id is None:
        return _without_server_id(instance, server, age, limits)
    if server is None:
        return _move(State.DELETING,
                     'its server is gone: it was deleted by someone else')
    if server.status == 'ERROR':
        return _move(State.ERROR,
                     server.fault or 'Nova put its server into ERROR')
    if (instance.state is State.AVAILABLE and instance.host is not None
            and server.status == 'SHELVED_OFFLOADED'):
        return Action(Kind.CHECK_CLAIM)
    return _HANDLERS[instance.state](server, age, limits)


def _move(state: State, reason: str) -> Action:
    return Action(Kind.MOVE, reason, state)


def _without_server_id(
        instance: shadow.ShadowInstance, server: shadow.Server | None,
        age: datetime.timedelta, limits: Limits) -> Action:
    if server is not None:
        return Action(Kind.ADOPT)
    # A request of an engine that died may still be on its way into Nova.
    if instance.attempts == 0 or age >= limits.create_grace:
        return Action(Kind.CREATE)
    return _WAIT


def _building(server: shadow.Server, age: datetime.timedelta,
              limits: Limits) -> Action:
    if server.status == 'ACTIVE':
        return _move(State.SETTLING, 'its server is running')
    if age >= limits.build_timeout:
        return _move(State.ERROR, f'not running after {age}')
    return _WAIT


def _settling(server: shadow.Server, age: datetime.timedelta,
              limits: Limits) -> Action:
    if server.status in _SHELVED and not server.task_state:
        return _move(State.AVAILABLE, 'shelved, ready to be promoted')
    if age >= limits.settle_time:
        return _shelve(server, age - limits.settle_time, limits)
    return _WAIT


def _returning(server: shadow.Server, age: datetime.timedelta,
               limits: Limits) -> Action:
    if server.status in _SHELVED and not server.task_state:
        return _move(State.AVAILABLE, 'shelved again, back in the pool')
    return _shelve(server, age, limits)


def _shelve(server: shadow.Server, age: datetime.timedelta,
            limits: Limits) -> Action:
    if age >= limits.build_timeout:
        return _move(State.ERROR, f'not shelved after {age}')
    if server.task_state or server.status not in ('ACTIVE', 'SHUTOFF'):
        return _WAIT
    return Action(Kind.SHELVE)


def _available(server: shadow.Server, age: datetime.timedelta,
               limits: Limits) -> Action:
    if server.status == 'ACTIVE':
        return _move(State.ALLOCATED,
                     'its server was unshelved by someone else')
    return _WAIT


def _promoting(server: shadow.Server, age: datetime.timedelta,
               limits: Limits) -> Action:
    if server.status == 'ACTIVE' and not server.task_state:
        return _move(State.ALLOCATED, 'its server serves the application')
    if age >= limits.promotion_timeout:
        return _move(State.ERROR, f'not running {age} after its promotion '
                                  f'(Nova says {server.status})')
    if server.status in _SHELVED and not server.task_state:
        return Action(Kind.UNSHELVE)
    return _WAIT


def _allocated(server: shadow.Server, age: datetime.timedelta,
               limits: Limits) -> Action:
    if server.status in _SHELVED and not server.task_state:
        return _move(State.AVAILABLE,
                     'its server was shelved by someone else')
    return _WAIT


_HANDLERS = {
    State.BUILDING: _building,
    State.SETTLING: _settling,
    State.AVAILABLE: _available,
    State.PROMOTING: _promoting,
    State.ALLOCATED: _allocated,
    State.RETURNING: _returning,
}
