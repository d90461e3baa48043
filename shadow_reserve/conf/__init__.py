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

"""Every option of the service, in one module for each section."""

from oslo_config import cfg

from shadow_reserve.conf import api
from shadow_reserve.conf import credentials
from shadow_reserve.conf import engine
from shadow_reserve.conf import forecast
from shadow_reserve.conf import lease
from shadow_reserve.conf import notifications
from shadow_reserve.conf import shadow
from shadow_reserve.conf import trigger

MODULES = (api, credentials, engine, forecast, lease, notifications, shadow,
           trigger)


def register_opts(conf: cfg.ConfigOpts) -> None:
    """Register all options on ``conf``; called from ``cmd/`` only."""
    for module in MODULES:
        module.register_opts(conf)
