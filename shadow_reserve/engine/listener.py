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

"""Hears notifications, and passes on what they are about."""

from collections.abc import Callable
import datetime
import logging
import threading
import time
from typing import Any

import oslo_messaging

from shadow_reserve.cloud import exceptions as cloud_exceptions
from shadow_reserve.engine import promoter as engine_promoter
from shadow_reserve.engine import reflex as engine_reflex
from shadow_reserve.records import capacity
from shadow_reserve.trigger import notification

LOG = logging.getLogger(__name__)

#: Messages that are handled beside each other, if nothing else is
#: configured. oslo.messaging would have 64: so many threads wait for each
#: other, and the last alarm of fifty a second for two seconds, not for .2.
_AT_ONCE = 8

#: Seconds between two lines on messages that could not be handled.
_PAUSE = 10.0


class Endpoint:
    """What oslo.messaging calls for notifications of two priorities.

    :param wake: called with the token of a reservation to look at
    :param make_room: called with each server that found no host
    """

    def __init__(self, reflex: engine_reflex.Reflex,
                 promoter: engine_promoter.Promoter,
                 wake: Callable[[str], None],
                 make_room: Callable[[capacity.Need], None],
                 clock: Callable[[], datetime.datetime]) -> None:
        self._reflex = reflex
        self._promoter = promoter
        self._wake = wake
        self._make_room = make_room
        self._clock = clock
        self._complaints = _Complaints()

    def info(self, context: Any, publisher_id: str, event_type: str,
             payload: Any, metadata: Any) -> None:
        heard_at = self._clock()
        try:
            self._pass_on(event_type, payload, heard_at)
        except cloud_exceptions.CloudError as error:
            self._complaints.log('Could not act on a notification of type '
                                 '%.64r: %s', event_type, error)
        except Exception as error:
            # The message is lost, which costs no more than some delay;
            # the listener must live.
            self._complaints.log(
                'Could not handle a notification of type %.64r: %.200r',
                event_type, error, exc_info=True)

    def error(self, context: Any, publisher_id: str, event_type: str,
              payload: Any, metadata: Any) -> None:
        try:
            need = notification.need_of(event_type, payload)
        except Exception as error:
            self._complaints.log(
                'Could not read a notification of type %.64r: %.200r',
                event_type, error, exc_info=True)
            return
        if need is not None:
            LOG.info('Notification %s: server %s found no host',
                     event_type, need.server_id)
            self._make_room(need)

    def _pass_on(self, event_type: str, payload: Any,
                 heard_at: datetime.datetime) -> None:
        alarm_id = notification.alarm_id_of(event_type, payload)
        if alarm_id is not None:
            outcome = self._reflex.hear(
                alarm_id, heard_at,
                notification.said_at_of(payload, heard_at))
            LOG.debug('The notification of alarm %s is %s', alarm_id,
                      outcome)
            return
        server_id = notification.server_id_of(event_type, payload)
        if server_id is not None:
            self._promoter.hear(server_id)
            return
        token = notification.token_of(event_type, payload)
        if token is not None:
            LOG.debug('Notification %s wakes reservation %s',
                      event_type, token)
            self._follow(token)

    def _follow(self, token: str) -> None:
        """The API changed something: perhaps somebody promoted by hand.

        Then the pass comes when there is something new to be seen, and
        does not ask Nova for listings that it is busy with.
        """
        asked = False
        try:
            asked = self._promoter.ask_for(token)
        finally:
            if not asked:
                self._wake(token)


class _Complaints:
    """Writes to the log, but not for each of a flood of messages."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next = 0.0
        self._left_out = 0

    def log(self, message: str, *arguments: Any,
            exc_info: bool = False) -> None:
        with self._lock:
            now = time.monotonic()
            if now < self._next:
                self._left_out += 1
                return
            self._next = now + _PAUSE
            left_out, self._left_out = self._left_out, 0
        LOG.warning(message, *arguments, exc_info=exc_info)
        if left_out:
            LOG.warning('Before that, %s more were not logged', left_out)


def build(transport: Any, topic: str, *endpoints: Any) -> Any:
    """A listener on our topic; without a pool, so that of several engines
    one gets each message, and no queue grows when none runs."""
    listener = oslo_messaging.get_notification_listener(
        transport, [oslo_messaging.Target(topic=topic)], endpoints,
        executor='threading', allow_requeue=False)
    # The option is known from here on.
    listener.conf.set_default('executor_thread_pool_size', _AT_ONCE)
    return listener
