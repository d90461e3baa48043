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

"""``shadow-reserve-manage``: what an operator does by hand."""

import datetime
import sys
from typing import Any

from oslo_config import cfg
from sqlalchemy import orm

from shadow_reserve.cmd import audit
from shadow_reserve.cmd import options
from shadow_reserve.cmd import troubles
from shadow_reserve.db import demand_models
from shadow_reserve.db import migration
from shadow_reserve.db import session
from shadow_reserve import exceptions
from shadow_reserve.records import demand_model


def _add_commands(subparsers: Any) -> None:
    database = subparsers.add_parser('db', help='the database')
    actions = database.add_subparsers(dest='action', required=True)
    actions.add_parser('sync', help='bring the schema up to date')
    actions.add_parser('version', help='print the revision it is at')

    model = subparsers.add_parser('model', help='the learned demand models')
    actions = model.add_subparsers(dest='action', required=True)
    actions.add_parser('list', help='print all that are kept')
    rollback = actions.add_parser(
        'rollback', help='let one serve again that served before')
    rollback.add_argument(
        'version', type=int, nargs='?', metavar='VERSION',
        help='which; by default the last one before that which serves')

    audit.add_command(subparsers)


_COMMAND = cfg.SubCommandOpt(
    'command', title='Commands', handler=_add_commands)

_HEADING = ('version', 'fitted', 'state', 'since', 'reason', 'series',
            'score', 'mix', 'naive', 'beside')


def main() -> int:
    conf = options.load(sys.argv[1:], program='shadow-reserve-manage',
                        options=[_COMMAND])
    # Who waits for the answer is told at once that there is no connection,
    # not after 100 seconds; unless the configuration file asks for that.
    conf.set_default('max_retries', 0, 'database')
    database = session.from_options(conf)
    commands = {'db': _manage_schema, 'model': _manage_models,
                'audit': audit.run}
    # An audit that could not look is not one that found something.
    failed = audit.COULD_NOT_LOOK if conf.command.name == 'audit' else 1
    try:
        troubles.check_url(conf.database.connection)
        return commands[conf.command.name](conf, database)
    except exceptions.ShadowReserveError as error:
        print(error, file=sys.stderr)
        return failed
    except troubles.UNUSABLE as error:
        if conf.debug:
            raise
        print(troubles.explained(error, conf.database.connection),
              file=sys.stderr)
        return failed


def _manage_schema(conf: cfg.ConfigOpts, database: session.Database) -> int:
    if conf.command.action == 'sync':
        migration.upgrade(database)
    print(migration.current(database))
    return 0


def _manage_models(conf: cfg.ConfigOpts, database: session.Database) -> int:
    migration.check(database)
    if conf.command.action == 'rollback':
        version = database.write(
            lambda transaction: _roll_back(conf, transaction))
        print(f'Demand model {version} serves, from the next forecast on.')
        return 0
    rows = [_HEADING, *(_row(one) for one in database.read(
        demand_models.list_models))]
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        print('  '.join(cell.ljust(width) for cell, width in
                        zip(row, widths)).rstrip())
    return 0


def _roll_back(conf: cfg.ConfigOpts, transaction: orm.Session) -> int:
    """:returns: the version that serves now
    :raises ModelNotFound: saying why none can; nothing is changed then
    """
    # Here, since other commands can do without scikit-learn, which takes
    # longer to load than all the rest.
    from shadow_reserve.engine import terms as engine_terms
    from shadow_reserve.usage import storing

    version = demand_models.roll_back(
        transaction, datetime.datetime.now(datetime.UTC),
        conf.command.version)
    try:
        storing.loaded(demand_models.stored(transaction, version) or b'',
                       engine_terms.forecasts(conf))
    except (cfg.Error, ValueError) as error:
        # Also where the options contradict each other.
        raise exceptions.ModelNotFound(
            f'Demand model {version} cannot serve: {error}. Nothing was '
            f'changed; shadow-reserve-manage model list prints others.',
        ) from error
    return version


def _row(model: demand_model.DemandModel) -> tuple[str, ...]:
    """As ``_HEADING`` has it."""
    return (str(model.version), _time(model.created_at), model.state.value,
            _time(model.since), model.made_from['reason'],
            str(model.made_from['series']),
            *(_score(model.scores.get(name))
              for name in ('learned', 'mix', 'naive', 'serving')))


def _time(time: datetime.datetime) -> str:
    return time.strftime('%Y-%m-%dT%H:%M:%SZ')


def _score(score: float | None) -> str:
    return '-' if score is None else f'{score:.4f}'
