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

"""What to do next with a shadow instance: facts in, one action out.

``building -> settling -> available -> promoting -> allocated ->
returning -> available``, and ``error`` and ``deleting`` from anywhere. One
that begins as ``promoting``, without a server, is built to serve at once.
Whoever asks again with the same facts gets the same answer, and every
request it asks for may be made twice: that is what lets an engine die
after any line and start again.
"""

import dataclasses
import datetime
import enum

from shadow_reserve.records import holding
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow
from shadow_reserve.shadow import template as shadow_template

State = shadow.InstanceState
Tier = holding.Tier

#: Metadata item of a server that is to be taken out of service.
DRAIN_KEY = 'shadow_reserve:draining'


class Kind(enum.StrEnum):
    """What is to be done with an instance."""

    WAIT = 'wait'
    #: Write down a new state; nothing is asked of Nova.
    MOVE = 'move'
    CREATE = 'create'
    #: The server is there already: write its id down.
    ADOPT = 'adopt'
    #: Suspend, shelve or stop it, as its tier has it.
    HOLD = 'hold'
    #: Let it go from its host.
    OFFLOAD = 'offload'
    #: Hold its capacity by a claim of our own.
    CLAIM = 'claim'
    #: Give our own claim back.
    RELEASE = 'release'
    #: What holds it may have changed: look at Placement again.
    CHECK_CLAIM = 'check_claim'
    #: Resume, unshelve or start it on its host.
    WAKE = 'wake'
    #: Let our claim go and have it unshelved there.
    LAND = 'land'
    #: Tell it, or tell it no more, that it is taken out of service.
    MARK_DRAINING = 'mark_draining'
    UNMARK_DRAINING = 'unmark_draining'
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
    """How long things may take, from the operator's configuration.

    What follows ``create_grace`` is a reservation's own: see
    :func:`limits_of`.
    """

    settle_time: datetime.timedelta
    build_timeout: datetime.timedelta
    promotion_timeout: datetime.timedelta
    error_backoff: datetime.timedelta
    #: For how long capacity that was given back is left alone.
    reclaim_delay: datetime.timedelta = datetime.timedelta(minutes=5)
    #: How long a request for a server may be on its way unseen.
    create_grace: datetime.timedelta = datetime.timedelta(seconds=60)
    drain_time: datetime.timedelta = datetime.timedelta()
    maximum_uses: int | None = None
    maximum_age: datetime.timedelta | None = None
    template_key: str = ''
    image_id: str | None = None
    vcpus: int | None = None
    memory_mib: int | None = None
    awaits_readiness: bool = False


def limits_of(record: reservation.ReservationRecord,
              limits: Limits) -> Limits:
    """The operator's limits with those of a reservation's policy."""
    hook = record.template.readiness is not None
    return dataclasses.replace(
        limits,
        # A hook knows better than a clock when a server is ready.
        settle_time=datetime.timedelta() if hook else limits.settle_time,
        drain_time=record.policy.drain_time,
        maximum_uses=record.policy.maximum_uses,
        maximum_age=record.policy.maximum_age,
        template_key=shadow_template.key_of(record),
        image_id=record.template.image_id, vcpus=record.size.vcpus,
        memory_mib=record.size.memory_mib, awaits_readiness=hook)


_WAIT = Action(Kind.WAIT)

#: Tiers that are reached by shelving.
_SHELVES = frozenset({Tier.SHELVED, Tier.OFFLOADED})


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
    return _HANDLERS[instance.state](instance, server, now, limits)


def why_replace(
        instance: shadow.ShadowInstance, server: shadow.Server | None,
        now: datetime.datetime, limits: Limits) -> str | None:
    """Why a member should make room for a new one; ``None`` if not."""
    if (instance.template_key and limits.template_key
            and instance.template_key != limits.template_key):
        return 'it was built from an older template'
    if limits.maximum_age and now - instance.created_at >= (
            limits.maximum_age):
        return f'it is older than {limits.maximum_age}'
    if limits.maximum_uses and instance.uses >= limits.maximum_uses:
        return f'it has served {instance.uses} times'
    if server is None:
        return None
    if None not in (limits.image_id, server.image_id) and (
            server.image_id != limits.image_id):
        return 'it was rebuilt from another image by someone else'
    if limits.vcpus is not None and (
            server.flavor.vcpus, server.flavor.memory_mib) != (
            limits.vcpus, limits.memory_mib):
        return 'it was resized by someone else'
    return None


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


def _building(instance: shadow.ShadowInstance, server: shadow.Server,
              now: datetime.datetime, limits: Limits) -> Action:
    age = now - instance.state_since
    if server.status == 'ACTIVE':
        return _move(State.SETTLING, 'its server is running')
    if age >= limits.build_timeout:
        return _move(State.ERROR, f'not running after {age}')
    return _WAIT


def _settling(instance: shadow.ShadowInstance, server: shadow.Server,
              now: datetime.datetime, limits: Limits) -> Action:
    if _is_held(instance.tier, server.held_as):
        return _move(State.AVAILABLE,
                     f'{server.held_as}, ready to be promoted')
    waited = now - instance.state_since - limits.settle_time
    if waited < datetime.timedelta():
        return _WAIT
    return _hold(instance, server, waited, limits)


