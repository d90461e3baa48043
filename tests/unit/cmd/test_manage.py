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

"""shadow-reserve-manage: the models, as an operator sees them."""

import datetime
import subprocess
import sys
import types

from oslo_db import exception as db_exception
import pytest

from shadow_reserve.cmd import manage
from shadow_reserve.db import demand_models
from shadow_reserve.db import session as db_session
from tests.unit import samples
from tests.unit.usage import test_storing


COMMANDS = [('db', 'sync'), ('db', 'version'), ('model', 'list'),
            ('model', 'rollback')]


class World:
    def __init__(self, tmp_path, monkeypatch, capsys):
        self.config = tmp_path / 'shadow_reserve.conf'
        self.connect_to(tmp_path / 'manage.sqlite')
        self.monkeypatch, self.capsys = monkeypatch, capsys
        self.run('db', 'sync')
        capsys.readouterr()

    def connect_to(self, path):
        self.set_connection(f'sqlite:///{path}')

    def connect_to_mysql(self, number, words):
        """A driver that is like PyMySQL as far as it gets.

        :returns: as many items as there will have been attempts
        """
        base = type('Error', (Exception,), {})
        errors = {name: type(name, (base,), {}) for name in (
            'InterfaceError', 'OperationalError', 'InternalError',
            'ProgrammingError')}
        tried = []

        def connect(**_):
            tried.append(number)
            raise errors['OperationalError'](number, words)
        driver = types.ModuleType('pymysql')
        vars(driver).update(
            errors, Error=base, connect=connect, paramstyle='pyformat',
            version_info=(1, 4, 6))
        self.monkeypatch.setitem(sys.modules, 'pymysql', driver)
        self.set_connection('mysql+pymysql://u:secret@db/shadow')
        return tried

    def set_connection(self, connection):
        self.connection = connection
        self.config.write_text(f'[database]\nconnection = {connection}\n')

    def run(self, *arguments):
        """:returns: exit code, standard output, standard error"""
        self.monkeypatch.setattr('sys.argv', [
            'shadow-reserve-manage', '--config-file', str(self.config),
            *arguments])
        code = manage.main()
        return (code, *self.capsys.readouterr())

    def serve(self, count, model=None):
        """:param model: as it is stored; one that can serve if not given"""
        model = model or test_storing.stored()
        database = db_session.Database(self.connection)
        last = None
        for day in range(count):
            now = samples.NOW + datetime.timedelta(days=day)
            last = database.write(
                lambda session, now=now, last=last: self._next(
                    session, now, last, model))

    def _next(self, session, now, last, model):
        version = demand_models.claim(
            session, now, {'reason': 'weekly', 'series': 12})
        demand_models.accept(
            session, version, now, model=model, instead_of=last,
            scores={'learned': 0.45678, 'mix': 0.5, 'naive': None})
        return version


@pytest.fixture
def world(tmp_path, monkeypatch, capsys):
    return World(tmp_path, monkeypatch, capsys)


def test_the_revision_is_printed(world):
    assert world.run('db', 'version') == (0, '0004\n', '')


def test_models_are_listed_the_newest_first(world):
    world.serve(2)
    code, out, _ = world.run('model', 'list')
    assert code == 0
    assert [line.split() for line in out.splitlines()] == [
        ['version', 'fitted', 'state', 'since', 'reason', 'series', 'score',
         'mix', 'naive', 'beside'],
        ['2', '2026-03-03T12:00:00Z', 'serving', '2026-03-03T12:00:00Z',
         'weekly', '12', '0.4568', '0.5000', '-', '-'],
        ['1', '2026-03-02T12:00:00Z', 'retired', '2026-03-03T12:00:00Z',
         'weekly', '12', '0.4568', '0.5000', '-', '-']]


def test_an_empty_list_is_its_heading(world):
    code, out, _ = world.run('model', 'list')
    assert (code, len(out.splitlines())) == (0, 1)


def test_the_last_one_serves_again_or_any_that_is_named(world):
    world.serve(3)
    assert world.run('model', 'rollback') == (
        0, 'Demand model 2 serves, from the next forecast on.\n', '')
    assert world.run('model', 'rollback', '3')[0] == 0
    states = [line.split()[2] for line in world.run(
        'model', 'list')[1].splitlines()[1:]]
    assert states == ['serving', 'retired', 'retired']


def test_one_that_the_engines_could_not_use_does_not_serve_again(world):
    # given one that another release, or other settings, left
    world.serve(2, model=b'of another release')
    # when it is to serve again
    code, out, error = world.run('model', 'rollback')
    # then it is said why not, and the one that serves goes on
    assert (code, out) == (1, '')
    assert error.startswith(
        'Demand model 1 cannot serve: a stored model cannot be read: ')
    states = [line.split()[2] for line in world.run(
        'model', 'list')[1].splitlines()[1:]]
    assert states == ['serving', 'retired']


