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

"""From an alarm to a promotion, and from calm back to the pool."""

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import datetime
from typing import Any

from sqlalchemy import orm

from shadow_reserve.cloud import aodh as cloud_aodh
from shadow_reserve.cloud import exceptions as cloud_exceptions
from shadow_reserve.db import alarms as db_alarms
from shadow_reserve.db import demand as db_demand
from shadow_reserve.db import journal as db_journal
from shadow_reserve.db import promotions as db_promotions
from shadow_reserve.db import session as db_session
from shadow_reserve.engine import ahead as engine_ahead
from shadow_reserve.engine import net as engine_net
from shadow_reserve.engine import observation
from shadow_reserve.engine import pool as engine_pool
from shadow_reserve.records import demand
from shadow_reserve.records import journal
from shadow_reserve.records import promotion
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow
from shadow_reserve.shadow import moves as shadow_moves
from shadow_reserve.trigger import alarms as trigger_alarms
from shadow_reserve.trigger import decision as trigger_decision
from shadow_reserve.trigger import rules as trigger_rules
from shadow_reserve.usage import source as usage_source

#: A new server shows in a rate after the second of Ceilometer's polls, ten
#: minutes apart at the most, and what Gnocchi takes.
_SHOWS_WITHIN = datetime.timedelta(minutes=25)

#: What its owner has paused or is repairing.
_RESTING = frozenset({'PAUSED', 'RESCUE'})
#: What comes back by itself, or after its owner has had a look.
_BUSY = frozenset({'REBOOT', 'HARD_REBOOT', 'REBUILD', 'MIGRATING', 'RESIZE',
                   'VERIFY_RESIZE', 'REVERT_RESIZE', 'PASSWORD'})

State = shadow.InstanceState
Judgement = trigger_decision.Judgement
Verdict = trigger_decision.Verdict


class Judge:
    """Looks at a reservation's alarms and live usage, and changes nothing.

    :param net: what evaluates where alarms are of no use; only an engine
        has it
    """

    def __init__(
            self, database: db_session.Database,
            alarms: trigger_alarms.AlarmKeeper,
            source: usage_source.MetricSource,
            net: engine_net.Net | None = None) -> None:
        self._database = database
        self._alarms = alarms
        self._source = source
        self._net = net

    def judge(self, record: reservation.ReservationRecord,
              seen: observation.Observation,
              members: list[shadow.ShadowInstance],
              now: datetime.datetime,
              alarms: Mapping[str, cloud_aodh.Alarm] | None = None,
              ) -> Judgement | None:
        """
        :param alarms: the reservation's, as Aodh has them just now, by kind;
            read if they are not given
        :returns: ``None`` when nobody has measured the application
        """
        net = self._net.alarmed(record.token) if self._net else None
        stand = self._standing(record.token, alarms, net)
        # One alarm may stand while another one is of no use.
        alarmed = tuple(dict.fromkeys((
            *stand, *(net.metrics if net else ()))))
        live = self._source.live(
            seen.application, now, vcpus=record.size.vcpus,
            memory_mib=record.size.memory_mib)
        if live is None:
            return None
        serving = [(member, seen.servers.get(member.instance_id))
                   for member in members if member.state is State.ALLOCATED]
        pool = dataclasses.replace(
            pool_of(members, seen.primary, self._database.read(
                lambda session: db_promotions.latest_claim(
                    session, record.token))),
            resting=sum(1 for _, server in serving if _rests(server)),
            fresh=sum(1 for member, server in serving
                      if not _rests(server)
                      and (now - member.state_since < _SHOWS_WITHIN
                           or (server and server.status in _BUSY))))
        standing = (trigger_decision.METRICS
                    if trigger_rules.COMPOSITE in alarmed else alarmed)
        decision = trigger_decision.decide(
            record.policy, live, pool, now, alarmed=standing)
        if decision.metrics or decision.verdict is Verdict.RETURN:
            # Only then does the forecast, which is long, matter.
            profiles = self._database.read(
                lambda session: db_demand.list_profiles(
                    session, record.token))
            decision = trigger_decision.decide(
                record.policy, live, pool, now, alarmed=standing,
                expected=_expected(record, profiles, now))
        answers = {kind: alarm for kind, alarm in stand.items()
                   if kind == trigger_rules.COMPOSITE
                   or kind in decision.metrics}
        source = promotion.Source.USAGE
        if net is not None and net.metrics and not (
                answers if decision.metrics else stand):
            source = promotion.Source.NET
            decision = dataclasses.replace(
                decision, reason=f'{decision.reason}; {net.why}')
        return Judgement(
            decision=decision, live=live, alarmed=alarmed, source=source,
            changes={alarm.alarm_id: trigger_alarms.change_of(alarm)
                     for alarm in answers.values()})

    def _standing(self, token: str,
                  given: Mapping[str, cloud_aodh.Alarm] | None,
                  net: engine_net.Alarmed | None,
                  ) -> dict[str, cloud_aodh.Alarm]:
        """Alarms that stand, as Aodh says; none where it cannot be asked
        and the net has taken over."""
        try:
            return self._alarms.alarmed(token, given)
        except cloud_exceptions.CloudError:
            if net is None:
                raise
            return {}


