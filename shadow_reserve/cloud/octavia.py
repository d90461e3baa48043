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

"""Octavia: servers as members of a tenant's pools."""

from collections.abc import Callable
import ipaddress
from typing import Any
from urllib import parse

from keystoneauth1 import adapter
from keystoneauth1 import exceptions as ks_exceptions
from keystoneauth1 import session as ks_session

from shadow_reserve.cloud import exceptions
from shadow_reserve.cloud import rest

_NAME = 'octavia'


class Octavia:
    """The load balancing service, always in the name of a tenant, so that
    nobody reaches the pool of another.

    A load balancer takes one change at a time: until it has carried it out
    it answers Conflict to the next. Everything here raises Conflict then,
    NotFound where the tenant has no such pool, Forbidden,
    ServiceUnavailable and CloudError.

    :param adapter_for: makes the way to Octavia of a session
    """

    def __init__(
            self, adapter_for: Callable[
                [ks_session.Session], adapter.Adapter]) -> None:
        self._adapter_for = adapter_for

    def add_member(
            self, session: ks_session.Session, pool_id: str, name: str,
            address: str, protocol_port: int) -> None:
        """Have a pool send work to an address; nothing to do where it
        does already, whoever has seen to it.

        One that has the name but another address is replaced.
        """
        right = False
        for one in self._members(session, pool_id):
            # Octavia itself would take the same address twice, if it is
            # written otherwise.
            if _serves(one, address, protocol_port):
                right = True
            elif one['name'] == name:
                self._delete(session, pool_id, one['id'])
        if not right:
            self._request('POST', session, pool_id, json={'member': {
                'name': name, 'address': address,
                'protocol_port': protocol_port}})

    def remove_member(self, session: ks_session.Session, pool_id: str,
                      name: str) -> None:
        """Have a pool send no more work there; nothing to do where it
        does not, or is gone itself."""
        try:
            found = self._members(session, pool_id, name)
        except exceptions.NotFound:
            return
        for one in found:
            self._delete(session, pool_id, one['id'])

    def _members(self, session: ks_session.Session, pool_id: str,
                 name: str | None = None) -> list[dict[str, Any]]:
        query = {} if name is None else {'name': name}
        rows: dict[str, dict[str, Any]] = {}
        more = True
        while more:
            page = self._request(
                'GET', session, pool_id, params=query | (
                    {'marker': list(rows)[-1]} if rows else {})).json()
            fresh = {row['id']: row for row in page['members']
                     if row['id'] not in rows}
            rows |= fresh
            # Some have links to a next page that is the same one.
            more = bool(fresh) and any(
                link['rel'] == 'next'
                for link in page.get('members_links') or ())
        # A proxy or an old version may not filter.
        return [row for row in rows.values()
                if name in (None, row['name'])
                and row['provisioning_status'] not in (
                    'PENDING_DELETE', 'DELETED')]

    def _delete(self, session: ks_session.Session, pool_id: str,
                member_id: str) -> None:
        try:
            self._request('DELETE', session, pool_id, f'/{member_id}')
        except exceptions.NotFound:
            pass

    def _request(self, method: str, session: ks_session.Session,
                 pool_id: str, more: str = '', **kwargs: Any) -> Any:
        pool = parse.quote(pool_id, safe='')
        try:
            return rest.request(
                self._adapter_for(session), _NAME, method,
                f'/lbaas/pools/{pool}/members{more}', **kwargs)
        except exceptions.ServiceUnavailable as error:
            if isinstance(error.__cause__, ks_exceptions.EndpointNotFound):
                raise exceptions.CloudError(
                    _NAME, 'this cloud offers no load balancers') from error
            raise


def _serves(row: dict[str, Any], address: str, protocol_port: int) -> bool:
    """Octavia keeps an address as it was written."""
    return row['protocol_port'] == protocol_port and (
        ipaddress.ip_address(row['address'])
        == ipaddress.ip_address(address))
