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

import dataclasses

import sqlalchemy
from sqlalchemy import orm

from shadow_reserve.db import direct
from shadow_reserve.db import models
from shadow_reserve.db import reservations as db_reservations
from shadow_reserve.records import reservation


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


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """An alarm of ours. ``acted_for`` is the change of its state that was
    last acted on."""

    alarm_id: str
    token: str
    metric: str
    acted_for: str | None


#: Made up once, for what is said of any alarm is looked up here.
_BY_ID = (
    sqlalchemy.select(models.TriggerAlarm, models.Reservation)
    .join(models.Reservation,
          models.Reservation.token == models.TriggerAlarm.token)
    .where(models.TriggerAlarm.alarm_id == sqlalchemy.bindparam('alarm_id')))


def find(session: orm.Session, alarm_id: str,
         ) -> tuple[Known, reservation.ReservationRecord] | None:
    """What an alarm was made for, if it is one of ours, and whose it
    is."""
    found = session.execute(_BY_ID, {'alarm_id': alarm_id}).first()
    if found is None:
        return None
    alarm, owner = found
    # As we have it: databases know it by other spellings, too.
    assert alarm.alarm_id is not None
    return (Known(alarm_id=alarm.alarm_id, token=alarm.token,
                  metric=alarm.metric, acted_for=alarm.acted_for),
            db_reservations.to_record(owner))


def forget_act(session: orm.Session, alarm_id: str) -> None:
    """An alarm stands no more: its next change is another one."""
    direct.update(session, models.TriggerAlarm, {'alarm_id': alarm_id},
                  acted_for=None)


def act_once(session: orm.Session, alarm_id: str, change: str) -> bool:
    """Write down that a change of an alarm's state is acted on.

    :returns: ``False`` when it was acted on before
    """
    model = models.TriggerAlarm
    return bool(direct.update(
        session, model, {'alarm_id': alarm_id},
        sqlalchemy.or_(model.acted_for.is_(None), model.acted_for != change),
        acted_for=change))
