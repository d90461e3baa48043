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

"""Queries on the volumes of shadow instances."""

from typing import Any

import sqlalchemy
from sqlalchemy import orm

from shadow_reserve.db import direct
from shadow_reserve.db import models
from shadow_reserve import exceptions
from shadow_reserve.records import volume


def _to_record(row: models.ShadowVolume) -> volume.ShadowVolume:
    return volume.ShadowVolume(
        instance_id=row.instance_id, position=row.position,
        volume_id=row.volume_id, state=volume.VolumeState(row.state),
        since=row.since, asked_at=row.asked_at, reason=row.reason,
        generation=row.generation)


def list_volumes(session: orm.Session,
                 instance_id: str) -> dict[int, volume.ShadowVolume]:
    """A member's volumes by their position in the template."""
    model = models.ShadowVolume
    rows = session.scalars(sqlalchemy.select(model).where(
        model.instance_id == instance_id))
    return {row.position: _to_record(row) for row in rows}


def list_all(session: orm.Session) -> list[volume.ShadowVolume]:
    """Those of all members."""
    return [_to_record(row) for row in session.scalars(
        sqlalchemy.select(models.ShadowVolume))]


def add_volume(session: orm.Session, record: volume.ShadowVolume) -> None:
    """:raises ConcurrentUpdate: when somebody else has added it first"""
    if session.get(models.ShadowVolume, (
            record.instance_id, record.position)) is not None:
        raise _changed(record)
    session.add(models.ShadowVolume(
        instance_id=record.instance_id, position=record.position,
        volume_id=record.volume_id, state=record.state.value,
        since=record.since, asked_at=record.asked_at, reason=record.reason,
        generation=record.generation))


def update_volume(session: orm.Session, record: volume.ShadowVolume,
                  **changes: Any) -> volume.ShadowVolume:
    """Change a row that nobody has changed since it was read.

    :raises ConcurrentUpdate: when somebody has
    """
    model = models.ShadowVolume
    columns = dict(changes)
    if 'state' in columns:
        columns['state'] = columns['state'].value
    if direct.update(
            session, model, {
                'instance_id': record.instance_id,
                'position': record.position,
                'generation': record.generation},
            generation=record.generation + 1, **columns) != 1:
        raise _changed(record)
    session.expire_all()
    return _to_record(session.get_one(
        model, (record.instance_id, record.position)))


def _changed(record: volume.ShadowVolume) -> exceptions.ConcurrentUpdate:
    return exceptions.ConcurrentUpdate(
        f'Volume {record.position} of shadow instance '
        f'{record.instance_id} was changed meanwhile; read it again.')


def remove_volumes(session: orm.Session, instance_id: str) -> None:
    """Forget a member's volumes, which are gone."""
    session.execute(sqlalchemy.delete(models.ShadowVolume).where(
        models.ShadowVolume.instance_id == instance_id))
