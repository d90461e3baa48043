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

import argparse
import base64
import json

from openstack import exceptions as sdk_exceptions
from osc_lib import exceptions
import pytest

from shadow_reserve.client.osc import plugin
from shadow_reserve.client.osc.v1 import _common
from shadow_reserve.client.osc.v1 import _template
from shadow_reserve.client.osc.v1 import capacity
from shadow_reserve.client.osc.v1 import event
from shadow_reserve.client.osc.v1 import forecast
from shadow_reserve.client.osc.v1 import instance
from shadow_reserve.client.osc.v1 import ledger
from shadow_reserve.client.osc.v1 import promotion
from shadow_reserve.client.osc.v1 import reservation
from shadow_reserve.db import reservations as db_reservations
from tests.api import fakes
from tests.api import fixtures

CREATE = ('--flavor', 'small', '--quantity', '2', '--image', 'cirros')
END = ('--duration', '2h')
SELECTOR = ('--selector-metadata', 'app=web')


def shown(answer):
    """A ShowOne's answer, as programs get it with ``-f json``."""
    titles, values = answer
    return {title: value.machine_readable()
            if isinstance(value, _common.Fields) else value
            for title, value in zip(titles, values)}


def listed(answer):
    titles, rows = answer
    return [shown((titles, row)) for row in rows]


@pytest.mark.parametrize(('text', 'seconds'), [
    ('7200', 7200), ('2h', 7200), ('90m', 5400), ('1d12h30m5s', 131405)])
def test_durations(text, seconds):
    assert _common.duration(text) == seconds


@pytest.mark.parametrize('text', ['', 'h', '2x', '-1', '1.5h', '2h ', '²'])
def test_what_is_no_duration(text):
    with pytest.raises(argparse.ArgumentTypeError):
        _common.duration(text)


def test_create(run, tmp_path):
    script = tmp_path / 'init.sh'
    script.write_bytes(b'#!/bin/sh\n')
    made = shown(run(
        reservation.CreateReservation, *CREATE, *END, *SELECTOR,
        '--network', 'private', '--security-group', 'default',
        '--key-name', 'laptop', '--user-data', str(script),
        '--availability-zone', 'az-1', '--property', 'role=web',
        '--start', '2026-02-01T00:00:00Z', '--mode', 'active',
        '--maximum-shadow', '3', '--cooldown', '10m', '--budget', '5',
        'shop'))
    assert made['name'] == 'shop'
    assert made['status'] == 'pending'
    assert made['start_time'] == '2026-02-01T00:00:00Z'
    assert made['duration_seconds'] == 7200
    assert made['selector'] == {
        'kind': 'metadata', 'key': 'app', 'value': 'web'}
    assert made['template']['networks'] == [
        '22222222-aaaa-4aaa-8aaa-222222222222']
    assert made['template']['metadata'] == {'role': 'web'}
    assert (made['policy']['mode'], made['policy']['maximum_shadow'],
            made['policy']['cooldown'], made['policy']['budget']) == (
        'active', 3, 600, '5')
    assert made['policy']['service_level'] == 0.95
    json.dumps(made)


def test_user_data_is_sent_in_base64(tmp_path):
    script = tmp_path / 'init.sh'
    script.write_bytes(b'\x00\xff')
    parser = argparse.ArgumentParser()
    _template.add_options(parser, new=True)
    template = _template.chosen(parser.parse_args([
        '--image', 'cirros', '--user-data', str(script)]))
    assert base64.b64decode(template['user_data']) == b'\x00\xff'


HELD = (
    '--hold', 'shelved=2', '--hold', 'offloaded', '--priority', '80',
    '--schedule', 'start=0 18 * * 1,5,duration=4h,quantity=10',
    '--schedule',
    'quantity=0,duration=60,start=0 6 * * *,timezone=Europe/Berlin',
    '--drain-time', '2m', '--maximum-uses', '20', '--maximum-age', '7d',
    '--config-drive', '--readiness', 'kind=http,port=8080,path=/a,b=c',
    '--volume', 'size=10,type=fast,attach=build', '--volume', 'size=1')


