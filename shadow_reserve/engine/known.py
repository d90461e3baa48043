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

"""All reservations and members, read again only where they have changed.

To read that nothing has changed takes a small part of what it takes to
read it all. Whoever looks at all of them at intervals goes by this.
"""

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import threading
from typing import TypeVar

from sqlalchemy import orm

from shadow_reserve.db import fleet as db_fleet
from shadow_reserve.db import session as db_session
from shadow_reserve.records import capacity
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow

R = TypeVar('R', reservation.ReservationRecord, shadow.ShadowInstance)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Everything:
    """What there was at one moment.

    :param records: of live reservations, by token
    :param allocations: the members of all allocations that have any, by
        the allocation's id; the oldest first
    """

    records: Mapping[str, reservation.ReservationRecord]
    allocations: Mapping[str, Sequence[shadow.ShadowInstance]]

    def members_of(self, record: reservation.ReservationRecord,
                   ) -> Sequence[shadow.ShadowInstance]:
        return self.allocations.get(record.shadow_allocation_id, ())

    def holdings(self) -> list[capacity.Holding]:
        """Members that hold capacity or soon will, oldest first."""
        return sorted(
            (capacity.Holding(member=member, record=record)
             for record in self.records.values()
             for member in self.members_of(record)
             if member.state in shadow.HELD_STATES),
            key=lambda one: _age(one.member))


class Known:
    """The last that was read; any number of threads may ask.

    What is kept only saves reading it again.
    """

    def __init__(self, database: db_session.Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._records: dict[str, reservation.ReservationRecord] = {}
        self._members: dict[str, shadow.ShadowInstance] = {}

    def read(self) -> Everything:
        """As the database has it just now."""
        return self._database.read(self.within)

    def within(self, session: orm.Session) -> Everything:
        """The same, within a transaction that reads more.

        To be called before anything is read: who waits here with a view of
        its own would put back what is older than what others have read.
        """
        # One at a time: to wait for a thread that reads the same is quicker
        # than to read it beside that one. Where the database hangs, all of
        # them wait; none could do anything without it.
        with self._lock:
            self._records = _renewed(
                self._records, db_fleet.reservation_generations(
                    session, reservation.LIVE_STATUSES),
                lambda tokens: {
                    record.token: record for record
                    in db_fleet.get_reservations(session, tokens)})
            self._members = _renewed(
                self._members, db_fleet.instance_generations(session),
                lambda ids: {
                    member.instance_id: member for member
                    in db_fleet.get_instances(session, ids)})
            records, members = self._records, self._members
        allocations: dict[str, list[shadow.ShadowInstance]] = {}
        for member in sorted(members.values(), key=_age):
            allocations.setdefault(member.allocation_id, []).append(member)
        return Everything(records=records, allocations=allocations)


def _age(member: shadow.ShadowInstance) -> tuple[float, str]:
    return member.created_at.timestamp(), member.instance_id


def _renewed(kept: dict[str, R], generations: Mapping[str, int],
             read: Callable[[list[str]], dict[str, R]]) -> dict[str, R]:
    """What is kept, read again where its generation is another now."""
    stale = [name for name, generation in generations.items()
             if name not in kept
             or kept[name].generation != generation]
    return {name: one for name, one in kept.items()
            if name in generations} | read(stale)
