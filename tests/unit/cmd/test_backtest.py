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

"""The command as it is typed: what it prints, writes and answers."""

import datetime
import fcntl
import io
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import requests_mock

from shadow_reserve.cloud import exceptions
from shadow_reserve.cloud import gnocchi
from shadow_reserve.cmd import backtest
from shadow_reserve.cmd import backtest_input
from shadow_reserve.cmd import progress
from shadow_reserve.usage.gnocchi import source as gnocchi_source
from tests.unit.usage import fake_gnocchi
from tests.unit.usage import generated

DAYS = 4


@pytest.fixture(scope='module')
def usage_file(tmp_path_factory):
    """Four machines of two applications, and one that was never on."""
    path = tmp_path_factory.mktemp('usage') / 'usage.csv'
    columns = [generated.daily_shaped(DAYS, seed) for seed in range(4)]
    first = int(generated.START.timestamp())
    lines = ['time,shop-1,shop-2,mail-1,mail-2,off']
    lines += [f'{first + 300 * step},'
              + ','.join(f'{column[step]:.3f}' for column in columns) + ','
              for step in range(DAYS * generated.DAY)]
    path.write_text('\n'.join(lines) + '\n')
    return path


def run(capsys, *arguments):
    """``(exit code, standard output, standard error)``"""
    try:
        code = backtest.main([str(each) for each in arguments])
    except SystemExit as ended:
        code = ended.code
    out, err = capsys.readouterr()
    return code, out, err


def test_a_file_is_answered_on_paper_page_and_json(usage_file, tmp_path,
                                                   capsys):
    html, data = tmp_path / 'out.html', tmp_path / 'out.json'
    code, out, err = run(
        capsys, usage_file, '--group-by', r'^(\w+)-', '--train-days', 3,
        '--unit', 1.2, '--price-hold', 0.01, '--price-short', 0.05,
        '--html', html, '--json', data)
    assert (code, err) == (0, '')
    assert 'Note: left out, as nothing in it is a demand: off.' in out
    assert '2 applications, trained on 3 days' in out
    assert 'RECOMMENDED: service level' in out
    assert html.read_text().startswith('<!DOCTYPE html>')
    found = json.loads(data.read_text())
    assert found['applications'] == ['shop', 'mail']
    assert found['unit'] == 1.2
    # What was left out of the file is told in each of them
    assert found['notes'] == ['left out, as nothing in it is a demand: off']
    assert 'as nothing in it is a demand: off.' in html.read_text()


def test_the_same_seed_gives_the_same_answer(usage_file, capsys):
    one, other = (run(capsys, usage_file, '--train-days', 3,
                      '--vms-per-application', 2, '--seed', 5)
                  for _ in range(2))
    assert one == other
    assert 'application 1' not in one[2]


def test_servers_that_take_no_time_need_no_shadow(usage_file, capsys):
    code, out, err = run(capsys, usage_file, '--train-days', 3,
                         '--build-minutes', 0)
    assert (code, err) == (0, '')
    assert 'RECOMMENDED: no shadow: nothing was short without it' in out


