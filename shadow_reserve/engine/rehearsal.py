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

"""What the trigger would decide, for those who ask before it does."""

from collections.abc import Mapping
import dataclasses
import datetime

from shadow_reserve.cloud import aodh as cloud_aodh
from shadow_reserve.cloud import exceptions as cloud_exceptions
from shadow_reserve.cloud import nova as cloud_nova
from shadow_reserve.engine import ahead as engine_ahead
from shadow_reserve.engine import net as engine_net
from shadow_reserve.engine import observation
from shadow_reserve.engine import scaling as engine_scaling
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow
from shadow_reserve.records import usage
from shadow_reserve.trigger import alarms as trigger_alarms
from shadow_reserve.trigger import decision as trigger_decision
from shadow_reserve.trigger import rules as trigger_rules
from shadow_reserve.trigger import watch

Verdict = trigger_decision.Verdict


class Rehearsal:
    """Looks at a reservation as a pass does, and leaves it at that.

    :param judge: one without a net: that is an engine's, which has seen
        more than one look tells
    """

    def __init__(self, nova: cloud_nova.Nova,
                 alarms: trigger_alarms.AlarmKeeper,
                 judge: engine_scaling.Judge, ahead: engine_ahead.Ahead,
                 terms: engine_net.Terms) -> None:
        self._nova = nova
        self._alarms = alarms
        self._judge = judge
        self._ahead = ahead
        self._terms = terms

    def __call__(
            self, record: reservation.ReservationRecord,
            members: list[shadow.ShadowInstance], now: datetime.datetime,
    ) -> trigger_decision.Judgement | None:
        """:returns: ``None`` when nobody has measured the application, and
            its forecast asks for none
        :raises CloudError: when a service other than Aodh could not be
            asked
        """
        seen = observation.observe(self._nova, record, members)
        alarms = self._read_alarms(record.token)
        judgement = self._judge.judge(
            record, seen, members, now, alarms or {})
        if judgement is None:
            # The forecast is made from what was measured before.
            decision = self._ahead.rehearse(record, seen, members, now)
            return None if decision is None else trigger_decision.Judgement(
                decision=decision, alarmed=(), live=usage.LiveUsage(
                    as_of=now, members=0, cpu_percent=None,
                    memory_percent=None, io_latency_ms=None))
        decision = judgement.decision
        match decision.verdict:
            case Verdict.NOTHING:
                decision = self._ahead.rehearse(
                    record, seen, members, now) or self._unalarmed(
                        record, judgement, alarms,
                        len(seen.application.server_ids), now)
            case Verdict.RETURN:
                decision = _spared(decision, self._ahead.spare(
                    record, seen, members, decision.count, now))
        return dataclasses.replace(judgement, decision=decision)

    def _read_alarms(self, token: str,
                     ) -> Mapping[str, cloud_aodh.Alarm] | None:
        try:
            return self._alarms.read(token)
        except cloud_exceptions.CloudError:
            return None

    def _unalarmed(
            self, record: reservation.ReservationRecord,
            judgement: trigger_decision.Judgement,
            alarms: Mapping[str, cloud_aodh.Alarm] | None, running: int,
            now: datetime.datetime) -> trigger_decision.Decision:
        """The decision, and what is to come when no alarm is."""
        decision = judgement.decision
        over = trigger_decision.over_threshold(
            record.policy, judgement.live)
        if (trigger_rules.COMPOSITE in judgement.alarmed
                or not set(over) - set(judgement.alarmed)):
            return decision
        found = None if alarms is None else {
            alarm.alarm_id: alarm for alarm in alarms.values()}
        reason = watch.why(
            watch.Subject(
                record=record, running=running,
                alarm_ids={kind: alarm.alarm_id
                           for kind, alarm in (alarms or {}).items()}),
            found, watch.manner_of(list((found or {}).values())), now,
            self._terms.patience)
        if reason is None or reason.is_nothing_to_see(judgement.live):
            return decision
        length = trigger_rules.evaluation_time(
            record.policy, self._terms.defaults)
        return dataclasses.replace(decision, reason=(
            f'{decision.reason}; {reason.message}. Where that lasts, an '
            f'engine watches usage itself, and acts as if the alarm stood '
            f'once it has been over for {length.total_seconds():.0f} s'))


def _spared(decision: trigger_decision.Decision,
            count: int) -> trigger_decision.Decision:
    """What is left of a return when the forecast had its say."""
    if count == decision.count:
        return decision
    return dataclasses.replace(
        decision, count=count,
        verdict=Verdict.RETURN if count else Verdict.NOTHING,
        reason=f'{decision.reason}; {decision.count - count} of those that '
               f'could go back are kept for what the forecast expects')
