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

"""The phases of the DevStack plugin, with DevStack's functions stubbed."""

import pathlib

import pytest

from shadow_reserve.conf import credentials
from shadow_reserve.conf import opts
from tests.unit.devstack import harness

NOVA = '/etc/nova/nova.conf'
AODH = '/etc/aodh/aodh.conf'
HEAT = '/etc/heat/heat.conf'
MESSAGING = 'oslo_messaging_notifications'
OURS = 'shadow_reserve_alarms'
SITE = '/etc/apache2/sites-available/shadow-reserve-api.conf'


@pytest.fixture
def devstack(tmp_path: pathlib.Path) -> harness.DevStack:
    return harness.DevStack(tmp_path)


def test_all_of_stack_in_order(devstack):
    run = devstack.stack()
    assert run.returncode == 0, run.output
    milestones = [
        run.index('enable_service', 'shadow-reserve-api'),
        run.index('phase', 'stack', 'pre-install'),
        run.index('phase', 'stack', 'install'),
        run.index('setup_develop', '/opt/stack/shadow-reserve'),
        run.index('phase', 'stack', 'post-config'),
        run.index('iniset_rpc_backend', 'shadow_reserve', devstack.conf),
        run.index('configure_keystone_authtoken_middleware', devstack.conf),
        run.index('write_uwsgi_config'),
        run.index('iniset', AODH),
        run.index('create_service_user', 'shadow-reserve', 'admin'),
        run.index('get_or_create_service', 'shadow-reserve',
                  'shadow-reserve'),
        run.index('get_or_create_endpoint', 'shadow-reserve'),
        run.index('iniset', NOVA),
        run.index('phase', 'stack', 'extra'),
        run.index('recreate_database', 'shadow_reserve'),
        run.index('shadow-reserve-manage'),
        run.index('run_process', 'shadow-reserve-api'),
        run.index('wait_for_service'),
        run.index('run_process', 'shadow-reserve-engine'),
        run.index('phase', 'stack', 'test-config'),
        run.index('iniset', devstack.environment['TEMPEST_CONFIG']),
    ]
    assert milestones == sorted(milestones)
    # Nothing of it turned the shell options of stack.sh off.
    assert {'e', 'u'} <= set(run.named('end')[0][0])
    assert run.summaries() == [
        'Checking what shadow_reserve needs', 'Installing shadow_reserve',
        'Configuring shadow_reserve', 'Starting shadow_reserve',
        'Configuring Tempest for shadow_reserve']


@pytest.mark.parametrize('phase', harness.STACK_PHASES)
def test_only_extra_starts_anything(devstack, phase):
    run = devstack.run(f'stack {phase}')
    assert run.returncode == 0, run.output
    started = (run.named('run_process') + run.named('recreate_database')
               + run.named('shadow-reserve-manage'))
    assert bool(started) == (phase == 'extra')


@pytest.mark.parametrize('phase', ['stack no-such-phase', 'other', 'other x'])
def test_a_phase_that_we_do_not_know_does_nothing(devstack, phase):
    run = devstack.run(phase)
    assert run.returncode == 0, run.output
    assert run.summaries() == []


def test_our_configuration(devstack):
    devstack.conf_dir.mkdir()
    stale = pathlib.Path(devstack.conf)
    stale.write_text('[DEFAULT]\nof = an earlier run\n')
    run = devstack.stack()
    assert not stale.exists()
    conf = devstack.conf
    assert run.option(conf, 'DEFAULT', 'debug') == 'True'
    assert run.option(conf, 'database', 'connection').endswith(
        '/shadow_reserve?charset=utf8')
    assert run.option(conf, 'trigger', 'notification_topic') == OURS
    assert run.named('configure_keystoneauth') == [
        (conf, 'shadow-reserve', 'service_credentials')]
    assert run.named('configure_keystone_authtoken_middleware') == [
        (conf, 'shadow-reserve', 'keystone_authtoken', 'shadow-reserve')]
    for section in credentials.SERVICES:
        assert run.option(conf, section, 'region_name') == 'RegionOne'
    assert run.named('setup_logging') == [(conf,)]


