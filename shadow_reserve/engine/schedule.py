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

"""Which reservation is to be looked at next, and when."""

from collections.abc import Iterable
import heapq
import threading
import time


#: Whether it waits its turn, as all do that were not woken, and from when
#: on it may be looked at.
_Due = tuple[bool, float]


class Schedule:
    """Due times of tokens; any number of threads may wait for the next.

    A token is with one worker at a time: woken meanwhile, it is due again
    as soon as that worker is done. Times are those of ``time.monotonic``.
    """

    def __init__(self) -> None:
        self._due: dict[str, _Due] = {}
        # Has each due time in it, and others that do not hold any more.
        self._queue: list[tuple[_Due, str]] = []
        self._busy: set[str] = set()
        self._condition = threading.Condition()
        self._closed = False

    def wake(self, token: str) -> None:
        """Have a token looked at before all that were not woken, and after
        those that were before it."""
        with self._condition:
            waits, _ = self._due.get(token, (True, 0.0))
            if waits:
                self._set(token, (False, time.monotonic()))
                self._condition.notify()

    def remind(self, token: str) -> None:
        """Have a token looked at when those before it were."""
        with self._condition:
            due = (True, time.monotonic())
            if self._due.get(token, due) >= due:
                self._set(token, due)
                self._condition.notify()

    def add(self, tokens: Iterable[str]) -> None:
        """Have tokens looked at that are not waiting for it anyway.

        One that is worked on is looked at once more, since whoever does
        may have read it before it changed.
        """
        with self._condition:
            now = time.monotonic()
            for token in tokens:
                if token not in self._due:
                    self._set(token, (True, now))
            self._condition.notify_all()

    def idle(self, tokens: Iterable[str]) -> list[str]:
        """Those of the tokens that nobody works on or is about to."""
        with self._condition:
            return [token for token in tokens
                    if token not in self._due and token not in self._busy]

    def take(self) -> str | None:
        """Wait for the next token that is due; ``None`` when closed."""
        with self._condition:
            while not self._closed:
                (_, due), token = self._next()
                wait = due - time.monotonic()
                if wait <= 0:
                    del self._due[token]
                    self._busy.add(token)
                    return token
                self._condition.wait(min(wait, 3600.0))
        return None

    def give_back(self, token: str, delay: float | None) -> None:
        """Done with a token; look again after ``delay`` seconds, or not
        before someone wakes it."""
        with self._condition:
            self._busy.discard(token)
            if token in self._due:
                self._set(token, self._due[token])
            elif delay is not None:
                self._set(token, (True, time.monotonic() + delay))
            self._condition.notify()

    def close(self) -> None:
        """Let all that wait go home."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()

    def _set(self, token: str, due: _Due) -> None:
        self._due[token] = due
        heapq.heappush(self._queue, (due, token))

    def _next(self) -> tuple[_Due, str]:
        """The next one, which stays in the queue until it is not due."""
        while self._queue:
            due, token = self._queue[0]
            if self._due.get(token) == due and token not in self._busy:
                return due, token
            heapq.heappop(self._queue)
        return (True, float('inf')), ''
