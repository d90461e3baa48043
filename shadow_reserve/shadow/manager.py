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

"""The members of a shadow allocation as a whole."""

from collections.abc import Mapping
from collections.abc import Sequence
import datetime

from shadow_reserve.cloud import exceptions as cloud_exceptions
from shadow_reserve.db import session as db_session
from shadow_reserve.db import shadow as db_shadow
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow
from shadow_reserve.shadow import joining as shadow_joining
from shadow_reserve.shadow import lifecycle
from shadow_reserve.shadow import member_steps
from shadow_reserve.shadow import moves as shadow_moves

State = shadow.InstanceState


class ShadowManager:
    """Drives the members of a shadow allocation to where they should be."""

    def __init__(
            self, database: db_session.Database,
            moves: shadow_moves.Moves, steps: member_steps.MemberSteps,
            joining: shadow_joining.Joining,
            limits: lifecycle.Limits) -> None:
        self._database = database
        self._moves = moves
        self._steps = steps
        self._joining = joining
        self._limits = limits

    def drive(
            self, record: reservation.ReservationRecord,
            servers: Mapping[str, shadow.Server],
            now: datetime.datetime, *, but_promoting: bool = False,
    ) -> list[cloud_exceptions.CloudError]:
        """Take every member one step on.

        A member at which a service fails does not keep the others.

        :param servers: by instance id, as just listed
        :param but_promoting: leave those alone that are on their way to
            serve and have a server
        :returns: what failed; all of it is tried again in the next pass
        """
        def to_be_driven() -> list[shadow.ShadowInstance]:
            return [member for member in self.members(record)
                    if not but_promoting or member.server_id is None
                    or member.state is not State.PROMOTING]
        members = to_be_driven()
        held_back = self._joining.held_back(members, now)
        failures = self._steps.drive(
            record, [member for member in members
                     if member.instance_id not in held_back], servers, now)
        # After all else, since nothing may wait for hooks but those that
        # go back.
        members = self.members(record)
        self._joining.drive(record, members, servers, now)
        if held_back:
            members = to_be_driven()
            still = self._joining.held_back(members, now)
            failures += self._steps.drive(
                record, [member for member in members
                         if member.instance_id in held_back - still],
                servers, now)
        return failures

    def members(
            self, record: reservation.ReservationRecord,
    ) -> list[shadow.ShadowInstance]:
        return self._database.read(
            lambda session: db_shadow.list_instances(
                session, record.shadow_allocation_id))

    def find_old(self, record: reservation.ReservationRecord,
                 members: Sequence[shadow.ShadowInstance],
                 servers: Mapping[str, shadow.Server],
                 now: datetime.datetime,
                 ) -> tuple[shadow.ShadowInstance, str] | None:
        """A waiting member that should make room for a new one, and why:
        one at a time, and none while another is still being built or has
        failed, so that the pool stays nearly whole."""
        if any(member.state not in (State.AVAILABLE, State.ALLOCATED)
               for member in members):
            return None
        limits = lifecycle.limits_of(record, self._limits)
        for member in members:
            why = lifecycle.why_replace(
                member, servers.get(member.instance_id), now, limits)
            if why is not None and member.state is State.AVAILABLE:
                return member, why
        return None

    def replace(self, record: reservation.ReservationRecord,
                member: shadow.ShadowInstance, now: datetime.datetime,
                why: str) -> None:
        """Have a member deleted so that a new one is built."""
        self._moves.move(record.token, member, State.DELETING, now, why)

    def release(
            self, record: reservation.ReservationRecord, keep: int,
            now: datetime.datetime, reason: str) -> None:
        """Have members deleted that do not serve, until ``keep`` are left,
        those that serve among them.

        Those that nothing is held for go first, and then the youngest,
        since the older ones have proved themselves.
        """
        held = [member for member in self.members(record)
                if member.state in shadow.HELD_STATES]
        idle = sorted(
            (member for member in held
             if member.state in (State.BUILDING, State.SETTLING,
                                 State.AVAILABLE)),
            key=lambda member: (member.host is None
                                or member.lent_at is not None))
        surplus = max(len(held) - keep, 0)
        for member in reversed(idle[-surplus:] if surplus else []):
            self._moves.move(
                record.token, member, State.DELETING, now, reason)

    def take_down(self, record: reservation.ReservationRecord,
                  now: datetime.datetime, reason: str) -> bool:
        """Have all members deleted.

        :returns: whether none is left
        """
        members = self.members(record)
        for member in members:
            if member.state is not State.DELETING:
                self._moves.move(
                    record.token, member, State.DELETING, now, reason)
        return not members
