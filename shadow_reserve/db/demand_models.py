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

"""The learned demand models: the one that serves, and those before it."""

from collections.abc import Mapping
import datetime
from typing import Any

from oslo_db import exception as db_exception
import sqlalchemy
from sqlalchemy import orm

from shadow_reserve.db import direct
from shadow_reserve.db import models
from shadow_reserve import exceptions
from shadow_reserve.records import demand_model

State = demand_model.ModelState

#: So many of those that served last, and of those rejected last, are kept.
KEPT = 5
#: A candidate that is still one after this was given up by its engine.
PATIENCE = datetime.timedelta(hours=1)


def list_models(session: orm.Session) -> list[demand_model.DemandModel]:
    """All of them, the newest first."""
    rows = session.scalars(sqlalchemy.select(models.DemandModel).order_by(
        models.DemandModel.version.desc()))
    return [_to_record(row) for row in rows]


def serving(session: orm.Session) -> demand_model.DemandModel | None:
    model = models.DemandModel
    row = session.scalar(
        sqlalchemy.select(model).where(model.slot == State.SERVING.value))
    return None if row is None else _to_record(row)


def stored(session: orm.Session, version: int) -> bytes | None:
    """The bytes of a model; ``None`` when it is gone meanwhile."""
    model = models.DemandModel
    return session.scalar(
        sqlalchemy.select(model.stored).where(model.version == version))


def claim(session: orm.Session, now: datetime.datetime,
          made_from: Mapping[str, Any]) -> int | None:
    """Become the one engine that fits a model.

    :returns: the version that it will be; ``None`` while another does
    :raises ConcurrentUpdate: when another began in this very moment
    """
    model = models.DemandModel
    session.execute(sqlalchemy.delete(model).where(
        model.slot == State.CANDIDATE.value, model.since <= now - PATIENCE))
    if session.scalar(sqlalchemy.select(model.version).where(
            model.slot == State.CANDIDATE.value)) is not None:
        return None
    row = models.DemandModel(
        state=State.CANDIDATE.value, slot=State.CANDIDATE.value,
        created_at=now, since=now, scores={}, made_from=dict(made_from))
    session.add(row)
    try:
        session.flush()
    except db_exception.DBDuplicateEntry as error:
        raise exceptions.ConcurrentUpdate(
            'Another engine fits a demand model.') from error
    return row.version


def release(session: orm.Session, version: int) -> None:
    """Nothing came of this candidate."""
    model = models.DemandModel
    session.execute(sqlalchemy.delete(model).where(
        model.version == version, model.slot == State.CANDIDATE.value))


def accept(session: orm.Session, version: int, now: datetime.datetime, *,
           scores: Mapping[str, Any], model: bytes,
           instead_of: int | None) -> None:
    """Let a candidate serve, from now on.

    :param instead_of: the version that served when it was set beside it
    :raises ModelReplaced: when another serves by now, or the candidate was
        given up
    """
    found = serving(session)
    if (found.version if found else None) != instead_of:
        raise exceptions.ModelReplaced(
            f'Demand model {version} does not serve: another one began to '
            f'while it was fitted.')
    if instead_of is not None:
        _move(session, instead_of, State.SERVING, State.RETIRED, now)
    _move(session, version, State.CANDIDATE, State.SERVING, now,
          scores=dict(scores), stored=model)
    _prune(session)


def reject(session: orm.Session, version: int, now: datetime.datetime, *,
           scores: Mapping[str, Any]) -> None:
    """Keep what a candidate was found to be, but not the model.

    :raises ModelReplaced: when the candidate was given up
    """
    _move(session, version, State.CANDIDATE, State.REJECTED, now,
          scores=dict(scores))
    _prune(session)


def roll_back(session: orm.Session, now: datetime.datetime,
              version: int | None = None) -> int:
    """Let a model serve again.

    :param version: which; by default the newest that served before the one
        that does now
    :returns: its version
    :raises ModelNotFound: saying why that cannot be
    :raises ModelReplaced: when an engine did something to it meanwhile
    """
    found = {one.version: one for one in list_models(session)}
    present = next((one.version for one in found.values()
                    if one.state is State.SERVING), None)
    retired = [one.version for one in found.values()
               if one.state is State.RETIRED]
    if version is None:
        version = max((one for one in retired
                       if present is None or one < present), default=None)
        if version is None:
            raise exceptions.ModelNotFound(
                'No demand model served before.' if present is None else
                f'No demand model served before version {present}.')
    if version not in found:
        raise exceptions.ModelNotFound(f'No demand model {version}.')
    if version not in retired:
        raise exceptions.ModelNotFound(
            f'Demand model {version} is {found[version].state.value}: only '
            f'a retired one can serve again.')
    if present is not None:
        _move(session, present, State.SERVING, State.RETIRED, now)
    _move(session, version, State.RETIRED, State.SERVING, now)
    return version


def _move(session: orm.Session, version: int, before: State, after: State,
          now: datetime.datetime, **columns: Any) -> None:
    model = models.DemandModel
    slot = after.value if after is State.SERVING else None
    try:
        changed = direct.update(
            session, model, {'version': version, 'state': before.value},
            state=after.value, slot=slot, since=now, **columns)
    except db_exception.DBDuplicateEntry:
        changed = 0
    if changed != 1:
        raise exceptions.ModelReplaced(
            f'Demand model {version} was {before.value}: another engine or '
            f'an operator changed that meanwhile.')
    session.expire_all()


def _prune(session: orm.Session) -> None:
    model = models.DemandModel
    for state in (State.RETIRED, State.REJECTED):
        old = session.scalars(
            sqlalchemy.select(model.version)
            .where(model.state == state.value)
            .order_by(model.since.desc(), model.version.desc())
            .offset(KEPT)).all()
        session.execute(
            sqlalchemy.delete(model).where(model.version.in_(old)))


def _to_record(row: models.DemandModel) -> demand_model.DemandModel:
    return demand_model.DemandModel(
        version=row.version, state=State(row.state),
        created_at=row.created_at, since=row.since, scores=row.scores,
        made_from=row.made_from)
