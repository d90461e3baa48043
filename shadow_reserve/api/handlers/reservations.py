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

"""Reservations: create, list, show, change, delete."""

import dataclasses
from typing import Any
import uuid

import falcon
from sqlalchemy import orm

from shadow_reserve.api import callers
from shadow_reserve.api import creation
from shadow_reserve.api import errors
from shadow_reserve.api import intake
from shadow_reserve.api import parts as api_parts
from shadow_reserve.api import queries
from shadow_reserve.api import resolution
from shadow_reserve.api.schemas import reservations as schemas
from shadow_reserve.api import views
from shadow_reserve.db import journal as db_journal
from shadow_reserve.db import reservations as db_reservations
from shadow_reserve import exceptions
from shadow_reserve.policies import reservations as policies
from shadow_reserve.records import reservation

Status = reservation.ReservationStatus

#: States in which a reservation may still be changed.
_CHANGEABLE = frozenset({Status.PENDING, Status.ACTIVE})


def _show(parts: api_parts.Parts, req: falcon.Request,
          record: reservation.ReservationRecord) -> dict[str, Any]:
    return views.show_reservation(record, _base_url(req), parts.clock())


def _base_url(req: falcon.Request) -> str:
    return f'{req.prefix}/v1/reservations'


class Reservations:
    """/v1/reservations"""

    def __init__(self, parts: api_parts.Parts) -> None:
        self._parts = parts
        self._creation = creation.Creation(parts)

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        query = queries.read(
            req, 'limit', 'marker', 'all_projects', 'name')
        limit = self._parts.pages.limit(query)
        project_id: str | None = callers.of(req).project_id
        if queries.boolean(query, 'all_projects'):
            self._parts.access.check(req, policies.LIST_ALL_PROJECTS)
            project_id = None
        else:
            self._parts.access.check(req, policies.LIST)
        records = self._list(query, project_id, limit + 1)
        shown = records[:limit]
        answer: dict[str, Any] = {'reservations': [
            _show(self._parts, req, record) for record in shown]}
        if len(records) > limit:
            answer['reservations_links'] = self._parts.pages.links(
                _base_url(req), query, 'marker', shown[-1].token)
        resp.media = answer

    def _list(self, query: dict[str, str], project_id: str | None,
              limit: int) -> list[reservation.ReservationRecord]:
        marker = query.get('marker')
        try:
            return self._parts.database.read(
                lambda session: db_reservations.list_by_project(
                    session, project_id, limit=limit, marker=marker,
                    name=query.get('name')))
        except exceptions.ReservationNotFound as error:
            raise errors.bad_request(
                f'marker: there is no reservation {marker} to go on '
                f'from; start again without it.') from error

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        queries.read(req)
        self._parts.access.check(req, policies.CREATE)
        body = self._parts.bodies.read(req, schemas.CREATE)
        record = self._creation.create(
            callers.of(req), body['reservation'])
        self._parts.wake(record.token)
        resp.status = falcon.HTTP_201
        resp.location = f'{_base_url(req)}/{record.token}'
        resp.media = {'reservation': _show(self._parts, req, record)}


class Reservation:
    """/v1/reservations/{token}"""

    def __init__(self, parts: api_parts.Parts) -> None:
        self._parts = parts

    def on_get(self, req: falcon.Request, resp: falcon.Response,
               token: uuid.UUID) -> None:
        queries.read(req)
        record = self._parts.access.get(req, str(token), policies.SHOW)
        resp.media = {'reservation': _show(self._parts, req, record)}

    def on_patch(self, req: falcon.Request, resp: falcon.Response,
                 token: uuid.UUID) -> None:
        queries.read(req)
        record = self._parts.access.get(req, str(token), policies.UPDATE)
        fields = self._parts.bodies.read(
            req, schemas.UPDATE)['reservation']
        template = None
        if 'template' in fields:
            caller = callers.of(req)
            template = resolution.other_template(
                self._parts.cloud_of(caller.auth), caller,
                fields['template'], record)
        record = self._parts.database.write(
            lambda session: self._change(
                session, str(token), fields, template))
        self._parts.wake(record.token)
        resp.media = {'reservation': _show(self._parts, req, record)}

    def _change(
            self, session: orm.Session, token: str, fields: dict[str, Any],
            template: reservation.InstanceTemplate | None,
    ) -> reservation.ReservationRecord:
        """Merged with what is there now, not with what was there when
        the caller was let in.

        :param template: that of ``fields``, looked up
        """
        now = self._parts.clock()
        record = db_reservations.get(session, token)
        status = record.status_at(now)
        if status not in _CHANGEABLE:
            raise errors.conflict(
                'reservation-not-changeable',
                f'Reservation {token} is {status.value}; it can be changed '
                f'while it is pending or active.')
        changes: dict[str, Any] = {}
        if 'name' in fields:
            changes['name'] = fields['name']
        if 'policy' in fields:
            changes['policy'] = intake.policy(
                fields['policy'], record.policy, record.selector)
        if template is not None:
            wanted = fields['template']
            if 'user_data' not in wanted:
                # It is never shown, so a template that was shown and is
                # sent back is without it.
                template = dataclasses.replace(
                    template, user_data=record.template.user_data)
            changes['template'] = template
            fields = fields | {'template': {
                name: value for name, value in wanted.items()
                if name != 'user_data'}}
        db_journal.record(
            session, token, now, 'reservation.updated',
            'its owner changed it', changes=fields)
        return db_reservations.update(session, record, now, **changes)

    def on_delete(self, req: falcon.Request, resp: falcon.Response,
                  token: uuid.UUID) -> None:
        queries.read(req)
        record = self._parts.access.get(
            req, str(token), policies.DELETE, deleted=True)
        if record.status is Status.DELETED:
            resp.status = falcon.HTTP_204
            return
        self._parts.database.write(
            lambda session: self._begin_deletion(session, str(token)))
        self._parts.wake(record.token)
        resp.status = falcon.HTTP_202

    def _begin_deletion(self, session: orm.Session, token: str) -> None:
        now = self._parts.clock()
        record = db_reservations.get(session, token)
        if record.status in (Status.DELETING, Status.DELETED):
            return
        db_journal.record(
            session, token, now, 'reservation.deleting',
            'it was asked to be deleted')
        db_reservations.update(
            session, record, now, status=Status.DELETING)
