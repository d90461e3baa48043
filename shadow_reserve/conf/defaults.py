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

"""Defaults of ours for other libraries' options."""

from oslo_config import cfg
from oslo_db import options as db_options

CONNECTION = 'sqlite:////var/lib/shadow_reserve/shadow_reserve.db'
#: More than are in use at once as a rule, whatever number of threads there
#: is. A connection beyond these is closed after each use, and to open one
#: takes as long as a promotion: PyMySQL reads all certificates of the system
#: for it.
POOL_SIZE = 60


def set_defaults() -> None:
    """Have oslo-config-generator show those of the database."""
    cfg.set_defaults(db_options.database_opts, connection=CONNECTION,
                     max_pool_size=POOL_SIZE)
