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

"""The calls that an openstacksdk connection makes for the service."""

from collections.abc import Generator
from typing import Any

from openstack import exceptions
from openstack import proxy
from openstack import resource
import requests

from shadow_reserve.client.sdk import capacity as _capacity
from shadow_reserve.client.sdk import event as _event
from shadow_reserve.client.sdk import forecast as _forecast
from shadow_reserve.client.sdk import ledger_entry as _ledger_entry
from shadow_reserve.client.sdk import promotion as _promotion
from shadow_reserve.client.sdk import reservation as _reservation
from shadow_reserve.client.sdk import shadow as _shadow
from shadow_reserve.client.sdk import shadow_instance as _shadow_instance

#: A reservation, or its token.
AnyReservation = str | _reservation.Reservation


class Proxy(proxy.Proxy):
    """``connection.shadow_reserve``

    Every method raises a subclass of
    ``openstack.exceptions.HttpException`` whose message is the detail that
    the service gave.
    """

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        response = super().request(*args, **kwargs)
        # The SDK looks for the errors of other services, not for a list of
        # them as the API-SIG wants it, and would tell only the status.
        if response.status_code >= 400:
            exceptions.raise_from_response(response, _detail_of(response))
        return response

    def create_reservation(self, **attrs: Any) -> _reservation.Reservation:
        """Reserve; ``attrs`` are the fields of the request."""
        return self._create(_reservation.Reservation, **attrs)

    def reservations(
            self, **query: Any,
    ) -> Generator[_reservation.Reservation, None, None]:
        """Reservations of the project, oldest first.

        :param query: ``name``; ``all_projects=True`` for an admin;
            ``limit``, the size of a page; ``marker``; ``max_items``
        """
        return self._list(_reservation.Reservation, **query)

    def get_reservation(
            self, reservation: AnyReservation) -> _reservation.Reservation:
        return self._get(_reservation.Reservation, reservation)

    def find_reservation(
            self, name_or_token: str, ignore_missing: bool = True,
    ) -> _reservation.Reservation | None:
        """A reservation by its token, or by its name if no other has it.

        :raises DuplicateResource: where several have that name
        """
        return self._find(_reservation.Reservation, name_or_token,
                          ignore_missing=ignore_missing)

    def update_reservation(
            self, reservation: AnyReservation,
            **attrs: Any) -> _reservation.Reservation:
        """Change ``name``, fields of ``policy``, or all of ``template``.

        Fields of the policy that are not given stay; of the template only
        ``user_data`` does, and all others go to their defaults.
        """
        return self._update(_reservation.Reservation, reservation, **attrs)

    def delete_reservation(
            self, reservation: AnyReservation,
            ignore_missing: bool = True) -> None:
        """Begin to delete; it is gone when it cannot be got any more."""
        self._delete(_reservation.Reservation, reservation,
                     ignore_missing=ignore_missing)

    def wait_for_delete(
            self, reservation: _reservation.Reservation,
            interval: float = 2, wait: float = 300) -> None:
        """Return when it is gone, with all that was held for it.

        :param wait: seconds to wait at most
        :raises ResourceTimeout: when it was not gone by then
        """
        resource.wait_for_delete(self, reservation, interval, wait)

    def get_shadow(self, reservation: AnyReservation) -> _shadow.Shadow:
        return self._get(
            _shadow.Shadow, requires_id=False,
            reservation_id=resource.Resource._get_id(reservation))

    def shadow_instances(
            self, reservation: AnyReservation,
    ) -> list[_shadow_instance.ShadowInstance]:
        return list(self.get_shadow(reservation).instances)

    def promote_shadow_instances(
            self, reservation: AnyReservation, count: int = 1,
    ) -> list[_shadow_instance.ShadowInstance]:
        """Put up to ``count`` available instances to use.

        :returns: those that are on their way now
        """
        return self._move(reservation, 'promote', count)

    def return_shadow_instances(
            self, reservation: AnyReservation, count: int = 1,
    ) -> list[_shadow_instance.ShadowInstance]:
        """Send up to ``count`` instances back into the pool.

        :returns: those that are on their way now
        """
        return self._move(reservation, 'return', count)

    def rehearse_promotion(self, reservation: AnyReservation,
                           count: int | None = None) -> dict[str, Any]:
        """What promoting would do, with nothing done.

        :param count: ``None`` for what the trigger itself would do now
        :returns: ``action``, ``count``, ``short`` (wanted, and not there),
            ``reason``, ``instances`` in their order, and ``decision``:
            that of the trigger with the usage it looked at, or ``None``
        """
        return self._rehearse(reservation, 'promote', count)

    def rehearse_return(self, reservation: AnyReservation,
                        count: int | None = None) -> dict[str, Any]:
        """What sending back would do; as for a promotion."""
        return self._rehearse(reservation, 'return', count)

    def _rehearse(self, reservation: AnyReservation, action: str,
                  count: int | None) -> dict[str, Any]:
        found = self._get_resource(_reservation.Reservation, reservation)
        return found.rehearse_move(self, action, count)

    def _move(self, reservation: AnyReservation, action: str, count: int,
              ) -> list[_shadow_instance.ShadowInstance]:
        found = self._get_resource(_reservation.Reservation, reservation)
        return found.move_shadow(self, action, count)

    def get_forecast(
            self, reservation: AnyReservation,
            step_limit: int | None = None) -> _forecast.Forecast:
        """:param step_limit: how many steps to give at most"""
        found = self._get_resource(
            _forecast.Forecast, None,
            reservation_id=resource.Resource._get_id(reservation))
        query: dict[str, Any] = {}
        if step_limit is not None:
            query['step_limit'] = step_limit
        return found.fetch(self, requires_id=False, **query)

    def ledger_entries(
            self, reservation: AnyReservation, **query: Any,
    ) -> Generator[_ledger_entry.LedgerEntry, None, None]:
        """Charges and extensions, oldest first.

        :param query: ``after``, a sequence number; ``limit``, the size of
            a page; ``max_items``
        """
        return self._list(
            _ledger_entry.LedgerEntry,
            reservation_id=resource.Resource._get_id(reservation), **query)

    def events(
            self, reservation: AnyReservation, **query: Any,
    ) -> Generator[_event.Event, None, None]:
        """Decisions, oldest first; ``query`` as for the ledger."""
        return self._list(
            _event.Event,
            reservation_id=resource.Resource._get_id(reservation), **query)

    def promotions(
            self, reservation: AnyReservation, **query: Any,
    ) -> Generator[_promotion.Promotion, None, None]:
        """Promotions, oldest first; ``query`` as for the ledger."""
        return self._list(
            _promotion.Promotion,
            reservation_id=resource.Resource._get_id(reservation), **query)

    def get_capacity(self) -> _capacity.Capacity:
        """Who has how much of the cloud; for an admin."""
        return self._get(_capacity.Capacity, requires_id=False)


def _detail_of(response: requests.Response) -> str | None:
    try:
        return '; '.join(
            error['detail'].rstrip('.')
            for error in response.json()['errors'])
    except (KeyError, TypeError, ValueError):
        return None
