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

import pytest

from shadow_reserve.cmd import manage
from shadow_reserve.db import demand_models
from shadow_reserve.db import session as db_session
from tests.unit import samples


class World:
    def __init__(self, tmp_path, monkeypatch, capsys):
        self.config = tmp_path / 'shadow_reserve.conf'
        self.connect_to(tmp_path / 'manage.sqlite')
        self.monkeypatch, self.capsys = monkeypatch, capsys
        self.run('db', 'sync')
        capsys.readouterr()

    def connect_to(self, path):
        self.connection = f'sqlite:///{path}'
        self.config.write_text(
            f'[database]\nconnection = {self.connection}\n')

    def run(self, *arguments):
        """:returns: exit code, standard output, standard error"""
        self.monkeypatch.setattr('sys.argv', [
            'shadow-reserve-manage', '--config-file', str(self.config),
            *arguments])
        code = manage.main()
        return (code, *self.capsys.readouterr())

    def serve(self, count):
        database = db_session.Database(self.connection)
        last = None
        for day in range(count):
            now = samples.NOW + datetime.timedelta(days=day)
            last = database.write(
                lambda session, now=now, last=last: self._next(
                    session, now, last))

    def _next(self, session, now, last):
        version = demand_models.claim(
            session, now, {'reason': 'weekly', 'series': 12})
        demand_models.accept(
            session, version, now, model=b'model', instead_of=last,
            scores={'learned': 0.45678, 'mix': 0.5, 'naive': None})
        return version


@pytest.fixture
def world(tmp_path, monkeypatch, capsys):
    return World(tmp_path, monkeypatch, capsys)


def test_the_revision_is_printed(world):
    code, out, _ = world.run('db', 'version')
    assert (code, out.splitlines()[-1]) == (0, '0002')


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
        'The schema is not that of this version: run shadow-reserve-manage '
        'db sync.\n'))
