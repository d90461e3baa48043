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

"""shadow-reserve-manage audit, as an operator sees it."""

import dataclasses
import json
import logging
import types

from keystoneauth1 import exceptions as ks_exceptions
import pytest

from shadow_reserve.cloud import exceptions as cloud_exceptions
from shadow_reserve.cmd import audit
from shadow_reserve.cmd import manage
from shadow_reserve.db import migration
from shadow_reserve.db import session as db_session
from shadow_reserve.engine import findings
from tests.unit import samples

STRAY = findings.Finding(
    kind=findings.Kind.CLAIM_WITHOUT_MEMBER, identifier='c-1',
    message='a claim of ours on compute-1 holds room for no member',
    mend=findings.Mend.REMOVE_CLAIM, generation=3)
GONE = findings.Finding(
    kind=findings.Kind.TRUST_MISSING, identifier='t-1',
    token=samples.TOKEN, message='its trust is gone',
    mend=findings.Mend.HAND)
LATE = dataclasses.replace(
    GONE, kind=findings.Kind.MEMBER_WITHOUT_SERVER, identifier='m-1',
    message='its server is gone', mend=findings.Mend.ENGINE)


class World:
    """Looks that find what a test wants them to."""

    def __init__(self, tmp_path, monkeypatch, capsys):
        self.config = tmp_path / 'shadow_reserve.conf'
        connection = f'sqlite:///{tmp_path / "audit.sqlite"}'
        self.config.write_text(
            f'[database]\nconnection = {connection}\n'
            f'[engine]\nsweep_grace = 7\n')
        migration.upgrade(db_session.Database(connection))
        self.monkeypatch, self.capsys = monkeypatch, capsys
        self.looks, self.slept, self.mended = [], [], []
        self.refusal = None
        monkeypatch.setattr(audit.cloud_doors, 'from_options',
                            lambda conf: None)
        monkeypatch.setattr(audit.inspection, 'Inspector',
                            lambda database, doors: self)
        monkeypatch.setattr(audit.audit, 'find', lambda facts: facts)
        monkeypatch.setattr(audit, 'time', types.SimpleNamespace(
            sleep=self.slept.append))
        capsys.readouterr()

    def look(self):
        found = self.looks.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    def mend(self, finding, now):
        if self.refusal is not None:
            raise self.refusal
        self.mended.append(finding)

    def run(self, *arguments):
        """:returns: exit code, standard output, standard error"""
        self.monkeypatch.setattr('sys.argv', [
            'shadow-reserve-manage', '--config-file', str(self.config),
            'audit', *arguments])
        return (manage.main(), *self.capsys.readouterr())


@pytest.fixture
def world(tmp_path, monkeypatch, capsys):
    return World(tmp_path, monkeypatch, capsys)


def test_one_look_is_enough_when_all_agrees(world):
    world.looks = [[]]
    assert world.run() == (0, 'Everything agrees.\n', '')
    assert world.slept == []


def test_what_is_gone_at_the_second_look_was_under_way(world):
    world.looks = [[STRAY], []]
    code, out, error = world.run()
    assert (code, out) == (0, 'Everything agrees.\n')
    assert (error.count('\n'), world.slept) == (1, [7])


def test_what_stays_is_told_and_left_alone(world):
    world.looks = [[STRAY, GONE, LATE]] * 2
    code, out, _ = world.run('--grace', '60')
    assert (code, world.slept, world.mended) == (1, [60], [])
    assert out == (
        f'claim-without-member c-1\n'
        f'    a claim of ours on compute-1 holds room for no member\n'
        f'    --mend: remove the claim, as it was seen\n'
        f'trust-missing t-1\n'
        f'    reservation {samples.TOKEN}: its trust is gone\n'
        f'    to be mended by hand\n'
        f'member-without-server m-1\n'
        f'    reservation {samples.TOKEN}: its server is gone\n'
        f'    the engine mends it in its next pass; does it run?\n')


def test_all_mended_is_well(world):
    world.looks = [[STRAY]]
    code, out, error = world.run('--mend', '--grace', '0')
    assert (code, world.mended, world.slept, error) == (0, [STRAY], [], '')
    assert out.endswith('    mended\n')


def test_what_is_left_to_be_done_is_not_well(world):
    world.looks = [[STRAY, GONE]]
    code, out, _ = world.run('--mend', '--grace', '0', '--format', 'json')
    assert (code, world.mended) == (1, [STRAY])
    assert [(finding['kind'], finding['token'], finding['outcome'])
            for finding in json.loads(out)['findings']] == [
        ('claim-without-member', None, 'mended'),
        ('trust-missing', samples.TOKEN, None)]


def test_the_log_does_not_get_into_the_answer(world):
    def look():
        logging.getLogger('shadow_reserve').warning('%s', 'for the log')
        return [STRAY]
    world.look = look
    _, out, error = world.run('--grace', '0', '--format', 'json')
    assert len(json.loads(out)['findings']) == 1
    assert 'for the log' in error


def test_a_mending_that_is_refused_is_told(world):
    world.looks = [[STRAY]]
    world.refusal = cloud_exceptions.Conflict('placement', 'it has changed')
    code, out, _ = world.run('--mend', '--grace', '0')
    assert code == 1
    assert out.endswith('    not mended: placement: it has changed\n')


@pytest.mark.parametrize('looks', [0, 1])
def test_whoever_cannot_look_says_so(world, looks):
    world.looks = [[STRAY]] * looks + [
        cloud_exceptions.ServiceUnavailable('aodh', 'connection refused')]
    code, out, error = world.run('--mend')
    assert (code, out, world.mended) == (2, '', [])
    assert error.endswith('aodh: connection refused. See that it runs, and '
                          'look again.\n')


def test_credentials_that_are_missing_are_told(world):
    def raises(conf):
        raise ks_exceptions.MissingAuthPlugin('no auth_type')
    world.monkeypatch.setattr(audit.cloud_doors, 'from_options', raises)
    code, out, error = world.run()
    assert (code, out, error.count('\n')) == (2, '', 1)
    assert 'service_credentials' in error


def test_an_older_schema_is_told(world):
    world.config.write_text('[database]\nconnection = sqlite://\n')
    code, _, error = world.run()
    assert (code, error.count('\n')) == (2, 1)
    assert 'db sync' in error


def test_a_grace_is_a_number(world):
    with pytest.raises(SystemExit):
        world.run('--grace', '-1')
    assert 'argument --grace: invalid' in world.capsys.readouterr().err
