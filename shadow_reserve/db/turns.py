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

"""Whose turn it is, where one engine is to do something for all."""

import datetime

from oslo_db import exception
from sqlalchemy import orm

from shadow_reserve.db import direct
from shadow_reserve.db import models
from shadow_reserve import exceptions


def take(session: orm.Session, name: str, holder: str,
         now: datetime.datetime, length: datetime.timedelta) -> bool:
    """Take or keep a turn until ``now + length``.

    An engine that dies keeps its turn no longer than that. Their clocks
    may differ, so what is done in a turn must bear being done twice.

    :returns: whether it is the holder's turn
    """
    model = models.Turn
    if direct.update(
            session, model, {'name': name},
            (model.holder == holder) | (model.until <= now),
            holder=holder, until=now + length) == 1:
        return True
    if session.get(model, name) is not None:
        return False
    session.add(models.Turn(name=name, holder=holder, until=now + length))
    try:
        session.flush()
    except exception.DBDuplicateEntry as error:
        raise exceptions.ConcurrentUpdate(
            f'Another engine took the turn {name!r} first.') from error
    return True
