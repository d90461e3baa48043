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

from collections.abc import Sequence
import datetime

from sqlalchemy import orm

from shadow_reserve.db import journal as db_journal
from shadow_reserve.db import session as db_session
from shadow_reserve.engine import observation
from shadow_reserve.records import journal
from shadow_reserve.records import promotion
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow
from shadow_reserve.records import usage
from shadow_reserve.shadow import moves as shadow_moves
from shadow_reserve.trigger import alarms as trigger_alarms
from shadow_reserve.trigger import decision as trigger_decision
from shadow_reserve.usage import source as usage_source

State = shadow.InstanceState
Verdict = trigger_decision.Verdict


class Scaling:
    """Looks at a reservation's alarms and live usage, and acts on them."""

    def __init__(
            self, database: db_session.Database,
            moves: shadow_moves.Moves, alarms: trigger_alarms.AlarmKeeper,
            source: usage_source.MetricSource) -> None:
        self._database = database
        self._moves = moves
        self._alarms = alarms
        self._source = source

    def scale(self, record: reservation.ReservationRecord,
              seen: observation.Observation,
              members: list[shadow.ShadowInstance],
              now: datetime.datetime) -> bool:
        """:returns: whether members were set in motion"""
        alarmed = self._alarms.alarmed(record.token)
        live = self._source.live(
            seen.application, now, vcpus=record.size.vcpus,
            memory_mib=record.size.memory_mib)
        if live is None:
            return False
        decision = trigger_decision.decide(
            record.policy, live, pool_of(members, seen.primary), now,
            alarmed=bool(alarmed))
        promotes = decision.verdict in (Verdict.PROMOTE, Verdict.EXHAUSTED)
        if promotes and record.policy.mode is not reservation.Mode.ACTIVE:
            self._record(record, decision, live, alarmed, now, acted=False)
            return False
        if decision.verdict is Verdict.PROMOTE:
            moved = self._moves.promote(
                record.token, decision.count, now, decision.reason,
                promotion.Signal(source=promotion.Source.USAGE,
                                 metric=alarmed[0] if alarmed else None),
                # The quick way may have promoted since they were read.
                seen=members)
        elif decision.verdict is Verdict.RETURN:
            moved = self._moves.return_to_pool(
                record.token, decision.count, now, decision.reason)
        else:
            moved = []
        if alarmed or moved:
            self._record(record, decision, live, alarmed, now,
                         acted=bool(moved))
        return bool(moved)

    def _record(self, record: reservation.ReservationRecord,
                decision: trigger_decision.Decision, live: usage.LiveUsage,
                alarmed: list[str], now: datetime.datetime, *,
                acted: bool) -> None:
        """Write the decision down, unless it only repeats the last one."""
        def work(session: orm.Session) -> None:
            kind = f'trigger.{decision.verdict.value}'
            latest = db_journal.latest_event(
                session, record.token, 'trigger.%')
            repeats = (latest is not None and latest.kind == kind
                       and latest.details['as_of'] == live.as_of.isoformat())
            if acted or not repeats:
                write_down(session, record, decision, live, alarmed, now,
                           acted=acted)
        self._database.write(work)


def write_down(
        session: orm.Session, record: reservation.ReservationRecord,
        decision: trigger_decision.Decision, live: usage.LiveUsage,
        alarmed: Sequence[str], now: datetime.datetime, *,
        acted: bool) -> None:
    """Append a decision and what it was made from to the events."""
    db_journal.record(
        session, record.token, now, f'trigger.{decision.verdict.value}',
        decision.reason,
        journal.Severity.WARNING
        if decision.verdict is Verdict.EXHAUSTED else journal.Severity.INFO,
        count=decision.count, acted=acted, alarms=list(alarmed),
        as_of=live.as_of.isoformat(), mode=record.policy.mode.value,
        cpu_percent=live.cpu_percent, memory_percent=live.memory_percent,
        io_latency_ms=live.io_latency_ms)


def pool_of(members: Sequence[shadow.ShadowInstance],
            primary: int) -> trigger_decision.Pool:
    """The capacity of an application, out of its shadow's members."""
    def count(state: State) -> int:
        return sum(1 for member in members if member.state is state)
    changes = [member.state_since for member in members
               if member.state in (State.PROMOTING, State.ALLOCATED,
                                   State.RETURNING)]
    return trigger_decision.Pool(
        primary=primary, available=count(State.AVAILABLE),
        promoting=count(State.PROMOTING), allocated=count(State.ALLOCATED),
        last_change=max(changes, default=None))
