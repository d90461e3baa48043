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

import dataclasses
import datetime

from sqlalchemy import orm

from shadow_reserve.cloud import exceptions as cloud_exceptions
from shadow_reserve.db import journal as db_journal
from shadow_reserve.db import session as db_session
from shadow_reserve.engine import ahead as engine_ahead
from shadow_reserve.engine import net as engine_net
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
            source: usage_source.MetricSource,
            net: engine_net.Net, ahead: engine_ahead.Ahead) -> None:
        self._database = database
        self._moves = moves
        self._alarms = alarms
        self._source = source
        self._net = net
        self._ahead = ahead

    def scale(self, record: reservation.ReservationRecord,
              seen: observation.Observation,
              members: list[shadow.ShadowInstance],
              now: datetime.datetime) -> bool:
        """:returns: whether members were set in motion"""
        alarmed, signal, why = self._alarmed(record.token)
        live = self._source.live(
            seen.application, now, vcpus=record.size.vcpus,
            memory_mib=record.size.memory_mib)
        if live is None:
            return False
        decision = trigger_decision.decide(
            record.policy, live, _pool(members, seen), now,
            alarmed=bool(alarmed))
        decision = dataclasses.replace(
            decision, reason=decision.reason + why)
        promotes = decision.verdict in (Verdict.PROMOTE, Verdict.EXHAUSTED)
        if promotes and record.policy.mode is not reservation.Mode.ACTIVE:
            self._record(record, decision, live, alarmed, now, acted=False)
            return False
        if decision.verdict is Verdict.PROMOTE:
            moved = self._moves.promote(
                record.token, decision.count, now, decision.reason, signal)
        elif decision.verdict is Verdict.RETURN:
            count = self._ahead.spare(
                record, seen, members, decision.count, now)
            moved = self._moves.return_to_pool(
                record.token, count, now, decision.reason)
        else:
            moved = []
        if alarmed or moved:
            self._record(record, decision, live, alarmed, now,
                         acted=bool(moved))
        return bool(moved)

    def _alarmed(
            self, token: str) -> tuple[list[str], promotion.Signal, str]:
        """Metrics whose alarm stands, or would if there were one; whether
        Aodh says so or we do, and why we do."""
        net = self._net.alarmed(token)
        try:
            alarmed = self._alarms.alarmed(token)
        except cloud_exceptions.CloudError:
            if net is None:
                raise
            alarmed = []
        if alarmed or net is None or not net.metrics:
            return alarmed, promotion.Signal(
                source=promotion.Source.USAGE), ''
        return list(net.metrics), promotion.Signal(
            source=promotion.Source.NET), f'; {net.why}'

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
                       and latest.details['as_of'] == as_of)
            if acted or not repeats:
                db_journal.record(
                    session, record.token, now, kind, decision.reason,
                    severity, count=decision.count, acted=acted,
                    alarms=alarmed, as_of=as_of,
                    mode=record.policy.mode.value,
                    cpu_percent=live.cpu_percent,
                    memory_percent=live.memory_percent,
                    io_latency_ms=live.io_latency_ms)
        as_of = live.as_of.isoformat()
        severity = (
            journal.Severity.WARNING
            if decision.verdict is Verdict.EXHAUSTED
            else journal.Severity.INFO)
        self._database.write(work)


def _pool(members: list[shadow.ShadowInstance],
          seen: observation.Observation) -> trigger_decision.Pool:
    def count(state: State) -> int:
        return sum(1 for member in members if member.state is state)
    changes = [member.state_since for member in members
               if member.state in (State.PROMOTING, State.ALLOCATED,
                                   State.RETURNING)]
    return trigger_decision.Pool(
        primary=seen.primary, available=count(State.AVAILABLE),
        promoting=count(State.PROMOTING), allocated=count(State.ALLOCATED),
        last_change=max(changes, default=None))