@pytest.mark.parametrize(('arguments', 'words'), [
    ([], 'give a FILE, or --gnocchi'),
    (['x.csv', '--gnocchi'], 'give a FILE, or --gnocchi'),
    (['--gnocchi', '--vms-per-application', '3'], '--group-by server_group'),
    (['x.csv', '--group-by', '('], 'no regular expression'),
    (['x.csv', '--group-by', 'a', '--vms-per-application', '2'],
     'not both'),
    (['x.csv', '--price-short', '1'], '--price-hold too'),
    (['x.csv', '--unit', '0'], '0 is not above 0'),
    (['x.csv', '--train-days', '1'], '1 is not at least 2'),
    (['x.csv', '--target', '90'], 'at most 1'),
    (['x.csv', '--target', 'nan'], 'nan is not'),
    (['x.csv', '--price-hold', 'cheap'], 'invalid number value'),
    (['x.csv', '--unit', 'inf'], 'inf is not above 0 and at most 1e+12'),
    (['x.csv', '--unit', '1e-300'], 'too near to 0: give at least 1e-09'),
    (['x.csv', '--safety-margin', 'inf'], 'at most 10'),
    (['x.csv', '--price-hold', 'inf'], 'at most 1000000000'),
    (['x.csv', '--price-hold', '1e308'], 'at most 1000000000'),
    (['x.csv', '--price-hold', '1', '--price-short', '5e-324'],
     'too near to 0'),
    (['x.csv', '--build-minutes', '1440'], 'at most 1435'),
    (['x.csv', '--promotion-minutes', '9' * 400], 'at most 1435'),
    (['x.csv', '--seed', '4294967296'], 'at most 4294967295'),
    (['--gnocchi', '--test-days', '999999999'], 'at most 800'),
])
def test_arguments_that_make_no_sense_are_told_and_code_2(
        arguments, words, capsys):
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, '')
    assert words in err


def test_the_command_says_nothing_that_is_not_of_it():
    # Given the command as its own process, where libraries may warn
    found = subprocess.run(
        [sys.executable, '-m', 'shadow_reserve.cmd.backtest', '--help'],
        capture_output=True, text=True, check=True)
    assert 'FILE' in found.stdout
    assert found.stderr == ''


def test_a_bad_file_is_told_and_code_1(tmp_path, capsys):
    path = tmp_path / 'usage.csv'
    path.write_text('hour,web\n1,2\n')
    code, out, err = run(capsys, path)
    assert (code, out) == (1, '')
    assert err.startswith(f'shadow-reserve-backtest: {path}, line 1: no '
                          'column of time stamps')
    assert 'Traceback' not in err


def test_too_little_history_is_told_and_code_1(usage_file, capsys):
    code, _, err = run(capsys, usage_file)
    assert code == 1
    assert '4.0 days of history' in err
    assert '--train-days' in err
    # And so is what was done to the readings, which may be why
    assert 'Note: left out, as nothing in it is a demand: off.' in err


def test_a_page_that_cannot_be_written_is_told_before_the_work(
        usage_file, tmp_path, monkeypatch, capsys):
    foreign = tmp_path / 'foreign.json'
    foreign.touch()
    allowed = os.access
    monkeypatch.setattr(os, 'access', lambda path, mode: (
        path != foreign and allowed(path, mode)))
    for option, path, words in (
            ('--html', tmp_path / 'missing' / 'page.html',
             '--html: there is no folder'),
            ('--json', tmp_path, f'--json: {tmp_path} is a folder'),
            ('--json', foreign, 'cannot be written by this user')):
        code, out, err = run(capsys, usage_file, option, path)
        assert (code, out) == (2, '')
        assert words in err


def test_the_usage_is_never_written_over(tmp_path, monkeypatch, capsys):
    # Given a file of usage, and two other names of it
    usage, link = tmp_path / 'usage.csv', tmp_path / 'link.csv'
    usage.write_text('time,web\n')
    link.symlink_to(usage)
    monkeypatch.chdir(tmp_path)
    for path in (usage, link, 'usage.csv'):
        for option in ('--html', '--json'):
            # When the answer is to go there, then it is refused
            code, _, err = run(capsys, usage, option, path)
            assert code == 2
            assert 'is the file of the usage: give another' in err
    assert usage.read_text() == 'time,web\n'


