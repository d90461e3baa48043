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

"""What a lease costs and how far it is extended: arithmetic, no more."""

from collections.abc import Mapping
import dataclasses
import datetime
import decimal

from shadow_reserve.records import reservation

#: Resource classes that have a price, as Placement writes them, with
#: memory and disk per GB because that is how prices are quoted.
PRICED_CLASSES = ('VCPU', 'MEMORY_GB', 'DISK_GB')

_CENT_OF_A_CENT = decimal.Decimal('0.000001')
_MICROSECOND = datetime.timedelta(microseconds=1)
_MICROSECONDS_PER_HOUR = decimal.Decimal(3_600_000_000)

#: Nearer to the end, what served is settled no more often.
_SHORTEST = datetime.timedelta(seconds=10)

Rates = Mapping[str, decimal.Decimal]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class RateCard:
    """Prices of an hour, by resource class, for each way to have it."""

    base: Rates
    hold: Rates
    use: Rates


def parse_rates(texts: Mapping[str, str]) -> dict[str, decimal.Decimal]:
    """Prices out of the configuration.

    :raises ValueError: naming the class, when it is unknown or its price
        is not a number that is zero or more
    """
    rates = {}
    for name, text in texts.items():
        if name not in PRICED_CLASSES:
            raise ValueError(
                f'{name} has no price here; use one of '
                f'{", ".join(PRICED_CLASSES)}')
        try:
            rate = decimal.Decimal(text)
        except decimal.InvalidOperation:
            rate = decimal.Decimal('NaN')
        if not rate.is_finite() or rate < 0:
            raise ValueError(
                f'the price of {name} must be a number >= 0, not {text!r}')
        rates[name] = rate
    return rates


def hours(length: datetime.timedelta) -> decimal.Decimal:
    return decimal.Decimal(length // _MICROSECOND) / _MICROSECONDS_PER_HOUR


def price_per_hour(
        size: reservation.InstanceSize, rates: Rates) -> decimal.Decimal:
    """The price of an hour of one instance of that size."""
    amounts = {
        'VCPU': decimal.Decimal(size.vcpus),
        'MEMORY_GB': decimal.Decimal(size.memory_mib) / 1024,
        'DISK_GB': decimal.Decimal(size.disk_gib),
    }
    return sum((rates.get(name, decimal.Decimal()) * amount
                for name, amount in amounts.items()), decimal.Decimal())


def price(size: reservation.InstanceSize, rates: Rates,
          length: datetime.timedelta, quantity: int = 1) -> decimal.Decimal:
    """The price of ``quantity`` instances for that long, to a millionth."""
    exact = price_per_hour(size, rates) * hours(length) * quantity
    return exact.quantize(_CENT_OF_A_CENT)


def extension(
        record: reservation.ReservationRecord, start: datetime.datetime,
        until: datetime.datetime) -> datetime.timedelta:
    """How far an instance that served between two times extends the lease.

    What remains of the lease, times the instance-hours of shadow used over
    the instance-hours that the primary reservation contracted for; never
    beyond what the policy's ``maximum_extension`` leaves. Because the
    denominator is fixed, and what remains is that of the middle of the use,
    it hardly matters into how many pieces a use is cut when it is settled.
    """
    used = until - start
    already = record.duration - record.contracted_duration
    room = (record.contracted_duration * record.policy.maximum_extension
            - already)
    contracted = record.contracted_duration * record.quantity
    proportional = record.remaining(middle(start, until)) * (
        used / contracted)
    return max(min(proportional, room), datetime.timedelta())


def middle(start: datetime.datetime,
           until: datetime.datetime) -> datetime.datetime:
    """Of a use: what remains of the lease then is what counts."""
    return start + (until - start) / 2


def settle_after(record: reservation.ReservationRecord,
                 interval: datetime.timedelta,
                 now: datetime.datetime) -> datetime.timedelta:
    """How long a use may go on before it is settled: the shorter, the
    nearer the end, which it puts off."""
    return min(interval, max(record.remaining(now), _SHORTEST))
