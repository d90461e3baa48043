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

"""The newest demand profile of each reservation and resource."""

from collections.abc import Iterable

import sqlalchemy
from sqlalchemy import orm

from shadow_reserve.db import codec
from shadow_reserve.db import models
from shadow_reserve.records import demand


def replace_profiles(
        session: orm.Session, token: str,
        profiles: Iterable[demand.DemandProfile]) -> None:
    """Put these in the place of all older ones of the reservation."""
    session.execute(sqlalchemy.delete(models.DemandProfile).where(
        models.DemandProfile.token == token))
    session.add_all([models.DemandProfile(
        token=token, resource=profile.resource.value,
        origin=profile.origin, profile=codec.profile_to_json(profile))
        for profile in profiles])


def list_profiles(
        session: orm.Session, token: str) -> list[demand.DemandProfile]:
    model = models.DemandProfile
    rows = session.scalars(
        sqlalchemy.select(model).where(model.token == token)
        .order_by(model.resource))
    return [codec.profile_from_json(
        row.token, row.resource, row.origin, row.profile) for row in rows]
