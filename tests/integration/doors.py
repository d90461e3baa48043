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

"""Ways to the Nova and Placement that run in the test's own process.

There is no Keystone: both believe what the headers of a request say about
the caller, as Nova's own functional tests have it.
"""

from collections.abc import Mapping
import dataclasses
from typing import Any

from keystoneauth1 import adapter
from keystoneauth1 import plugin
from keystoneauth1 import session as ks_session


@dataclasses.dataclass(frozen=True, kw_only=True)
class Caller:
    """Who asks: names a user, their project and their roles."""

    user_id: str
    project_id: str
    roles: tuple[str, ...]


class _Headers(plugin.BaseAuthPlugin):
    """Stands where a token of Keystone would: says who asks."""

    def __init__(self, caller: Caller, endpoints: Mapping[str, str]) -> None:
        super().__init__()
        self._caller = caller
        self._endpoints = endpoints

    def get_headers(
            self, session: ks_session.Session, **kwargs: Any,
    ) -> dict[str, str]:
        # Placement's noauth makes an administrator of the token "admin",
        # Nova's one of the user "admin".
        return {'X-Auth-Token': self._caller.user_id,
                'X-Auth-User': self._caller.user_id,
                'X-Auth-Project-Id': self._caller.project_id,
                'X-Roles': ','.join(self._caller.roles)}

    def get_project_id(
            self, session: ks_session.Session, **kwargs: Any) -> str:
        return self._caller.project_id

    def get_user_id(
            self, session: ks_session.Session, **kwargs: Any) -> str:
        return self._caller.user_id

    def get_endpoint(
            self, session: ks_session.Session, service_type: str = '',
            **kwargs: Any) -> str:
        return self._endpoints[service_type]


class Doors:
    """Makes sessions and adapters as cloud.credentials makes them.

    :param endpoints: URL of each service, by its type
    :param service: whose rights are used where no session is given
    """

    def __init__(self, endpoints: Mapping[str, str],
                 service: Caller) -> None:
        self._endpoints = endpoints
        self._service = self.session(service)

    def session(self, caller: Caller) -> ks_session.Session:
        return ks_session.Session(auth=_Headers(caller, self._endpoints))

    def nova(self, session: ks_session.Session | None = None,
             ) -> adapter.Adapter:
        return self._adapter('compute', session)

    def placement(self, session: ks_session.Session | None = None,
                  ) -> adapter.Adapter:
        return self._adapter('placement', session)

    def _adapter(self, service_type: str,
                 session: ks_session.Session | None) -> adapter.Adapter:
        return adapter.Adapter(
            session or self._service, service_type=service_type)


class Trusts:
    """In the place of cloud.trusts.Trusts: every trust that is known is
    the owner's own session."""

    def __init__(self, sessions: Mapping[str, ks_session.Session]) -> None:
        self._sessions = sessions

    def session_for(self, trust_id: str) -> ks_session.Session:
        return self._sessions[trust_id]
