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

"""How many more shadow instances a reservation may have."""

from collections.abc import Callable
import datetime
import logging
import threading

from shadow_reserve.cloud import capacity as cloud_capacity
from shadow_reserve.cloud import exceptions as cloud_exceptions
from shadow_reserve.db import holdings as db_holdings
from shadow_reserve.db import session as db_session
from shadow_reserve.db import shadow as db_shadow
from shadow_reserve.engine import known as engine_known
from shadow_reserve.records import capacity
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow
from shadow_reserve.shadow import room

LOG = logging.getLogger(__name__)

#: Within this time, reservations that ask get their answers from the same
#: reading of the cloud,
_MAXIMUM_AGE = datetime.timedelta(seconds=30)
#: and within this one, also from the same look at what was added since.
_UNSEEN_AGE = datetime.timedelta(seconds=1)
#: A member may be written down so long after the time that it is dated.
_SLACK = datetime.timedelta(minutes=2)

_Answer = tuple[int | None, str]


class Room:
    """What the operator's shares leave, by one look at the cloud for all.

    A failed look is remembered as long as an answer: a service that hangs
    is not to hang every pass.
    """

    def __init__(self, database: db_session.Database,
                 known: engine_known.Known,
                 cloud: cloud_capacity.Capacity, shares: room.Shares,
                 clock: Callable[[], datetime.datetime]) -> None:
        self._database = database
        self._known = known
        self._cloud = cloud
        self._shares = shares
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: capacity.CloudCapacity | None = None
        self._holdings: list[capacity.Holding] = []
        self._looked_at: datetime.datetime | None = None
        self._unseen: list[capacity.Holding] = []
        self._unseen_at: datetime.datetime | None = None
        self._answers: dict[tuple[reservation.InstanceSize, str | None],
                            _Answer] = {}

    def instances(self, record: reservation.ReservationRecord) -> _Answer:
        """How many more of the reservation's size idle shadow may have.

        :returns: the number, and ``cap`` or ``capacity``, whichever
            bounds it; ``None`` when the cloud could not be looked at
        """
        zone = record.template.availability_zone
        with self._lock:
            self._look()
            if self._seen is None:
                return None, ''
            if (record.size, zone) not in self._answers:
                count, bound = room.instances(
                    self._seen, self._holdings, self._shares,
                    capacity.resources_of(record.size), zone, self._unseen)
                self._answers[record.size, zone] = count, bound.value
            return self._answers[record.size, zone]

    def full_hosts(
            self, record: reservation.ReservationRecord) -> frozenset[str]:
        """Hosts on which no more may be held, by their aggregates' caps or
        since they are out of service."""
        with self._lock:
            self._look()
            return frozenset() if self._seen is None else room.full_hosts(
                self._seen, self._holdings,
                capacity.resources_of(record.size))

    def _look(self) -> None:
        now = self._clock()
        if (self._looked_at is None
                or now - self._looked_at > _MAXIMUM_AGE):
            self._looked_at = self._unseen_at = now
            self._unseen = []
            self._answers = {}
            try:
                self._seen = self._cloud.read(_MAXIMUM_AGE.total_seconds())
            except cloud_exceptions.CloudError as error:
                LOG.warning('How much room there is for shadow is not '
                            'known: %s', error)
                self._seen = None
            self._holdings = self._known.read().holdings()
        elif self._unseen_at is None or now - self._unseen_at > _UNSEEN_AGE:
            self._unseen_at = now
            self._look_for_unseen(self._looked_at - _SLACK)

    def _look_for_unseen(self, since: datetime.datetime) -> None:
        """What all engines have begun to build or to hold meanwhile."""
        known = {holding.member.instance_id for holding in self._holdings}
        unheld = {
            holding.member.instance_id: holding.record
            for holding in self._holdings
            if holding.member.state is shadow.InstanceState.AVAILABLE
            and (not holding.is_held or holding.is_being_lent)}
        built, members = self._database.read(lambda session: (
            db_holdings.list_holdings(session, since),
            db_shadow.get_instances(session, unheld.keys())))
        again = [capacity.Holding(member=member,
                                  record=unheld[member.instance_id])
                 for member in members.values()]
        unseen = [
            *(holding for holding in built
              if holding.member.instance_id not in known),
            *(holding for holding in again
              if holding.is_held and not holding.is_being_lent)]
        if len(unseen) != len(self._unseen):
            self._answers = {}
        self._unseen = unseen