def test_every_option_that_is_written_exists(devstack):
    """A name that oslo.config does not know would be passed over silently."""
    known: dict[str, set[str]] = {}
    for group, options in opts.list_opts():
        name = group if isinstance(group, str) else group.name
        known.setdefault(name, set()).update(
            option.dest for option in options)
    run = devstack.stack()
    ours = {call[1:3] for call in run.named('iniset')
            if call[0] == devstack.conf}
    elsewhere = {('DEFAULT', 'debug'), ('database', 'connection')}
    for section, option in ours - elsewhere:
        assert option in known[section], f'[{section}] {option}'


def test_the_api_runs_under_uwsgi(devstack):
    run = devstack.stack()
    ini = str(devstack.conf_dir / 'shadow-reserve-uwsgi.ini')
    assert run.named('write_uwsgi_config') == [
        (ini, 'shadow_reserve.wsgi.api:application', '/shadow-reserve', '',
         'shadow-reserve-api')]
    commands = dict(run.named('run_process'))
    binaries = devstack.environment['BIN_DIR']
    assert commands == {
        'shadow-reserve-api':
            f'{binaries}/uwsgi --procname-prefix shadow-reserve-api '
            f'--ini {ini}',
        'shadow-reserve-engine':
            f'{binaries}/shadow-reserve-engine '
            f'--config-file {devstack.conf}'}
    assert run.named('shadow-reserve-manage') == [
        ('--config-file', devstack.conf, 'db', 'sync')]
    url = 'http://192.0.2.1/shadow-reserve'
    assert run.named('wait_for_service') == [('60', f'{url}/')]
    assert run.named('get_or_create_endpoint') == [
        ('shadow-reserve', 'RegionOne', url)]


def test_the_apache_site_does_not_grow_from_run_to_run(devstack):
    run = devstack.stack()
    removed = run.index('sudo', 'rm', '-f', SITE)
    assert removed < run.index('write_uwsgi_config')


def test_an_api_that_does_not_come_up_ends_the_run(devstack):
    run = devstack.stack(API_COMES_UP='False')
    assert run.returncode == 1
    assert run.named('die')[0][1:] == ('shadow-reserve-api did not start',)
    assert 'shadow-reserve-engine' not in dict(run.named('run_process'))


def test_a_failed_migration_ends_the_run(devstack):
    broken = devstack.root / 'bin' / 'shadow-reserve-manage'
    broken.write_text('#!/bin/sh\nexit 3\n')
    run = devstack.stack()
    assert run.returncode == 3
    assert run.named('run_process') == []


def test_nova_keeps_what_is_shelved(devstack):
    run = devstack.stack()
    assert run.option(NOVA, 'DEFAULT', 'shelved_offload_time') == '-1'
    assert run.option(NOVA, 'notifications', 'notify_on_state_change') == (
        'vm_and_task_state')
    assert run.named('format') == [('both',)]
    # start_nova_compute makes nova-cpu.conf anew from nova.conf.
    assert not any('nova-cpu.conf' in call[0]
                   for call in run.named('iniset'))


def test_nova_is_left_alone_when_asked(devstack):
    run = devstack.stack(SHADOW_RESERVE_SHELVED_OFFLOAD_TIME='',
                         NOVA_NOTIFICATION_FORMAT='versioned')
    assert run.option(NOVA, 'DEFAULT', 'shelved_offload_time') is None
    assert run.named('format') == [('versioned',)]


def test_a_compute_node_gets_nova_set_up_and_nothing_else(devstack):
    run = devstack.stack(
        ENABLED_SERVICES='n-cpu',
        DISABLED_SERVICES='shadow-reserve-api,shadow-reserve-engine')
    assert run.returncode == 0, run.output
    assert run.option(NOVA, 'DEFAULT', 'shelved_offload_time') == '-1'
    assert run.summaries() == []
    assert {call[0] for call in run.named('iniset')} == {NOVA}


def test_a_control_node_without_computes_leaves_nova_alone(devstack):
    run = devstack.stack(ENABLED_SERVICES='keystone,mysql,rabbit')
    assert run.returncode == 0, run.output
    assert not any(call[0] == NOVA for call in run.named('iniset'))


