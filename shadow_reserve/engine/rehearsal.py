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

import dataclasses
import datetime

from shadow_reserve.cloud import nova as cloud_nova
from shadow_reserve.engine import ahead as engine_ahead
from shadow_reserve.engine import observation
from shadow_reserve.engine import scaling as engine_scaling
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow
from shadow_reserve.trigger import decision as trigger_decision

Verdict = trigger_decision.Verdict


class Rehearsal:
    """Looks at a reservation as a pass does, and leaves it at that."""

    def __init__(self, nova: cloud_nova.Nova, judge: engine_scaling.Judge,
                 ahead: engine_ahead.Ahead) -> None:
        self._nova = nova
        self._judge = judge
        self._ahead = ahead

    def __call__(
            self, record: reservation.ReservationRecord,
            members: list[shadow.ShadowInstance], now: datetime.datetime,
    ) -> trigger_decision.Judgement | None:
        """:returns: ``None`` when nobody has measured the application
        :raises CloudError: when a service could not be asked
        """
        seen = observation.observe(self._nova, record, members)
        judgement = self._judge.judge(record, seen, members, now)
        if judgement is None:
            return None
        decision = judgement.decision
        match decision.verdict:
            case Verdict.NOTHING:
                decision = self._ahead.rehearse(
                    record, seen, members, now) or decision
            case Verdict.RETURN:
                decision = _spared(decision, self._ahead.spare(
                    record, seen, members, decision.count, now))
        return dataclasses.replace(judgement, decision=decision)


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