def test_create_with_all_that_says_how_it_is_held(run):
    made = shown(run(
        reservation.CreateReservation, *CREATE, *END, *SELECTOR, *HELD,
        'shop'))
    assert {name: made['policy'][name] for name in (
        'hold', 'priority', 'schedule', 'drain_time', 'maximum_uses',
        'maximum_age')} == {
        'hold': [{'tier': 'shelved', 'count': 2},
                 {'tier': 'offloaded', 'count': None}],
        'priority': 80,
        'schedule': [
            {'start': '0 18 * * 1,5', 'duration': 14400, 'quantity': 10,
             'timezone': 'UTC'},
            {'start': '0 6 * * *', 'duration': 60, 'quantity': 0,
             'timezone': 'Europe/Berlin'}],
        'drain_time': 120, 'maximum_uses': 20, 'maximum_age': 604800}
    assert made['template']['config_drive'] is True
    assert made['template']['readiness'] == {
        'kind': 'http', 'port': 8080, 'path': '/a,b=c'}
    assert made['template']['volumes'] == [
        {'size': 10, 'type': 'fast', 'attach': 'build'},
        {'size': 1, 'type': None, 'attach': 'promotion'}]
    changed = shown(run(
        reservation.SetReservation, 'shop', '--no-schedule',
        '--no-maximum-uses', '--no-maximum-age', '--hold', 'stopped'))
    assert (changed['policy']['schedule'], changed['policy']['hold'],
            changed['policy']['maximum_uses'],
            changed['policy']['maximum_age']) == (
        [], [{'tier': 'stopped', 'count': None}], None, None)
    assert changed['template'] == made['template']


PROMOTED = (
    '--no-cpu-threshold', '--memory-threshold', '70',
    '--memory-scale-in-threshold', '30', '--io-latency-threshold', '20',
    '--io-latency-scale-in-threshold', '5', '--alarm-period', '5m',
    '--alarm-evaluation-periods', '3', '--alarm-combination', 'all',
    '--promotion-step', '2', '--promotion-cooldown', '2m',
    '--maximum-promoted', '4', '--cold-creation', '--promote-ahead', '0.8',
    '--hook', 'kind=webhook,url=https://example.org/?a=b,c=d',
    '--hook', 'kind=octavia_pool,protocol_port=80,'
              'pool_id=33333333-aaaa-4aaa-8aaa-333333333333',
    '--hook', 'kind=metadata,key=serves,value=yes, it does')


def test_create_with_all_that_says_when_it_is_promoted(run):
    made = shown(run(
        reservation.CreateReservation, *CREATE, *END, *SELECTOR, *PROMOTED,
        'shop'))['policy']
    told = {
        'cpu_threshold': None, 'memory_threshold': 70,
        'memory_scale_in_threshold': 30, 'io_latency_threshold': 20,
        'io_latency_scale_in_threshold': 5, 'alarm_period': 300,
        'alarm_evaluation_periods': 3, 'alarm_combination': 'all',
        'promotion_step': 2, 'promotion_cooldown': 120,
        'maximum_promoted': 4, 'cold_creation': True, 'promote_ahead': 0.8,
        'hooks': [
            {'kind': 'webhook', 'url': 'https://example.org/?a=b,c=d'},
            {'kind': 'octavia_pool', 'protocol_port': 80,
             'pool_id': '33333333-aaaa-4aaa-8aaa-333333333333'},
            {'kind': 'metadata', 'key': 'serves',
             'value': 'yes, it does'}]}
    assert {name: made[name] for name in told} == told
    changed = shown(run(
        reservation.SetReservation, 'shop', '--no-memory-threshold',
        '--no-memory-scale-in-threshold', '--no-io-latency-threshold',
        '--no-io-latency-scale-in-threshold', '--no-alarm-period',
        '--no-alarm-evaluation-periods', '--no-promotion-step',
        '--no-maximum-promoted', '--no-cold-creation',
        '--no-promote-ahead', '--no-hook'))['policy']
    assert {name: changed[name] for name in told} == {
        **{name: None for name in told}, 'alarm_combination': 'all',
        'promotion_cooldown': 120, 'cold_creation': False, 'hooks': []}
    kept = shown(run(
        reservation.SetReservation, 'shop', '--cpu-threshold', '75'))
    assert kept['policy'] == {**changed, 'cpu_threshold': 75}


