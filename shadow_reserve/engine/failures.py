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

"""Tells the owner of a reservation, once, what does not work just now."""

from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence
import datetime
import threading

from sqlalchemy import orm

from shadow_reserve.cloud import exceptions as cloud_exceptions
from shadow_reserve.db import journal as db_journal
from shadow_reserve.db import session as db_session
from shadow_reserve.records import journal


class Failures:
    """Failing services as events, with growing pauses between tries.

    What is kept here may be lost at any time: then an event is written
    twice and a pause is shorter than it could be.

    :param maximum_delay: the longest pause
    """

    def __init__(self, database: db_session.Database,
                 maximum_delay: datetime.timedelta) -> None:
        self._database = database
        self._maximum_delay = maximum_delay
        self._in_a_row: dict[str, int] = {}
        self._told: dict[str, frozenset[str]] = {}
        self._limits: dict[str, str] = {}
        self._lock = threading.Lock()

    def note(self, token: str,
             errors: Sequence[cloud_exceptions.CloudError],
             now: datetime.datetime) -> None:
        """Write an event for each error that was not told already."""
        texts = frozenset(str(error) for error in errors)
        with self._lock:
            told = self._told.get(token, frozenset())
            self._told[token] = told | texts
        news = [error for error in errors if str(error) not in told]
        if news:
            self._write({token: news}, now)

    def round_over(self, tokens: Collection[str],
                   errors: Sequence[cloud_exceptions.CloudError],
                   now: datetime.datetime) -> None:
        """Tell of what failed for all of them, or works again."""
        texts = frozenset(str(error) for error in errors)
        news: dict[str, list[cloud_exceptions.CloudError]] = {}
        recovered: dict[str, int] = {}
        with self._lock:
            for token in tokens:
                told = self._told.get(token, frozenset())
                if errors:
                    self._in_a_row[token] = self._in_a_row.get(token, 0) + 1
                    if not texts <= told:
                        self._told[token] = told | texts
                        news[token] = [error for error in errors
                                       if str(error) not in told]
                elif token in self._in_a_row:
                    count = self._in_a_row.pop(token)
                    if self._told.pop(token, None):
                        recovered[token] = count
        if news:
            self._write(news, now)
        if recovered:
            self._write_recovery(recovered, now)

    def limited(self, token: str,
                lacks: Sequence[cloud_exceptions.CloudError],
                now: datetime.datetime) -> None:
        """It works, but for what is lacking: all else that fails after
        this is news. What is lacking lasts, and is told once."""
        message = '; '.join(map(str, lacks))
        with self._lock:
            self._told.pop(token, None)
            told = self._limits.pop(token, '')
            if message:
                self._limits[token] = message
        if message and message != told:
            self._database.write(lambda session: _record_limits(
                session, token, message, lacks[0].service, now))

    def delay(self, token: str, failed: bool,
              interval: datetime.timedelta,
              now: datetime.datetime) -> datetime.timedelta:
        """How long to wait before the next pass over a reservation."""
        with self._lock:
            if failed:
                count = self._in_a_row.get(token, 0) + 1
                self._in_a_row[token] = count
                doubled: int = 2 ** min(count - 1, 16)
                return min(interval * doubled,
                           max(self._maximum_delay, interval))
            recovered = self._in_a_row.pop(token, 0)
            told = self._told.pop(token, frozenset())
        if recovered and told:
            self._write_recovery({token: recovered}, now)
        return interval

    def _write_recovery(self, counts: Mapping[str, int],
                        now: datetime.datetime) -> None:
        def work(session: orm.Session) -> None:
            for token, count in counts.items():
                db_journal.record(
                    session, token, now, 'service.recovered',
                    f'all services answer again after {count} passes '
                    f'that failed')
        self._database.write(work)

    def _write(self, news: Mapping[str, list[cloud_exceptions.CloudError]],
               now: datetime.datetime) -> None:
        def work(session: orm.Session) -> None:
            for token, errors in news.items():
                for error in errors:
                    record_failure(session, token, error)

        def record_failure(session: orm.Session, token: str,
                           error: cloud_exceptions.CloudError) -> None:
            passing = isinstance(error, cloud_exceptions.ServiceUnavailable)
            db_journal.record(
                session, token, now,
                'service.unavailable' if passing else 'service.refused',
                f'{error}; it is tried again',
                journal.Severity.WARNING if passing
                else journal.Severity.ERROR, service=error.service)
        self._database.write(work)


def _record_limits(session: orm.Session, token: str, message: str,
                   service: str, now: datetime.datetime) -> None:
    """Unless an engine before this one has told it."""
    latest = db_journal.latest_event(session, token, 'service.limited')
    if latest is None or latest.message != message:
        db_journal.record(
            session, token, now, 'service.limited', message,
            journal.Severity.WARNING, service=service)
