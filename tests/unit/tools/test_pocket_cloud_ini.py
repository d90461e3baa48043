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

import configparser
import json
import pathlib
import types

from pocket_cloud import access
from pocket_cloud import ini
from pocket_cloud import registry
from pocket_cloud import service
from pocket_cloud import state
import pytest


@pytest.fixture
def services(tmp_path: pathlib.Path) -> dict[str, service.Service]:
    """Of a cloud at an offset, whose environment holds the paste files."""
    cloud = state.State(tmp_path / 's', 200)
    library = cloud.directory('venv', 'lib', 'python3.11', 'site-packages')
    for path in (cloud.path('venv', 'etc', 'glance',
                            'glance-api-paste.ini'),
                 library / 'aodh' / 'api' / 'api-paste.ini',
                 library / 'gnocchi' / 'rest' / 'api-paste.ini'):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('[filter:authtoken]\noslo_config_project = x\n')
    return {entry.name: entry for entry in registry.services(cloud)}


def parse(text: str) -> configparser.ConfigParser:
    parsed = configparser.ConfigParser(
        interpolation=None, default_section='none', strict=False)
    parsed.read_string(text)
    return parsed


def test_values_come_out_as_oslo_config_reads_them() -> None:
    parsed = parse(ini.render({'a': {'b': True, 'c': 3}, 'd': {'e': 'f'}}))
    assert dict(parsed['a']) == {'b': 'true', 'c': '3'}
    assert dict(parsed['d']) == {'e': 'f'}


@pytest.mark.parametrize('value', ['$x', 'two\nlines'])
def test_a_value_that_would_be_misread_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match=r'a\.b'):
        ini.render({'a': {'b': value}})


def test_each_service_comes_after_what_it_needs(
        services: dict[str, service.Service]) -> None:
    seen: set[str] = set()
    for entry in services.values():
        assert seen.issuperset(entry.needs), entry.name
        assert seen.issuperset(entry.tasks_need), entry.name
        seen.add(entry.name)


def test_every_file_parses_and_names_only_ports_of_its_cloud(
        services: dict[str, service.Service]) -> None:
    for entry in services.values():
        for path, text in entry.configure().items():
            if path.endswith(('.conf', '.ini')) \
                    and not path.startswith('rabbitmq/'):
                parse(text)
            if path.endswith('.json'):
                json.loads(text)
            assert '127.0.0.1:210' not in text, path
            assert '0.0.0.0' not in text, path


def test_every_server_is_told_to_listen_on_loopback_only(
        services: dict[str, service.Service]) -> None:
    listeners = {
        command.name: ' '.join(command.arguments)
        for entry in services.values() for command in entry.commands()}
    for name, port in (('mariadb', '--port=21208'), ('epmd', '21211'),
                       ('memcached', '21212')):
        assert '127.0.0.1' in listeners[name]
        assert port in listeners[name]
    apis = [line for line in listeners.values() if '--http-socket' in line]
    assert len(apis) == 8
    assert all('--http-socket 127.0.0.1:212' in line for line in apis)


def test_rabbitmq_and_its_distribution_are_its_own(
        services: dict[str, service.Service]) -> None:
    rabbitmq = services['rabbitmq']
    environment = rabbitmq.commands()[-1].environment
    assert environment['RABBITMQ_NODENAME'] == 'pocket200@localhost'
    assert environment['RABBITMQ_DIST_PORT'] == '21210'
    assert environment['ERL_EPMD_PORT'] == '21211'
    assert 'inet_dist_use_interface {127,0,0,1}' in \
        environment['RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS']
    assert 'listeners.tcp.1 = 127.0.0.1:21209\n' in \
        rabbitmq.configure()['rabbitmq/rabbitmq.conf']


def test_aodh_tells_alarms_on_a_topic_of_ours_that_we_hear(
        services: dict[str, service.Service]) -> None:
    aodh = parse(services['aodh'].configure()['aodh/aodh.conf'])
    ours = parse(services['shadow-reserve'].configure()[
        'shadow_reserve/shadow_reserve.conf'])
    topic = ours['trigger']['notification_topic']
    assert topic != 'notifications'
    assert topic in aodh['oslo_messaging_notifications']['topics'].split(',')
    nova = parse(services['nova'].configure()['nova/nova.conf'])
    assert topic in nova['notifications'][
        'versioned_notifications_topics'].split(',')


def test_what_is_shelved_keeps_its_host(
        services: dict[str, service.Service]) -> None:
    nova = parse(services['nova'].configure()['nova/nova.conf'])
    assert nova['DEFAULT']['shelved_offload_time'] == '-1'
    assert nova['notifications']['notification_format'] == 'versioned'


def test_a_user_sees_one_cloud_and_no_variable_of_another(
        tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('OS_AUTH_URL', 'http://elsewhere')
    cloud = state.State(tmp_path / 's', 200)
    found = types.MappingProxyType(access.environment(cloud, 'other'))
    assert 'OS_AUTH_URL' not in found
    assert found['OS_CLOUD'] == 'other'
    assert found['POCKET_CLOUD_PORT_OFFSET'] == '200'
    assert found['PATH'].startswith(f'{cloud.venv}/bin:')
    clouds = json.loads(access.clouds_file(cloud))['clouds']
    assert set(clouds) == {'admin', 'demo', 'other', 'shadow-reserve'}
    assert clouds['demo']['auth']['auth_url'] == 'http://127.0.0.1:21200'
