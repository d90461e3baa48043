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

"""Promotes ahead of the alarm, and keeps the score of it.

What was done, or would have been, and what came of it is in the events:
``trigger.ahead`` for each time, ``trigger.ahead_scored`` when it is over,
``trigger.ahead_off`` and ``_on`` where the score makes an end of it, and a
new beginning.
"""

from collections.abc import Callable
from collections.abc import Sequence
import datetime
from typing import Any

from sqlalchemy import orm

from shadow_reserve.db import demand as db_demand
from shadow_reserve.db import journal as db_journal
from shadow_reserve.db import promotions as db_promotions
from shadow_reserve.db import reservations as db_reservations
from shadow_reserve.db import session as db_session
from shadow_reserve.engine import ahead_account
from shadow_reserve.engine import due
from shadow_reserve.engine import observation
from shadow_reserve.records import demand
from shadow_reserve.records import journal
from shadow_reserve.records import promotion
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow
from shadow_reserve.shadow import moves as shadow_moves
from shadow_reserve.trigger import ahead
from shadow_reserve.trigger import decision as trigger_decision

UNSURE = 'trigger.ahead_unsure'

#: Decisions of which one may have been made in the time that is looked at.
_DECISIONS = 100
#: What was not measured by then is not scored any more.
_LOST = datetime.timedelta(hours=2)
#: For how long a reading may be held where none has come yet.
_HELD = datetime.timedelta(minutes=10)

_ALARMS = (promotion.Source.ALARM, promotion.Source.USAGE,
           promotion.Source.NET)

State = shadow.InstanceState


