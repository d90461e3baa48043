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

"""Who has how much of the cloud; for its operators."""

import falcon

from shadow_reserve.api import parts as api_parts
from shadow_reserve.api import queries
from shadow_reserve.api import views
from shadow_reserve.db import holdings as db_holdings
from shadow_reserve.policies import capacity as policies
from shadow_reserve.shadow import occupancy

#: Seconds; requests that come closer together see the same reading.
_MAXIMUM_AGE = 5.0


class Capacity:
    """/v1/capacity"""

    def __init__(self, parts: api_parts.Parts) -> None:
        self._parts = parts

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        queries.read(req)
        self._parts.access.check(req, policies.SHOW)
        cloud = self._parts.capacity.read(_MAXIMUM_AGE)
        hosts = occupancy.of_hosts(
            cloud, self._parts.database.read(db_holdings.list_holdings))
        resp.media = {'capacity': views.show_capacity(hosts)}