@pytest.mark.parametrize('option', [
    ('--hook', 'url=https://example.org/'), ('--hook', 'kind=script'),
    ('--hook', 'kind=octavia_pool,protocol_port=http'),
    ('--hook', 'kind=metadata,key=a,value=b', '--no-hook'),
    ('--cold-creation', '--no-cold-creation'),
    ('--promotion-step', '2', '--no-promotion-step'),
    ('--alarm-combination', 'most'),
    ('--hold', 'frozen'), ('--hold', 'shelved=some'),
    ('--schedule', '0 18 * * 5'), ('--schedule', 'start=0 18 * * 5'),
    ('--schedule', 'start=0 18 * * 5,duration=4x,quantity=1'),
    ('--schedule', 'start=0 18 * * 5,duration=4h,quantity=-1'),
    ('--schedule', 'start=0 18 * * 5,start=a,duration=4h,quantity=1'),
    ('--schedule', 'start=0 18 * * 5,duration=4h,quantity=1',
     '--no-schedule'),
    ('--maximum-uses', '2', '--no-maximum-uses'),
    ('--readiness', 'http'), ('--readiness', 'kind=http,port=http'),
    ('--volume', '10'), ('--volume', 'size=ten'),
    ('--volume', 'colour=red'),
])
def test_how_it_is_held_with_options_that_do_not_fit(run, option):
    with pytest.raises((SystemExit, argparse.ArgumentError)):
        run(reservation.CreateReservation, *CREATE, *END, *SELECTOR,
            *option, 'shop')


@pytest.mark.parametrize('width', ['40', '80', '200'])
@pytest.mark.parametrize('command', [
    reservation.CreateReservation, reservation.SetReservation])
def test_help_can_be_written_at_any_width(command, width, monkeypatch):
    # argparse trips over brackets in a metavar where it breaks the line.
    monkeypatch.setenv('COLUMNS', width)
    text = command(None, None).get_parser('openstack').format_help()
    assert '--schedule' in text and '--volume' in text


def test_create_without_networks_by_server_group(run):
    made = shown(run(
        reservation.CreateReservation, *CREATE,
        '--end', '2026-02-01T00:00:00Z', '--network', 'none',
        '--selector-server-group', '33333333-aaaa-4aaa-8aaa-333333333333',
        'shop'))
    assert made['template']['networks'] == []
    assert made['selector']['kind'] == 'server_group'
    assert made['end_time'] == '2026-02-01T00:00:00Z'


@pytest.mark.parametrize('arguments', [
    (*CREATE, *END, 'shop'),
    (*CREATE, *SELECTOR, 'shop'),
    (*CREATE, *END, *SELECTOR),
    (*CREATE, *END, '--end', 'x', *SELECTOR, 'shop'),
    (*CREATE, *END, *SELECTOR, '--mode', 'eager', 'shop'),
    (*CREATE, '--duration', 'long', *SELECTOR, 'shop'),
])
def test_create_with_options_that_do_not_fit(run, arguments):
    with pytest.raises((SystemExit, argparse.ArgumentError)):
        run(reservation.CreateReservation, *arguments)


@pytest.mark.parametrize(('arguments', 'words'), [
    (('--network', 'none', '--network', 'private'), '--network none'),
    (('--selector-metadata', 'a=b'), '--selector-metadata once'),
    (('--user-data', '/nowhere/at/all'), '--user-data cannot be read'),
])
def test_create_says_what_does_not_fit(run, arguments, words):
    with pytest.raises(exceptions.CommandError, match=words):
        run(reservation.CreateReservation, *CREATE, *END, *SELECTOR,
            *arguments, 'shop')


