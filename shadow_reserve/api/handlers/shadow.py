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
from typing import Any
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
from shadow_reserve.shadow import holding as shadow_holding
from shadow_reserve.trigger import decision

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
                 source: shadow.InstanceState,
                 verdict: decision.Verdict) -> None:
        self._parts = parts
        self._move = move
        self._rule = rule
        self._source = source
        self._verdict = verdict

    def on_post(self, req: falcon.Request, resp: falcon.Response,
                token: uuid.UUID) -> None:
        queries.read(req)
        record = self._parts.access.get(req, str(token), self._rule)
        body = self._parts.bodies.read(req, schemas.MOVE)
        count = None if 'count' not in body else int(body['count'])
        status = record.status_at(self._parts.clock())
        if status is not reservation.ReservationStatus.ACTIVE:
            raise errors.conflict(
                'reservation-not-active',
                f'Reservation {token} is {status.value}; its shadow can be '
                f'moved while it is active.')
        with_host = self._parts.access.allows(
            req, policies.SHOW_HOST, record.project_id)
        if count is None or body.get('dry_run'):
            resp.media = {'dry_run': self._rehearse(
                record, count, with_host=with_host)}
            return
        moved = self._move(
            record.token, count, self._parts.clock(),
            f'asked for by user {callers.of(req).user_id}')
        if not moved:
            raise errors.conflict(
                'no-instance-to-move',
                self._nothing_to_move(record, self._members(record)))
        self._parts.wake(record.token)
        resp.status = falcon.HTTP_202
        resp.media = {'instances': [
            views.show_instance(instance, with_host=with_host)
            for instance in moved]}

    def _rehearse(self, record: reservation.ReservationRecord,
                  count: int | None, *, with_host: bool) -> dict[str, Any]:
        """What would be done, with nothing done.

        :param count: how many are asked for; ``None`` for as many as the
            trigger would move just now
        """
        members = self._members(record)
        judgement = None
        if count is None:
            judgement = self._parts.rehearse(
                record, members, self._parts.clock())
            wanted, reason = self._decided(judgement)
        else:
            wanted, reason = count, 'asked for by hand'
        there = [member for member in members
                 if member.state is self._source]
        order = (shadow_holding.promotion_order(record.policy.hold, there)
                 if self._verdict is decision.Verdict.PROMOTE
                 else shadow_holding.return_order(there))
        moved = order[:wanted]
        if count is not None and not moved:
            reason = self._nothing_to_move(record, members)
        return {
            'action': self._verdict.value,
            'count': len(moved),
            'short': wanted - len(moved),
            'reason': reason,
            'instances': [views.show_instance(member, with_host=with_host)
                          for member in moved],
            'decision': None if judgement is None
            else views.show_judgement(judgement, record.policy),
        }

    def _decided(self, judgement: decision.Judgement | None,
                 ) -> tuple[int, str]:
        """How many the trigger would move this way, and why."""
        if judgement is None:
            return 0, ('nobody has measured the application lately, so '
                       'nothing can be decided')
        decided = judgement.decision
        if decided.verdict is self._verdict:
            return decided.count + decided.short, decided.reason
        if (decided.verdict is decision.Verdict.EXHAUSTED
                and self._verdict is decision.Verdict.PROMOTE):
            return decided.count, decided.reason
        return 0, decided.reason

    def _members(self, record: reservation.ReservationRecord,
                 ) -> list[shadow.ShadowInstance]:
        return self._parts.database.read(
            lambda session: db_shadow.list_instances(
                session, record.shadow_allocation_id))

    def _nothing_to_move(self, record: reservation.ReservationRecord,
                         members: list[shadow.ShadowInstance]) -> str:
        states = collections.Counter(
            member.state.value for member in members)
        there = ', '.join(
            f'{count} {state}' for state, count in sorted(states.items()))
        hint = ''
        if record.policy.mode is reservation.Mode.FORECAST_ONLY:
            hint = (' The mode of its policy is forecast_only, so none is '
                    'built; set it to active.')
        return (f'No shadow instance is {self._source.value}; there are: '
                f'{there or "none at all"}.{hint}')


def promotion(parts: api_parts.Parts) -> _Movement:
    """/v1/reservations/{token}/shadow/promote"""
    return _Movement(parts, parts.moves.promote, policies.PROMOTE,
                     shadow.InstanceState.AVAILABLE,
                     decision.Verdict.PROMOTE)


def giving_back(parts: api_parts.Parts) -> _Movement:
    """/v1/reservations/{token}/shadow/return"""
    return _Movement(parts, parts.moves.return_to_pool, policies.RETURN,
                     shadow.InstanceState.ALLOCATED,
                     decision.Verdict.RETURN)
