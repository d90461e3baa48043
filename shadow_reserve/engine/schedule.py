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

import threading
import time


class Schedule:
    """Due times of tokens; any number of threads may wait for the next.

    A token is with one worker at a time: woken meanwhile, it is due again
    as soon as that worker is done. Times are those of ``time.monotonic``.
    """

    def __init__(self) -> None:
        self._due: dict[str, float] = {}
        self._busy: set[str] = set()
        self._condition = threading.Condition()
        self._closed = False

    def wake(self, token: str) -> None:
        """Have a token looked at as soon as may be."""
        with self._condition:
            self._due[token] = 0.0
            self._condition.notify()

    def add(self, tokens: list[str]) -> bool:
        """Have tokens looked at that are not known yet.

        :returns: whether there were any
        """
        with self._condition:
            new = [token for token in tokens
                   if token not in self._due and token not in self._busy]
            self._due.update(dict.fromkeys(new, 0.0))
            self._condition.notify_all()
        return bool(new)

    def take(self) -> str | None:
        """Wait for the next token that is due; ``None`` when closed."""
        with self._condition:
            while not self._closed:
                ready = [(due, token) for token, due in self._due.items()
                         if token not in self._busy]
                due, token = min(ready, default=(float('inf'), ''))
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
            if delay is not None:
                self._due.setdefault(token, time.monotonic() + delay)
            self._condition.notify()

    def close(self) -> None:
        """Let all that wait go home."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()
