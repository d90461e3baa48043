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

"""The quick way from an alarm's notification to a promotion.

All that is looked at is our database and the alarm itself, read back from
Aodh; and, for an alarm over several metrics, of which Aodh gives no value,
the application's usage. Where that is not enough to be sure, a pass takes
its time: it knows everything, and decides by the same rule. What is promoted
here is promoted once for each change of the alarm's state, whoever hears of
it how often, and not where a pass has promoted for it.
"""

from collections.abc import Callable
from collections.abc import Sequence
import dataclasses
import datetime
import enum
import functools
import logging
import threading

from sqlalchemy import orm

from shadow_reserve.cloud import aodh as cloud_aodh
from shadow_reserve.cloud import exceptions as cloud_exceptions
from shadow_reserve.db import alarms as db_alarms
from shadow_reserve.db import promotions as db_promotions
from shadow_reserve.db import session as db_session
from shadow_reserve.db import shadow as db_shadow
from shadow_reserve.engine import aside as engine_aside
from shadow_reserve.engine import observation
from shadow_reserve.engine import precedence as engine_precedence
from shadow_reserve.engine import promoter as engine_promoter
from shadow_reserve.engine import read_back as engine_read_back
from shadow_reserve.engine import scaling
from shadow_reserve.records import promotion
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow
from shadow_reserve.records import usage
from shadow_reserve.shadow import moves as shadow_moves
from shadow_reserve.trigger import alarms as trigger_alarms
from shadow_reserve.trigger import decision as trigger_decision
from shadow_reserve.trigger import reading as trigger_reading
from shadow_reserve.trigger import rules as trigger_rules

LOG = logging.getLogger(__name__)

State = shadow.InstanceState

#: Members that begin or cease to show in the measures of an application.
_CHANGING = frozenset({State.PROMOTING, State.RETURNING})


class Outcome(enum.StrEnum):
    """What came of a notification."""

    #: It is about no alarm of ours.
    FOREIGN = 'foreign'
    #: What it tells was acted on before.
    REPEATED = 'repeated'
    #: Not for the quick way: a pass was asked for.
    LEFT = 'left'
    PROMOTED = 'promoted'
    #: Usage is to be measured first, which this one does not wait for.
    MEASURED = 'measured'


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class _Case:
    known: db_alarms.Known
    record: reservation.ReservationRecord
    members: Sequence[shadow.ShadowInstance]
    last_promotion: datetime.datetime | None


