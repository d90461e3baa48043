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

"""Which Aodh alarms are ours, and for which reservation."""

import sqlalchemy
from sqlalchemy import orm

from shadow_reserve.db import models


def list_alarms(session: orm.Session, token: str) -> dict[str, str | None]:
    """Alarm ids of a reservation by metric; ``None`` is an intent."""
    model = models.TriggerAlarm
    rows = session.scalars(
        sqlalchemy.select(model).where(model.token == token))
    return {row.metric: row.alarm_id for row in rows}


def list_all(session: orm.Session) -> dict[str, dict[str, str | None]]:
    """The same of all reservations, by token."""
    model = models.TriggerAlarm
    found: dict[str, dict[str, str | None]] = {}
    for token, metric, alarm_id in session.execute(sqlalchemy.select(
            model.token, model.metric, model.alarm_id)):
        found.setdefault(token, {})[metric] = alarm_id
    return found


def set_alarm(session: orm.Session, token: str, metric: str,
              alarm_id: str | None) -> None:
    session.merge(models.TriggerAlarm(
        token=token, metric=metric, alarm_id=alarm_id))


def remove_alarm(session: orm.Session, token: str, metric: str) -> None:
    model = models.TriggerAlarm
    session.execute(sqlalchemy.delete(model).where(
        model.token == token, model.metric == metric))


def find_token(session: orm.Session, alarm_id: str) -> str | None:
    """The reservation that an alarm was made for, if it is one of ours."""
    model = models.TriggerAlarm
    return session.scalar(
        sqlalchemy.select(model.token).where(model.alarm_id == alarm_id))
