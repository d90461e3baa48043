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

"""Queries on the hooks of members."""

from collections.abc import Collection
import dataclasses
from typing import Any

import sqlalchemy
from sqlalchemy import orm

from shadow_reserve.db import direct
from shadow_reserve.db import models
from shadow_reserve import exceptions
from shadow_reserve.records import hook

_SAME = ('instance_id', 'since', 'deadline', 'delivery_id', 'asked_at',
         'attempts', 'reason', 'generation')


def _to_record(row: models.MemberHook) -> hook.MemberHook:
    return hook.MemberHook(
        hook=hook.Hook(**{**row.hook,
                          'kind': hook.HookKind(row.hook['kind'])}),
        state=hook.HookState(row.state),
        **{name: getattr(row, name) for name in _SAME})


def list_hooks(
        session: orm.Session, instance_ids: Collection[str],
) -> dict[str, dict[str, hook.MemberHook]]:
    """By member and by the hook's id."""
    model = models.MemberHook
    found: dict[str, dict[str, hook.MemberHook]] = {}
    for row in session.scalars(sqlalchemy.select(model).where(
            model.instance_id.in_(instance_ids))):
        found.setdefault(row.instance_id, {})[row.hook_id] = _to_record(row)
    return found


def list_unsettled(session: orm.Session) -> frozenset[str]:
    """Members of which some hook is still to be run or undone."""
    model = models.MemberHook
    return frozenset(session.scalars(
        sqlalchemy.select(model.instance_id).distinct()
        .where(model.state.in_([hook.HookState.JOINING.value,
                                hook.HookState.LEAVING.value]))))


def add_hook(session: orm.Session, one: hook.MemberHook) -> None:
    """:raises ConcurrentUpdate: when somebody else has added it first"""
    hook_id = one.hook.hook_id
    if session.get(
            models.MemberHook, (one.instance_id, hook_id)) is not None:
        raise _changed(one)
    session.add(models.MemberHook(
        hook_id=hook_id, hook=dataclasses.asdict(one.hook),
        state=one.state.value,
        **{name: getattr(one, name) for name in _SAME}))


def update_hook(session: orm.Session, one: hook.MemberHook,
                **changes: Any) -> hook.MemberHook:
    """Change a row that nobody has changed since it was read.

    :raises ConcurrentUpdate: when somebody has
    """
    columns = dict(changes)
    if 'state' in columns:
        columns['state'] = columns['state'].value
    if direct.update(session, models.MemberHook, _is(one),
                     generation=one.generation + 1, **columns) != 1:
        raise _changed(one)
    return dataclasses.replace(
        one, generation=one.generation + 1, **changes)


def remove_hook(session: orm.Session, one: hook.MemberHook) -> None:
    """Forget a hook that is undone.

    :raises ConcurrentUpdate: when it was changed since it was read
    """
    if direct.delete(session, models.MemberHook, _is(one)) != 1:
        raise _changed(one)


def remove_hooks(session: orm.Session, instance_id: str) -> None:
    """Forget all of a member's, whatever they are."""
    session.execute(sqlalchemy.delete(models.MemberHook).where(
        models.MemberHook.instance_id == instance_id))


def _is(one: hook.MemberHook) -> direct.Where:
    return {'instance_id': one.instance_id, 'hook_id': one.hook.hook_id,
            'generation': one.generation}


def _changed(one: hook.MemberHook) -> exceptions.ConcurrentUpdate:
    return exceptions.ConcurrentUpdate(
        f'A {one.hook.kind} hook of shadow instance {one.instance_id} was '
        f'changed meanwhile; read it again.')