class Reflex:
    """Acts on alarms at once.

    :param primary: how many servers of its own an application has, if
        that is known without asking
    :param listing: the servers of the last look
    :param wake: called with the token of a reservation that needs a pass
    """

    def __init__(self, database: db_session.Database,
                 read_back: engine_read_back.ReadBack,
                 moves: shadow_moves.Moves,
                 promoter: engine_promoter.Promoter,
                 primary: Callable[[str], int | None],
                 judge: scaling.Judge, listing: observation.Listing,
                 aside: engine_aside.Aside,
                 wake: Callable[[str], None],
                 clock: Callable[[], datetime.datetime],
                 precedence: engine_precedence.Precedence) -> None:
        self._database = database
        self._read_back = read_back
        self._moves = moves
        self._promoter = promoter
        self._primary = primary
        self._judge = judge
        self._listing = listing
        self._aside = aside
        self._wake = wake
        self._clock = clock
        self._precedence = precedence
        self._lock = threading.Lock()
        # Alarms that are heard of, and that Aodh is yet to be asked about.
        self._unread: set[str] = set()

    def hear(self, alarm_id: str, heard_at: datetime.datetime,
             said_at: datetime.datetime | None = None) -> Outcome:
        """An alarm is said to have changed its state.

        :param said_at: when, as the notification has it; only shown
        :raises CloudError: when Aodh could not be asked; a pass was asked
            for
        """
        with self._lock:
            if alarm_id in self._unread:
                # Whatever this message tells will be seen by the one before.
                return Outcome.REPEATED
            self._unread.add(alarm_id)
        try:
            case = self._database.read(
                lambda session: _read(session, alarm_id))
        finally:
            with self._lock:
                self._unread.discard(alarm_id)
        if case is None:
            return Outcome.FOREIGN
        if case.known.metric != trigger_rules.COMPOSITE:
            # Only for alarms of ours: other tenants' are on the bus as well.
            with self._precedence.first():
                return self._answer(case, heard_at, said_at)
        if self._aside.begin(case.record.token, functools.partial(
                self._answer_aside, case, heard_at, said_at)):
            return Outcome.MEASURED
        # Too much is being measured; or this reservation is, and what the
        # message tells may have come too late for that.
        self._wake(case.record.token)
        return Outcome.LEFT

    def _answer_aside(self, case: _Case, heard_at: datetime.datetime,
                      said_at: datetime.datetime | None) -> None:
        """It may have waited for its turn."""
        outcome = Outcome.LEFT
        try:
            fresh = self._database.read(
                lambda session: _read(session, case.known.alarm_id))
            if fresh is not None:
                outcome = self._act(fresh, heard_at, said_at)
        except cloud_exceptions.CloudError as error:
            LOG.info('The %s alarm of reservation %s is left to a pass: %s',
                     case.known.metric, case.known.token, error)
        except Exception:
            LOG.exception('The %s alarm of reservation %s could not be acted '
                          'on', case.known.metric, case.known.token)
        if outcome is Outcome.LEFT:
            self._wake(case.record.token)

    def _answer(self, case: _Case, heard_at: datetime.datetime,
                said_at: datetime.datetime | None) -> Outcome:
        try:
            outcome = self._act(case, heard_at, said_at)
        except Exception:
            self._wake(case.record.token)
            raise
        if outcome is Outcome.LEFT:
            self._wake(case.record.token)
        return outcome

    def _act(self, case: _Case, heard_at: datetime.datetime,
             said_at: datetime.datetime | None) -> Outcome:
        known, record = case.known, case.record
        if (record.status_at(self._clock())
                is not reservation.ReservationStatus.ACTIVE
                or record.policy.mode is not reservation.Mode.ACTIVE):
            return Outcome.LEFT
        asked_at = self._clock()
        alarm = self._read_back.get(known.alarm_id)
        in_aodh = self._clock() - asked_at
        return self._decide(case, alarm, heard_at, said_at, in_aodh)

    def _decide(self, case: _Case, alarm: cloud_aodh.Alarm | None,
                heard_at: datetime.datetime,
                said_at: datetime.datetime | None,
                in_aodh: datetime.timedelta) -> Outcome:
        known, record = case.known, case.record
        if alarm is None or not trigger_alarms.stands(
                alarm, known.token, known.metric):
            if known.acted_for is not None:
                # The next change may look like the one acted on.
                self._database.write(lambda session: db_alarms.forget_act(
                    session, known.alarm_id))
            return Outcome.LEFT
        primary = self._primary(known.token)
        if known.metric == trigger_rules.COMPOSITE:
            # Its reason has no value, so that one change looks like the next
            # one: what is measured tells whether it was acted on.
            judgement = None if primary is None else self._judge.judge(
                record, observation.observe(
                    self._listing, record, case.members),
                list(case.members), self._clock(), {known.metric: alarm})
            if judgement is None:
                return Outcome.LEFT
            with self._precedence.first():
                return self._promote(
                    case, judgement, None, heard_at, said_at, in_aodh)
        change = trigger_alarms.change_of(alarm)
        if change == known.acted_for:
            return Outcome.REPEATED
        reading = trigger_reading.read(
            known.metric, alarm.rule, alarm.reason, record.size)
        if primary is None or reading is None or _is_changing(
                case.members, heard_at - reading.window):
            return Outcome.LEFT
        live = usage.LiveUsage(
            as_of=heard_at, members=primary + sum(
                1 for member in case.members
                if member.state is State.ALLOCATED),
            cpu_percent=reading.cpu_percent,
            memory_percent=reading.memory_percent,
            io_latency_ms=reading.io_latency_ms)
        decision = trigger_decision.decide(
            record.policy, live, scaling.pool_of(
                case.members, primary, case.last_promotion),
            self._clock(), alarmed=(known.metric,))
        return self._promote(
            case, trigger_decision.Judgement(
                decision=decision, live=live, alarmed=(known.metric,),
                source=promotion.Source.ALARM),
            change, heard_at, said_at, in_aodh)

    def _promote(self, case: _Case, judgement: trigger_decision.Judgement,
                 change: str | None, heard_at: datetime.datetime,
                 said_at: datetime.datetime | None,
                 in_aodh: datetime.timedelta) -> Outcome:
        """:param change: of the alarm, to be acted on once; ``None`` where
            it cannot be told from others
        """
        known, record = case.known, case.record
        decision, now = judgement.decision, self._clock()
        builds = bool(decision.short and record.policy.cold_creation)
        if decision.verdict is not trigger_decision.Verdict.PROMOTE or (
                builds and record.policy.promotion_cooldown):
            # A pass promotes and builds by one decision; after ours it would
            # have to wait for the cooldown.
            return Outcome.LEFT

        def act_once(session: orm.Session) -> bool:
            if change is not None and not db_alarms.act_once(
                    session, known.alarm_id, change):
                return False
            scaling.write_down(session, record, judgement, now, acted=True)
            return True
        moved = self._moves.promote(
            known.token, decision.count, now, decision.reason,
            promotion.Signal(
                source=promotion.Source.ALARM, metric=decision.metrics[0],
                signalled_at=said_at, heard_at=heard_at),
            seen=shadow_moves.Seen(record=record, members=case.members),
            first=act_once)
        if not moved:
            # Somebody else acted on it, or on something else, meanwhile.
            latest = None if change is None else self._database.read(
                lambda session: db_alarms.find(session, known.alarm_id))
            return (Outcome.REPEATED
                    if latest is not None and latest[0].acted_for == change
                    else Outcome.LEFT)
        self._promoter.ask(record, moved)
        if builds:
            # The pool has not enough, and only a pass builds.
            self._wake(known.token)
        LOG.info(
            'The %s alarm of reservation %s: %s promoted %.1f ms after it '
            'was heard of, after %.1f ms in Aodh', known.metric, known.token,
            len(moved), _milliseconds(self._clock() - heard_at),
            _milliseconds(in_aodh))
        return Outcome.PROMOTED


def _milliseconds(length: datetime.timedelta) -> float:
    return length / datetime.timedelta(milliseconds=1)


def _read(session: orm.Session, alarm_id: str) -> _Case | None:
    found = db_alarms.find(session, alarm_id)
    if found is None:
        return None
    known, record = found
    return _Case(
        known=known, record=record, members=db_shadow.list_instances(
            session, record.shadow_allocation_id),
        last_promotion=db_promotions.latest_claim(session, known.token)
        if record.policy.promotion_cooldown else None)


def _is_changing(members: Sequence[shadow.ShadowInstance],
                 since: datetime.datetime) -> bool:
    """Whether members came to serve or went since then: measures over all
    servers jump, and do not show yet what they change.
    """
    return any(
        member.state in _CHANGING
        or (member.state_since >= since
            and (member.state is State.ALLOCATED or member.uses > 0))
        for member in members)