TOPICS = ('notifications', 'versioned_notifications_topics')


@pytest.mark.parametrize('service', ['n-super-cond', 'n-cond'])
def test_conductors_tell_us_of_servers_without_a_host(devstack, service):
    run = devstack.stack(ENABLED_SERVICES=f'{harness.SERVICES},{service}')
    assert run.returncode == 0, run.output
    assert run.option(NOVA, *TOPICS) == f'versioned_notifications,{OURS}'


def test_topics_that_conductors_have_already_are_kept(devstack):
    devstack.already(NOVA, *TOPICS, 'searchlight')
    run = devstack.stack(ENABLED_SERVICES='n-super-cond')
    assert run.option(NOVA, *TOPICS) == f'searchlight,{OURS}'


WITH_SCHEDULER = f'{harness.SERVICES},n-sch'
FILTERS = ('shadow_reserve.nova.scheduler_filter.ShadowReserveFilter',)
AVAILABLE = (NOVA, 'filter_scheduler', 'available_filters')


def test_nova_scheduler_loads_our_filter(devstack):
    run = devstack.stack(ENABLED_SERVICES=WITH_SCHEDULER)
    assert run.returncode == 0, run.output
    assert run.named('iniset_multiline') == [
        (*AVAILABLE, 'nova.scheduler.filters.all_filters', *FILTERS)]
    assert run.option(NOVA, 'filter_scheduler', 'enabled_filters') == (
        'ComputeFilter,SameHostFilter,ShadowReserveFilter')
    assert (NOVA, 'nova', 'shadow_reserve') in run.named(
        'configure_keystoneauth')
    assert run.option(NOVA, 'shadow_reserve', 'region_name') == 'RegionOne'


def test_filters_of_others_are_kept_and_ours_comes_once(devstack):
    theirs = ('nova.scheduler.filters.all_filters', 'blazarnova.Filter')
    devstack.already(*AVAILABLE, '\t'.join(theirs), how='iniset_multiline')
    devstack.already(NOVA, 'filter_scheduler', 'enabled_filters', 'Theirs')
    run = devstack.run('stack post-config', 'stack post-config',
                       ENABLED_SERVICES=WITH_SCHEDULER)
    assert run.named('iniset_multiline') == [
        (*AVAILABLE, *theirs, *FILTERS)]
    assert run.option(NOVA, 'filter_scheduler', 'enabled_filters') == (
        'Theirs,ShadowReserveFilter')


@pytest.mark.parametrize('environment', [
    {'ENABLED_SERVICES': harness.SERVICES},
    {'ENABLED_SERVICES': WITH_SCHEDULER,
     'SHADOW_RESERVE_SCHEDULER_FILTER': 'False'},
], ids=['no scheduler here', 'switched off'])
def test_no_filter_where_none_is_wanted(devstack, environment):
    run = devstack.stack(**environment)
    assert run.returncode == 0, run.output
    assert run.named('iniset_multiline') == []
    assert not any(call[:2] == (NOVA, 'filter_scheduler')
                   for call in run.named('iniset'))


def test_a_scheduler_on_a_node_without_our_services_finds_the_package(
        devstack):
    run = devstack.stack(
        ENABLED_SERVICES='n-sch',
        DISABLED_SERVICES='shadow-reserve-api,shadow-reserve-engine')
    assert run.returncode == 0, run.output
    assert run.named('setup_develop') == [('/opt/stack/shadow-reserve',)]
    assert len(run.named('iniset_multiline')) == 1


@pytest.mark.parametrize(('before', 'after'), [
    (None, f'notifications,{OURS}'),
    ('notifications', f'notifications,{OURS}'),
    ('notifications,theirs', f'notifications,theirs,{OURS}'),
    (f'notifications,{OURS}', None),
    (f'notifications,{OURS}_of_another', f'notifications,{OURS}_of_another,'
                                         f'{OURS}'),
])
def test_aodh_says_alarms_on_our_topic_too(devstack, before, after):
    if before is not None:
        devstack.already(AODH, MESSAGING, 'topics', before)
    run = devstack.stack()
    assert run.option(AODH, MESSAGING, 'driver') == 'messagingv2'
    assert run.option(AODH, MESSAGING, 'topics') == after


