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

"""Whether anything is to be done for a reservation: a pure function.

It asks of the facts about one reservation what a pass would ask, with the
same functions, and changes nothing. What it calls idle a pass would leave
as it is.
"""

from collections.abc import Mapping
from collections.abc import Sequence
from collections.abc import Set
import dataclasses
import datetime
import decimal

from shadow_reserve.cloud import aodh as cloud_aodh
from shadow_reserve.engine import observation
from shadow_reserve.lease import terms as lease_terms
from shadow_reserve.records import demand
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow
from shadow_reserve.shadow import lifecycle
from shadow_reserve.shadow import sizing
from shadow_reserve.trigger import alarms as trigger_alarms
from shadow_reserve.trigger import decision as trigger_decision
from shadow_reserve.trigger import rules as trigger_rules

#: The state of an alarm whose measures were seen, and are not as it says.
_NOT_LOW = 'ok'

Status = reservation.ReservationStatus
State = shadow.InstanceState


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What is known of one reservation just now.

    ``quantity`` is what the last sizing asked for, ``alarm_ids`` what is
    written down of alarms, by kind. ``seen`` is ``None`` when Nova could
    not be asked, ``alarms`` (those of all reservations, by id) when Aodh
    could not. ``unsettled`` are members of which some hook is still to be
    run or undone.
    """

    record: reservation.ReservationRecord
    members: Sequence[shadow.ShadowInstance]
    quantity: int
    alarm_ids: Mapping[str, str | None]
    seen: observation.Observation | None
    alarms: Mapping[str, cloud_aodh.Alarm] | None
    unsettled: Set[str] = frozenset()


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Outlook:
    """What the last forecast left: its profiles without their steps, and
    the last readings of CPU and memory; ``near`` are their profiles with
    the steps to come next, where the policy promotes by them."""

    profiles: tuple[demand.DemandProfile, ...]
    recent: tuple[demand.Readings, ...] = ()
    near: tuple[demand.DemandProfile, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Basis:
    """What a pass sizes by, as far as it is seen without one.

    ``cost`` is left out where no budget bounds it. ``wanted`` and
    ``bound`` are the size but for quota and budget; ``origin`` is that of
    the forecast, where the size that was last asked for is another one:
    what bounded it may have changed since.
    """

    policy: reservation.Policy
    flavor: reservation.InstanceSize
    trust_id: str | None
    cost: decimal.Decimal | None
    primary: int
    wanted: int | None
    bound: str | None
    origin: datetime.datetime | None


def basis(facts: Facts, outlook: Outlook | None) -> Basis | None:
    """What a pass would size by.

    :param outlook: ``None`` before the first forecast
    :returns: ``None`` when Nova could not be asked
    """
    if facts.seen is None:
        return None
    record, primary = facts.record, facts.seen.primary
    size, origin = None, None
    if outlook is not None and outlook.profiles:
        size = sizing.size_shadow(
            record, outlook.profiles, primary=primary, quota_room=None,
            budget_spent=False)
        if size.quantity != facts.quantity:
            origin = outlook.profiles[0].origin
    return Basis(
        policy=record.policy, flavor=record.size, trust_id=record.trust_id,
        cost=None if record.policy.budget is None else record.cost,
        primary=primary, wanted=None if size is None else size.quantity,
        bound=None if size is None else size.bound, origin=origin)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """When things are due, from the operator's configuration."""

    limits: lifecycle.Limits
    settle_interval: datetime.timedelta
    creation_grace: datetime.timedelta


def reason(facts: Facts, found: Basis | None, sized: Basis | None,
           now: datetime.datetime, terms: Terms,
           alarms: trigger_alarms.AlarmKeeper, *,
           watched: bool) -> str | None:
    """Why a reservation needs a pass; ``None`` when nothing is due.

    :param found: the basis that a pass would have
    :param sized: that of the last pass; ``None`` when there was none
    :param watched: whether nothing is to be expected of its alarms
    """
    record = facts.record
    match record.status:
        case Status.CREATING:
            late = now - record.created_at >= terms.creation_grace
            return 'its creation came to nothing' if late else None
        case Status.PENDING:
            return 'its start' if now >= record.start_time else None
        case Status.ENDING | Status.DELETING:
            return 'it is being taken down'
        case Status.ACTIVE:
            if now >= record.end_time:
                return 'its end'
            return (_sizing(facts, found, sized)
                    or _charge(facts, now, terms)
                    or _alarm(facts, alarms, now)
                    or _calm(facts, watched, now)
                    or _member(facts, now, terms))
    return None


