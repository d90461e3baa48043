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

"""Asks Nova for members that were claimed, and watches them until they
serve.

Each of them by itself: no listing is waited for. What is under way is
written down with the members; what is kept here only keeps this engine
from doing the same twice at a time.
"""

from collections.abc import Callable
from collections.abc import Iterable
import concurrent.futures
import dataclasses
import datetime
import functools
import logging
import threading

from sqlalchemy import orm

from shadow_reserve.cloud import exceptions as cloud_exceptions
from shadow_reserve.db import promotions as db_promotions
from shadow_reserve.db import reservations as db_reservations
from shadow_reserve.db import session as db_session
from shadow_reserve.db import shadow as db_shadow
from shadow_reserve.engine import precedence as engine_precedence
from shadow_reserve import exceptions
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow
from shadow_reserve.shadow import member_steps

LOG = logging.getLogger(__name__)

State = shadow.InstanceState
#: It answers with the member, if it need not be read again.
Step = Callable[[reservation.ReservationRecord, shadow.ShadowInstance,
                 datetime.datetime], shadow.ShadowInstance | None]
#: The member's state once it is on its way no more; ``None`` till then.
Arrival = concurrent.futures.Future[State | None]

#: A member that was claimed so lately is left to whoever claimed it.
_HEAD_START = datetime.timedelta(seconds=1)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class _UnderWay:
    """A reservation, its members on their way, and the ids of those that
    Nova was not asked for; there may be others' among them."""

    record: reservation.ReservationRecord
    members: list[shadow.ShadowInstance]
    unasked: set[str]


