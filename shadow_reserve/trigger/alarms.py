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
import json
import re

from sqlalchemy import orm

from shadow_reserve.cloud import aodh as cloud_aodh
from shadow_reserve.db import alarms as db_alarms
from shadow_reserve.db import session as db_session
from shadow_reserve.records import reservation
from shadow_reserve.records import usage

CPU = 'cpu'
MEMORY = 'memory'

_NAME = re.compile(r'^shadow-reserve/([0-9a-f-]{36})/(\w+)$')
_NANOSECONDS = 1_000_000_000


def name_of(token: str, metric: str) -> str:
    return f'shadow-reserve/{token}/{metric}'


def token_of(name: str) -> str | None:
    """The reservation in an alarm's name; ``None`` for a foreign name."""
    match = _NAME.match(name)
    return match.group(1) if match else None


class AlarmKeeper:
    """Makes, repairs and deletes the alarms of a reservation.

    :param granularity: seconds; of the measures that alarms look at
    :param evaluation_periods: for how many of them in a row
    """

    def __init__(self, database: db_session.Database,
                 aodh: cloud_aodh.Aodh, granularity: int,
                 evaluation_periods: int) -> None:
        self._database = database
        self._aodh = aodh
        self._granularity = granularity
        self._evaluation_periods = evaluation_periods

    def rules(self, record: reservation.ReservationRecord,
              application: usage.Application) -> dict[str, cloud_aodh.Rule]:
        """The rules that a reservation's alarms should have, by metric.

        Aodh has no rule for I/O latency, which is a quotient of two
        metrics: the engine looks at that by itself.
        """
        policy = record.policy
        busy = record.size.vcpus * self._granularity * _NANOSECONDS / 100
        full = record.size.memory_mib / 100
        query = json.dumps(_query(application), sort_keys=True)
        return {
            metric: cloud_aodh.Rule(
                metric=name, aggregation_method=method,
                threshold=threshold * unit, granularity=self._granularity,
                evaluation_periods=self._evaluation_periods, query=query)
            for metric, name, method, threshold, unit in (
                # The rate over the servers' mean counter: nanoseconds of
                # CPU time for each interval, however often they are
                # polled.
                (CPU, 'cpu', 'rate:mean', policy.cpu_threshold, busy),
                (MEMORY, 'memory.usage', 'mean', policy.memory_threshold,
                 full))
            if threshold is not None}

    def ensure(self, record: reservation.ReservationRecord,
               application: usage.Application) -> None:
        """Bring the alarms into being, or back to what they should be."""
        known = self._database.read(
            lambda session: db_alarms.list_alarms(session, record.token))
        for metric, rule in self.rules(record, application).items():
            self._ensure(record.token, metric, rule, known)

    def _ensure(self, token: str, metric: str, rule: cloud_aodh.Rule,
                known: dict[str, str | None]) -> None:
        name = name_of(token, metric)
        description = f'{metric} of the application of reservation {token}'
        if metric not in known:
            self._write(token, metric, None)
        alarm_id = known.get(metric)
        alarm = self._aodh.get_alarm(alarm_id) if alarm_id else None
        if alarm is None:
            # Perhaps we died before its id was written down.
            found = self._aodh.list_alarms(name)
            alarm = found[0] if found else None
        if alarm is None:
            alarm_id = self._aodh.create_alarm(name, description, rule)
        else:
            alarm_id = alarm.alarm_id
            if not _is_right(alarm, rule):
                self._aodh.update_alarm(alarm_id, name, description, rule)
        if alarm_id != known.get(metric):
            self._write(token, metric, alarm_id)

    def is_settled(self, record: reservation.ReservationRecord,
                   application: usage.Application,
                   known: Mapping[str, str | None],
                   found: Mapping[str, cloud_aodh.Alarm]) -> bool:
        """Whether ``ensure`` would find nothing to do.

        :param known: what is written down, by metric
        :param found: what Aodh has, by alarm id
        """
        for metric, rule in self.rules(record, application).items():
            alarm = found.get(known.get(metric) or '')
            if alarm is None or not _is_right(alarm, rule):
                return False
        return True

    def alarmed(self, token: str) -> list[str]:
        """Metrics whose alarm is in the state ``alarm``, read from Aodh."""
        known = self._database.read(
            lambda session: db_alarms.list_alarms(session, token))
        found = ((metric, self._aodh.get_alarm(alarm_id))
                 for metric, alarm_id in known.items() if alarm_id)
        return [metric for metric, alarm in found
                if alarm is not None and stands(alarm, token, metric)]

    def remove(self, token: str) -> None:
        """Delete a reservation's alarms, also one whose id we never saw."""
        known = self._database.read(
            lambda session: db_alarms.list_alarms(session, token))
        for metric, alarm_id in known.items():
            ids = {alarm.alarm_id for alarm in self._aodh.list_alarms(
                name_of(token, metric))}
            for each in ids | ({alarm_id} if alarm_id else set()):
                self._aodh.delete_alarm(each)
            self._database.write(functools.partial(
                db_alarms.remove_alarm, token=token, metric=metric))

    def _write(self, token: str, metric: str,
               alarm_id: str | None) -> None:
        def work(session: orm.Session) -> None:
            db_alarms.set_alarm(session, token, metric, alarm_id)
        self._database.write(work)


def stands(alarm: cloud_aodh.Alarm, token: str, metric: str) -> bool:
    """Whether an alarm is a reservation's, and in the state ``alarm``."""
    return alarm.state == 'alarm' and alarm.name == name_of(token, metric)


def _is_right(alarm: cloud_aodh.Alarm, rule: cloud_aodh.Rule) -> bool:
    return alarm.enabled and rule.is_in(alarm.rule)


def _query(application: usage.Application) -> dict[str, object]:
    """Gnocchi's search for the application's servers.

    The project is named in any case: an alarm of the service user is not
    confined to one by Aodh.
    """
    if application.server_group:
        members: dict[str, object] = {
            '=': {'server_group': application.server_group}}
    else:
        members = {'in': {'id': _sorted(application.server_ids)}}
    return {'and': [
        {'=': {'project_id': application.project_id}}, members]}


def _sorted(server_ids: Iterable[str]) -> list[str]:
    # An empty list would be an error to Gnocchi: this one finds nothing.
    return sorted(server_ids) or ['00000000-0000-0000-0000-000000000000']
