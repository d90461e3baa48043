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

"""Promotions: of a reservation, and the room that they let go on hosts."""

import uuid

import falcon

from shadow_reserve.api import parts as api_parts
from shadow_reserve.api import queries
from shadow_reserve.api import views
from shadow_reserve.db import promotions as db_promotions
from shadow_reserve.db import shadow as db_shadow
from shadow_reserve.policies import promotions as policies


class Promotions:
    """/v1/promotions, which nova-scheduler asks for"""

    def __init__(self, parts: api_parts.Parts) -> None:
        self._parts = parts

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        queries.read(req)
        self._parts.access.check(req, policies.LIST)
        resp.media = {'promotions': [
            {'server_id': server_id, 'host': host,
             'resources': dict(slot.resources), 'room': dict(slot.room)}
            for server_id, host, slot in self._parts.database.read(
                db_shadow.list_slots)]}


class OfReservation:
    """/v1/reservations/{token}/promotions"""

    def __init__(self, parts: api_parts.Parts) -> None:
        self._parts = parts

    def on_get(self, req: falcon.Request, resp: falcon.Response,
               token: uuid.UUID) -> None:
        place = self._parts.pages.place(req)
        record = self._parts.access.get(
            req, str(token), policies.SHOW, deleted=True)
        found = self._parts.database.read(
            lambda session: db_promotions.list_promotions(
                session, record.token, limit=place.enough,
                after=place.after))
        resp.media = place.answer('promotions', found, views.show_promotion)
