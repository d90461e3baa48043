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

"""The round: all reservations looked at, those with something due woken."""

import dataclasses
import datetime
import logging

from shadow_reserve.engine import ahead as engine_ahead
from shadow_reserve.engine import due
from shadow_reserve.engine import failures as engine_failures
from shadow_reserve.engine import fleet as engine_fleet
from shadow_reserve.engine import net as engine_net
from shadow_reserve.engine import precedence as engine_precedence
from shadow_reserve.engine import schedule as engine_schedule
from shadow_reserve.records import reservation
from shadow_reserve.trigger import alarms as trigger_alarms

LOG = logging.getLogger(__name__)


class Rounds:
    """Goes round all reservations at each interval.

    A reservation with nothing due costs its share of a few listings and no
    pass. One that waits for its next try after a failure is left to its
    pause, unless an alarm of it stands: then somebody waits for what may
    work again by now.
    """

    def __init__(self, fleet: engine_fleet.Fleet,
                 schedule: engine_schedule.Schedule,
                 failures: engine_failures.Failures,
                 alarms: trigger_alarms.AlarmKeeper,
                 net: engine_net.Net, ahead: engine_ahead.Ahead,
                 terms: due.Terms,
                 precedence: engine_precedence.Precedence) -> None:
        self._fleet = fleet
        self._schedule = schedule
        self._failures = failures
        self._alarms = alarms
        self._net = net
        self._ahead = ahead
        self._terms = terms
        self._precedence = precedence
        # What each reservation was last woken with. A new engine has
        # none, so that it has a pass over each of them.
        self._sized: dict[str, due.Basis] = {}
        self._outlooks: dict[str, due.Outlook] = {}
        self._facts: dict[str, due.Facts] = {}

    def forecast(self, token: str, outlook: due.Outlook) -> None:
        """Take note of a new forecast, to size by if it says otherwise.

        The first one is sized by at once.
        """
        first = token not in self._outlooks
        self._outlooks[token] = outlook
        if not first:
            return
        facts = self._facts.get(token)
        found = None if facts is None else due.basis(facts, outlook)
        if found is not None:
            # That pass asks for this size, so that the next round need not
            # wake it for the same.
            self._sized[token] = dataclasses.replace(found, origin=None)
        self._schedule.remind(token)

    def run(self, now: datetime.datetime) -> None:
        """One round."""
        glance = self._fleet.look(now)
        tokens = [facts.record.token for facts in glance.facts]
        # As of now: another forecast may come while they are judged.
        outlooks = {token: self._outlooks.get(token) for token in tokens}
        woken, pressing = [], []
        sized: dict[str, due.Basis] = {}
        for token, facts in self._precedence.in_pieces(
                zip(tokens, glance.facts, strict=True)):
            before = self._sized.get(token)
            found = due.basis(facts, outlooks[token])
            if latest := found or before:
                sized[token] = latest
            why = due.reason(
                facts, found, before, now, self._terms, self._alarms,
                watched=self._net.alarmed(token) is not None)
            why = why or self._ahead.why(facts, outlooks[token], now)
            if why is not None:
                LOG.debug('Reservation %s has a pass: %s', token, why)
                woken.append(token)
                if due.standing(facts) is not None:
                    pressing.append(token)
        self._sized = sized
        self._facts = dict(zip(tokens, glance.facts, strict=True))
        # A copy, since forecasts go on meanwhile.
        for token in set(self._outlooks) - outlooks.keys():
            del self._outlooks[token]
        self._schedule.add(woken)
        for token in pressing:
            self._schedule.remind(token)
        self._tell(glance, now)
        self._net.look(glance.facts, outlooks, now)

    def _tell(self, glance: engine_fleet.Glance,
              now: datetime.datetime) -> None:
        """Those that have a pass are told by it how services do."""
        tokens = self._schedule.idle([
            facts.record.token for facts in glance.facts
            if facts.record.status is reservation.ReservationStatus.ACTIVE])
        self._failures.round_over(tokens, glance.failures, now)
