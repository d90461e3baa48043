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

"""What is said on the message bus and to webhooks, and what may be forged
there."""

import collections
from collections.abc import Iterator
import contextlib
import http.server
import json
import threading
from typing import Any

import oslo_messaging

from shadow_reserve.cmd import options
from tests.functional import pocket


class Bus:
    """The pocket cloud's message bus, and who hears us on it.

    ``heard`` are the payloads of our own notifications, by type.
    """

    def __init__(self) -> None:
        conf = options.load(
            [], program='test', config_files=[str(pocket.service_config())])
        transport = oslo_messaging.get_notification_transport(conf)
        self._notifier = oslo_messaging.Notifier(
            transport, publisher_id='aodh.evaluator', driver='messagingv2',
            topics=[conf.trigger.notification_topic])
        self._listener: Any = oslo_messaging.get_notification_listener(
            transport, [oslo_messaging.Target(topic=topic)
                        for topic in conf.notifications.topics],
            [self], executor='threading')
        self.heard: dict[str, list[dict[str, Any]]] = (
            collections.defaultdict(list))

    def send(self, event_type: str, payload: Any) -> None:
        """Something on the topic on which we hear of alarms."""
        self._notifier.info({}, event_type, payload)

    def info(self, context: Any, publisher_id: str, event_type: str,
             payload: Any, metadata: Any) -> None:
        self.heard[event_type].append(payload['shadow_reserve_object.data'])

    warn = error = info

    def of(self, token: str, event_type: str) -> list[dict[str, Any]]:
        return [data for data in list(self.heard[event_type])
                if data['token'] == token]

    def __enter__(self) -> 'Bus':
        self._listener.start()
        return self

    def __exit__(self, *error: Any) -> None:
        self._listener.stop()
        self._listener.wait()


class Hook(http.server.BaseHTTPRequestHandler):
    """Takes what a webhook tells, but not when it is told it first."""

    server: 'HookServer'

    def do_POST(self) -> None:
        length = int(self.headers['Content-Length'])
        body = json.loads(self.rfile.read(length))
        again = any(told['id'] == body['id'] for told in self.server.told)
        self.server.told.append(body)
        self.send_response(204 if again else 503)
        self.end_headers()

    def log_message(self, *arguments: Any) -> None:
        pass


class HookServer(http.server.ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(('127.0.0.1', 0), Hook)
        self.told: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        return f'http://127.0.0.1:{self.server_port}/'

    def ids(self, event: str, instance_id: str) -> set[str]:
        """Under which ids it was told that an instance joins or leaves."""
        return {body['id'] for body in list(self.told)
                if (body['event'], body['instance_id'])
                == (event, instance_id)}


@contextlib.contextmanager
def hook_server() -> Iterator[HookServer]:
    server = HookServer()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
