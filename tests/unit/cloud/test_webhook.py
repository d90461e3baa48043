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

"""Webhooks over real sockets, to servers that behave and that do not."""

import datetime
import http.server
import json
import socket
import ssl
import threading
import time

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization
from cryptography import x509
from cryptography.x509 import oid
import pytest

from shadow_reserve.cloud import exceptions
from shadow_reserve.cloud import webhook

HERE = ['127.0.0.0/8']


class Receiver(http.server.ThreadingHTTPServer):
    """Answers as a test says, and remembers what it was told."""

    daemon_threads = True

    def __init__(self, context=None):
        super().__init__(('127.0.0.1', 0), _Handler)
        if context is not None:
            self.socket = context.wrap_socket(
                self.socket, server_side=True)
        self.told, self.status, self.headers = [], 204, {}
        self.answer = None
        threading.Thread(
            target=self.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def port(self):
        return self.server_address[1]

    def handle_error(self, request, client_address):
        pass


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length']))
        self.server.told.append((self.path, self.headers, body))
        if self.server.answer is not None:
            self.server.answer(self.wfile)
            return
        self.send_response(self.server.status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *args):
        pass


@pytest.fixture
def receiver():
    with Receiver() as server:
        yield server
        server.shutdown()


def test_it_is_told_as_json_with_a_key(receiver):
    webhook.Webhooks(HERE).post(
        f'http://127.0.0.1:{receiver.port}/hook?secret=1',
        {'event': 'join'}, 'the-key')
    [(path, headers, body)] = receiver.told
    assert path == '/hook?secret=1'
    assert json.loads(body) == {'event': 'join'}
    assert headers['Idempotency-Key'] == 'the-key'
    assert headers['Content-Type'] == 'application/json'
    assert headers['Host'] == f'127.0.0.1:{receiver.port}'


@pytest.mark.parametrize('status', [301, 302, 307, 400, 404, 410, 500, 503])
def test_anything_but_2xx_is_a_no(receiver, status):
    other = f'http://127.0.0.1:{receiver.port}/elsewhere'
    receiver.status, receiver.headers = status, {'Location': other}
    with pytest.raises(exceptions.ServiceUnavailable, match=f'{status}'):
        webhook.Webhooks(HERE).post(
            f'http://127.0.0.1:{receiver.port}/hook', {}, 'key')
    # and nothing is followed
    assert [path for path, _, _ in receiver.told] == ['/hook']


@pytest.mark.parametrize('networks', [
    [], ['10.0.0.0/8'], ['127.0.0.2/32'], ['::/0']])
@pytest.mark.parametrize('host', ['127.0.0.1', 'localhost', '2130706433'])
def test_other_networks_are_not_spoken_to(receiver, networks, host):
    if networks == ['::/0'] and host == 'localhost':
        pytest.skip('localhost may be ::1')
    with pytest.raises(exceptions.Forbidden, match='operator'):
        webhook.Webhooks(networks).post(
            f'http://{host}:{receiver.port}/', {}, 'key')
    assert receiver.told == []


def test_no_name_is_resolved_where_none_could_be_spoken_to(monkeypatch):
    """A tenant's name server may let engines wait."""
    def resolve(*args, **kwargs):
        raise AssertionError('it was asked for')
    monkeypatch.setattr(socket, 'getaddrinfo', resolve)
    with pytest.raises(exceptions.Forbidden, match='operator'):
        webhook.Webhooks([]).post('http://slow.example/', {}, 'key')


def test_a_name_is_resolved_once(receiver, monkeypatch):
    # Given a name that stands for something else when asked again
    answers = [['127.0.0.1'], ['10.255.255.1']]
    asked = []

    def getaddrinfo(host, port, *args, **kwargs):
        if host != 'rebinding.example.org':
            return real(host, port, *args, **kwargs)
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, '', (one, port))
                for one in answers.pop(0)]
    real = socket.getaddrinfo
    monkeypatch.setattr(socket, 'getaddrinfo', getaddrinfo)

    webhook.Webhooks(HERE).post(
        f'http://rebinding.example.org:{receiver.port}/', {}, 'key')

    [(_, headers, _)] = receiver.told
    assert len(asked) == 1
    assert headers['Host'] == f'rebinding.example.org:{receiver.port}'


def test_of_several_addresses_only_those_allowed_are_tried(
        receiver, monkeypatch):
    real = socket.getaddrinfo
    monkeypatch.setattr(socket, 'getaddrinfo', lambda host, port, *a, **k: [
        (socket.AF_INET, socket.SOCK_STREAM, 6, '', (one, port))
        for one in ('169.254.169.254', '127.0.0.9', '127.0.0.1')]
        if host == 'many.example.org' else real(host, port, *a, **k))
    # 127.0.0.9 refuses, so the next one is tried
    webhook.Webhooks(HERE).post(
        f'http://many.example.org:{receiver.port}/', {}, 'key')
    assert len(receiver.told) == 1


