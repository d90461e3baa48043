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

import sys
from typing import Any

from oslo_config import cfg

from shadow_reserve.cmd import options
from shadow_reserve.db import migration
from shadow_reserve.db import session


def _add_commands(subparsers: Any) -> None:
    database = subparsers.add_parser('db', help='the database')
    actions = database.add_subparsers(dest='action', required=True)
    actions.add_parser('sync', help='bring the schema up to date')
    actions.add_parser('version', help='print the revision it is at')


_COMMAND = cfg.SubCommandOpt(
    'command', title='Commands', handler=_add_commands)


def main() -> int:
    conf = options.load(sys.argv[1:], program='shadow-reserve-manage',
                        options=[_COMMAND])
    database = session.from_options(conf)
    if conf.command.action == 'sync':
        migration.upgrade(database)
    print(migration.current(database))
    return 0
