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

"""Whether the message bus brings us anything."""

from collections.abc import Callable
import logging
import threading
import time
from typing import Any

LOG = logging.getLogger(__name__)

#: Sent on our own topic; says nothing but that the bus works.
ECHO = 'shadow_reserve.engine.echo'

#: Intervals without any message after which the bus is silent.
_MISSING = 3

#: Seconds between two messages while the bus is silent.
_PAUSE = 30.0


class Echo:
    """Sends a small message on our topic at intervals, and listens.

    Each engine sends one, and a broker hands the messages of a topic to
    the engines in turn, so that each hears one at each interval, whose
    ever it is. One that hears nothing has a broker that is down, or a
    listener that is deaf.

    :param send: sends a message of a type on our topic, or does not, or
        waits until there is a broker again
    :param interval: seconds
    """

    def __init__(self, send: Callable[[str], None], interval: float,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._send = send
        self._interval = interval
        self._clock = clock
        self._heard = self._sent = clock()
        self._told = False
        self._lock = threading.Lock()

    def check(self) -> None:
        """Send one more; fewer while nothing comes back, since
        oslo.messaging writes an error for each that it cannot send."""
        now = self._clock()
        if not self.is_silent or now - self._sent >= _PAUSE:
            self._sent = now
            self._send(ECHO)

    def heard(self) -> None:
        """Something came."""
        self._heard = self._clock()

    @property
    def is_silent(self) -> bool:
        """Whether nothing came for too long; said in the log, once."""
        quiet = self._clock() - self._heard
        silent = quiet > _MISSING * self._interval
        with self._lock:
            if silent is not self._told:
                self._told = silent
                if silent:
                    LOG.warning(
                        'Nothing came over the message bus for %.0f s: '
                        'until something does, Aodh is asked every %g s '
                        'which alarms stand', quiet, self._interval)
                else:
                    LOG.info('The message bus works again')
        return silent


class Ear:
    """An endpoint of oslo.messaging that only hears that something came."""

    def __init__(self, bus: Echo) -> None:
        self._bus = bus

    def info(self, context: Any, publisher_id: str, event_type: str,
             payload: Any, metadata: Any) -> None:
        self._bus.heard()

    error = info