def test_stacking_twice_adds_the_topic_once(devstack):
    run = devstack.run('stack post-config', 'stack post-config')
    assert run.option(AODH, MESSAGING, 'topics') == f'notifications,{OURS}'


@pytest.mark.parametrize(('before', 'after'), [
    ('', f'notifications,{OURS}'),
    ('notifications,theirs', f'notifications,theirs,{OURS}'),
    (f'{OURS},notifications', f'{OURS},notifications'),
])
def test_the_topic_is_there_before_aodh_reads_its_settings(
        devstack, before, after):
    run = devstack.run(AODH_NOTIFICATION_TOPICS=before)
    assert run.named('topics') == [(after,)]


def test_a_topic_of_the_users_own(devstack):
    run = devstack.stack(SHADOW_RESERVE_ALARM_TOPIC='mine')
    assert run.option(devstack.conf, 'trigger', 'notification_topic') == (
        'mine')
    assert run.option(AODH, MESSAGING, 'topics') == 'notifications,mine'
    assert run.named('topics') == [('notifications,mine',)]


def test_without_aodh_here_its_file_is_not_made(devstack):
    run = devstack.stack(ENABLED_SERVICES='keystone,mysql,rabbit,n-cpu')
    assert run.returncode == 0, run.output
    assert not any(call[0] == AODH for call in run.named('iniset'))
    warnings = ' '.join(' '.join(call) for call in run.named('warn'))
    for service in ('gnocchi-api', 'aodh-api', 'aodh-evaluator'):
        assert f'{service} is not enabled here' in warnings


def test_heat_loads_our_resources_where_it_runs(devstack):
    assert devstack.stack().option(HEAT, 'DEFAULT', 'plugin_dirs') is None
    devstack.already(HEAT, 'DEFAULT', 'plugin_dirs', '/opt/theirs')
    run = devstack.stack(ENABLED_SERVICES=f'{harness.SERVICES},h-eng')
    assert run.option(HEAT, 'DEFAULT', 'plugin_dirs') == (
        '/opt/theirs,/opt/stack/shadow-reserve/shadow_reserve/heat/resources')
    # Only ever on the path that the wheel has too.
    assert (harness.PLUGIN.parent / 'shadow_reserve' / 'heat').is_dir()


@pytest.mark.parametrize('late', ['ceilometer', 'aodh', 'heat'])
def test_a_plugin_that_would_undo_our_settings_must_come_first(
        devstack, late):
    run = devstack.stack(DEVSTACK_PLUGINS=f'shadow-reserve,{late}')
    assert run.returncode == 1
    assert f'enable_plugin {late} must come before' in (
        ' '.join(run.named('die')[0]))
    assert run.named('setup_develop') == []


def test_unstack_stops_both_and_removes_nothing(devstack):
    run = devstack.run('unstack')
    assert run.returncode == 0, run.output
    assert run.named('stop_process') == [
        ('shadow-reserve-engine',), ('shadow-reserve-api',)]
    assert run.named('sudo') == run.named('remove_uwsgi_config') == []


def test_clean_removes_all_that_was_made(devstack):
    run = devstack.run('clean')
    assert run.returncode == 0, run.output
    ini = str(devstack.conf_dir / 'shadow-reserve-uwsgi.ini')
    # DevStack takes the name of the site from the second argument.
    assert run.named('remove_uwsgi_config') == [(ini, 'shadow-reserve-api')]
    assert ('rm', '-f', SITE) in run.named('sudo')
    assert ('rm', '-rf', str(devstack.conf_dir)) in run.named('sudo')
    assert run.named('run_process') == []


def test_disabled_services_leave_the_machine_alone(devstack):
    off = 'shadow-reserve-api,shadow-reserve-engine'
    for phase in ('stack install', 'stack extra', 'unstack', 'clean'):
        run = devstack.run(phase, DISABLED_SERVICES=off)
        assert run.returncode == 0, run.output
        assert run.named('sudo') == run.named('stop_process') == []