def test_other_commands_do_not_wait_for_what_only_a_rollback_needs():
    subprocess.run([sys.executable, '-c', (
        'import sys; from shadow_reserve.cmd import manage; '
        'sys.exit("sklearn" in sys.modules)')], check=True)


def test_what_cannot_be_is_said_without_a_traceback(world):
    assert world.run('model', 'rollback') == (
        1, '', 'No demand model served before.\n')
    world.serve(1)
    assert world.run('model', 'rollback', '9') == (
        1, '', 'No demand model 9.\n')


def test_a_database_without_the_table_is_told_what_to_do(world, tmp_path):
    world.connect_to(tmp_path / 'empty.sqlite')
    code, _, error = world.run('model', 'list')
    assert (code, error) == (1, (
        'The schema is missing, this version needs 0004: run '
        'shadow-reserve-manage db sync.\n'))


@pytest.mark.parametrize(('revision', 'code', 'words'), [
    ('0001', 1, 'The schema is at 0001, this version needs 0004: run '
                'shadow-reserve-manage db sync.\n'),
    ('9999', 0, '')])
def test_an_older_schema_is_told_and_a_later_one_is_used(
        world, revision, code, words):
    # Given a schema that another version of this service left
    database = db_session.Database(world.connection)
    with database.engine.begin() as connection:
        connection.exec_driver_sql(
            f"UPDATE alembic_version SET version_num = '{revision}'")
    # When the models are asked for
    answer = world.run('model', 'list')
    # Then only where something is to be migrated there is no answer
    assert (answer[0], answer[2]) == (code, words)


@pytest.mark.parametrize('command', COMMANDS)
def test_a_file_that_cannot_be_made_is_told_what_to_do(
        world, tmp_path, command):
    # Given SQLite in a folder that is not there
    world.connect_to(tmp_path / 'nowhere' / 'a.sqlite')
    # When any command is run, then it is one line
    assert world.run(*command) == (1, '', (
        f'The database {world.connection} cannot be used: unable to open '
        f'database file. See that the folder is there and this user may '
        f'write to the file, or set [database] connection to another.\n'))


@pytest.mark.parametrize('command', COMMANDS)
@pytest.mark.parametrize(('number', 'cause'), [
    (2003, "Can't connect to MySQL server on 'db' ([Errno 111] Connection "
           'refused)'),
    (2003, "Can't connect to MySQL server on 'db' ([Errno -2] Name or "
           'service not known)'),
    (1045, "Access denied for user 'u'@'here' (using password: YES)")])
def test_a_server_that_does_not_answer_is_told_what_to_do(
        world, command, number, cause):
    # Given a server that cannot be found, refuses, or lets nobody in
    world.connect_to_mysql(number, cause)
    # When any command is run, then it is one line, without the password
    assert world.run(*command) == (1, '', (
        f'The database mysql+pymysql://u:***@db/shadow cannot be used: '
        f'{cause}. See that it runs and lets this user in, or set '
        f'[database] connection to another.\n'))


def test_a_missing_driver_is_named(world):
    world.set_connection('mysql+pymysql://u:secret@db/shadow')
    world.monkeypatch.setitem(sys.modules, 'pymysql', None)
    code, _, error = world.run('model', 'list')
    assert (code, error.count('\n')) == (1, 1)
    assert 'pymysql' in error and 'Install the driver' in error


@pytest.mark.parametrize('connection', [
    '', 'secret', 'mysql+pymysql://u:s@sec:ret@db/shadow',
    'foo+bar://u:secret@db'])
def test_what_is_no_url_is_told_and_not_shown(world, connection):
    world.set_connection(connection)
    code, out, error = world.run('model', 'list')
    assert (code, out, error.count('\n')) == (1, '', 1)
    assert error.startswith('[database] connection cannot be understood')
    assert 'sec' not in error


def test_who_debugs_gets_the_traceback(world, tmp_path):
    world.connect_to(tmp_path / 'nowhere' / 'a.sqlite')
    with pytest.raises(db_exception.DBNonExistentDatabase):
        world.run('--debug', 'model', 'list')


def test_the_configuration_file_may_ask_to_wait_for_the_server(world):
    # Given a server that refuses, and a file that says to try thrice
    tried = world.connect_to_mysql(2003, 'Connection refused')
    world.run('model', 'list')
    assert len(tried) == 1
    with world.config.open('a') as config:
        config.write('max_retries = 3\nretry_interval = 0\n')
    # When a command is run, then it does
    world.run('model', 'list')
    assert len(tried) == 1 + 3