def test_no_proxy_is_asked(receiver, monkeypatch):
    for name in ('http_proxy', 'HTTP_PROXY', 'https_proxy', 'ALL_PROXY'):
        monkeypatch.setenv(name, 'http://127.0.0.1:1/')
    webhook.Webhooks(HERE).post(
        f'http://127.0.0.1:{receiver.port}/', {}, 'key')
    assert len(receiver.told) == 1


@pytest.mark.parametrize('pause', [60, 0.05])
def test_a_slow_answer_is_not_waited_for(receiver, pause):
    def answer(stream):
        # Each byte would let a socket wait anew.
        for byte in b'HTTP/1.1 200 OK\r\n' + b'X: 1\r\n' * 1000:
            time.sleep(pause)
            stream.write(bytes([byte]))
    receiver.answer = answer
    begun = time.monotonic()
    with pytest.raises(exceptions.ServiceUnavailable, match=r'within 0\.4 s'):
        webhook.Webhooks(HERE, timeout=0.4).post(
            f'http://127.0.0.1:{receiver.port}/', {}, 'key')
    assert time.monotonic() - begun < 3


def test_an_answer_that_never_ends_is_not_read(receiver):
    def answer(stream):
        stream.write(b'HTTP/1.1 200 OK\r\n\r\n')
        for _ in range(100_000):
            stream.write(b'x' * 10_000)
    receiver.answer = answer
    begun = time.monotonic()
    webhook.Webhooks(HERE).post(
        f'http://127.0.0.1:{receiver.port}/', {}, 'key')
    assert time.monotonic() - begun < 3


@pytest.mark.parametrize('answer', [
    b'', b'nonsense\r\n\r\n', b'HTTP/1.1 \r\n\r\n',
    b'HTTP/1.1 200 OK\r\n' + b'X: 1\r\n' * 200])
def test_nonsense_is_a_no(receiver, answer):
    receiver.answer = lambda stream: stream.write(answer)
    with pytest.raises(exceptions.ServiceUnavailable):
        webhook.Webhooks(HERE).post(
            f'http://127.0.0.1:{receiver.port}/', {}, 'key')


def test_nobody_there_is_worth_another_try():
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        with pytest.raises(exceptions.ServiceUnavailable, match='refused'):
            webhook.Webhooks(HERE).post(
                f'http://127.0.0.1:{taken.getsockname()[1]}/', {}, 'key')


@pytest.mark.parametrize('url', [
    '', 'example.org', 'ftp://127.0.0.1/', 'http:///x', 'http://[/',
    'http://127.0.0.1:99999/', 'http://127.0.0.1:0/',
    'http://user:secret@127.0.0.1/', 'http://127.0.0.1/\r\nX: 1',
    'http://127.0.0.1/a b', 'http://ex\u00e4mple.org/',
    'file:///etc/passwd'])
def test_what_is_no_url_is_refused(url):
    with pytest.raises(exceptions.CloudError, match='URL') as caught:
        webhook.Webhooks(['0.0.0.0/0']).post(url, {}, 'key')
    assert 'secret' not in str(caught.value)


def test_secrets_in_a_url_are_not_told(receiver):
    receiver.status = 500
    with pytest.raises(exceptions.ServiceUnavailable) as caught:
        webhook.Webhooks(HERE).post(
            f'http://127.0.0.1:{receiver.port}/secret?key=secret', {}, 'k')
    assert 'secret' not in str(caught.value)


@pytest.fixture
def authority(tmp_path):
    """A certificate for localhost that vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(
        oid.NameOID.COMMON_NAME, 'localhost')])
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name)
        .public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - day).not_valid_after(now + day)
        .add_extension(x509.SubjectAlternativeName(
            [x509.DNSName('localhost')]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None),
                       critical=True)
        .sign(key, hashes.SHA256()))
    file = tmp_path / 'authority.pem'
    file.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption()))
    return str(file)


@pytest.fixture
def secure_receiver(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority)
    with Receiver(context) as server:
        yield server
        server.shutdown()


def test_https_of_an_authority_that_is_trusted(secure_receiver, authority):
    webhook.Webhooks(['127.0.0.0/8', '::1/128'], authority).post(
        f'https://localhost:{secure_receiver.port}/', {'a': 1}, 'key')
    [(_, headers, body)] = secure_receiver.told
    assert json.loads(body) == {'a': 1}
    assert headers['Host'] == f'localhost:{secure_receiver.port}'


@pytest.mark.parametrize(('host', 'trusted'), [
    ('localhost', False), ('127.0.0.1', True)])
def test_https_of_somebody_else(secure_receiver, authority, host, trusted):
    with pytest.raises(exceptions.ServiceUnavailable, match='certificate'):
        webhook.Webhooks(HERE, authority if trusted else None).post(
            f'https://{host}:{secure_receiver.port}/', {}, 'key')
    assert secure_receiver.told == []


def test_a_handshake_that_hangs_is_not_waited_for():
    with socket.socket() as silent:
        silent.bind(('127.0.0.1', 0))
        silent.listen()
        with pytest.raises(exceptions.ServiceUnavailable, match='within'):
            webhook.Webhooks(HERE, timeout=0.3).post(
                f'https://127.0.0.1:{silent.getsockname()[1]}/', {}, 'key')
