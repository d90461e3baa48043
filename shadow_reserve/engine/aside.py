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

"""Work that a listener's thread is not to wait for, a bounded amount of it.

What is refused, or lost with the engine, is seen by a pass.
"""

from collections.abc import Callable
import concurrent.futures
import threading

#: Applications that are measured beside each other,
_AT_ONCE = 4
#: and those that are or wait for it.
_AT_MOST = 32


class Aside:
    """Threads for what takes a while, by the reservation that it is about."""

    def __init__(self) -> None:
        self._pool = concurrent.futures.ThreadPoolExecutor(
            _AT_ONCE, thread_name_prefix='aside')
        self._lock = threading.Lock()
        self._under_way: dict[str, concurrent.futures.Future[None]] = {}

    def begin(self, token: str, work: Callable[[], None]) -> bool:
        """Do something soon, and do not wait for it.

        :returns: whether it will be done; it will not where something is
            being done for that reservation, where too much waits, or after
            the end
        """
        with self._lock:
            if token in self._under_way or len(self._under_way) >= _AT_MOST:
                return False
            try:
                future = self._pool.submit(work)
            except RuntimeError:
                return False
            self._under_way[token] = future
        future.add_done_callback(lambda done: self._end(token))
        return True

    def _end(self, token: str) -> None:
        with self._lock:
            del self._under_way[token]

    def stop(self) -> None:
        """Begin no more."""
        self._pool.shutdown(wait=False, cancel_futures=True)