class Scaling:
    """Acts on what a reservation's alarms and live usage ask for.

    :param clock: what is done is told by it: to read usage takes a while
    """

    def __init__(
            self, database: db_session.Database,
            moves: shadow_moves.Moves, judge: Judge,
            pool: engine_pool.Pool, ahead: engine_ahead.Ahead,
            clock: Callable[[], datetime.datetime]) -> None:
        self._database = database
        self._moves = moves
        self._judge = judge
        self._pool = pool
        self._ahead = ahead
        self._clock = clock

    def scale(self, record: reservation.ReservationRecord,
              seen: observation.Observation,
              members: list[shadow.ShadowInstance],
              alarms: Mapping[str, cloud_aodh.Alarm] | None) -> bool:
        """
        :param alarms: as ``Judge.judge`` takes them
        :returns: whether members were set in motion
        """
        judgement = self._judge.judge(
            record, seen, members, self._clock(), alarms)
        if judgement is None:
            return False
        now = self._clock()
        decision = judgement.decision
        promotes = decision.verdict in (Verdict.PROMOTE, Verdict.EXHAUSTED)
        if promotes and record.policy.mode is not reservation.Mode.ACTIVE:
            self._record(record, judgement, now, acted=False)
            return False
        moved = []
        if decision.verdict is Verdict.PROMOTE:
            changes = judgement.changes

            def act(session: orm.Session) -> bool:
                # So that no late message has the quick way do it again.
                for alarm_id, change in changes.items():
                    db_alarms.act_once(session, alarm_id, change)
                return True
            moved = self._moves.promote(
                record.token, decision.count, now, decision.reason,
                _signal(judgement),
                # The quick way may have promoted since they were read.
                seen=shadow_moves.Seen(record=record, members=members),
                first=act)
            if not moved:
                # It was decided by what is not so any more.
                return False
        elif decision.verdict is Verdict.RETURN:
            count = self._ahead.spare(
                record, seen, members, decision.count, now)
            moved = self._moves.return_to_pool(
                record.token, count, now, decision.reason,
                seen=shadow_moves.Seen(record=record, members=members))
        if promotes and decision.short and record.policy.cold_creation:
            built, bound = self._build(
                record, judgement, [*members, *moved], now)
            if not moved and not built and bound is None:
                # Somebody else builds, or it is not wanted any more.
                return False
            judgement = _with_cold(judgement, len(built), bound)
            moved = moved + built
            self._record(record, judgement, now, acted=bool(moved),
                         cold=len(built), cold_bound=bound)
        elif judgement.alarmed or moved:
            self._record(record, judgement, now, acted=bool(moved))
        return bool(moved)

    def _build(self, record: reservation.ReservationRecord,
               judgement: Judgement, seen: list[shadow.ShadowInstance],
               now: datetime.datetime,
               ) -> tuple[list[shadow.ShadowInstance], str | None]:
        """
        :param seen: the members by which it was decided, and those that
            were promoted by it
        :returns: what is built, and why it is not more
        """
        decision = judgement.decision
        try:
            return self._pool.build_serving(
                record, decision.short, now, decision.reason,
                _signal(judgement), shadow.serving(seen))
        except cloud_exceptions.CloudError as error:
            # Of what was promoted there is to be an event all the same.
            return [], str(error)

    def _record(self, record: reservation.ReservationRecord,
                judgement: Judgement, now: datetime.datetime, *,
                acted: bool, **details: Any) -> None:
        """Write the decision down, unless it only repeats the last one."""
        def work(session: orm.Session) -> None:
            latest = db_journal.latest_event(
                session, record.token, 'trigger.%')
            repeats = (
                latest is not None
                and latest.kind == _kind_of(judgement.decision)
                and latest.details['as_of']
                == judgement.live.as_of.isoformat())
            if acted or not repeats:
                write_down(session, record, judgement, now, acted=acted,
                           **details)
        self._database.write(work)