class Ahead:
    """Compares the forecast with what serves, for policies that ask so.

    :param lead: how far ahead to look: until a promotion that begins now
        serves, and the alarm would have made one serve
    """

    def __init__(self, database: db_session.Database,
                 moves: shadow_moves.Moves,
                 lead: Callable[[datetime.datetime], datetime.timedelta],
                 ) -> None:
        self._database = database
        self._moves = moves
        self._lead = lead
        # Up to when what would be done is said already; at worst it is
        # looked up once more.
        self._said: dict[str, datetime.datetime] = {}

    def why(self, facts: due.Facts, outlook: due.Outlook | None,
            now: datetime.datetime) -> str | None:
        """Why a reservation needs a pass; ``None`` if it does not."""
        record = facts.record
        if (outlook is None or not outlook.near or facts.seen is None
                or record.status
                is not reservation.ReservationStatus.ACTIVE
                or now < self._said.get(record.token, now)):
            return None
        found = self._plan(record, facts.seen, facts.members, outlook.near,
                           now)
        return 'its forecast' if found.count else None

    def promote(self, record: reservation.ReservationRecord,
                seen: observation.Observation,
                members: Sequence[shadow.ShadowInstance],
                now: datetime.datetime) -> bool:
        """:returns: whether members were set in motion"""
        if record.policy.promote_ahead is None:
            return False
        profiles = self._profiles(record)
        self._warn(record, profiles, now)
        found = self._plan(record, seen, members, profiles, now)
        if not found.count:
            return False
        account = self._account(record.token)
        acts = (record.policy.mode is reservation.Mode.ACTIVE
                and not account.off)
        ends = [ahead_account.until_of(event) for event in account.open
                if not event.details['acted']]
        if not acts and ends and now < max(ends):
            self._said[record.token] = max(ends)
            return False
        until = now + self._lead(now)
        reason = self._reason(record, found, now)

        def write_down(session: orm.Session) -> bool:
            db_journal.record(
                session, record.token, now, ahead_account.AHEAD, reason,
                acted=acts, count=found.count, wanted=found.wanted,
                members=_serving(seen, members), until=until.isoformat(),
                at_least=found.chance.at_least,
                at_most=found.chance.at_most,
                level=record.policy.promote_ahead,
                mode=record.policy.mode.value)
            return True
        if not acts:
            self._database.write(write_down)
            self._said[record.token] = until
            return False
        return bool(self._moves.promote(
            record.token, found.count, now, reason,
            promotion.Signal(source=promotion.Source.AHEAD),
            # Alarm and forecast mean the same spike: the quick way may
            # have promoted for it since the members were read.
            seen=shadow_moves.Seen(record=record, members=members),
            first=write_down))

    def rehearse(self, record: reservation.ReservationRecord,
                 seen: observation.Observation,
                 members: Sequence[shadow.ShadowInstance],
                 now: datetime.datetime,
                 ) -> trigger_decision.Decision | None:
        """What would be promoted just now, and why; ``None`` for nothing."""
        if record.policy.promote_ahead is None:
            return None
        found = self._plan(
            record, seen, members, self._profiles(record), now)
        if not found.count:
            return None
        reason = self._reason(record, found, now)
        account = self._account(
            record.token, record.policy.promote_ahead)
        if account.off:
            return trigger_decision.Decision(
                verdict=trigger_decision.Verdict.NOTHING, count=0,
                wanted=found.wanted,
                reason=f'{reason}, but promotions ahead of the alarm are '
                       f'switched off: of the latest '
                       f'{len(account.scores)} {sum(account.scores)} would '
                       f'have been useful')
        return trigger_decision.Decision(
            verdict=trigger_decision.Verdict.PROMOTE, count=found.count,
            wanted=found.wanted, reason=reason)

    def _reason(self, record: reservation.ReservationRecord,
                found: ahead.Plan, now: datetime.datetime) -> str:
        return (
            f'the forecast says that a threshold is crossed within '
            f'{self._lead(now).total_seconds():.0f} s with a probability of '
            f'at least {found.chance.at_least:.0%}, '
            f'{record.policy.promote_ahead:.0%} are asked for')

    def _warn(self, record: reservation.ReservationRecord,
              profiles: Sequence[demand.DemandProfile],
              now: datetime.datetime) -> None:
        """Say once that a policy asks for more than can ever be known."""
        level = record.policy.promote_ahead
        sure = max((ahead.surest(profile) for profile in profiles
                    if profile.is_usable), default=1.0)
        if level is None or level <= sure:
            return

        def work(session: orm.Session) -> None:
            told = db_journal.latest_event(session, record.token, UNSURE)
            if told is None or told.details['level'] != level:
                db_journal.record(
                    session, record.token, now, UNSURE,
                    f'promote_ahead is {level:.0%}, and the forecast can be '
                    f'sure of {sure:.0%} at most: nothing is promoted ahead '
                    f'of the alarm; set it to {sure:g} or less',
                    journal.Severity.WARNING, level=level, surest=sure)
        self._database.write(work)

    def spare(self, record: reservation.ReservationRecord,
              seen: observation.Observation,
              members: Sequence[shadow.ShadowInstance], count: int,
              now: datetime.datetime) -> int:
        """How many of ``count`` members may go back: none before what was
        expected has had its time, nor any that would be promoted again."""
        if record.policy.promote_ahead is None:
            return count
        account = self._account(record.token)
        if account.off:
            return count
        if any(event.details['acted'] and now < ahead_account.until_of(event)
               for event in account.open):
            return 0
        return ahead.spare(
            record, self._profiles(record),
            members=_serving(seen, members), count=count, now=now,
            until=now + self._lead(now))

    def score(self, token: str, outlook: due.Outlook,
              now: datetime.datetime) -> None:
        """See what came of what was done, as far as it is over."""
        if not outlook.near:
            return
        # What comes late from Gnocchi is waited for. The last readings may
        # be those before them, held as long as nothing else is known.
        measured = min([until for one in outlook.recent if (
            until := one.measured_until) is not None], default=None)

        def is_over(event: journal.Event) -> bool:
            until = ahead_account.until_of(event)
            return (now - until >= _LOST
                    or (measured is not None and until + _HELD <= measured))
        if any(is_over(event) for event in self._account(token).open):
            self._database.write(lambda session: self._score(
                session, token, outlook.recent, now, is_over))

    def _score(self, session: orm.Session, token: str,
               readings: Sequence[demand.Readings], now: datetime.datetime,
               is_over: Callable[[journal.Event], bool]) -> None:
        record = db_reservations.get(session, token)
        level = record.policy.promote_ahead
        for event in ahead_account.of(session, token).open:
            if not is_over(event):
                continue
            until = ahead_account.until_of(event)
            useful: bool | None = self._stood(
                session, token, event.happened_at, until)
            if not useful:
                useful = ahead.was_crossed(
                    record, readings, event.details['members'],
                    event.happened_at, until)
            if useful is not None and event.details['acted']:
                db_promotions.mark_useful(
                    session, token, event.happened_at, useful)
            latest = ahead_account.of(session, token, level).scores
            if useful is not None:
                latest = [*latest, useful][-ahead.latest(level):]
            db_journal.record(
                session, token, now, ahead_account.SCORED,
                _words(event, useful), of=event.event_id, useful=useful,
                acted=event.details['acted'],
                useful_so_far=sum(latest), scored_so_far=len(latest))
            self._switch(session, record, now)

    @staticmethod
    def _stood(session: orm.Session, token: str, start: datetime.datetime,
               stop: datetime.datetime) -> bool:
        """Whether an alarm stood in that time, by what was done then."""
        return db_promotions.is_any(
            session, token, _ALARMS, start, stop) or any(
                start <= event.happened_at <= stop
                and event.details.get('alarms')
                for event in db_journal.latest_events(
                    session, token, ('trigger.promote', 'trigger.exhausted'),
                    _DECISIONS))

    @staticmethod
    def _switch(session: orm.Session,
                record: reservation.ReservationRecord,
                now: datetime.datetime) -> None:
        level = record.policy.promote_ahead
        if level is None:
            return
        account = ahead_account.of(session, record.token, level)
        useful, scored = sum(account.scores), len(account.scores)
        score = (f'{useful} of the last {scored} promotions ahead of the '
                 f'alarm')
        numbers: dict[str, Any] = {
            'useful': useful, 'scored': scored, 'level': level}
        if not account.off and ahead.is_useless(useful, scored, level):
            db_journal.record(
                session, record.token, now, ahead_account.OFF,
                f'{score} were useful, where {level:.0%} were to be '
                f'expected: none are made until they would be useful again',
                journal.Severity.WARNING, **numbers)
        elif account.off and ahead.is_useful_again(useful, scored, level):
            db_journal.record(
                session, record.token, now, ahead_account.ON,
                f'{score} would have been useful: they are made again',
                **numbers)

    def _plan(self, record: reservation.ReservationRecord,
              seen: observation.Observation,
              members: Sequence[shadow.ShadowInstance],
              profiles: Sequence[demand.DemandProfile],
              now: datetime.datetime) -> ahead.Plan:
        serving = [member for member in members
                   if member.state in shadow.SERVING_STATES]
        available = shadow.count_available(members)
        if record.policy.mode is not reservation.Mode.ACTIVE:
            # There are none; it would have had them.
            available = record.policy.maximum_shadow
        return ahead.plan(
            record, profiles, members=_serving(seen, members),
            serving=len(serving), available=available,
            last_promotion=max((member.state_since for member in serving),
                               default=None),
            now=now, until=now + self._lead(now))

    def _profiles(self, record: reservation.ReservationRecord,
                  ) -> list[demand.DemandProfile]:
        return self._database.read(lambda session: db_demand.list_profiles(
            session, record.token))

    def _account(self, token: str, level: float | None = None,
                 ) -> ahead_account.Account:
        return self._database.read(
            lambda session: ahead_account.of(session, token, level))


def _serving(seen: observation.Observation,
             members: Sequence[shadow.ShadowInstance]) -> int:
    return seen.primary + sum(
        1 for member in members if member.state in shadow.SERVING_STATES)


def _words(event: journal.Event, useful: bool | None) -> str:
    if event.details['acted']:
        what, been = 'a promotion ahead of the alarm', 'was'
    else:
        what, been = 'what would have been promoted', 'would have been'
    if useful is None:
        return f'nobody measured whether {what} {been} useful'
    verdict = 'useful' if useful else 'useless'
    cause = ('its threshold was crossed' if useful
             else 'its threshold was not crossed')
    return f'{what} {been} {verdict}: {cause} for those that served before'
