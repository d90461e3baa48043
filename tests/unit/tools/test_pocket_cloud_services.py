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

from pocket_cloud import access
from pocket_cloud import cli
from pocket_cloud import commands
from pocket_cloud import environment
from pocket_cloud import ini
from pocket_cloud import ports
from pocket_cloud import registry
from pocket_cloud import service
from pocket_cloud import state
import pytest

#: What the packages of the services ship, and we start from.
SHIPPED = (
    'etc/glance/glance-api-paste.ini',
    'lib/python3.11/site-packages/gnocchi/rest/api-paste.ini',
    'lib/python3.11/site-packages/aodh/api/api-paste.ini',
)


@pytest.fixture
def cloud(tmp_path: pathlib.Path) -> state.State:
    """With all that can be added to it."""
    made = state.State(tmp_path / 's', 300)
    made.add(registry.EXTRAS)
    for path in SHIPPED:
        name = path.split('/')[-3 if 'lib/' in path else -2]
        made.path('venv', *path.split('/')).write_text(
            f'[filter:authtoken]\noslo_config_project = {name}\n')
    return made


@pytest.fixture
def services(cloud: state.State) -> list[service.Service]:
    return registry.services(cloud)


def files(services: list[service.Service]) -> dict[str, str]:
    return {path: text for entry in services
            for path, text in entry.configure().items()}


def parse(text: str) -> configparser.ConfigParser:
    # An option may have several values, each on a line of its own.
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.read_string(text)
    return parser


def test_every_configuration_file_parses(
        services: list[service.Service]) -> None:
    found = {path: text for path, text in files(services).items()
             if path.endswith('.conf') and 'rabbitmq' not in path}
    assert len(found) == 13
    for text in found.values():
        assert parse(text).sections() or 'DEFAULT' in text


def test_files_are_the_same_at_every_start(
        services: list[service.Service]) -> None:
    assert files(services) == files(services)


def test_each_service_comes_after_what_it_needs(
        services: list[service.Service]) -> None:
    seen: set[str] = set()
    for entry in services:
        assert set(entry.needs) <= seen, entry.name
        assert entry.tasks_need == ('mariadb',) or \
            set(entry.tasks_need) <= seen, entry.name
        seen.add(entry.name)


def test_names_of_processes_are_one_only(
        services: list[service.Service]) -> None:
    names = [command.name for entry in services
             for command in entry.commands()]
    assert len(names) == len(set(names))


def test_what_listens_listens_on_loopback_at_its_own_port(
        services: list[service.Service]) -> None:
    text = '\n'.join(files(services).values())
    commands = [' '.join(command.arguments) for entry in services
                for command in entry.commands()]
    everything = '\n'.join([text, *commands])
    assert '0.0.0.0' not in everything
    for name, port in ports.Ports(300).all().items():
        used = everything if name != 'rabbitmq-distribution' else str([
            command.environment for entry in services
            for command in entry.commands()])
        assert str(port) in used, name
    for port in ports.Ports(0).all().values():
        assert str(port) not in everything


def test_ours_is_told_all_it_needs(
        services: list[service.Service]) -> None:
    config = parse(files(services)['shadow_reserve/shadow_reserve.conf'])
    assert config['service_credentials']['username'] == 'shadow-reserve'
    assert config['service_credentials']['project_name'] == 'service'
    assert config['database']['connection'].startswith('mysql+pymysql://')
    topic = config['trigger']['notification_topic']
    aodh = parse(files(services)['aodh/aodh.conf'])
    topics = aodh['oslo_messaging_notifications']['topics'].split(',')
    assert topic in topics
    policies = json.loads(files(services)['rabbitmq/definitions.json'])
    assert topic in policies['policies'][0]['pattern']


def test_shelved_servers_stay_on_their_hosts(
        services: list[service.Service]) -> None:
    config = parse(files(services)['nova/nova.conf'])
    assert config['DEFAULT']['shelved_offload_time'] == '-1'


def test_nova_scheduler_loads_our_filter_last(
        services: list[service.Service]) -> None:
    text = files(services)['nova/nova.conf']
    for name in ('nova.scheduler.filters.all_filters',
                 'shadow_reserve.nova.scheduler_filter.ShadowReserveFilter'):
        assert f'\navailable_filters = {name}\n' in text
    config = parse(text)
    enabled = config['filter_scheduler']['enabled_filters'].split(',')
    assert enabled[-1] == 'ShadowReserveFilter'
    assert config['shadow_reserve']['username'] == 'nova'