def test_create_says_what_the_service_says(run):
    with pytest.raises(sdk_exceptions.BadRequestException,
                       match='safety_margin: -1'):
        run(reservation.CreateReservation, *CREATE, *END, *SELECTOR,
            '--safety-margin', '-1', 'shop')


def test_list(run, proxy_of):
    row, = listed(run(reservation.ListReservations))
    assert row['Token'] == fixtures.TOKEN
    assert row['Cost'] == '1.500000'
    row, = listed(run(reservation.ListReservations, '--long'))
    assert row['Duration (s)'] == 86400
    assert row['Policy']['mode'] == 'active'
    assert listed(run(
        reservation.ListReservations, '--name', 'other')) == []
    admin = proxy_of('admin')
    assert listed(run(reservation.ListReservations, client=admin)) == []
    assert len(listed(run(
        reservation.ListReservations, '--all-projects', '--limit', '1',
        client=admin))) == 1


@pytest.mark.parametrize('name', [fixtures.TOKEN, 'web'])
def test_show(run, name):
    found = shown(run(reservation.ShowReservation, name))
    assert found['token'] == fixtures.TOKEN
    assert found['flavor'] == 'small'


def test_show_what_is_not_there(run):
    with pytest.raises(exceptions.CommandError,
                       match='no reservation with the token or name shop'):
        run(reservation.ShowReservation, 'shop')


def test_show_by_a_name_that_two_have(run):
    run(reservation.CreateReservation, *CREATE, *END, *SELECTOR, 'web')
    with pytest.raises(exceptions.CommandError, match='give the token'):
        run(reservation.ShowReservation, 'web')


def test_fields_read_well_for_people():
    column = _common.Fields({'mode': 'active', 'budget': None, 'list': []})
    assert column.human_readable() == 'mode: active\nbudget: null\nlist: []'


def test_set(run):
    changed = shown(run(
        reservation.SetReservation, 'web', '--name', 'shop',
        '--service-level', '0.9'))
    assert changed['name'] == 'shop'
    assert changed['policy']['service_level'] == 0.9
    changed = shown(run(
        reservation.SetReservation, 'shop', '--budget', '7'))
    assert changed['policy']['budget'] == '7'
    changed = shown(run(reservation.SetReservation, 'shop', '--no-budget'))
    assert changed['policy']['budget'] is None
    with pytest.raises(exceptions.CommandError, match='Say what'):
        run(reservation.SetReservation, 'shop')


def test_set_parts_of_the_template(run, service, tmp_path):
    script = tmp_path / 'init.sh'
    script.write_bytes(b'#!/bin/sh\n')
    made = shown(run(
        reservation.CreateReservation, *CREATE, *END, *SELECTOR,
        '--network', 'private', '--key-name', 'laptop',
        '--user-data', str(script), '--volume', 'size=1',
        '--security-group', 'default', '--property', 'role=web', 'shop'))

    def user_data():
        return service.database.read(
            lambda session: db_reservations.get(
                session, made['token'])).template.user_data

    # What is not named stays, the user data that is never shown as well.
    changed = shown(run(
        reservation.SetReservation, 'shop', '--image', 'cirros-2',
        '--readiness', 'kind=metadata,key=ready,value=yes',
        '--availability-zone', 'az-1', '--config-drive'))
    assert changed['template'] == made['template'] | {
        'image': fakes.OTHER_IMAGE, 'config_drive': True,
        'availability_zone': 'az-1',
        'readiness': {'kind': 'metadata', 'key': 'ready', 'value': 'yes'}}
    assert changed['policy'] == made['policy']
    assert base64.b64decode(user_data()) == b'#!/bin/sh\n'

    changed = shown(run(
        reservation.SetReservation, 'shop', '--network', 'none',
        '--no-security-group', '--no-key-name', '--no-user-data',
        '--no-availability-zone', '--no-property', '--no-readiness',
        '--no-volume', '--no-config-drive'))
    assert changed['template'] == {
        'image': fakes.OTHER_IMAGE, 'networks': [], 'security_groups': [],
        'key_name': None, 'availability_zone': None, 'metadata': {},
        'config_drive': False, 'readiness': None, 'volumes': []}
    assert user_data() is None

    changed = shown(run(
        reservation.SetReservation, 'shop', '--no-property',
        '--property', 'role=worker'))
    assert changed['template']['metadata'] == {'role': 'worker'}


