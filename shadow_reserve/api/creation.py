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

"""Brings a reservation into being, so that dying half-way leaves nothing.

First the row, as an intent; then the trust; then both together. A row
whose trust never came is given up by the engine, and a trust whose row
never learned of it is swept away.
"""

import decimal
from typing import Any
import uuid

from oslo_log import log
from sqlalchemy import orm

from shadow_reserve.api import callers
from shadow_reserve.api import errors
from shadow_reserve.api import intake
from shadow_reserve.api import parts as api_parts
from shadow_reserve.api import resolution
from shadow_reserve.cloud import exceptions as cloud_exceptions
from shadow_reserve.db import journal as db_journal
from shadow_reserve.db import reservations as db_reservations
from shadow_reserve.records import reservation

LOG = log.getLogger(__name__)

Status = reservation.ReservationStatus


class Creation:
    """Creates reservations."""

    def __init__(self, parts: api_parts.Parts) -> None:
        self._parts = parts

    def create(self, caller: callers.Caller,
               fields: dict[str, Any]) -> reservation.ReservationRecord:
        """Make what ``fields`` ask for, or nothing at all.

        :param fields: the request's reservation, fit for its schema
        :raises Problem: 400 or 409, where it cannot be had
        :raises CloudError: where another service refuses or fails
        """
        record = self._draft(caller, fields)
        self._parts.database.write(
            lambda session: self._write_intent(session, record))
        try:
            trust_id = self._parts.trusts.create(
                caller.auth, user_id=caller.user_id,
                project_id=caller.project_id, roles=caller.roles)
        except Exception as error:
            self._parts.database.write(
                lambda session: db_reservations.remove(
                    session, record.token))
            raise _refusal(error) from error
        try:
            return self._parts.database.write(
                lambda session: self._complete(
                    session, record.token, trust_id))
        except Exception:
            self._give_back(trust_id)
            raise

    def _draft(self, caller: callers.Caller, fields: dict[str, Any],
               ) -> reservation.ReservationRecord:
        now = self._parts.clock()
        term = intake.term(fields, now.replace(microsecond=0))
        selector = intake.selector(fields['selector'])
        policy = intake.policy(
            fields.get('policy', {}), reservation.Policy(), selector)
        cloud = self._parts.cloud_of(caller.auth)
        size = resolution.size(cloud, fields)
        template = resolution.template(cloud, fields['template'], size)
        resolution.check_selector(cloud, selector)
        quantity = int(fields['quantity'])
        resolution.check_quota(cloud, size, quantity)
        return reservation.ReservationRecord(
            token=str(uuid.uuid4()), name=fields['name'],
            user_id=caller.user_id, project_id=caller.project_id,
            resource_type=fields['flavor'], size=size, quantity=quantity,
            start_time=term.start_time, duration=term.duration,
            contracted_duration=term.duration,
            shadow_allocation_id=str(uuid.uuid4()), status=Status.CREATING,
            lease_backend='builtin', lease_id=None,
            cost=decimal.Decimal(), policy=policy, template=template,
            selector=selector, trust_id=None, generation=0,
            created_at=now, updated_at=now)

    @staticmethod
    def _write_intent(session: orm.Session,
                      record: reservation.ReservationRecord) -> None:
        db_reservations.add(session, record)
        session.flush()
        db_journal.record(
            session, record.token, record.created_at,
            'reservation.creating',
            f'asked for by user {record.user_id}')

    def _complete(self, session: orm.Session, token: str,
                  trust_id: str) -> reservation.ReservationRecord:
        now = self._parts.clock()
        record = db_reservations.get(session, token)
        if record.status is not Status.CREATING:
            raise errors.conflict(
                'reservation-not-ready',
                f'Reservation {token} is {record.status.value} before it '
                f'was complete: somebody deleted it.')
        status = (Status.ACTIVE if record.start_time <= now
                  else Status.PENDING)
        record = db_reservations.update(
            session, record, now, trust_id=trust_id, status=status)
        record = self._parts.accounts.open(session, record, now)
        db_journal.record(
            session, token, now, 'reservation.created',
            f'the reservation is {status.value}', cost=str(record.cost))
        return record

    def _give_back(self, trust_id: str) -> None:
        try:
            self._parts.trusts.delete(trust_id)
        except cloud_exceptions.CloudError as error:
            LOG.warning('Trust %s stays until the engine sweeps it away: '
                        '%s', trust_id, error)


def _refusal(error: Exception) -> Exception:
    """What to tell of a trust that could not be made."""
    if isinstance(error, cloud_exceptions.ServiceUnavailable):
        return error
    if isinstance(error, cloud_exceptions.CloudError):
        return errors.forbidden(
            f'Your roles could not be delegated to the service, which it '
            f'needs to build servers for you: {error.message}. Use a token '
            f'got with a password; Keystone lets no application credential '
            f'and no trust delegate further. Nothing was created.')
    return error
