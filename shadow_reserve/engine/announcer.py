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

"""Announces, as notifications of ours, what happens to reservations.

Every decision and change is an event, appended in the transaction that
makes it. The events are the outbox: they are sent from here, in their order
and at least once, however long the message bus was away, and no pass waits
for it.
"""

from collections.abc import Callable
import datetime
import logging
import time
import uuid

from shadow_reserve.db import journal as db_journal
from shadow_reserve.db import session as db_session
from shadow_reserve.db import turns as db_turns
from shadow_reserve.engine import announcement
from shadow_reserve.engine import bus
from shadow_reserve.engine import precedence as engine_precedence
from shadow_reserve import exceptions
from shadow_reserve.records import journal

LOG = logging.getLogger(__name__)

#: So many events at most are sent twice when an engine dies.
_BATCH = 100

#: An engine that cannot go on leaves it to another one for so long.
_TURN = datetime.timedelta(seconds=30)


class Announcer:
    """Sends events that nobody announced so far.

    Of several engines one sends at a time, so that they keep their order
    and are not doubled.

    :param send: ``None`` when nobody wants to hear of them
    """

    def __init__(self, database: db_session.Database, send: bus.Send | None,
                 clock: Callable[[], datetime.datetime],
                 precedence: engine_precedence.Precedence) -> None:
        self._database = database
        self._send = send
        self._clock = clock
        self._precedence = precedence
        self._holder = str(uuid.uuid4())
        self._not_before = 0.0

    def run(self) -> None:
        """Send until nothing is left, or it is somebody else's turn."""
        if time.monotonic() < self._not_before:
            return
        # Most of the time there is nothing, and nothing is written then.
        while self._next(1) and self._take_turn():
            try:
                self._send_batch()
            except exceptions.NotSent as error:
                LOG.warning('%s; it is tried again, and those after it wait',
                            error)
                self._not_before = time.monotonic() + _TURN.total_seconds()
                return

    def _send_batch(self) -> None:
        begun = time.monotonic()
        batch = self._next(_BATCH)
        sent = []
        try:
            # Once, not for each of them: where alarms do not end, they would
            # never be through.
            self._precedence.give_way()
            for news in batch:
                if self._send is not None:
                    self._send(announcement.of(news))
                sent.append(news.sequence)
                if time.monotonic() - begun >= _TURN.total_seconds():
                    # Another engine may have had its turn meanwhile.
                    break
        finally:
            self._database.write(
                lambda session: db_journal.mark_announced(session, sent))

    def _next(self, limit: int) -> list[journal.News]:
        return self._database.read(
            lambda session: db_journal.list_unannounced(session, limit))

    def _take_turn(self) -> bool:
        return self._database.write(
            lambda session: db_turns.take(
                session, 'announcer', self._holder, self._clock(), _TURN))