def test_page_and_json_are_two_files(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code, _, err = run(capsys, 'usage.csv', '--html', 'out', '--json',
                       tmp_path / 'out')
    assert code == 2
    assert '--html and --json are one file' in err


def test_page_and_json_may_go_to_one_device_or_pipe(
        usage_file, tmp_path, capsys):
    # Given a pipe that somebody reads, wide enough for both
    pipe = tmp_path / 'pipe'
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, 2 ** 20)
    # When both are to go there, then both come
    code, _, err = run(capsys, usage_file, '--train-days', 3,
                       '--html', pipe, '--json', pipe)
    said = os.read(reader, 2 ** 20).decode()
    os.close(reader)
    assert (code, err) == (0, '')
    assert said.startswith('<!DOCTYPE html>')
    assert said.endswith('}\n')
    # And of a device nothing is told before the work
    code, _, err = run(capsys, 'missing.csv', '--html', '/dev/null',
                       '--json', '/dev/null')
    assert code == 1
    assert 'No such file' in err


def test_the_answer_is_printed_though_it_cannot_be_written(
        usage_file, tmp_path, capsys):
    # Given a page on a disk that is full
    data = tmp_path / 'out.json'
    code, out, err = run(capsys, usage_file, '--train-days', 3,
                         '--html', '/dev/full', '--json', data)
    # Then all else is there, and what is not is told
    assert code == 1
    assert 'RECOMMENDED' in out
    assert f'Written: {data}' in out
    assert json.loads(data.read_text())
    assert 'No space left' in err


def test_a_terminal_without_the_letters_costs_nothing(
        tmp_path, monkeypatch):
    # Given an application that is told of, by a name that the terminal
    # cannot show
    usage, data = tmp_path / 'usage.csv', tmp_path / 'out.json'
    first = int(generated.START.timestamp())
    usage.write_text('time,web,caf\u00e9\n' + ''.join(
        f'{first + 300 * step},{value:.3f},5\n' for step, value
        in enumerate(generated.daily_shaped(DAYS))), encoding='utf-8')
    terminal = io.TextIOWrapper(io.BytesIO(), encoding='ascii')
    monkeypatch.setattr(sys, 'stdout', terminal)
    code = backtest.main([str(usage), '--train-days', '3', '--json',
                          str(data)])
    # Then it is spelt out there, and written as it is
    assert code == 0
    terminal.flush()
    out = terminal.buffer.getvalue().decode('ascii')
    assert 'always the same, so that no shadow can help: caf\\xe9.' in out
    assert f'Written: {data}' in out
    assert json.loads(data.read_text())['applications'] == [
        'web', 'caf\u00e9']


def test_a_pipe_that_is_closed_does_not_cost_the_files(
        usage_file, tmp_path, monkeypatch, capsys):
    # Given a reader that left
    class Closed(io.StringIO):
        def write(self, text):
            raise BrokenPipeError(32, 'Broken pipe')
    monkeypatch.setattr(sys, 'stdout', Closed())
    data = tmp_path / 'out.json'
    code, _, err = run(capsys, usage_file, '--train-days', 3, '--json', data)
    assert code == 1
    assert 'Broken pipe' in err
    assert json.loads(data.read_text())


def test_an_interrupt_is_code_130(usage_file, monkeypatch, capsys):
    def interrupted(*arguments):
        raise KeyboardInterrupt
    monkeypatch.setattr(backtest.assessment, 'assess', interrupted)
    assert run(capsys, usage_file)[0] == 130


