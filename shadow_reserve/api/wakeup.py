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

"""Tells the engines that something changed, so that they look sooner.

Nothing depends on it: an engine that never hears looks all the same, a
little later. So it never delays or fails a request.
"""

import queue
import threading
from typing import Any

from oslo_log import log

LOG = log.getLogger(__name__)

EVENT_TYPE = 'shadow_reserve.reservation.changed'

#: Messages that may wait while the message bus does not take any.
_WAITING = 100


class Wakeup:
    """Sends wake-ups from a thread of its own.

    :param notifier: an oslo.messaging Notifier
    """

    def __init__(self, notifier: Any) -> None:
        self._notifier = notifier
        self._tokens: queue.Queue[str] = queue.Queue(_WAITING)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def send(self, token: str) -> None:
        """Have the engines look at a reservation."""
        # Not started before it is needed: a thread does not survive the
        # fork of a server that loads the application first.
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._work, name='wakeup', daemon=True)
                self._thread.start()
        try:
            self._tokens.put_nowait(token)
        except queue.Full:
            LOG.warning('No wake-up for reservation %s: %s are waiting '
                        'already', token, _WAITING)

    def _work(self) -> None:
        while True:
            token = self._tokens.get()
            try:
                self._notifier.info({}, EVENT_TYPE, {'token': token})
            except Exception as error:
                LOG.warning('No wake-up for reservation %s: %s',
                            token, error)
            finally:
                self._tokens.task_done()
