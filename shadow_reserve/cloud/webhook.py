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

"""POST requests to addresses that tenants choose.

An engine stands in networks that tenants are not meant to reach. So only
those that the operator names are spoken to; a name is resolved once, and
the address that was checked is the one that is connected to, whatever the
name stands for a moment later. Nothing is followed, no proxy is asked, and
of the answer nothing but its status is read.
"""

from collections.abc import Iterable
from collections.abc import Mapping
import contextlib
import http.client
import ipaddress
import json
import socket
import ssl
import threading
from typing import Any
from urllib import parse

from shadow_reserve.cloud import exceptions

_NAME = 'webhook'

#: Seconds for the whole exchange, however slowly it is answered. That of a
#: name server is the resolver's own.
TIMEOUT = 5.0


class Webhooks:
    """Posts JSON, where the operator lets it.

    :param networks: in CIDR notation
    :param ca_file: authorities to trust; those of the system if ``None``
    :raises ValueError: when one of the networks is none
    :raises OSError: when that file cannot be read
    """

    def __init__(self, networks: Iterable[str],
                 ca_file: str | None = None,
                 timeout: float = TIMEOUT) -> None:
        self._networks = [ipaddress.ip_network(each) for each in networks]
        self._context = ssl.create_default_context(cafile=ca_file)
        self._timeout = timeout

    def post(self, url: str, body: Mapping[str, Any],
             idempotency_key: str) -> None:
        """Have it taken: any 2xx is a yes.

        :raises Forbidden: the operator does not let it
        :raises CloudError: the URL is none
        :raises ServiceUnavailable: it was not taken; it may be next time
        """
        parts = _parts(url)
        host, port = str(parts.hostname), parts.port or (
            443 if parts.scheme == 'https' else 80)
        try:
            addresses = self._allowed(host, port)
            status = self._exchange(
                parts, host, port, addresses, json.dumps(body).encode(), {
                    'Content-Type': 'application/json',
                    'Idempotency-Key': idempotency_key,
                    'User-Agent': 'shadow-reserve'})
        except (OSError, http.client.HTTPException, UnicodeError,
                ) as error:
            raise exceptions.ServiceUnavailable(
                _NAME, f'{where(url)}: {str(error) or type(error).__name__}',
            ) from error
        if not 200 <= status < 300:
            raise exceptions.ServiceUnavailable(
                _NAME, f'{where(url)} answered with HTTP {status}')

    def _allowed(self, host: str, port: int) -> list[str]:
        if not self._networks:
            # Nor is the name asked for, which may take its time.
            raise exceptions.Forbidden(
                _NAME, 'the operator lets webhooks go nowhere')
        found = [str(one[4][0]) for one in socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM)]
        allowed = [address for address in found if any(
            ipaddress.ip_address(address) in network
            for network in self._networks)]
        if not allowed:
            raise exceptions.Forbidden(_NAME, (
                f'{host} has no address in a network to which the operator '
                f'lets webhooks go'))
        return allowed

    def _exchange(self, parts: parse.SplitResult, host: str, port: int,
                  addresses: list[str], body: bytes,
                  headers: Mapping[str, str]) -> int:
        plain = self._connect(addresses, port)
        # A time-out of the socket begins anew with each byte that comes.
        late = threading.Event()
        guard = plain.dup()
        end = threading.Timer(self._timeout, _end, [guard, late])
        end.daemon = True
        end.start()
        try:
            if parts.scheme == 'https':
                way: http.client.HTTPConnection = (
                    http.client.HTTPSConnection(
                        host, port, context=self._context))
                way.sock = self._context.wrap_socket(
                    plain, server_hostname=host)
            else:
                way = http.client.HTTPConnection(host, port)
                way.sock = plain
            # It would resolve the name once more.
            way.auto_open = 0
            with contextlib.closing(way):
                way.request(
                    'POST', parse.urlunsplit(
                        ('', '', parts.path or '/', parts.query, '')),
                    body, headers)
                with way.getresponse() as response:
                    return response.status
        except (OSError, http.client.HTTPException) as error:
            if late.is_set() or isinstance(error, TimeoutError):
                raise TimeoutError(
                    f'no answer within {self._timeout:g} s') from error
            raise
        finally:
            end.cancel()
            end.join()
            guard.close()
            plain.close()

    def _connect(self, addresses: list[str], port: int) -> socket.socket:
        each = self._timeout / len(addresses)
        for number, address in enumerate(addresses, 1):
            try:
                found = socket.create_connection((address, port), each)
            except OSError:
                if number == len(addresses):
                    raise
                continue
            found.settimeout(self._timeout)
            return found
        raise AssertionError('there is at least one address')


def where(url: str) -> str:
    """What may be told of a URL: the rest of it is often a secret."""
    try:
        parts = parse.urlsplit(url)
    except ValueError:
        return 'its URL'
    return f'{parts.scheme}://{parts.netloc.rpartition("@")[2]}'


def _parts(url: str) -> parse.SplitResult:
    try:
        parts = parse.urlsplit(url)
        fits = (parts.scheme in ('http', 'https') and parts.hostname
                and parts.username is None and parts.port != 0)
    except ValueError:
        fits = False
    if not fits or not url.isascii() or not url.isprintable() or ' ' in url:
        raise exceptions.CloudError(_NAME, (
            'its URL is none of the form http://<host>[:<port>]/<path> or '
            'https://..., in ASCII and without a user'))
    return parts


def _end(connection: socket.socket, late: threading.Event) -> None:
    """Ends whatever waits for that connection in another thread."""
    late.set()
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
