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

"""Sends announcements with oslo.messaging, and knows which did not go."""

from collections.abc import Callable
from typing import Any

from oslo_config import cfg
import oslo_messaging
from oslo_messaging import transport as messaging_transport

from shadow_reserve.engine import announcement
from shadow_reserve import exceptions
from shadow_reserve.records import journal

PUBLISHER_ID = 'shadow-reserve.engine'

#: Sends one.
#:
#: :raises NotSent: when the message bus did not take it
Send = Callable[[announcement.Announcement], None]


class _Transport(messaging_transport.NotificationTransport):
    """Keeps what went wrong: a Notifier and its drivers only log it, and
    retrying for ever does not hold for what they call irrecoverable, nor
    for a connection that is yet to be made."""

    def __init__(self, transport: Any) -> None:
        super().__init__(transport._driver)
        self.failure: Exception | None = None

    def _send_notification(self, *args: Any, **kwargs: Any) -> None:
        try:
            super()._send_notification(*args, **kwargs)
        except Exception as error:
            self.failure = error
            raise


def build_send(conf: cfg.ConfigOpts, transport: Any) -> Send | None:
    """What sends as ``[oslo_messaging_notifications] driver`` says, on
    topics of our own.

    :returns: ``None`` when that asks for no notifications
    """
    watched = _Transport(transport)
    notifier = oslo_messaging.Notifier(
        watched, publisher_id=PUBLISHER_ID, topics=conf.notifications.topics)
    if set(conf.oslo_messaging_notifications.driver) <= {'noop'}:
        return None
    by_severity = {
        journal.Severity.INFO: notifier.info,
        journal.Severity.WARNING: notifier.warn,
        journal.Severity.ERROR: notifier.error,
    }

    def send(one: announcement.Announcement) -> None:
        watched.failure = None
        by_severity[one.severity]({}, one.event_type, one.payload)
        if watched.failure is not None:
            raise exceptions.NotSent(watched.failure)
    return send
