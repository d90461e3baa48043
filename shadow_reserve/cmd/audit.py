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
"""shadow-reserve-manage audit: does everything agree?"""

from collections.abc import Iterable
import datetime
import json
import sys
import time
from typing import Any

from keystoneauth1 import exceptions as ks_exceptions
from oslo_config import cfg

from shadow_reserve.cloud import doors as cloud_doors
from shadow_reserve.cloud import exceptions as cloud_exceptions
from shadow_reserve.db import migration
from shadow_reserve.db import session as db_session
from shadow_reserve.engine import audit
from shadow_reserve.engine import findings as engine_findings
from shadow_reserve.engine import inspection
from shadow_reserve import exceptions

Finding = engine_findings.Finding
Mend = engine_findings.Mend

#: Exit codes.
AGREES = 0
LEFT = 1
COULD_NOT_LOOK = 2

#: By finding, what became of it; what is not mended is not in it.
_Outcomes = dict[tuple[object, ...], str]

_MENDED = 'mended'


def add_command(subparsers: Any) -> None:
    parser = subparsers.add_parser('audit', help='does everything agree?')
    parser.add_argument(
        '--mend', action='store_true',
        help='put right what can be put right')
    parser.add_argument(
        '--grace', type=_seconds, metavar='SECONDS',
        help='time between the first look and the second one, which must '
             'find the same; by default [engine] sweep_grace')
    parser.add_argument(
        '--format', choices=('text', 'json'), default='text')


def _seconds(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number


def run(conf: cfg.ConfigOpts, database: db_session.Database) -> int:
    """:returns: the exit code
    :raises SchemaOutdated: when the database is not this version's
    """
    migration.check(database)
    try:
        inspector = inspection.Inspector(
            database, cloud_doors.from_options(conf))
        found = _look(inspector, conf)
    except ks_exceptions.ClientException as error:
        print(f'The section service_credentials cannot be used: {error}',
              file=sys.stderr)
        return COULD_NOT_LOOK
    except cloud_exceptions.CloudError as error:
        print(f'{error}. See that it runs, and look again.',
              file=sys.stderr)
        return COULD_NOT_LOOK
    outcomes = _mend(inspector, found) if conf.command.mend else {}
    show = _show_json if conf.command.format == 'json' else _show_text
    show(found, outcomes)
    left = [finding for finding in found
            if outcomes.get(finding.key) != _MENDED]
    return LEFT if left else AGREES


def _look(inspector: inspection.Inspector,
          conf: cfg.ConfigOpts) -> list[Finding]:
    """Twice, if there is something to be seen: an engine that is at work
    is not to be disturbed."""
    grace = conf.command.grace
    if grace is None:
        grace = conf.engine.sweep_grace
    watch = engine_findings.Watch(datetime.timedelta(seconds=grace))
    found = audit.find(inspector.look())
    begun = datetime.datetime.now(datetime.UTC)
    believed = watch.believed(found, begun)
    if not found or not grace:
        return believed
    print(f'{len(found)} things do not agree. Whether they are only under '
          f'way is seen in {grace} s.', file=sys.stderr)
    time.sleep(grace)
    return watch.believed(
        audit.find(inspector.look()),
        begun + datetime.timedelta(seconds=grace))


def _mend(inspector: inspection.Inspector,
          found: Iterable[Finding]) -> _Outcomes:
    outcomes: _Outcomes = {}
    for finding in found:
        if finding.mend in (Mend.ENGINE, Mend.HAND):
            continue
        try:
            inspector.mend(finding, datetime.datetime.now(datetime.UTC))
        except (cloud_exceptions.CloudError,
                exceptions.ConcurrentUpdate) as error:
            outcomes[finding.key] = f'not mended: {error}'
        else:
            outcomes[finding.key] = _MENDED
    return outcomes


def _show_text(found: list[Finding], outcomes: _Outcomes) -> None:
    if not found:
        print('Everything agrees.')
    for finding in found:
        where = f'reservation {finding.token}: ' if finding.token else ''
        print(f'{finding.kind.value} {finding.identifier}')
        print(f'    {where}{finding.message}')
        print(f'    {outcomes.get(finding.key) or _todo(finding)}')


def _todo(finding: Finding) -> str:
    if finding.mend is Mend.HAND:
        return 'to be mended by hand'
    if finding.mend is Mend.ENGINE:
        return 'the engine mends it in its next pass; does it run?'
    return f'--mend: {finding.mend.value}'


def _show_json(found: list[Finding], outcomes: _Outcomes) -> None:
    print(json.dumps({'findings': [{
        'kind': finding.kind.value, 'identifier': finding.identifier,
        'token': finding.token, 'message': finding.message,
        'mend': finding.mend.value,
        'outcome': outcomes.get(finding.key),
    } for finding in found]}, indent=2))
