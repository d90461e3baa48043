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
"""A Nova that answers at once, and notes when it was asked to wake whom.

A little later it says on the bus that the server runs, as Nova does.
"""

from collections.abc import Iterable
import datetime
import http.server
import json
import multiprocessing
import queue
import threading
import time
from typing import Any
from urllib import parse

from oslo_config import cfg
import oslo_messaging

PER_PAGE = 1000
#: Seconds from a request until the server runs: what Nova's fake driver
#: takes.
STARTS = 0.3


class Stub:
    """Plays Nova in a process of its own.

    :param servers: rows as Nova shows them
    :param transport_url: of the bus on which it says who runs
    :param topic: where it says so
    """

    def __init__(self, servers: list[dict[str, Any]], transport_url: str,
                 topic: str) -> None:
        ready: Any = multiprocessing.Queue()
        self._process = multiprocessing.Process(
            target=_serve, args=(servers, transport_url, topic, ready),
            daemon=True)
        self._process.start()
        self.url = f'http://127.0.0.1:{ready.get()}'

    def stop(self) -> None:
        self._process.terminate()
        self._process.join()


class _World:
    def __init__(self, servers: list[dict[str, Any]]) -> None:
        self._rows = {row['id']: row for row in servers}
        self._by_project: dict[str, list[dict[str, Any]]] = {}
        self._by_tag: dict[str, list[dict[str, Any]]] = {}
        for row in servers:
            self._by_project.setdefault(row['tenant_id'], []).append(row)
            for tag in row['tags']:
                self._by_tag.setdefault(tag, []).append(row)
        self._order = sorted(self._rows)
        self.arrivals: dict[str, list[float]] = {}

    def answer(self, path: str) -> Any:
        path, _, query = path.partition('?')
        asked = dict(parse.parse_qsl(query))
        if path == '/arrivals':
            return self.arrivals
        if path == '/limits':
            return {'limits': {'absolute': {
                f'maxTotal{what}': -1
                for what in ('Instances', 'Cores', 'RAMSize')}
                | {f'total{what}Used': 0
                   for what in ('Instances', 'Cores', 'RAM')}}}
        if path != '/servers/detail':
            row = self._rows.get(path.rpartition('/')[2])
            return None if row is None else {'server': self._now(row)}
        if 'changes-since' in asked:
            since = datetime.datetime.fromisoformat(
                asked['changes-since']).timestamp()
            return self._page(
                self._rows[server_id] for server_id, times
                in list(self.arrivals.items()) if times[0] >= since)
        if 'tags' in asked:
            return self._page(
                self._by_tag.get(asked['tags'].rpartition(',')[2], []))
        if 'project_id' in asked:
            return self._page(self._by_project[asked['project_id']])
        marker = asked.get('marker', '')
        ids = [one for one in self._order if one > marker][:PER_PAGE]
        page = self._page(self._rows[one] for one in ids)
        if ids and ids[-1] != self._order[-1]:
            page['servers_links'] = [{'rel': 'next', 'href': 'next'}]
        return page

    def _page(self, rows: Iterable[dict[str, Any]]) -> dict[str, Any]:
        return {'servers': [self._now(row) for row in rows]}

    def _now(self, row: dict[str, Any]) -> dict[str, Any]:
        """Whoever was woken runs."""
        return ({**row, 'status': 'ACTIVE'} if row['id'] in self.arrivals
                else row)


def notifier(transport_url: str, topic: str, publisher_id: str) -> Any:
    """What says something on the bus, as other services do."""
    conf = cfg.ConfigOpts()
    conf([], default_config_files=[])
    return oslo_messaging.Notifier(
        oslo_messaging.get_notification_transport(conf, url=transport_url),
        publisher_id, driver='messagingv2', topics=[topic])


def _tell(woken: 'queue.Queue[tuple[float, str]]', transport_url: str,
          topic: str) -> None:
    nova = notifier(transport_url, topic, 'nova-compute:bench')
    while True:
        at, server_id = woken.get()
        time.sleep(max(at + STARTS - time.time(), 0))
        nova.info({}, 'instance.power_on.end', {
            'nova_object.name': 'InstanceActionPayload',
            'nova_object.namespace': 'nova', 'nova_object.version': '1.8',
            'nova_object.data': {'uuid': server_id, 'state': 'active'}})


def _serve(servers: list[dict[str, Any]], transport_url: str, topic: str,
           ready: Any) -> None:
    world = _World(servers)
    woken: queue.Queue[tuple[float, str]] = queue.Queue()
    threading.Thread(target=_tell, args=(woken, transport_url, topic),
                     daemon=True).start()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = 'HTTP/1.1'
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            at = time.time()
            length = int(self.headers.get('Content-Length', 0))
            action = json.loads(self.rfile.read(length) or b'{}')
            if 'unshelve' in action:
                server_id = self.path.split('/')[2]
                world.arrivals.setdefault(server_id, []).append(at)
                woken.put((at, server_id))
            self._answer(202, b'')

        def do_GET(self) -> None:
            found = world.answer(self.path)
            self._answer(404 if found is None else 200,
                         json.dumps(found or {}).encode())

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header('Content-Type', 'application/json')
            self.send_header('Content-Length', str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    ready.put(server.server_address[1])
    server.serve_forever()
