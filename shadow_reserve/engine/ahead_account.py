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

"""What came of promotions ahead of the alarm, as the events have it."""

from collections.abc import Sequence
import dataclasses
import datetime

from sqlalchemy import orm

from shadow_reserve.db import journal as db_journal
from shadow_reserve.records import journal
from shadow_reserve.trigger import ahead

AHEAD, SCORED = 'trigger.ahead', 'trigger.ahead_scored'
OFF, ON = 'trigger.ahead_off', 'trigger.ahead_on'

_KINDS = (AHEAD, SCORED, OFF, ON)
#: Enough for the latest scores and what is still open.
_EVENTS = 100


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """What the events of a reservation come to.

    ``open`` are those of which it is not known yet what came of them.
    ``scores`` are whether the latest were useful, since it was switched on
    or off last.
    """

    off: bool
    open: Sequence[journal.Event]
    scores: Sequence[bool]


def of(session: orm.Session, token: str,
       level: float | None = None) -> Account:
    """:param level: of the policy, by which it is how many scores count"""
    count = ahead.latest(level)
    open_: dict[str, journal.Event] = {}
    scores: dict[str, bool] = {}
    # The switch may be older than all that is looked at.
    off = any(event.kind == OFF for event in db_journal.latest_events(
        session, token, (OFF, ON), 1))
    # A promotion has two events, and another engine may tell one of them.
    for event in db_journal.latest_events(
            session, token, _KINDS, max(3 * count, _EVENTS)):
        if event.kind == AHEAD:
            open_[event.event_id] = event
        elif event.kind == SCORED:
            # Two engines may have scored the same: it counts once.
            open_.pop(event.details['of'], None)
            if event.details['useful'] is not None:
                scores[event.details['of']] = event.details['useful']
        else:
            scores.clear()
    return Account(off=off, open=list(open_.values()),
                   scores=list(scores.values())[-count:])


def until_of(event: journal.Event) -> datetime.datetime:
    return datetime.datetime.fromisoformat(event.details['until'])