def test_a_cloud_that_is_not_there_is_told_and_code_1(
        capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('HOME', str(tmp_path))
    code, _, err = run(capsys, '--gnocchi', '--os-cloud', 'nowhere')
    assert code == 1
    assert 'nowhere was not found. Check clouds.yaml' in err


def test_a_cloud_is_entered_through_clouds_yaml(capsys, monkeypatch,
                                                tmp_path):
    # Given a cloud whose Gnocchi has a server's four days in the region
    (tmp_path / 'clouds.yaml').write_text(
        'clouds: {home: {auth: {auth_url: http://keystone.test/v3, '
        'username: me, password: secret, project_name: mine, '
        'user_domain_id: default, project_domain_id: default}, '
        'region_name: here, interface: internal}}')
    monkeypatch.setenv('OS_CLIENT_CONFIG_FILE',
                       str(tmp_path / 'clouds.yaml'))
    catalog = [{'type': 'metric', 'id': 'metric', 'name': 'gnocchi',
                'endpoints': [
                    {'id': name, 'interface': name, 'region_id': 'here',
                     'region': 'here', 'url': url} for name, url in (
                        ('public', 'http://elsewhere.test'),
                        ('internal', 'http://gnocchi.test'))]}]
    token = {'token': {
        'methods': ['password'], 'catalog': catalog, 'roles': [],
        'issued_at': '2026-01-01T00:00:00.000000Z',
        'expires_at': '2199-01-01T00:00:00.000000Z',
        'project': {'id': 'the-project', 'name': 'mine',
                    'domain': {'id': 'default', 'name': 'Default'}},
        'user': {'id': 'me', 'name': 'me',
                 'domain': {'id': 'default', 'name': 'Default'}}}}
    busy = np.cumsum(300e9 * generated.daily_shaped(DAYS))
    last = datetime.datetime.now(datetime.UTC).replace(
        minute=0, second=0, microsecond=0)
    points = [[(last - generated.STEP * (len(busy) - row)).isoformat(),
               300.0, value] for row, value in enumerate(busy)]
    with requests_mock.Mocker() as http:
        http.get('http://keystone.test/v3', json={'version': {
            'id': 'v3.14', 'status': 'stable', 'links': [
                {'rel': 'self', 'href': 'http://keystone.test/v3/'}]}})
        http.post('http://keystone.test/v3/auth/tokens', json=token,
                  headers={'X-Subject-Token': 'token'}, status_code=201)
        search = http.post(
            'http://gnocchi.test/v1/search/resource/instance', json=[
                {'id': 'server', 'metrics': {'cpu': 'metric'},
                 'project_id': 'the-project', 'display_name': 'web',
                 'server_group': 'shop'}])
        http.post('http://gnocchi.test/v1/search/resource/instance_disk',
                  json=[])
        http.post('http://gnocchi.test/v1/aggregates', json={'measures': {
            'server': {'cpu': {'mean': points}}}})
        # and keeps them for no longer
        http.get('http://gnocchi.test/v1/archive_policy/', json=[
            {'name': 'brief', 'aggregation_methods': ['mean'],
             'definition': [{'granularity': '0:05:00', 'points': 864,
                             'timespan': '3 days, 0:00:00'}]}])
        http.get('http://gnocchi.test/v1/metric', [
            {'json': [{'id': 'metric'}]}, {'json': []}] + 8 * [{'json': []}])
        # When it is backtested by its server group
        code, out, err = run(
            capsys, '--gnocchi', '--os-cloud', 'home', '--group-by',
            'server_group', '--train-days', 2, '--test-days', 2,
            '--json', tmp_path / 'out.json')
        # Then only reading was asked of it, of this project's servers
        assert search.request_history[0].json() == {
            '=': {'project_id': 'the-project'}}
        assert {each.method for each in http.request_history
                if 'gnocchi' in each.url} <= {'GET', 'POST'}
    assert (code, err) == (0, '')
    assert 'RECOMMENDED' in out
    found = json.loads((tmp_path / 'out.json').read_text())
    assert found['applications'] == ['shop']
    assert 'of cpu: archive policy brief keeps' in ' '.join(out.split())


@pytest.fixture
def cloud():
    """A Gnocchi with two servers of a shop, and two without a group."""
    door = fake_gnocchi.FakeDoor()
    for name, group in (('a', 'shop'), ('b', 'shop'), ('c', None)):
        door.add('instance', name,
                 {'cpu': [(generated.START + row * generated.STEP, 300e9 * row)
                          for row in range(14)]},
                 server_group=group, display_name=f'server-{name}')
    door.add('instance', 'd', {}, server_group=None,
             display_name='server-c')
    return door


def read(door, group_by):
    metrics = gnocchi_source.GnocchiSource(
        door, granularity=generated.STEP, live_granularity=generated.STEP,
        concurrency=1)
    start = generated.START
    told = []
    found = backtest_input.grouped(
        door, metrics, 'project', group_by, start + generated.STEP,
        start + 13 * generated.STEP, lambda *each: told.append(each))
    return *found, told


def test_gnocchi_by_server_group(cloud):
    series, notes, told = read(cloud, 'server_group')
    assert [one.token for one in series] == ['shop', 'c']
    assert [np.nanmax(one.values) for one in series] == [
        pytest.approx(2.0), pytest.approx(1.0)]
    assert notes == (
        '2 instances have no server_group, and are applications of their '
        'own', '1 applications have no measure of cpu')
    assert told[-1] == ('reading', 3, 3)


def test_gnocchi_server_by_server(cloud):
    series, _, told = read(cloud, None)
    # The second of one name goes by its id, and was never measured
    assert [one.token for one in series] == [
        'server-a', 'server-b', 'server-c']
    assert told[-1] == ('reading', 4, 4)


def test_gnocchi_leaves_out_what_it_keeps_too_coarsely_and_names_it(cloud):
    # Given one server of a shop whose archive policy does not do
    cloud.unusable = {('b', 'cpu')}
    series, notes, _ = read(cloud, 'server_group')
    # Then half of the shop is no shop, and the others are read
    assert [one.token for one in series] == ['c']
    assert notes[-1] == (
        'left out, as Gnocchi does not keep them finely enough: shop. Of the '
        'first: metric cpu is too coarse')


def test_gnocchi_that_keeps_nothing_finely_enough_says_so(cloud):
    cloud.unusable = {'cpu'}
    with pytest.raises(gnocchi.UnusableArchivePolicy, match='too coarse'):
        read(cloud, None)


def test_gnocchi_that_fails_for_one_is_not_taken_at_its_word(cloud):
    cloud.unusable = {('b', 'cpu')}
    cloud.down = {'c'}
    with pytest.raises(exceptions.ServiceUnavailable):
        read(cloud, None)


def test_gnocchi_without_instances_says_what_to_look_at():
    with pytest.raises(backtest_input.NoCloud, match='Ceilometer polling'):
        read(fake_gnocchi.FakeDoor(), None)


def test_a_refusal_of_gnocchi_is_told_and_code_1(monkeypatch, capsys):
    def refused(*arguments):
        raise exceptions.Forbidden('gnocchi', 'not for you')
    monkeypatch.setattr(backtest_input, 'from_gnocchi', refused)
    code, _, err = run(capsys, '--gnocchi')
    assert (code, err) == (
        1, 'shadow-reserve-backtest: gnocchi: not for you\n')


def test_gnocchi_is_asked_for_the_days_of_both_parts(monkeypatch, capsys):
    asked = []

    def answered(cloud, group_by, step, days, now, bar):
        asked.append((cloud, group_by, days))
        assert now.tzinfo is datetime.UTC
        return [], ()
    monkeypatch.setattr(backtest_input, 'from_gnocchi', answered)
    code, _, err = run(capsys, '--gnocchi', '--os-cloud', 'home',
                       '--group-by', 'server_group', '--train-days', 5,
                       '--test-days', 2)
    assert asked == [('home', 'server_group', 7)]
    assert code == 1
    assert 'there are none' in err


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_bar_is_drawn_on_a_terminal_only():
    watched, piped = Terminal(), io.StringIO()
    for stream in (watched, piped):
        bar = progress.Bar(stream)
        bar('learning', 0, 2)
        bar('learning', 1, 2)
        bar('learning', 2, 2)
        bar('replaying', 0, 1)
        bar.stop()
        bar.stop()
    assert piped.getvalue() == ''
    drawn = watched.getvalue()
    assert f'learning     [{"#" * 30}] 2/2' in drawn
    # One line a stage, and not every step is worth a drawing
    assert '1/2' not in drawn
    assert drawn.count('\n') == 2