def standing(facts: Facts) -> str | None:
    """The metric of an alarm that stands and asks for members, if any."""
    if facts.alarms is None:
        return None
    for metric, alarm_id in facts.alarm_ids.items():
        alarm = facts.alarms.get(alarm_id or '')
        if alarm is not None and trigger_alarms.stands(
                alarm, facts.record.token, metric):
            return metric
    return None


def _sizing(facts: Facts, found: Basis | None,
            sized: Basis | None) -> str | None:
    policy = facts.record.policy
    if found is None:
        # Without Nova nothing can be sized; the next round tells.
        return None
    if found != sized:
        return 'its size was made of something else'
    if policy.schedule:
        return 'its schedule'
    held = sum(1 for member in facts.members
               if member.state in shadow.HELD_STATES)
    # They are replaced when they are gone.
    failed = sum(1 for member in facts.members
                 if member.state is State.ERROR)
    wanted = (facts.quantity if policy.mode is reservation.Mode.ACTIVE
              else 0)
    return (None if held <= wanted <= held + failed
            else f'{held} held, {wanted} wanted')


def _charge(facts: Facts, now: datetime.datetime,
            terms: Terms) -> str | None:
    interval = lease_terms.settle_after(
        facts.record, terms.settle_interval, now)
    owe = any(shadow.owes(member, interval, now) for member in facts.members)
    return 'a charge' if owe else None


def _is_cooling(facts: Facts, now: datetime.datetime) -> bool:
    return trigger_decision.is_cooling(
        facts.record.policy, shadow.last_change(facts.members), now)


def _alarm(facts: Facts, alarms: trigger_alarms.AlarmKeeper,
           now: datetime.datetime) -> str | None:
    metric = standing(facts)
    if metric is not None:
        return f'the {metric} alarm stands'
    if facts.alarms is None or facts.seen is None:
        return None
    if not alarms.is_settled(
            facts.record, facts.seen.application, facts.alarm_ids,
            facts.alarms, serving=shadow.serves(facts.members),
            cooling=_is_cooling(facts, now)):
        return 'its alarms are not as they should be'
    return None


def _calm(facts: Facts, watched: bool,
          now: datetime.datetime) -> str | None:
    """Only usage tells when a member that serves may go back. That an
    alarm on low usage does not stand says that it may not."""
    if not shadow.serves(facts.members) or _is_cooling(facts, now):
        return None
    if facts.alarms is None or watched:
        return 'a member serves, and no alarm would tell that it may go back'
    for kind, alarm_id in facts.alarm_ids.items():
        alarm = facts.alarms.get(alarm_id or '')
        if (alarm is not None and alarm.state == _NOT_LOW
                and trigger_rules.is_low(kind)):
            return None
    return 'a member serves, and usage may be low'


def _member(facts: Facts, now: datetime.datetime,
            terms: Terms) -> str | None:
    if facts.seen is None:
        return None
    limits = lifecycle.limits_of(facts.record, terms.limits)
    for member in facts.members:
        if member.instance_id in facts.unsettled:
            return 'hooks of a member'
        server = facts.seen.servers.get(member.instance_id)
        if (server is not None and member.server_id is not None
                and server.server_id != member.server_id):
            # A pass looks closer before it believes that it is gone.
            return 'the server of a member is not seen'
        action = lifecycle.next_action(member, server, now, limits)
        if (action.kind is lifecycle.Kind.CHECK_CLAIM
                and server is not None and server.held_as is member.tier):
            # Only Placement knows whether that was healed, and only by
            # hand: the next pass that there is will do.
            continue
        if action.kind is not lifecycle.Kind.WAIT:
            return f'{action.kind.value} of a member'
        if member.state is State.AVAILABLE and (
                lifecycle.why_replace(member, server, now, limits)):
            return 'a member makes room for a new one'
    return None