def test_delete_goes_on_after_a_failure(run, proxy):
    with pytest.raises(exceptions.CommandError, match='1 of 2'):
        run(reservation.DeleteReservation, 'nothing', 'web')
    assert proxy.get_reservation(fixtures.TOKEN).status == 'deleting'


@pytest.mark.parametrize('service', [fixtures.Deleted], indirect=True)
def test_delete_and_wait(run):
    # One that is gone already cannot be found to be deleted.
    with pytest.raises(exceptions.CommandError, match='1 of 1'):
        run(reservation.DeleteReservation, '--wait', fixtures.TOKEN)


def test_instances(run, proxy_of):
    rows = listed(run(instance.ListInstances, 'web'))
    assert [(row['State'], row['Tier'], row['Claim Held'])
            for row in rows] == [
        ('available', 'shelved', True), ('available', 'shelved', False),
        ('building', 'shelved', False)]
    rows = listed(run(instance.ListInstances, '--long', fixtures.TOKEN,
                      client=proxy_of('admin')))
    assert (rows[0]['Host'], rows[0]['Uses'], rows[0]['Lent At']) == (
        'hypervisor-7', 0, None)
    rows = listed(run(instance.PromoteInstances, 'web'))
    assert [row['State'] for row in rows] == ['promoting']
    rows = listed(run(
        instance.PromoteInstances, 'web', '--count', '4'))
    assert len(rows) == 1
    with pytest.raises(sdk_exceptions.ConflictException, match='2 promo'):
        run(instance.ReturnInstances, 'web')


def test_a_dry_run_moves_nothing(run, capsys):
    rows = listed(run(
        instance.PromoteInstances, 'web', '--dry-run', '--count', '1'))
    assert rows == [{
        'Instance ID': 'bbbbbbbb-0000-4000-8000-000000000000',
        'Server ID': 'cccccccc-0000-4000-8000-000000000000',
        'State': 'available', 'Tier': 'shelved', 'Claim Held': True}]
    assert capsys.readouterr().err == 'Would promote 1: asked for by hand\n'
    rows = listed(run(instance.PromoteInstances, 'web', '--dry-run'))
    assert [row['Claim Held'] for row in rows] == [True, False]
    assert capsys.readouterr().err == (
        'Would promote 2 (1 more wanted, but not there): CPU '
        'utilisation 100.0% is over 80%; 3 wanted, bounded by available to '
        '2\nLooked at: CPU 100.0%, memory 50.0% on 4 servers at '
        '2026-01-31T12:00:00Z; alarms: cpu\n')
    assert listed(run(instance.ReturnInstances, 'web', '--dry-run')) == []
    assert [row['State'] for row in listed(run(
        instance.ListInstances, 'web'))] == [
        'available', 'available', 'building']


def test_forecast(run):
    rows = listed(run(forecast.ShowForecast, 'web'))
    assert rows == [
        {'Resource': 'memory_mib', 'From': '2026-01-31T12:00:00Z',
         'Length (s)': 1800, 'P50': None, 'P95': None,
         'Latest Reading': None,
         'Made From': 'not enough history (3 of 288 points)'},
        {'Resource': 'vcpu', 'From': '2026-01-31T12:00:00Z',
         'Length (s)': 1800, 'P50': 3.0, 'P95': 4.25,
         'Latest Reading': '2026-01-31T12:00:00Z',
         'Made From': 'expert_mix on 4032 points'},
        {'Resource': 'vcpu', 'From': '2026-01-31T12:00:00Z',
         'Length (s)': 300, 'P50': 2.0, 'P95': 3.0,
         'Latest Reading': '', 'Made From': ''},
    ]
    rows = listed(run(forecast.ShowForecast, 'web', '--all-steps'))
    assert [row['From'] for row in rows[2:]] == [
        '2026-01-31T12:00:00Z', '2026-01-31T12:05:00Z',
        '2026-01-31T12:10:00Z']


