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

"""No answer of shadow_reserve, or none at all, stops a server."""

import http.server
import json
import logging
import threading
import time

from keystoneauth1 import exceptions
from oslo_config import cfg
import pytest

from shadow_reserve.nova import client
from shadow_reserve.nova import options
from shadow_reserve.nova import slots

ONE = {'promotions': [
    {'server_id': 'a', 'host': 'one', 'room': {'VCPU': 0}}]}
FOUND = {'one': [slots.Slot(server_id='a', room={'VCPU': 0})]}


class Service:
    """Says what it is told to, and counts how often it is asked."""

    def __init__(self):
        self.answer = ONE
        self.asked = 0

    def __call__(self):
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def service():
    return Service()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def asking(service, clock):
    return client.Client(service, 10, clock)


def warnings(caplog):
    return [record.getMessage() for record in caplog.records
            if record.levelno == logging.WARNING]


def test_it_is_asked_anew_each_time(asking, service, caplog):
    assert asking.slots() == FOUND
    service.answer = {'promotions': []}
    assert asking.slots() == {}
    assert service.asked == 2
    assert warnings(caplog) == []


@pytest.mark.parametrize('failure', [
    exceptions.ConnectFailure('refused'), exceptions.ConnectTimeout('slow'),
    exceptions.ServiceUnavailable('503'), exceptions.Unauthorized('401'),
    exceptions.Forbidden('403'), exceptions.EndpointNotFound('none'),
    exceptions.MissingRequiredOptions([]), ValueError('no JSON'),
    {'error': 'what?'}])
def test_a_failure_is_as_if_nothing_were_under_way(
        asking, service, clock, caplog, failure):
    service.answer = failure
    for _ in range(100):
        assert asking.slots() == {}
        clock.now += 0.09

    # Then it was neither asked nor complained of again and again.
    assert service.asked == 1
    (warning,) = warnings(caplog)
    assert 'no host is kept from any server for the next 10 s' in warning


def test_after_a_pause_it_is_asked_again(asking, service, clock, caplog):
    caplog.set_level(logging.INFO)
    service.answer = exceptions.ConnectFailure('refused')
    asking.slots()
    clock.now += 10
    asking.slots()
    assert service.asked == 2
    assert len(warnings(caplog)) == 2

    clock.now += 10
    service.answer = ONE
    assert asking.slots() == FOUND
    assert asking.slots() == FOUND
    assert [record.getMessage() for record in caplog.records
            if record.levelno == logging.INFO] == [
        'shadow_reserve answers again.']


class Handler(http.server.BaseHTTPRequestHandler):
    body = json.dumps(ONE).encode()
    delay = 0.0
    tokens: list[str | None] = []

    def do_GET(self):
        time.sleep(self.delay)
        self.tokens.append(self.headers.get('X-Auth-Token'))
        self.send_response(200 if self.path == '/v1/promotions' else 404)
        self.send_header('Content-Length', str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *args):
        pass


@pytest.fixture
def over_http(monkeypatch):
    """The client as nova-scheduler makes it, and what answers."""
    monkeypatch.setattr(Handler, 'tokens', [])
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    conf = cfg.ConfigOpts()
    options.register_opts(conf)
    conf([], project='nova', default_config_files=[])
    group = options.GROUP.name
    conf.set_override('auth_type', 'admin_token', group)
    # Its options are those of the plugin, so they come late.
    client.loading.load_auth_from_conf_options(conf, group)
    url = f'http://127.0.0.1:{server.server_port}'
    conf.set_override('endpoint', url, group)
    conf.set_override('token', 'secret', group)
    conf.set_override('endpoint_override', url, group)
    yield client.Client(client.Service(conf).ask, 10)
    server.shutdown()
    thread.join()
    server.server_close()


def test_over_http(over_http):
    assert over_http.slots() == FOUND
    assert Handler.tokens == ['secret']


def test_a_slow_service_is_not_waited_for(over_http, monkeypatch, caplog):
    monkeypatch.setattr(Handler, 'delay', 1.5)
    start = time.monotonic()
    assert over_http.slots() == over_http.slots() == {}
    assert time.monotonic() - start < 1.4
    assert 'timed out' in warnings(caplog)[0]


@pytest.mark.parametrize('body', [
    b'', b'<html>', b'{"promotions": [', b'[]'],
    ids=['empty', 'html', 'torn', 'list'])
def test_garbage(over_http, monkeypatch, caplog, body):
    monkeypatch.setattr(Handler, 'body', body)
    assert over_http.slots() == {}
    assert len(warnings(caplog)) == 1


def test_without_credentials_it_fails_open_too(caplog):
    conf = cfg.ConfigOpts()
    options.register_opts(conf)
    conf([], project='nova', default_config_files=[])
    assert client.Client(client.Service(conf).ask, 10).slots() == {}
    assert len(warnings(caplog)) == 1


def test_the_sample_shows_the_defaults_that_are():
    conf = cfg.ConfigOpts()
    options.register_opts(conf)
    conf([], project='nova', default_config_files=[])
    ((group, opts),) = options.list_opts()
    defaults = {opt.dest: opt.default for opt in opts}
    assert defaults['timeout'] == conf[group.name].timeout == 1
    assert defaults['service_type'] == 'shadow-reserve'
    assert defaults['retry_interval'] == 10