class Promoter:
    """Drives members on their way to serve, a bounded number at a time.

    :param wake: called with the token of a reservation that needs a pass
        soon: a member has come to serve and there is more to be done for
        it, or it did not, or Nova could not be asked
    :param concurrency: members at a time, and so many again for which an
        alarm asks just now
    """

    def __init__(self, database: db_session.Database,
                 steps: member_steps.MemberSteps,
                 wake: Callable[[str], None],
                 clock: Callable[[], datetime.datetime],
                 concurrency: int,
                 precedence: engine_precedence.Precedence) -> None:
        self._database = database
        self._steps = steps
        self._wake = wake
        self._clock = clock
        self._precedence = precedence
        self._pool = concurrent.futures.ThreadPoolExecutor(
            concurrency, thread_name_prefix='promotion')
        # Nobody who is to be asked for waits behind looks at those before.
        self._first_pool = concurrent.futures.ThreadPoolExecutor(
            concurrency, thread_name_prefix='alarm')
        self._lock = threading.Lock()
        self._under_way: dict[str, Arrival] = {}
        # Of these, those that something new was heard of meanwhile.
        self._again: set[str] = set()

    def ask(self, record: reservation.ReservationRecord,
            members: Iterable[shadow.ShadowInstance]) -> None:
        """Ask Nova for members that were claimed just now; does not wait
        for its answer."""
        for member in members:
            arrival = self._start(record, member, self._promote_first,
                                  pool=self._first_pool)
            arrival.add_done_callback(functools.partial(self._tell, record))

    def _promote_first(
            self, record: reservation.ReservationRecord,
            member: shadow.ShadowInstance, now: datetime.datetime,
    ) -> shadow.ShadowInstance | None:
        with self._precedence.first():
            return self._steps.promote(record, member, now)

    def ask_for(self, token: str) -> bool:
        """The same for those of a reservation that Nova was not asked for
        yet, whoever claimed them.

        :returns: whether there were any
        """
        asked = False
        for one in self._read(token):
            if one.record.status is not (
                    reservation.ReservationStatus.ACTIVE):
                continue
            for arrival in self._start_all(one, [
                    member for member in one.members
                    if member.instance_id in one.unasked]):
                asked = True
                arrival.add_done_callback(
                    functools.partial(self._tell, one.record))
        return asked

    def drive(self, record: reservation.ReservationRecord,
              ) -> list[cloud_exceptions.CloudError]:
        """Take the members of a reservation that are on their way one
        step on, and wait for it.

        :returns: what failed
        """
        failures: list[cloud_exceptions.CloudError] = []
        # Where one has failed, another one was claimed instead.
        while self._drive(record, failures):
            pass
        return failures

    def _drive(self, record: reservation.ReservationRecord,
               failures: list[cloud_exceptions.CloudError]) -> bool:
        """:returns: whether one of them is on its way no more"""
        moved = False
        for arrival in [arrival for one in self._read(record.token)
                        for arrival in self._start_all(one, one.members)]:
            try:
                moved |= arrival.result() is not None
            except cloud_exceptions.CloudError as error:
                failures.append(error)
        return moved

    def hear(self, server_id: str) -> None:
        """Look at a member again, of whose server Nova says something."""
        found = self._database.read(
            lambda session: db_shadow.find_promoting(session, server_id))
        if found is None:
            return
        record, member = found
        self._start(
            record, member, self._steps.look_after, again=True,
        ).add_done_callback(functools.partial(self._tell, record))

    def look(self) -> None:
        """Look at all members that are on their way; the net under
        notifications, and under engines that were killed."""
        now = self._clock()
        waiting = [
            (one.record, arrival) for one in self._read()
            for arrival in self._start_all(one, [
                member for member in one.members
                if member.instance_id not in one.unasked
                or now - member.state_since >= _HEAD_START])]
        errors: list[cloud_exceptions.CloudError] = []
        for record, arrival in waiting:
            try:
                if _needs_pass(record, arrival.result()):
                    self._wake(record.token)
            except cloud_exceptions.CloudError as error:
                errors.append(error)
        if errors:
            # Their rounds and passes tell the owners.
            LOG.info('%s of %s promotions could not be looked at: %s',
                     len(errors), len(waiting), errors[0])

    def stop(self) -> None:
        """Begin no more; what is left to do is written down."""
        for pool in (self._first_pool, self._pool):
            pool.shutdown(wait=False, cancel_futures=True)

    def _read(self, token: str | None = None) -> list[_UnderWay]:
        return self._database.read(
            lambda session: _list_under_way(session, token))

    def _start_all(self, one: _UnderWay,
                   members: Iterable[shadow.ShadowInstance],
                   ) -> list[Arrival]:
        return [self._start(
            one.record, member,
            self._ask_if_nobody_did if member.instance_id in one.unasked
            else self._steps.look_after) for member in members]

    def _ask_if_nobody_did(
            self, record: reservation.ReservationRecord,
            member: shadow.ShadowInstance, now: datetime.datetime,
    ) -> shadow.ShadowInstance | None:
        """It may have been asked for since that was read."""
        if self._database.read(lambda session: db_promotions.list_unasked(
                session, [member.instance_id])):
            return self._steps.promote(record, member, now)
        return self._steps.look_after(record, member, now)

    def _start(self, record: reservation.ReservationRecord,
               member: shadow.ShadowInstance, step: Step, *,
               again: bool = False,
               pool: concurrent.futures.Executor | None = None) -> Arrival:
        """:param again: whether what is under way may have come too soon"""
        with self._lock:
            arrival = self._under_way.get(member.instance_id)
            if arrival is None:
                arrival = (pool or self._pool).submit(
                    self._run, record, member, step)
                self._under_way[member.instance_id] = arrival
            elif again:
                self._again.add(member.instance_id)
            return arrival

    def _run(self, record: reservation.ReservationRecord,
             member: shadow.ShadowInstance, step: Step) -> State | None:
        while True:
            try:
                fresh = self._step(record, member, step)
            except Exception:
                self._end(member.instance_id)
                raise
            if fresh is None or fresh.state is not State.PROMOTING:
                self._end(member.instance_id)
                return fresh.state if fresh else State.DELETING
            if self._end(member.instance_id, unless_again=True):
                return None
            member, step = fresh, self._steps.look_after

    def _step(self, record: reservation.ReservationRecord,
              member: shadow.ShadowInstance,
              step: Step) -> shadow.ShadowInstance | None:
        """:returns: the member as it is then, if it is still there"""
        fresh = None
        try:
            fresh = step(record, member, self._clock())
        except exceptions.ConcurrentUpdate:
            # Another engine moved it: it is theirs now.
            pass
        return fresh or self._database.read(
            lambda session: db_shadow.find_instance(
                session, member.instance_id))

    def _end(self, instance_id: str, *, unless_again: bool = False) -> bool:
        with self._lock:
            again = instance_id in self._again
            self._again.discard(instance_id)
            if again and unless_again:
                return False
            del self._under_way[instance_id]
            return True

    def _tell(self, record: reservation.ReservationRecord,
              arrival: Arrival) -> None:
        if arrival.cancelled():
            return
        error = arrival.exception()
        if error is not None and not isinstance(
                error, cloud_exceptions.CloudError):
            LOG.error('A promotion of reservation %s failed', record.token,
                      exc_info=error)
        if error is not None or _needs_pass(record, arrival.result()):
            self._wake(record.token)


def _needs_pass(record: reservation.ReservationRecord,
                state: State | None) -> bool:
    """Whether something follows that cannot wait for the next round.

    A pass asks Nova for listings, which others that are on their way would
    have to wait for.
    """
    return state is not None and (
        state is not State.ALLOCATED or bool(record.policy.hooks)
        or bool(record.template.volumes))


def _list_under_way(session: orm.Session,
                    token: str | None) -> list[_UnderWay]:
    """Of one reservation or of all; nothing is read in vain."""
    found = db_shadow.list_promoting(session, token)
    if not found:
        return []
    unasked = db_promotions.list_unasked(session, [
        member.instance_id for members in found.values()
        for member in members])
    return [_UnderWay(
        record=db_reservations.get(session, owner), members=members,
        unasked=unasked) for owner, members in found.items()]
