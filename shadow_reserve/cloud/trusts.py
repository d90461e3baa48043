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

"""Keystone trusts: how the service acts for the owner of a reservation."""

from collections.abc import Callable
from collections.abc import Iterable
import dataclasses

from keystoneauth1 import adapter
from keystoneauth1 import exceptions as ks_exceptions
from keystoneauth1 import plugin
from keystoneauth1 import session as ks_session

from shadow_reserve.cloud import exceptions
from shadow_reserve.cloud import rest

_PATH = '/OS-TRUST/trusts'


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Trust:
    trust_id: str
    trustor_user_id: str
    project_id: str


class Trusts:
    """Trusts whose trustee is this service's user.

    :param identity: Keystone, with the rights of the service user
    :param session_within: makes a session of the service user within the
        trust with that id
    :param delegated_roles: names of roles that may be delegated, when the
        creator of a reservation has them
    """

    def __init__(
            self, identity: adapter.Adapter,
            session_within: Callable[[str], ks_session.Session],
            delegated_roles: Iterable[str]) -> None:
        self._identity = identity
        self._session_within = session_within
        self._delegated = frozenset(
            role.casefold() for role in delegated_roles)
        self._sessions: dict[str, ks_session.Session] = {}

    def create(
            self, auth: plugin.BaseAuthPlugin, *, user_id: str,
            project_id: str, roles: Iterable[str]) -> str:
        """Have a user delegate their roles in a project to the service.

        :param auth: the user's own credentials
        :param roles: names of the roles that these credentials carry
        :returns: the trust's id
        :raises Forbidden: where the user has no role to delegate, or
            Keystone does not let these credentials delegate any
        """
        names = sorted(role for role in roles
                       if role.casefold() in self._delegated)
        if not names:
            raise exceptions.Forbidden('keystone', (
                f'none of the roles {", ".join(sorted(self._delegated))}, '
                f'of which one must be delegated, is held in project '
                f'{project_id}'))
        response = rest.request(
            self._identity, 'keystone', 'POST', _PATH, auth=auth,
            json={'trust': {
                'trustor_user_id': user_id,
                'trustee_user_id': self._trustee(),
                'project_id': project_id,
                'impersonation': True,
                'allow_redelegation': False,
                'roles': [{'name': name} for name in names]}})
        return str(response.json()['trust']['id'])

    def list_trusts(self) -> list[Trust]:
        """Every trust that has been given to the service user."""
        response = rest.request(
            self._identity, 'keystone', 'GET', _PATH,
            params={'trustee_user_id': self._trustee()})
        return [Trust(trust_id=trust['id'],
                      trustor_user_id=trust['trustor_user_id'],
                      project_id=trust['project_id'])
                for trust in response.json()['trusts']]

    def delete(self, trust_id: str) -> None:
        """Give a trust back; it is no error if it is gone already.

        Keystone lets the trustor and administrators do so.
        """
        self._sessions.pop(trust_id, None)
        try:
            rest.request(
                self._identity, 'keystone', 'DELETE', f'{_PATH}/{trust_id}')
        except exceptions.NotFound:
            pass

    def session_for(self, trust_id: str | None) -> ks_session.Session:
        """A session that acts for the trustor; the same one when asked
        again, so that its token is used until it runs out.

        :raises Forbidden: without a trust
        """
        if trust_id is None:
            raise exceptions.Forbidden(
                'keystone', 'the reservation has no trust to act under')
        known = self._sessions.get(trust_id)
        if known is None:
            known = self._session_within(trust_id)
            self._sessions[trust_id] = known
        return known

    def _trustee(self) -> str:
        try:
            user_id = self._identity.get_user_id()
        except ks_exceptions.ClientException as error:
            raise exceptions.ServiceUnavailable(
                'keystone', str(error)) from error
        if user_id is None:
            raise exceptions.ServiceUnavailable(
                'keystone', 'it does not say who the service user is')
        return user_id