def write_down(
        session: orm.Session, record: reservation.ReservationRecord,
        judgement: Judgement, now: datetime.datetime, *,
        acted: bool, **details: Any) -> None:
    """Append a decision and what it was made from to the events."""
    decision, live = judgement.decision, judgement.live
    db_journal.record(
        session, record.token, now, _kind_of(decision), decision.reason,
        journal.Severity.WARNING
        if decision.verdict is Verdict.EXHAUSTED else journal.Severity.INFO,
        count=decision.count, acted=acted, wanted=decision.wanted,
        bound=decision.bound, alarms=list(judgement.alarmed),
        as_of=live.as_of.isoformat(), mode=record.policy.mode.value,
        cpu_percent=live.cpu_percent, memory_percent=live.memory_percent,
        io_latency_ms=live.io_latency_ms, **details)


def _kind_of(decision: trigger_decision.Decision) -> str:
    return f'trigger.{decision.verdict.value}'


def _signal(judgement: Judgement) -> promotion.Signal:
    metrics = judgement.decision.metrics
    return promotion.Signal(source=judgement.source,
                            metric=metrics[0] if metrics else None)


def _with_cold(judgement: Judgement, built: int,
               bound: str | None) -> Judgement:
    """The same, once it is known what was built in place of the pool's.

    All that was short being built, nothing is exhausted.
    """
    decision = judgement.decision
    verdict = (Verdict.PROMOTE if built == decision.short
               else decision.verdict)
    text = f'{decision.reason}; {built} built from nothing'
    if bound is not None:
        text += f' ({bound})'
    return dataclasses.replace(judgement, decision=dataclasses.replace(
        decision, verdict=verdict, reason=text))


def _rests(server: shadow.Server | None) -> bool:
    return server is not None and server.status in _RESTING


def _expected(record: reservation.ReservationRecord,
              profiles: list[demand.DemandProfile],
              now: datetime.datetime) -> float | None:
    """CPU demand within the next cooldown, in busy servers."""
    policy = record.policy
    for profile in profiles:
        if (profile.resource is demand.DemandResource.VCPU
                and profile.is_usable and not profile.is_stale):
            vcpus = profile.highest(
                policy.service_level, now, now + policy.cooldown)
            return None if vcpus is None else vcpus / record.size.vcpus
    return None


def pool_of(members: Sequence[shadow.ShadowInstance], primary: int,
            last_promotion: datetime.datetime | None,
            ) -> trigger_decision.Pool:
    """The capacity of an application, out of its shadow's members."""
    def count(state: State) -> int:
        return sum(1 for member in members if member.state is state)
    return trigger_decision.Pool(
        primary=primary, available=shadow.count_available(members),
        promoting=count(State.PROMOTING), allocated=count(State.ALLOCATED),
        last_change=shadow.last_change(members),
        last_promotion=last_promotion)
