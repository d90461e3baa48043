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

"""``shadow-reserve-status upgrade check``: may this version be started?"""

import sys

from oslo_config import cfg
from oslo_upgradecheck import upgradecheck

from shadow_reserve.cmd import options
from shadow_reserve.db import migration
from shadow_reserve.db import session


class Checks(upgradecheck.UpgradeCommands):
    """:param conf: with the service's own options read"""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        super().__init__()
        self._conf = conf

    def _check_schema(self) -> upgradecheck.Result:
        database = session.from_options(self._conf)
        current = migration.current(database)
        head = migration.head(database)
        if current == head:
            return upgradecheck.Result(upgradecheck.Code.SUCCESS)
        return upgradecheck.Result(
            upgradecheck.Code.FAILURE,
            f'The schema is at {current}, this version needs {head}: run '
            f'shadow-reserve-manage db sync.')

    _upgrade_checks = (('Database schema', _check_schema),)


def main() -> int:
    conf = options.load([], program='shadow-reserve-status')
    answer: int = upgradecheck.main(
        cfg.ConfigOpts(), 'shadow_reserve', Checks(conf), sys.argv[1:])
    return answer
