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

"""Is it ready? Questions over a socket or HTTP, without any client."""

from collections.abc import Mapping
import http.client
import json
import socket
from typing import Any
import urllib.error
import urllib.request

from pocket_cloud import service
from pocket_cloud import state

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def tcp(port: int, send: bytes = b'', expect: bytes = b'') -> service.Probe:
    """Something listens, and answers as the service it should be."""
    def probe() -> str | None:
        try:
            with socket.create_connection(('127.0.0.1', port), 2) as talk:
                if send:
                    talk.sendall(send)
                answer = _receive(talk, expect)
        except OSError as error:
            return f'port {port}: {error}'
        if expect not in answer:
            return f'port {port}: unexpected answer {answer[:99]!r}'
        return None
    return probe


def _receive(talk: socket.socket, expect: bytes) -> bytes:
    """What is said until the expected words came, or nothing more does."""
    answer = b''
    while expect not in answer and (part := talk.recv(1024)):
        answer += part
    return answer


def answers(url: str, allowed: tuple[int, ...] = (200, 300)) -> service.Probe:
    """The URL answers with one of the allowed codes."""
    def probe() -> str | None:
        try:
            code, _ = request(url, {})
        except OSError as error:
            return f'{url}: {error}'
        return None if code in allowed else f'{url}: HTTP {code}'
    return probe


def request(url: str, headers: dict[str, str]) -> tuple[int, Any]:
    """One HTTP GET; the code, and the answer if it is JSON.

    :raises OSError: no connection, or a broken answer
    """
    code, answer, _ = _exchange(url, headers, None)
    return code, answer


def _exchange(url: str, headers: dict[str, str], body: object,
              ) -> tuple[int, Any, Mapping[str, str]]:
    data = None if body is None else json.dumps(body).encode()
    question = urllib.request.Request(
        url, data=data,
        headers={'Content-Type': 'application/json', **headers})
    try:
        with _OPENER.open(question, timeout=5) as reply:
            code, text, received = reply.status, reply.read(), reply.headers
    except urllib.error.HTTPError as error:
        code, text, received = error.code, b'', error.headers
    except http.client.HTTPException as error:
        raise OSError(str(error)) from error
    try:
        return code, json.loads(text), received
    except ValueError:
        return code, None, received


def ask(cloud: state.State, url: str) -> Any:
    """What the administrator is told at this URL.

    :raises OSError: it is not 200
    """
    code, answer = request(url, {'X-Auth-Token': token(cloud)})
    if code != 200:
        raise OSError(f'{url}: HTTP {code}')
    return answer


def token(cloud: state.State) -> str:
    """A token of the administrator.

    :raises OSError: Keystone does not answer, or gives none
    """
    url = cloud.ports.url('keystone') + '/v3/auth/tokens'
    domain = {'name': 'Default'}
    code, _, headers = _exchange(url, {}, {'auth': {
        'identity': {'methods': ['password'], 'password': {'user': {
            'name': 'admin', 'domain': domain,
            'password': cloud.secret('admin')}}},
        'scope': {'project': {'name': 'admin', 'domain': domain}}}})
    if code != 201:
        raise OSError(f'{url}: HTTP {code}')
    return headers['X-Subject-Token']
