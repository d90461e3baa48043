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

"""A proxy before a real service: there an engine can be made to die, and
the service to fail."""

import collections
from collections.abc import Callable
from collections.abc import Collection
import dataclasses
import enum
from http import client
from http import server
import random
import re
import socket
import struct
import threading
import time
from urllib import parse

_HOP_BY_HOP = frozenset({'connection', 'keep-alive', 'transfer-encoding',
                         'host', 'content-length'})


@dataclasses.dataclass
class Fault:
    """Something that happens once, at the first request that matches.

    :param when: ``before`` the request reaches the service, or ``after``
        it did and before its answer comes back
    """

    name: str
    method: str
    path: str
    when: str
    body: str = ''
    happened: bool = False

    def matches(self, method: str, path: str, body: bytes) -> bool:
        return (not self.happened and method == self.method
                and re.search(self.path, path) is not None
                and re.search(self.body.encode(), body) is not None)


class Trouble(enum.Enum):
    """What a service may do instead of answering."""

    FAILED = 500
    CONFLICT = 409
    RESET = 'the connection is reset'
    #: The request is done, and its answer comes after nobody waits for it
    #: any more.
    LOST = 'the answer is lost'
    SLOW = 'the answer is slow'


class Troublemaker:
    """Makes one service fail at random, each way equally often.

    Requests to change something are few, and it is they that matter: two
    in five meet with trouble, whatever ``rate`` says of the others.

    :param count: how often each way at least
    :param rate: the share of the requests that change nothing
    """

    _RATE_OF_CHANGES = 0.4

    def __init__(self, seed: int, count: int, rate: float) -> None:
        self._random = random.Random(seed)
        self._rate = rate
        self._count = count
        self._lock = threading.Lock()
        #: By way and method.
        self.done: collections.Counter[tuple[Trouble, str]] = (
            collections.Counter())

    @property
    def left(self) -> dict[Trouble, int]:
        """How often each way must still be tried."""
        tried: collections.Counter[Trouble] = collections.Counter()
        for (trouble, _), count in self.done.items():
            tried[trouble] += count
        return {trouble: self._count - tried[trouble] for trouble in Trouble
                if tried[trouble] < self._count}

    def take(self, method: str) -> Trouble | None:
        with self._lock:
            reads = method in ('GET', 'HEAD')
            rate = self._rate if reads else self._RATE_OF_CHANGES
            choice = list(self.left) if reads else self._rarest(method)
            if not choice or self._random.random() >= rate:
                return None
            trouble = self._random.choice(choice)
            self.done[trouble, method] += 1
            return trouble

    def _rarest(self, method: str) -> list[Trouble]:
        fewest = min(self.done[trouble, method] for trouble in Trouble)
        return [trouble for trouble in Trouble
                if self.done[trouble, method] == fewest]


class _Server(server.ThreadingHTTPServer):
    """One whose client may die at any moment."""

    def handle_error(self, *arguments: object) -> None:
        """Tests are quiet."""


class FaultyProxy:
    """Passes everything on, except where a fault says otherwise.

    :param target: base URL of the real service
    :param strike: called when a fault happens; the request is then left
        without an answer
    """

    #: Seconds; the engine must be told to wait longer than for a slow
    #: answer, and not so long as for a lost one.
    SLOW = 2.0
    LOST = 6.0

    def __init__(self, target: str, faults: Collection[Fault],
                 strike: Callable[[Fault], None]) -> None:
        self._target = parse.urlsplit(target)
        self._faults = faults
        self._strike = strike
        self.troublemaker: Troublemaker | None = None
        self._lock = threading.Lock()
        #: Whether the service is to look as if it had broken down.
        self.down = False
        proxy = self

        class Handler(server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'

            def _handle(self) -> None:
                proxy._handle(self)

            do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _handle

            def log_message(self, *arguments: object) -> None:
                """Tests are quiet."""

        self._server = _Server(('127.0.0.1', 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(
            target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        port = self._server.server_address[1]
        return f'http://127.0.0.1:{port}{self._target.path}'

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handle(self, request: server.BaseHTTPRequestHandler) -> None:
        length = int(request.headers.get('Content-Length') or 0)
        body = request.rfile.read(length)
        if self.down:
            request.send_error(503)
            return
        trouble = (self.troublemaker.take(request.command)
                   if self.troublemaker else None)
        if trouble is not None and not self._outlive(
                request, trouble, body):
            return
        fault = self._take(request.command, request.path, body)
        if fault is not None and fault.when == 'before':
            self._strike(fault)
            request.close_connection = True
            return
        answer, content = self._forward(request, body)
        if fault is not None:
            self._strike(fault)
            request.close_connection = True
            return
        self._reply(request, answer, content)

    def _outlive(self, request: server.BaseHTTPRequestHandler,
                 trouble: Trouble, body: bytes) -> bool:
        """:returns: whether the request is to be answered all the same"""
        if trouble is Trouble.SLOW:
            time.sleep(self.SLOW)
            return True
        if trouble in (Trouble.FAILED, Trouble.CONFLICT):
            request.send_error(trouble.value)
            return False
        if trouble is Trouble.LOST:
            self._forward(request, body)
            time.sleep(self.LOST)
        # Closed without a goodbye.
        request.connection.setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        request.connection.close()
        request.close_connection = True
        return False

    def _take(self, method: str, path: str, body: bytes) -> Fault | None:
        with self._lock:
            for fault in self._faults:
                if fault.matches(method, path, body):
                    fault.happened = True
                    return fault
        return None

    def _forward(
            self, request: server.BaseHTTPRequestHandler, body: bytes,
    ) -> tuple[client.HTTPResponse, bytes]:
        connection = client.HTTPConnection(
            self._target.hostname or '', self._target.port, timeout=60)
        headers = {name: value for name, value in request.headers.items()
                   if name.lower() not in _HOP_BY_HOP}
        connection.request(request.command, request.path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer, content

    @staticmethod
    def _reply(request: server.BaseHTTPRequestHandler,
               answer: client.HTTPResponse, content: bytes) -> None:
        try:
            request.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in _HOP_BY_HOP:
                    request.send_header(name, value)
            request.send_header('Content-Length', str(len(content)))
            request.end_headers()
            if request.command != 'HEAD':
                request.wfile.write(content)
        except OSError:
            # The engine that asked is dead by now.
            request.close_connection = True
