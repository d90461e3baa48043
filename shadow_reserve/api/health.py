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

"""A check for oslo.middleware's healthcheck: does the database answer?"""

from typing import Any

from oslo_config import cfg
from oslo_middleware.healthcheck import pluginbase
import sqlalchemy

from shadow_reserve.db import session

#: Its name in the entry point group oslo.middleware.healthcheck.
BACKEND = 'shadow_reserve_database'


class DatabaseHealth(pluginbase.HealthcheckBaseExtension):
    """Healthy while the database answers a question."""

    def __init__(self, oslo_conf: cfg.ConfigOpts,
                 conf: dict[str, Any]) -> None:
        super().__init__(oslo_conf, conf)
        self._database = session.from_options(oslo_conf)

    def healthcheck(
            self, server_port: int) -> pluginbase.HealthcheckResult:
        try:
            self._database.read(lambda transaction: transaction.execute(
                sqlalchemy.text('SELECT 1 FROM reservations LIMIT 1')))
        except Exception as error:
            # Only the kind: the text of it may hold the connection's URL.
            return pluginbase.HealthcheckResult(
                available=False, reason='The database does not answer',
                details=type(error).__name__)
        return pluginbase.HealthcheckResult(
            available=True, reason='The database answers')
