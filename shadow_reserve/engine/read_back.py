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

"""Alarms read back from Aodh, together when many are told of at once.

A request for several alarms takes Aodh some twice as long as one for one. So
while enough requests are under way, those who come wait, and ask together
once one of these has ended. When there is no hurry, nobody waits.
"""

from collections.abc import Mapping
from concurrent import futures
import threading

from shadow_reserve.cloud import aodh as cloud_aodh

#: Requests at a time.
_AT_ONCE = 2

#: Seconds that Aodh may take for an answer: few messages are handled at
#: once, and others must not wait for long. A pass has more patience.
_PATIENCE = 5.0

_Answer = futures.Future[cloud_aodh.Alarm | None]


class ReadBack:
    """Reads alarms back; any number of threads may ask."""

    def __init__(self, aodh: cloud_aodh.Aodh) -> None:
        self._aodh = aodh
        self._changed = threading.Condition()
        self._under_way = 0
        self._waiting: dict[str, _Answer] = {}

    def get(self, alarm_id: str) -> cloud_aodh.Alarm | None:
        """An alarm as it is at some time after it is asked for, if it is
        there.

        :raises CloudError: when Aodh could not be asked
        """
        with self._changed:
            answer = self._waiting.setdefault(alarm_id, futures.Future())
            self._changed.wait_for(
                lambda: answer.done() or self._is_my_turn(alarm_id, answer))
            if answer.done():
                return answer.result()
            taken, self._waiting = self._waiting, {}
            self._under_way += 1
        try:
            self._ask(taken)
        finally:
            with self._changed:
                self._under_way -= 1
                self._changed.notify_all()
        return answer.result()

    def _is_my_turn(self, alarm_id: str, answer: _Answer) -> bool:
        return (self._under_way < _AT_ONCE
                and self._waiting.get(alarm_id) is answer)

    def _ask(self, taken: Mapping[str, _Answer]) -> None:
        try:
            found = self._aodh.get_alarms(taken.keys(), _PATIENCE)
        except BaseException as error:
            for answer in taken.values():
                answer.set_exception(error)
            return
        for alarm_id, answer in taken.items():
            answer.set_result(found.get(alarm_id))
