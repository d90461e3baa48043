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

"""What goes first in an engine: an alarm, before all that can wait."""

from collections.abc import Iterable
from collections.abc import Iterator
import contextlib
import threading
import time
from typing import TypeVar

T = TypeVar('T')

#: Seconds without an alarm after which other work goes on,
_QUIET = 0.5
#: and those after which it does in any case: what is put off for ever is not
#: done.
_LONGEST = 5.0
#: Seconds of something long after which alarms that came meanwhile go first,
_PIECE = 0.01
#: and for which they do: it must come to an end some time.
_PAUSE = 0.05


class Precedence:
    """Lets other threads give way to those that somebody waits for.

    Python runs one thread at a time. Alarms often come together, when all
    of a zone or of a tenant feels the same spike; the pass that the first
    of them asks for must not keep the last one waiting.
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._first = 0
        self._quiet_from = 0.0

    @contextlib.contextmanager
    def first(self) -> Iterator[None]:
        """While somebody waits for what is done."""
        with self._condition:
            self._first += 1
        try:
            yield
        finally:
            with self._condition:
                self._first -= 1
                self._quiet_from = time.monotonic() + _QUIET
                if not self._first:
                    self._condition.notify_all()

    def give_way(self) -> bool:
        """Before something that can wait.

        :returns: whether nobody waits any more; it is put off no longer
            in any case
        """
        deadline = time.monotonic() + _LONGEST
        with self._condition:
            while (pause := self._pause(deadline)) > 0:
                self._condition.wait(pause)
            return (not self._first
                    and time.monotonic() >= self._quiet_from)

    def in_pieces(self, items: Iterable[T]) -> Iterator[T]:
        """What is gone through takes long, and begins all the same: those
        that somebody waits for go first now and then."""
        end = time.monotonic() + _PIECE
        for item in items:
            if time.monotonic() >= end:
                self.let_by()
                end = time.monotonic() + _PIECE
            yield item

    def let_by(self) -> None:
        """In the middle of something that can wait: for those that are
        here, and not for those that may follow."""
        with self._condition:
            self._condition.wait_for(lambda: not self._first, _PAUSE)

    def _pause(self, deadline: float) -> float:
        now = time.monotonic()
        wanted = _QUIET if self._first else self._quiet_from - now
        return min(wanted, deadline - now)
