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

"""Puts on the ledger what a reservation's shadow costs and earns it.

All of it happens inside the caller's transaction, the same in which an
instance changes its state: so a use is charged once or not at all,
whatever dies when.
"""

import datetime
import decimal
from typing import Any
import uuid

from oslo_config import cfg
from sqlalchemy import orm

from shadow_reserve.db import journal as db_journal
from shadow_reserve.db import reservations as db_reservations
from shadow_reserve.db import shadow as db_shadow
from shadow_reserve.lease import terms
from shadow_reserve.records import journal
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow


class Accounts:
    """The books of all reservations.

    :param rates: what an hour costs
    """

    def __init__(self, rates: terms.RateCard) -> None:
        self._rates = rates

    def open(
            self, session: orm.Session,
            record: reservation.ReservationRecord,
            now: datetime.datetime) -> reservation.ReservationRecord:
        """Charge the primary reservation for all of its duration."""
        amount = terms.price(record.size, self._rates.base,
                             record.contracted_duration, record.quantity)
        self._append(
            session, record, journal.LedgerKind.BASE, record.start_time,
            record.end_time, amount,
            rule='base rate x quantity x duration',
            inputs={'quantity': record.quantity,
                    'price_per_hour': str(terms.price_per_hour(
                        record.size, self._rates.base))})
        return db_reservations.update(
            session, record, now, cost=record.cost + amount)

    def charge(
            self, session: orm.Session, token: str,
            instance: shadow.ShadowInstance,
            until: datetime.datetime) -> shadow.ShadowInstance:
        """Charge a member from where it was last charged up to ``until``,
        or to the end of the lease.

        Time in which it served extends the lease too. A member that has
        not begun to be charged is left as it is.
        """
        start = instance.charged_until
        if start is None or until <= start:
            return instance
        record = db_reservations.get(session, token)
        # What is seen late is not its owner's doing.
        until = min(until, record.end_time)
        if until <= start:
            return instance
        serving = instance.state is shadow.InstanceState.ALLOCATED
        rates = self._rates.use if serving else self._rates.hold
        length = until - start
        amount = terms.price(record.size, rates, length)
        self._append(
            session, record,
            (journal.LedgerKind.USE if serving
             else journal.LedgerKind.HOLD),
            start, until, amount,
            rule=f'{"use" if serving else "hold"} rate x hours',
            inputs={'instance_id': instance.instance_id,
                    'state': instance.state.value,
                    'hours': str(terms.hours(length)),
                    'price_per_hour': str(terms.price_per_hour(
                        record.size, rates))})
        changes: dict[str, Any] = {'cost': record.cost + amount}
        if serving:
            longer = terms.extension(record, start, until)
            if longer:
                changes['duration'] = record.duration + longer
                changes['cost'] += self._extend(
                    session, record, instance, start, until, longer)
        db_reservations.update(session, record, until, **changes)
        return db_shadow.update_instance(
            session, instance, charged_until=until)

    def _extend(
            self, session: orm.Session,
            record: reservation.ReservationRecord,
            instance: shadow.ShadowInstance, start: datetime.datetime,
            until: datetime.datetime,
            longer: datetime.timedelta) -> decimal.Decimal:
        amount = terms.price(
            record.size, self._rates.base, longer, record.quantity)
        self._append(
            session, record, journal.LedgerKind.EXTENSION, start, until,
            amount, extension=longer,
            rule='remaining x shadow hours used / primary hours',
            inputs={'instance_id': instance.instance_id,
                    'shadow_hours': str(terms.hours(until - start)),
                    'primary_hours': str(
                        terms.hours(record.contracted_duration)
                        * record.quantity),
                    'remaining_seconds':
                        record.remaining(terms.middle(
                            start, until)).total_seconds(),
                    'maximum_extension': record.policy.maximum_extension})
        db_journal.record(
            session, record.token, until, 'lease.extended',
            f'a shadow instance served for {until - start}: the lease is '
            f'{longer} longer',
            instance_id=instance.instance_id,
            server_id=instance.server_id,
            extension=longer.total_seconds(),
            end_time=(record.end_time + longer).isoformat(),
            amount=format(amount, 'f'))
        return amount

    @staticmethod
    def _append(
            session: orm.Session, record: reservation.ReservationRecord,
            kind: journal.LedgerKind, start: datetime.datetime,
            end: datetime.datetime, amount: decimal.Decimal, *, rule: str,
            inputs: dict[str, Any],
            extension: datetime.timedelta = datetime.timedelta(),
    ) -> None:
        db_journal.add_entry(session, journal.LedgerEntry(
            entry_id=str(uuid.uuid4()), token=record.token, kind=kind,
            period_start=start, period_end=end, amount=amount,
            extension=extension, rule=rule, inputs=inputs))


def rates_from_options(conf: cfg.ConfigOpts) -> terms.RateCard:
    """The rates of the section ``lease``.

    :raises ValueError: naming the option that is wrong
    """
    rates = {}
    for option in ('base', 'hold', 'use'):
        try:
            rates[option] = terms.parse_rates(conf.lease[f'{option}_rates'])
        except ValueError as error:
            raise ValueError(f'[lease] {option}_rates: {error}') from error
    return terms.RateCard(**rates)