@pytest.mark.parametrize('service', [fixtures.Silent], indirect=True)
def test_forecast_says_when_it_is_stale(run):
    row = listed(run(forecast.ShowForecast, 'web'))[0]
    assert row['P95'] == 4.25
    assert row['Latest Reading'] == '2026-01-28T12:00:00Z'
    assert row['Made From'] == (
        'expert_mix on 4032 points; stale: the latest vcpu reading is 3 '
        'days old')


def test_forecast_shows_some_hours_of_a_day():
    profile = {'quantiles': [[]] * 288, 'step': 300}
    assert forecast._steps(profile, False) == [0, 11, 35, 71, 143, 287]


def test_ledger(run):
    rows = listed(run(ledger.ListLedgerEntries, 'web', '--long'))
    assert len(rows) == 5
    assert rows[0]['Amount'] == '0.012500'
    assert rows[0]['Inputs'] == {'hours': '1'}
    rows = listed(run(
        ledger.ListLedgerEntries, 'web', '--after', '1', '--limit', '2'))
    assert [row['Sequence'] for row in rows] == [2, 3]


def test_events(run):
    rows = listed(run(event.ListEvents, 'web', '--long'))
    assert rows[4]['Message'] == 'event 4'
    assert rows[4]['Details'] == {'number': 4}
    rows = listed(run(event.ListEvents, 'web', '--after', '4'))
    assert [row['Sequence'] for row in rows] == [5]


def test_promotions(run):
    rows = listed(run(promotion.ListPromotions, 'web', '--long'))
    assert len(rows) == 4
    assert rows[0]['Source'] == 'alarm'
    assert rows[0]['To Active (s)'] == 7.25
    assert rows[0]['Signalled At'] == '2026-01-31T11:00:00Z'
    assert rows[2]['Outcome'] == 'failed'
    assert rows[2]['To Active (s)'] is None
    rows = listed(run(
        promotion.ListPromotions, 'web', '--after', '1', '--limit', '2'))
    assert [row['Sequence'] for row in rows] == [2, 3]
    assert 'Reason' not in rows[0]


def test_plugin(monkeypatch):
    parser = plugin.build_option_parser(argparse.ArgumentParser())
    assert parser.parse_args([]).os_shadow_reserve_api_version == '1'
    assert plugin.check_api_version('1.0')
    assert not plugin.check_api_version('2')


def test_capacity_by_zone_host_or_in_all(run, proxy_of):
    admin = proxy_of('admin')
    memory, vcpus, *_ = listed(run(capacity.ListCapacity, client=admin))
    assert (memory['Zone'], memory['Class']) == ('az-1', 'MEMORY_MB')
    assert vcpus == {
        'Zone': 'az-1', 'Class': 'VCPU', 'Capacity': 16, 'Tenants': 8,
        'Shadow': 2, 'Shadow By Tier': {'shelved': 2}, 'Free': 6,
        'Oversold': 2}
    rows = listed(run(
        capacity.ListCapacity, '--by', 'host', client=admin))
    assert [(row['Host'], row['In Service']) for row in rows[1::2]] == [
        ('hypervisor-7', True), ('hypervisor-8', False)]
    rows = listed(run(
        capacity.ListCapacity, '--by', 'total', client=admin))
    assert [(row['Class'], row['Capacity']) for row in rows] == [
        ('MEMORY_MB', 16000), ('VCPU', 32)]


def test_capacity_is_not_shown_to_others(run):
    with pytest.raises(sdk_exceptions.ForbiddenException):
        run(capacity.ListCapacity)
