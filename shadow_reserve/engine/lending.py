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

"""Gives idle shadow back to the cloud where others need its room."""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
import dataclasses
import datetime
import logging
import threading

from sqlalchemy import orm

from shadow_reserve.cloud import capacity as cloud_capacity
from shadow_reserve.cloud import exceptions as cloud_exceptions
from shadow_reserve.cloud import nova as cloud_nova
from shadow_reserve.db import demand as db_demand
from shadow_reserve.db import reservations as db_reservations
from shadow_reserve.db import session as db_session
from shadow_reserve.db import shadow as db_shadow
from shadow_reserve.engine import known as engine_known
from shadow_reserve import exceptions
from shadow_reserve.records import capacity
from shadow_reserve.records import demand
from shadow_reserve.shadow import lending
from shadow_reserve.shadow import member_steps
from shadow_reserve.shadow import moves as shadow_moves
from shadow_reserve.shadow import room

LOG = logging.getLogger(__name__)

#: Servers without a host that wait at most; one more is forgotten. Who
#: tries again is heard again.
_MOST_NEEDS = 1000

#: Runs in which a need is looked at again that could not be looked after.
_MOST_TRIES = 10

#: What Nova calls a server whose creation has failed.
_FAILED = 'ERROR'


class Lending:
    """Decides what is lent, and writes it down.

    What is lent is let go of at once, by a look at its server alone, since
    a client may try again within a second; what fails is left to a pass.

    :param wake: called with the token of a reservation to look at
    """

    def __init__(
            self, database: db_session.Database, known: engine_known.Known,
            moves: shadow_moves.Moves, cloud: cloud_capacity.Capacity,
            nova: cloud_nova.Nova, steps: member_steps.MemberSteps,
            shares: room.Shares, wake: Callable[[str], None]) -> None:
        self._database = database
        self._known = known
        self._moves = moves
        self._cloud = cloud
        self._nova = nova
        self._steps = steps
        self._shares = shares
        self._wake = wake
        self._lock = threading.Lock()
        self._needs: dict[str, capacity.Need] = {}
        #: Servers heard of that found no host, our own left out.
        self.without_host = 0

    def hear(self, need: capacity.Need) -> None:
        """Keep a need for the next run."""
        with self._lock:
            if len(self._needs) < _MOST_NEEDS:
                self._needs[need.server_id] = need

    def run(self, now: datetime.datetime) -> None:
        """Make room for all that found no host, then for what is to be
        free anyway.

        :raises CloudError: when the hosts cannot be read; who found no
            host is looked after in the next run then
        """
        with self._lock:
            needs, self._needs = self._needs, {}
        real = []
        for need in needs.values():
            try:
                if self._is_real(need):
                    real.append(need)
            except cloud_exceptions.CloudError as error:
                LOG.info('Server %s found no host: %s', need.server_id, error)
                self._keep(need)
        holdings = self._known.read().holdings()
        if real:
            try:
                holdings = self._make_room(real, holdings, now)
            except cloud_exceptions.CloudError:
                for need in real:
                    self._keep(need)
                raise
        self.without_host += len(real)
        self._end_shortages(holdings, now)

    def _keep(self, need: capacity.Need) -> None:
        """For the next run, but not for ever: whoever needs it has given up
        some day, and who tries again is heard again."""
        with self._lock:
            if need.tries < _MOST_TRIES:
                self._needs.setdefault(need.server_id, dataclasses.replace(
                    need, tries=need.tries + 1))

    def _is_real(self, need: capacity.Need) -> bool:
        """Whether it is a tenant's server, and still without a host."""
        if self._database.read(lambda session: db_shadow.is_member(
                session, need.server_id)):
            return False
        server = self._nova.get_server(need.server_id)
        if server is None:
            # A client may delete what failed before it tries again.
            return True
        if server.instance_id:
            return False
        return not need.is_new or server.status == _FAILED

    def _make_room(
            self, needs: Iterable[capacity.Need],
            holdings: list[capacity.Holding], now: datetime.datetime,
    ) -> list[capacity.Holding]:
        """What is lent but not yet let go of does not count: it is for
        those that it was lent for."""
        cloud = self._cloud.read()
        idle = self._candidates(holdings)
        free = {host.host: {name: one.free
                            for name, one in host.classes.items()}
                for host in cloud.hosts}
        most = {host.host: {name: one.maximum
                            for name, one in host.classes.items()}
                for host in cloud.hosts}
        for need in needs:
            allowed = {
                host.host: free[host.host] for host in cloud.hosts
                if need.allows(host)
                and lending.fits(need.resources, most[host.host])}
            given = lending.for_need(need.resources, allowed, idle)
            if given is None:
                LOG.info('Server %s found no host: no idle shadow could '
                         'make room for it', need.server_id)
                continue
            # Somebody is about to try again: what was given back before
            # is not to take just that room.
            self._database.write(
                lambda session: db_shadow.postpone_claims(session, now))
            if not given:
                LOG.info('Server %s found no host: there is room by now, or '
                         'it is not room that it lacks', need.server_id)
                continue
            # Whose server it is, is for the log alone: the reason is
            # shown to the owner of the shadow.
            LOG.info('Server %s found no host: it is made room for',
                     need.server_id)
            self._lend(given, now, 'a server found no host and needs its '
                                   'room')
            # The rest of the room may do for the next one.
            host = free[given[0].host]
            for one in given:
                _add(host, one.resources, 1)
            _add(host, need.resources, -1)
            taken = {one.instance_id for one in given}
            idle = [one for one in idle if one.instance_id not in taken]
        return self._known.read().holdings()

    def _end_shortages(self, holdings: list[capacity.Holding],
                       now: datetime.datetime) -> None:
        if not any(holding.is_held for holding in holdings):
            return
        short = room.shortages(self._cloud.read(), holdings, self._shares)
        if not short:
            return
        idle = self._candidates(holdings)
        if lending.for_shortages(short, idle):
            # A claim that was only deleted may have gone unseen.
            short = room.shortages(
                self._cloud.read(exact=True), holdings, self._shares)
            self._lend(lending.for_shortages(short, idle), now,
                       '; '.join(shortage.reason for shortage in short))

    def _lend(self, given: Iterable[lending.Candidate],
              now: datetime.datetime, reason: str) -> None:
        members = self._database.read(
            lambda session: db_shadow.get_instances(
                session, [one.instance_id for one in given]))
        for one in given:
            member = members.get(one.instance_id)
            if member is not None and self._moves.lend(
                    one.token, member, now, reason):
                LOG.info('Reservation %s: shadow instance %s on %s is '
                         'lent: %s', one.token, one.instance_id, one.host,
                         reason)
                self._let_go(one.token, one.instance_id, now)

    def _let_go(self, token: str, instance_id: str,
                now: datetime.datetime) -> None:
        record, members = self._database.read(lambda session: (
            db_reservations.get(session, token),
            db_shadow.get_instances(session, [instance_id])))
        try:
            self._steps.look_after(record, members[instance_id], now)
        except (cloud_exceptions.CloudError,
                exceptions.ConcurrentUpdate) as error:
            LOG.info('Shadow instance %s is let go of by a pass: %s',
                     instance_id, error)
        self._wake(token)

    def _candidates(self, holdings: list[capacity.Holding],
                    ) -> list[lending.Candidate]:
        tokens = {holding.record.token for holding in holdings
                  if holding.is_held}

        def work(session: orm.Session) -> Mapping[
                str, list[demand.DemandProfile]]:
            return {token: db_demand.list_profiles(session, token)
                    for token in tokens}
        return lending.candidates(holdings, self._database.read(work))


def _add(amounts: dict[str, int], more: Mapping[str, int],
         sign: int) -> None:
    for name in amounts.keys() & more.keys():
        amounts[name] += sign * more[name]
