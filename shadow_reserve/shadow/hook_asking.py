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

"""Asks others for the hooks of members, the slow ones side by side.

Nothing is written down here, so that no transaction waits for others.
"""

from collections.abc import Iterable
from collections.abc import Sequence
from concurrent import futures
import dataclasses
import datetime

from shadow_reserve.cloud import exceptions as cloud_exceptions
from shadow_reserve.records import hook
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow
from shadow_reserve.shadow import hook_requests
from shadow_reserve.shadow import hook_steps

Kind = hook_steps.Kind


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """One member, as this pass sees it."""

    record: reservation.ReservationRecord
    member: shadow.ShadowInstance
    server: shadow.Server | None
    now: datetime.datetime

    @property
    def token(self) -> str:
        return self.record.token


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """Something to ask of others for a hook of a member."""

    place: Place
    row: hook.MemberHook
    kind: Kind


#: What came of a request.
Answer = tuple[Request, cloud_exceptions.CloudError | None]


class Asking:
    """Makes requests, a group at a time."""

    def __init__(self, requests: hook_requests.HookRequests) -> None:
        self._requests = requests

    def ask(self, groups: Sequence[Sequence[Request]],
            ) -> list[list[Answer]]:
        """:param groups: of which each is asked in a thread of its own"""
        if len(groups) == 1:
            return [self._ask_each(groups[0])]
        with futures.ThreadPoolExecutor(len(groups)) as pool:
            return list(pool.map(self._ask_each, groups))

    def _ask_each(self, group: Sequence[Request]) -> list[Answer]:
        """Requests of one group, one after another; after a Conflict none
        of the others would come about."""
        answers: list[Answer] = []
        busy = None
        for request in group:
            error = busy or self._ask_one(request)
            if isinstance(error, cloud_exceptions.Conflict):
                busy = error
            answers.append((request, error))
        return answers

    def _ask_one(self, request: Request,
                 ) -> cloud_exceptions.CloudError | None:
        place, row = request.place, request.row
        try:
            if request.kind is Kind.JOIN:
                assert place.server is not None
                self._requests.join(place.record, place.server, row)
            else:
                self._requests.leave(
                    place.record, place.member.server_id, place.server, row)
        except cloud_exceptions.CloudError as error:
            return error
        return None


def groups(requests: Iterable[Request]) -> Iterable[list[Request]]:
    """What may be asked side by side. A load balancer takes one change at
    a time, so all for one pool are asked after each other: those first
    that were not asked for longest."""
    pools: dict[str, list[Request]] = {}
    alone = []
    for request in requests:
        pool_id = request.row.hook.pool_id
        if pool_id is None:
            alone.append([request])
        else:
            pools.setdefault(pool_id, []).append(request)
    for group in pools.values():
        group.sort(key=lambda request: (
            (request.row.asked_at or request.row.since).timestamp()))
    return [*pools.values(), *alone]
