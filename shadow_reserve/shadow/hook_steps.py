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

"""What a hook of a member needs next: a pure function.

Whoever asks again with the same facts gets the same answer, and every
request that it asks for may be made twice.
"""

from collections.abc import Iterable
from collections.abc import Mapping
import datetime
import enum

from shadow_reserve.records import hook
from shadow_reserve.records import shadow

State = shadow.InstanceState
HookKind = hook.HookKind
HookState = hook.HookState


class Kind(enum.StrEnum):
    #: It is as it should be.
    DONE = 'done'
    WAIT = 'wait'
    #: Write down that it is to be run, or to be undone.
    TO_JOIN = 'to_join'
    TO_LEAVE = 'to_leave'
    JOIN = 'join'
    LEAVE = 'leave'
    #: It cannot be had in time: the member serves without it.
    GIVE_UP = 'give_up'
    #: There is nothing to undo.
    FORGET = 'forget'
    #: It could not be undone, and nothing more can be done about it.
    ABANDON = 'abandon'


#: The steps that ask something of others.
REQUESTS = frozenset({Kind.JOIN, Kind.LEAVE})

#: In which Nova lets a server's metadata be changed.
_CHANGEABLE = frozenset({'ACTIVE', 'PAUSED', 'SHUTOFF', 'SUSPENDED'})

#: The first pause before another try; it doubles from try to try.
_FIRST_PAUSE = datetime.timedelta(seconds=2)
_LONGEST_PAUSE = datetime.timedelta(seconds=60)


def steps(
        member: shadow.ShadowInstance, server: shadow.Server | None,
        hooks: Iterable[hook.Hook],
        rows: Mapping[str, hook.MemberHook],
        now: datetime.datetime) -> list[tuple[hook.Hook, Kind]]:
    """The next step of each hook that the policy has or had.

    :param hooks: of the policy
    :param rows: what is written down of this member's, by hook
    """
    wanted = {one.hook_id: one for one in hooks
              } if member.state is State.ALLOCATED else {}
    return [
        *((one, next_step(member, server, True, rows.get(hook_id), now))
          for hook_id, one in wanted.items()),
        *((row.hook, next_step(member, server, False, row, now))
          for hook_id, row in rows.items() if hook_id not in wanted)]


def next_step(
        member: shadow.ShadowInstance, server: shadow.Server | None,
        wanted: bool, row: hook.MemberHook | None,
        now: datetime.datetime) -> Kind:
    """The one next thing to do about one hook of a member.

    :param wanted: whether it should stand
    :param row: ``None`` where nothing was ever done about it
    """
    if wanted:
        return _towards_joined(server, row, now)
    if row is None:
        return Kind.DONE
    if row.state is not HookState.LEAVING:
        # What was never asked for cannot have come about.
        return Kind.FORGET if row.asked_at is None else Kind.TO_LEAVE
    return _towards_left(member, server, row, now)


def holds_back(member: shadow.ShadowInstance,
               rows: Iterable[hook.MemberHook],
               now: datetime.datetime) -> bool:
    """Whether a member must not be taken on yet, since it may still be
    sent work."""
    return member.state in (State.RETURNING, State.DELETING) and any(
        row.state is not HookState.LEAVING or now < row.deadline
        for row in rows)


def _towards_joined(server: shadow.Server | None,
                    row: hook.MemberHook | None,
                    now: datetime.datetime) -> Kind:
    if row is None or row.state is HookState.LEAVING:
        return Kind.TO_JOIN
    if row.state is not HookState.JOINING:
        return Kind.DONE
    if now >= row.deadline:
        return Kind.GIVE_UP
    if server is None or server.status != 'ACTIVE' or _pauses(row, now):
        return Kind.WAIT
    return Kind.JOIN


def _towards_left(
        member: shadow.ShadowInstance, server: shadow.Server | None,
        row: hook.MemberHook, now: datetime.datetime) -> Kind:
    tried_long = now >= row.deadline and row.asked_at is not None
    match row.hook.kind:
        case HookKind.METADATA:
            # It goes with its server.
            if server is None or member.state in (
                    State.DELETING, State.ERROR):
                return Kind.FORGET
            if server.task_state or server.status not in _CHANGEABLE:
                return Kind.WAIT
        case HookKind.WEBHOOK:
            if tried_long:
                return Kind.ABANDON
        case HookKind.OCTAVIA_POOL:
            if (tried_long and server is None
                    and member.state is State.DELETING):
                return Kind.ABANDON
    return Kind.WAIT if _pauses(row, now) else Kind.LEAVE


def _pauses(row: hook.MemberHook, now: datetime.datetime) -> bool:
    """Whether it is too soon for another try."""
    if row.asked_at is None:
        return False
    doubled: int = 2 ** min(max(row.attempts - 1, 0), 10)
    return now - row.asked_at < min(_FIRST_PAUSE * doubled, _LONGEST_PAUSE)
