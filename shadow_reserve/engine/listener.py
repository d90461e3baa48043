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

"""Hears notifications and wakes the reservations they are about."""

from collections.abc import Callable
import logging
from typing import Any

import oslo_messaging

from shadow_reserve.records import capacity
from shadow_reserve.trigger import alarms as trigger_alarms
from shadow_reserve.trigger import notification

LOG = logging.getLogger(__name__)


class Endpoint:
    """What oslo.messaging calls for notifications of two priorities.

    :param wake: called with the token of a reservation to look at
    :param make_room: called with each server that found no host
    """

    def __init__(self, alarms: trigger_alarms.AlarmKeeper,
                 wake: Callable[[str], None],
                 make_room: Callable[[capacity.Need], None]) -> None:
        self._alarms = alarms
        self._wake = wake
        self._make_room = make_room

    def info(self, context: Any, publisher_id: str, event_type: str,
             payload: Any, metadata: Any) -> None:
        try:
            token = self._token(event_type, payload)
        except Exception:
            # The message is lost, which costs no more than some delay;
            # the listener must live.
            LOG.exception('Could not look up what a notification of type '
                          '%.64r is about', event_type)
            return
        if token is not None:
            LOG.info('Notification %s wakes reservation %s',
                     event_type, token)
            self._wake(token)

    def error(self, context: Any, publisher_id: str, event_type: str,
              payload: Any, metadata: Any) -> None:
        try:
            need = notification.need_of(event_type, payload)
        except Exception:
            LOG.exception('Could not read a notification of type %.64r',
                          event_type)
            return
        if need is not None:
            LOG.info('Notification %s: server %s found no host',
                     event_type, need.server_id)
            self._make_room(need)

    def _token(self, event_type: str, payload: Any) -> str | None:
        alarm_id = notification.alarm_id_of(event_type, payload)
        if alarm_id is not None:
            return self._alarms.find_token(alarm_id)
        return notification.token_of(event_type, payload)


def build(transport: Any, topic: str, *endpoints: Any) -> Any:
    """A listener on our topic; without a pool, so that of several engines
    one gets each message, and no queue grows when none runs."""
    return oslo_messaging.get_notification_listener(
        transport, [oslo_messaging.Target(topic=topic)], endpoints,
        executor='threading', allow_requeue=False)
