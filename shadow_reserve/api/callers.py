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

"""Who is asking, as the authentication in front of the API found out."""

import dataclasses
from typing import Any

import falcon
from keystoneauth1 import plugin
from oslo_context import context

from shadow_reserve.api import errors

#: Where keystonemiddleware leaves the caller's own credentials.
ENV_AUTH = 'keystone.token_auth'


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """A user in a project, and their credentials for use elsewhere."""

    user_id: str
    project_id: str
    roles: tuple[str, ...]
    auth: plugin.BaseAuthPlugin
    context: context.RequestContext


class Component:
    """Falcon middleware that keeps the caller in the request's context.

    The RequestContext is also what oslo.log writes beside each line.
    """

    def process_resource(
            self, req: falcon.Request, resp: falcon.Response,
            resource: Any, params: dict[str, Any]) -> None:
        req.context.caller = None
        auth = req.env.get(ENV_AUTH)
        if auth is None:
            return
        found = context.RequestContext.from_environ(req.env)
        if found.user_id and found.project_id:
            req.context.caller = Caller(
                user_id=found.user_id, project_id=found.project_id,
                roles=tuple(found.roles), auth=auth, context=found)


def of(req: falcon.Request) -> Caller:
    """The caller of a request.

    :raises Problem: where the token is not for a project
    """
    caller: Caller | None = req.context.caller
    if caller is None:
        raise errors.forbidden(
            'This needs a token that is scoped to a project; set a project '
            'when you authenticate.')
    return caller
