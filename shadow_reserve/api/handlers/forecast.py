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

"""What a reservation's application is expected to need."""

import uuid

import falcon

from shadow_reserve.api import parts as api_parts
from shadow_reserve.api import queries
from shadow_reserve.api import views
from shadow_reserve.db import demand as db_demand
from shadow_reserve.policies import forecast as policies


class Forecast:
    """/v1/reservations/{token}/forecast"""

    def __init__(self, parts: api_parts.Parts) -> None:
        self._parts = parts

    def on_get(self, req: falcon.Request, resp: falcon.Response,
               token: uuid.UUID) -> None:
        query = queries.read(req, 'step_limit')
        limit = queries.integer(query, 'step_limit', minimum=0)
        record = self._parts.access.get(req, str(token), policies.SHOW)
        profiles = self._parts.database.read(
            lambda session: db_demand.list_profiles(session, record.token))
        resp.media = {'forecast': {
            'token': record.token,
            'profiles': [views.show_profile(profile, limit)
                         for profile in profiles],
        }}
