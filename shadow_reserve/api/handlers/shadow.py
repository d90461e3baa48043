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

"""The shadow of a reservation: show it, and move its instances by hand."""

import collections
from collections.abc import Callable
import datetime
import uuid

import falcon

from shadow_reserve.api import callers
from shadow_reserve.api import errors
from shadow_reserve.api import parts as api_parts
from shadow_reserve.api import queries
from shadow_reserve.api.schemas import shadow as schemas
from shadow_reserve.api import views
from shadow_reserve.db import shadow as db_shadow
from shadow_reserve.policies import shadow as policies
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow

#: Moves up to so many instances of a reservation, and says which.
Move = Callable[[str, int, datetime.datetime, str],
                list[shadow.ShadowInstance]]


class Shadow:
    """/v1/reservations/{token}/shadow"""

    def __init__(self, parts: api_parts.Parts) -> None:
        self._parts = parts

    def on_get(self, req: falcon.Request, resp: falcon.Response,
               token: uuid.UUID) -> None:
        queries.read(req)
        record = self._parts.access.get(req, str(token), policies.SHOW)
        allocation, instances = self._parts.database.read(
            lambda session: (
                db_shadow.get_allocation(session, record.token),
                db_shadow.list_instances(
                    session, record.shadow_allocation_id)))
        with_host = self._parts.access.allows(
            req, policies.SHOW_HOST, record.project_id)
        resp.media = {'shadow': views.show_shadow(allocation, [
            views.show_instance(instance, with_host=with_host)
            for instance in instances])}


class _Movement:
    """POST {"count": n}: move n instances from one state to the next."""

    def __init__(self, parts: api_parts.Parts, move: Move, rule: str,
                 source: shadow.InstanceState) -> None:
        self._parts = parts
        self._move = move
        self._rule = rule
        self._source = source

    def on_post(self, req: falcon.Request, resp: falcon.Response,
                token: uuid.UUID) -> None:
        queries.read(req)
        record = self._parts.access.get(req, str(token), self._rule)
        count = int(self._parts.bodies.read(req, schemas.MOVE)['count'])
        if record.status is not reservation.ReservationStatus.ACTIVE:
            raise errors.conflict(
                'reservation-not-active',
                f'Reservation {token} is {record.status.value}; its shadow '
                f'can be moved while it is active.')
        moved = self._move(
            record.token, count, self._parts.clock(),
            f'asked for by user {callers.of(req).user_id}')
        if not moved:
            raise self._nothing_to_move(record)
        self._parts.wake(record.token)
        with_host = self._parts.access.allows(
            req, policies.SHOW_HOST, record.project_id)
        resp.status = falcon.HTTP_202
        resp.media = {'instances': [
            views.show_instance(instance, with_host=with_host)
            for instance in moved]}

    def _nothing_to_move(
            self, record: reservation.ReservationRecord) -> errors.Problem:
        instances = self._parts.database.read(
            lambda session: db_shadow.list_instances(
                session, record.shadow_allocation_id))
        states = collections.Counter(
            instance.state.value for instance in instances)
        there = ', '.join(
            f'{count} {state}' for state, count in sorted(states.items()))
        hint = ''
        if record.policy.mode is reservation.Mode.FORECAST_ONLY:
            hint = (' The mode of its policy is forecast_only, so none is '
                    'built; set it to active.')
        return errors.conflict(
            'no-instance-to-move',
            f'No shadow instance is {self._source.value}; there are: '
            f'{there or "none at all"}.{hint}')


def promotion(parts: api_parts.Parts) -> _Movement:
    """/v1/reservations/{token}/shadow/promote"""
    return _Movement(parts, parts.moves.promote, policies.PROMOTE,
                     shadow.InstanceState.AVAILABLE)


def giving_back(parts: api_parts.Parts) -> _Movement:
    """/v1/reservations/{token}/shadow/return"""
    return _Movement(parts, parts.moves.return_to_pool, policies.RETURN,
                     shadow.InstanceState.ALLOCATED)
