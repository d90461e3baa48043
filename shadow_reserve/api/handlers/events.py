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

"""What was decided about a reservation, and why."""

import functools
import uuid

import falcon

from shadow_reserve.api import parts as api_parts
from shadow_reserve.api import views
from shadow_reserve.db import journal as db_journal
from shadow_reserve.policies import events as policies
from shadow_reserve.policies import shadow as shadow_policies


class Events:
    """/v1/reservations/{token}/events"""

    def __init__(self, parts: api_parts.Parts) -> None:
        self._parts = parts

    def on_get(self, req: falcon.Request, resp: falcon.Response,
               token: uuid.UUID) -> None:
        place = self._parts.pages.place(req)
        record = self._parts.access.get(
            req, str(token), policies.SHOW, deleted=True)
        events = self._parts.database.read(
            lambda session: db_journal.list_events(
                session, record.token, limit=place.enough,
                after=place.after))
        with_host = self._parts.access.allows(
            req, shadow_policies.SHOW_HOST, record.project_id)
        resp.media = place.answer('events', events, functools.partial(
            views.show_event, with_host=with_host))