def test_keystonemiddleware_finds_the_options(
        services: list[service.Service], cloud: state.State) -> None:
    for name in ('gnocchi', 'aodh'):
        paste = parse(files(services)[f'{name}/api-paste.ini'])
        assert paste['filter:authtoken']['oslo_config_file'] == str(
            cloud.folder / 'etc' / name / f'{name}.conf')


def test_every_service_with_an_endpoint_is_in_the_catalogue(
        services: list[service.Service]) -> None:
    entries = json.loads(files(services)['bootstrap/catalogue.json'])
    # Keystone's own comes with its bootstrap.
    assert {entry['type'] for entry in entries['services']} == {
        entry.service_type for entry in services
        if entry.service_type} - {'identity'}
    assert all(entry['roles'] and entry['url'].startswith(
        'http://127.0.0.1:') for entry in entries['services'])


def test_every_database_is_made(services: list[service.Service]) -> None:
    text = files(services)['mariadb/init.sql']
    for entry in services:
        for name in entry.databases:
            assert f'CREATE DATABASE IF NOT EXISTS `{name}`' in text


def test_options_of_the_callers_shell_do_not_reach_a_service(
        cloud: state.State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('OS_AUTH_URL', 'http://elsewhere')
    monkeypatch.setenv('PYTHONPATH', '/elsewhere')
    monkeypatch.setenv('https_proxy', 'http://elsewhere')
    assert 'elsewhere' not in str(service.clean_environment(cloud))


def test_clouds_yaml_and_the_environment_of_run(
        cloud: state.State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('OS_AUTH_URL', 'http://elsewhere')
    clouds = json.loads(access.clouds_file(cloud))['clouds']
    assert set(clouds) == {'admin', 'demo', 'other', 'shadow-reserve'}
    assert clouds['shadow-reserve']['auth']['project_name'] == 'service'
    found = access.environment(cloud, 'other')
    assert found['OS_CLOUD'] == 'other'
    assert found['POCKET_CLOUD_PORT_OFFSET'] == '300'
    assert found['POCKET_CLOUD_STATE'] == str(cloud.folder)
    assert found['PATH'].startswith(str(cloud.venv))
    assert 'OS_AUTH_URL' not in found


def test_what_can_be_added_is_there_only_where_it_was_asked_for(
        tmp_path: pathlib.Path) -> None:
    cloud = state.State(tmp_path / 'plain')
    assert 'cinder' in registry.EXTRAS
    assert 'cinder' not in [one.name for one in registry.services(cloud)]

    cloud.add(['cinder'])

    again = state.State(tmp_path / 'plain')
    assert again.extras == ('cinder',)
    assert 'cinder' in [one.name for one in registry.services(again)]


def test_nothing_is_added_to_a_cloud_that_runs(
        tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(commands.Commands, 'is_running', lambda self: True)
    monkeypatch.setattr('sys.argv', [
        'pocket-cloud', '--state', str(tmp_path / 'runs'), 'start',
        '--with', 'cinder'])

    assert cli.main() == 1

    assert 'without cinder: "stop" it' in capsys.readouterr().err
    assert state.State(tmp_path / 'runs').extras == ()


def test_what_can_be_added_has_its_packages_pinned() -> None:
    pinned = environment.CONSTRAINTS.read_text().splitlines()
    for extra in registry.EXTRAS:
        wanted = (environment.HERE / f'requirements-{extra}.txt')
        lines = [line for line in wanted.read_text().splitlines()
                 if not line.startswith('#')]
        assert lines and set(lines) <= set(pinned)


def test_cinder_and_nova_find_each_other(
        services: list[service.Service]) -> None:
    config = parse(files(services)['cinder/cinder.conf'])
    backend = config['DEFAULT']['enabled_backends']
    assert config[backend]['volume_driver'].startswith(
        'pocket_cloud.cinder_driver.')
    # Nova's word is needed before an attachment may go, and who asks for
    # it must be known as a service on both sides.
    assert config['nova']['username'] == 'cinder'
    assert config['service_user']['send_service_user_token'] == 'true'
    nova = parse(files(services)['nova/nova.conf'])
    assert nova['service_user']['send_service_user_token'] == 'true'
    assert nova['cinder']['os_region_name'] == config['nova']['region_name']


def test_a_value_that_oslo_config_would_change_is_refused() -> None:
    assert ini.render({'a': {'b': True, 'c': 1}}) == '[a]\nb = true\nc = 1\n'
    assert ini.render({'a': {'b': ('c', 'd')}}) == '[a]\nb = c\nb = d\n'
    with pytest.raises(ValueError, match='password'):
        ini.render({'a': {'password': 'pa$$word'}})
