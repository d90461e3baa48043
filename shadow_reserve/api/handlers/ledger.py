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

"""What a reservation was charged and extended for."""

import uuid

import falcon

from shadow_reserve.api import parts as api_parts
from shadow_reserve.api import views
from shadow_reserve.db import journal as db_journal
from shadow_reserve.policies import ledger as policies


class Ledger:
    """/v1/reservations/{token}/ledger"""

    def __init__(self, parts: api_parts.Parts) -> None:
        self._parts = parts

    def on_get(self, req: falcon.Request, resp: falcon.Response,
               token: uuid.UUID) -> None:
        place = self._parts.pages.place(req)
        record = self._parts.access.get(
            req, str(token), policies.SHOW, deleted=True)
        entries = self._parts.database.read(
            lambda session: db_journal.list_entries(
                session, record.token, limit=place.enough,
                after=place.after))
        resp.media = place.answer('ledger', entries, views.show_entry)
