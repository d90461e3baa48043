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

"""``shadow-reserve-engine``: runs until it is told to stop."""

import sys

import cotyledon
from cotyledon import oslo_config_glue
from oslo_config import cfg

from shadow_reserve.cmd import options
from shadow_reserve.engine import service
from shadow_reserve.engine import terms


def main() -> None:
    conf = options.load(program='shadow-reserve-engine')
    try:
        terms.forecasts(conf)
    except (cfg.Error, ValueError) as error:
        # Here once, and not in a worker that is started again and again.
        sys.exit(f'shadow-reserve-engine: {error}')
    manager = cotyledon.ServiceManager()
    manager.add(service.EngineService, workers=1, args=(conf,))
    oslo_config_glue.setup(manager, conf, reload_method='reload')
    manager.run()
