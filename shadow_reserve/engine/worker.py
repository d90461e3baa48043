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

"""The threads of a running engine."""

from collections.abc import Callable
import datetime
import logging
import threading
import time

from shadow_reserve.cloud import exceptions as cloud_exceptions
from shadow_reserve.db import fleet as db_fleet
from shadow_reserve.db import session as db_session
from shadow_reserve.engine import failures as engine_failures
from shadow_reserve.engine import precedence as engine_precedence
from shadow_reserve.engine import reconciler as engine_reconciler
from shadow_reserve.engine import schedule as engine_schedule
from shadow_reserve import exceptions
from shadow_reserve.records import reservation

LOG = logging.getLogger(__name__)

#: Between two looks at hooks that are still to be run.
_JOINING_INTERVAL = datetime.timedelta(seconds=2)


def utcnow() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


class Passes:
    """Works off a schedule, one reservation at a time.

    :param interval: the shortest pause after a pass that failed
    """

    def __init__(
            self, database: db_session.Database,
            reconciler: engine_reconciler.Reconciler,
            failures: engine_failures.Failures,
            schedule: engine_schedule.Schedule,
            interval: datetime.timedelta,
            precedence: engine_precedence.Precedence) -> None:
        self._database = database
        self._reconciler = reconciler
        self._failures = failures
        self._schedule = schedule
        self._interval = interval
        self._precedence = precedence
        self._known: set[str] = set()

    def find(self) -> bool:
        """Put reservations on the schedule that were not seen before.

        :returns: whether there were any
        """
        tokens = self._database.read(
            lambda session: db_fleet.list_tokens(
                session, reservation.LIVE_STATUSES))
        new = [token for token in tokens if token not in self._known]
        self._known = set(tokens)
        self._schedule.add(new)
        return bool(new)

    def work(self) -> None:
        """Take one reservation after the other until told to stop."""
        while (token := self._schedule.take()) is not None:
            delay: datetime.timedelta | None = self._interval
            self._precedence.give_way()
            try:
                delay = self._pass(token)
            except Exception:
                # Anything else than a failing service is a mistake of
                # ours: it must not stop the passes over the others.
                LOG.exception('The pass over reservation %s failed', token)
            finally:
                self._schedule.give_back(
                    token, delay.total_seconds() if delay else None)

    def _pass(self, token: str) -> datetime.timedelta | None:
        errors: list[cloud_exceptions.CloudError] | None
        try:
            errors = self._reconciler.reconcile(token, utcnow())
        except exceptions.ReservationNotFound:
            return None
        except cloud_exceptions.CloudError as error:
            errors = [error]
        if errors is None:
            return None
        # After what they followed, which may have waited for them.
        now = utcnow()
        if errors:
            self._failures.note(token, errors, now)
        delay = self._failures.delay(
            token, bool(errors), self._interval, now)
        if errors:
            return delay
        # The next round sees what has to follow a pass that went well; for
        # hooks somebody waits.
        return (_JOINING_INTERVAL if self._reconciler.is_joining(token)
                else None)


class Repeating:
    """Runs something at intervals in a thread of its own."""

    def __init__(self, name: str, run: Callable[[], None],
                 interval: float) -> None:
        self._run = run
        self._interval = interval
        self._stopped = False
        self._hurried = threading.Event()
        self._thread = threading.Thread(
            target=self._loop, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped = True
        self._hurried.set()

    def hurry(self) -> None:
        """Run once more as soon as may be, whatever the interval."""
        self._hurried.set()

    def _loop(self) -> None:
        while not self._stopped:
            self._hurried.clear()
            begun = time.monotonic()
            try:
                self._run()
            except cloud_exceptions.CloudError as error:
                LOG.warning('%s: %s; it is tried again',
                            self._thread.name, error)
            except Exception:
                LOG.exception('%s failed; it is tried again',
                              self._thread.name)
            taken = time.monotonic() - begun
            self._hurried.wait(max(self._interval - taken, 0.1))
