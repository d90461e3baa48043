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

"""Keeps the Aodh alarms of reservations as they should be."""

from collections.abc import Iterable
from collections.abc import Mapping
import functools
import hashlib
import re

from sqlalchemy import orm

from shadow_reserve.cloud import aodh as cloud_aodh
from shadow_reserve.db import alarms as db_alarms
from shadow_reserve.db import session as db_session
from shadow_reserve.records import reservation
from shadow_reserve.records import usage
from shadow_reserve.trigger import rules as trigger_rules

_NAME = re.compile(r'^shadow-reserve/([0-9a-f-]{36})/(\w+)$')


def name_of(token: str, kind: str) -> str:
    return f'shadow-reserve/{token}/{kind}'


def token_of(name: str) -> str | None:
    """The reservation in an alarm's name; ``None`` for a foreign name."""
    match = _NAME.match(name)
    return match.group(1) if match else None


class AlarmKeeper:
    """Makes, repairs and deletes the alarms of a reservation.

    A second alarm of the same name, such as two engines at once may make,
    has no record, and is swept away.
    """

    def __init__(self, database: db_session.Database,
                 aodh: cloud_aodh.Aodh,
                 defaults: trigger_rules.Defaults) -> None:
        self._database = database
        self._aodh = aodh
        self._defaults = defaults

    def definitions(
            self, record: reservation.ReservationRecord,
            application: usage.Application, serving: bool,
            ) -> dict[str, cloud_aodh.Definition]:
        """The alarms that there should be, by kind."""
        token = record.token
        return {
            kind: cloud_aodh.Definition(
                name=name_of(token, kind), rule=rule,
                description=f'{kind} of the application of reservation '
                            f'{token}')
            for kind, rule in trigger_rules.rules(
                record, application, self._defaults,
                serving=serving).items()}

    def ensure(self, record: reservation.ReservationRecord,
               application: usage.Application, *, serving: bool,
               cooling: bool) -> Mapping[str, cloud_aodh.Alarm] | None:
        """Bring the alarms into being, or back to what they should be.

        :param serving: whether shadow members serve
        :param cooling: whether none of them may go back yet. Then none is
            made that would say so: it would be one more for each of those
            that the same spike made serve, just while Aodh has most to do.
        :returns: the alarms as Aodh has them, by kind; ``None`` where it was
            told of changes, and has to be asked anew
        """
        token = record.token
        known = self._known(token)
        wanted = self._wanted(record, application, known, serving, cooling)
        for kind in known.keys() - wanted.keys():
            self._remove(token, kind, known[kind])
        found = self._get(known.get(kind) for kind in wanted)
        if self._agree(wanted, known, found):
            return {kind: found[known[kind] or ''] for kind in wanted}
        lost = [definition for kind, definition in wanted.items()
                if known.get(kind) not in found]
        # Perhaps we died before its id was written down.
        named = {alarm.name: alarm for alarm in self._aodh.find_alarms(
            [definition.name for definition in lost])}
        for kind, definition in wanted.items():
            alarm_id = known.get(kind)
            self._ensure(
                token, kind, definition, known,
                found.get(alarm_id or '') or named.get(definition.name))
        return None

    def _wanted(self, record: reservation.ReservationRecord,
                application: usage.Application,
                known: Mapping[str, str | None], serving: bool,
                cooling: bool) -> dict[str, cloud_aodh.Definition]:
        definitions = self.definitions(record, application, serving)
        return {kind: definition for kind, definition in definitions.items()
                if not cooling or kind in known
                or not trigger_rules.is_low(kind)}

    def _ensure(self, token: str, kind: str,
                wanted: cloud_aodh.Definition,
                known: Mapping[str, str | None],
                alarm: cloud_aodh.Alarm | None) -> None:
        if kind not in known:
            self._write(token, kind, None)
        if alarm is None:
            alarm_id = self._aodh.create_alarm(wanted)
        else:
            alarm_id = alarm.alarm_id
            if not alarm.is_as(wanted):
                self._aodh.update_alarm(alarm_id, wanted)
        if alarm_id != known.get(kind):
            self._write(token, kind, alarm_id)

    def is_settled(self, record: reservation.ReservationRecord,
                   application: usage.Application,
                   known: Mapping[str, str | None],
                   found: Mapping[str, cloud_aodh.Alarm], *,
                   serving: bool, cooling: bool) -> bool:
        """Whether ``ensure`` would find nothing to do.

        :param known: what is written down, by kind
        :param found: what Aodh has, by alarm id
        """
        wanted = self._wanted(record, application, known, serving, cooling)
        return self._agree(wanted, known, found)

    @staticmethod
    def _agree(wanted: Mapping[str, cloud_aodh.Definition],
               known: Mapping[str, str | None],
               found: Mapping[str, cloud_aodh.Alarm]) -> bool:
        return known.keys() == wanted.keys() and all(
            (alarm := found.get(known[kind] or '')) is not None
            and alarm.is_as(definition)
            for kind, definition in wanted.items())

    def alarmed(self, token: str,
                given: Mapping[str, cloud_aodh.Alarm] | None = None,
                ) -> dict[str, cloud_aodh.Alarm]:
        """The alarms in the state ``alarm`` that ask for members, as Aodh
        has them just now, by kind.

        :param given: what has just been read; Aodh is asked otherwise
        """
        if given is None:
            given = self.read(token)
        return {kind: alarm for kind, alarm in given.items()
                if stands(alarm, token, kind)}

    def read(self, token: str) -> dict[str, cloud_aodh.Alarm]:
        """The alarms that ask for members, as Aodh has them just now, by
        kind."""
        known = self._known(token)
        found = self._get(alarm_id for kind, alarm_id in known.items()
                          if not trigger_rules.is_low(kind))
        return {kind: found[alarm_id] for kind, alarm_id in known.items()
                if alarm_id in found}

    def remove(self, token: str) -> None:
        """Delete a reservation's alarms, also one whose id we never saw."""
        for kind, alarm_id in self._known(token).items():
            self._remove(token, kind, alarm_id)

    def _get(self, alarm_ids: Iterable[str | None],
             ) -> dict[str, cloud_aodh.Alarm]:
        return self._aodh.get_alarms(
            {alarm_id for alarm_id in alarm_ids if alarm_id})

    def _remove(self, token: str, kind: str, alarm_id: str | None) -> None:
        ids = {alarm_id} if alarm_id else {
            alarm.alarm_id for alarm in self._aodh.find_alarms(
                [name_of(token, kind)])}
        for each in ids:
            self._aodh.delete_alarm(each)
        self._database.write(functools.partial(
            db_alarms.remove_alarm, token=token, metric=kind))

    def _known(self, token: str) -> dict[str, str | None]:
        return self._database.read(
            lambda session: db_alarms.list_alarms(session, token))

    def _write(self, token: str, kind: str, alarm_id: str | None) -> None:
        def work(session: orm.Session) -> None:
            db_alarms.set_alarm(session, token, kind, alarm_id)
        self._database.write(work)


def stands(alarm: cloud_aodh.Alarm, token: str, kind: str) -> bool:
    """Whether an alarm is a reservation's, asks for members, and is in the
    state ``alarm``."""
    return (alarm.state == 'alarm' and alarm.name == name_of(token, kind)
            and not trigger_rules.is_low(kind))


def change_of(alarm: cloud_aodh.Alarm) -> str:
    """What tells one change of an alarm's state from the next one.

    Aodh's evaluator leaves the time of the state as it was, so the reason
    it gives counts too. It stays the same until the next change. Of two
    changes with the very same value the second one is left to a pass,
    unless it was heard that the alarm stood no more in between.
    """
    digest = hashlib.sha256(alarm.reason.encode()).hexdigest()
    return f'{(alarm.state_changed_at or "")[:31]} {digest[:32]}'