def _returning(instance: shadow.ShadowInstance, server: shadow.Server,
               now: datetime.datetime, limits: Limits) -> Action:
    if _is_held(instance.tier, server.held_as):
        return _move(State.AVAILABLE,
                     f'{server.held_as} again, back in the pool')
    # Hooks that a pass has undone came to that later than it began.
    drained = max(now - instance.state_since, datetime.timedelta())
    waited = drained - limits.drain_time
    if waited < datetime.timedelta() and server.status == 'ACTIVE':
        if DRAIN_KEY in server.metadata:
            return _WAIT
        return Action(Kind.MARK_DRAINING)
    why = why_replace(instance, server, now, limits)
    if why is not None:
        return _move(State.DELETING, why)
    return _hold(instance, server, waited, limits)


def _is_held(wanted: Tier, held_as: Tier | None) -> bool:
    """Whether a server waits well enough for the tier it is meant for.

    Some clouds offload whatever is shelved, and a guest may shut itself
    down before it is suspended: the hold follows what the cloud did.
    """
    if held_as is None:
        return False
    if wanted is Tier.OFFLOADED:
        return held_as is Tier.OFFLOADED
    return wanted not in _SHELVES or held_as in _SHELVES


def _hold(instance: shadow.ShadowInstance, server: shadow.Server,
          age: datetime.timedelta, limits: Limits) -> Action:
    if age >= limits.build_timeout:
        if limits.awaits_readiness and server.status == 'ACTIVE':
            return _move(State.ERROR, (
                f'not ready after {age}: the readiness hook of its '
                f'template was never fulfilled'))
        return _move(State.ERROR, f'not {instance.tier} after {age} (Nova '
                                  f'says {server.status})')
    if server.task_state:
        return _WAIT
    if server.held_as is Tier.SHELVED:
        return Action(Kind.OFFLOAD)
    if server.status == 'ACTIVE' or server.held_as is not None:
        return Action(Kind.HOLD)
    return _WAIT


def _available(instance: shadow.ShadowInstance, server: shadow.Server,
               now: datetime.datetime, limits: Limits) -> Action:
    if server.status == 'ACTIVE':
        return _move(State.ALLOCATED,
                     'its server was put to use by someone else')
    if server.held_as is None:
        return _WAIT
    if server.held_as is not instance.tier:
        return Action(Kind.CHECK_CLAIM)
    if instance.host is None and instance.tier is not Tier.OFFLOADED:
        # Nova held nothing for it; somebody may have healed that.
        return Action(Kind.CHECK_CLAIM)
    if instance.host is not None and instance.lent_at is not None:
        return _give_back(instance)
    if instance.host is None and instance.tier is Tier.OFFLOADED and (
            instance.lent_at is None
            or now - instance.lent_at >= limits.reclaim_delay):
        return Action(Kind.CLAIM)
    return _WAIT


def _give_back(instance: shadow.ShadowInstance) -> Action:
    if instance.tier is Tier.OFFLOADED:
        return Action(Kind.RELEASE)
    if instance.tier is Tier.SHELVED:
        return Action(Kind.OFFLOAD)
    # To shelve it first would take longer than whoever needs the room
    # has time.
    return _move(State.DELETING, instance.reason)


def _promoting(instance: shadow.ShadowInstance, server: shadow.Server,
               now: datetime.datetime, limits: Limits) -> Action:
    age = now - instance.state_since
    if server.status == 'ACTIVE' and not server.task_state:
        return _move(State.ALLOCATED, 'its server serves the application')
    # One that was created for its promotion has a build before it.
    timeout = (limits.build_timeout if server.status == 'BUILD'
               else limits.promotion_timeout)
    if age >= timeout:
        if server.held_as is Tier.OFFLOADED and instance.slot is None:
            # Nothing is wrong with it: it may serve another time.
            why = ('no host had room for it' if instance.host is None
                   else 'Nova could not be asked for it')
            return _move(State.AVAILABLE, f'{why} within {timeout}')
        return _move(State.ERROR, f'not running {age} after its promotion '
                                  f'(Nova says {server.status})')
    if server.held_as is Tier.OFFLOADED:
        return Action(Kind.LAND)
    return _WAIT if server.held_as is None else Action(Kind.WAKE)


def _allocated(instance: shadow.ShadowInstance, server: shadow.Server,
               now: datetime.datetime, limits: Limits) -> Action:
    if server.held_as is not None:
        return _move(State.AVAILABLE,
                     f'its server was {server.held_as} by someone else')
    if DRAIN_KEY in server.metadata and not server.task_state:
        return Action(Kind.UNMARK_DRAINING)
    return _WAIT


_HANDLERS = {
    State.BUILDING: _building,
    State.SETTLING: _settling,
    State.AVAILABLE: _available,
    State.PROMOTING: _promoting,
    State.ALLOCATED: _allocated,
    State.RETURNING: _returning,
}
