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

"""May this caller do that, and is it there for them at all?"""

import falcon
from oslo_policy import policy

from shadow_reserve.api import callers
from shadow_reserve.api import errors
from shadow_reserve.db import reservations as db_reservations
from shadow_reserve.db import session as db_session
from shadow_reserve import exceptions
from shadow_reserve.policies import reservations as policies
from shadow_reserve.records import reservation


class Access:
    """The doorkeeper of all handlers."""

    def __init__(self, database: db_session.Database,
                 enforcer: policy.Enforcer) -> None:
        self._database = database
        self._enforcer = enforcer

    def allows(self, req: falcon.Request, rule: str,
               project_id: str | None = None) -> bool:
        """Whether a rule holds for what is in a project.

        :param project_id: the caller's own, if not given
        """
        caller = callers.of(req)
        target = {'project_id': project_id or caller.project_id}
        return bool(self._enforcer.authorize(rule, target, caller.context))

    def check(self, req: falcon.Request, rule: str,
              project_id: str | None = None) -> None:
        """:raises Problem: 403, where the rule does not hold"""
        if not self.allows(req, rule, project_id):
            raise errors.forbidden(
                f'The policy {rule} does not allow it to the roles of your '
                f'token ({", ".join(callers.of(req).roles) or "none"}).')

    def get(self, req: falcon.Request, token: str, rule: str, *,
            deleted: bool = False) -> reservation.ReservationRecord:
        """A reservation that the caller may do something with.

        :param deleted: whether one that was deleted will do
        :raises ReservationNotFound: also where there is one that the
            caller may not see
        :raises Problem: 403, where they may see it but not do that
        """
        record = self._database.read(
            lambda session: db_reservations.get(session, token))
        gone = record.status is reservation.ReservationStatus.DELETED
        if (gone and not deleted) or not self.allows(
                req, policies.SHOW, record.project_id):
            raise exceptions.ReservationNotFound(token)
        self.check(req, rule, record.project_id)
        return record
