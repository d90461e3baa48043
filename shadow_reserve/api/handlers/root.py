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

"""GET / and GET /v1: which versions there are. Needs no token."""

from typing import Any

import falcon

from shadow_reserve.api import microversion


def _version(req: falcon.Request) -> dict[str, Any]:
    return {
        'id': 'v1.0',
        'status': 'CURRENT',
        'min_version': microversion.MINIMUM,
        'max_version': microversion.MAXIMUM,
        'links': [{'rel': 'self', 'href': f'{req.prefix}/v1/'}],
    }


class Versions:
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.media = {'versions': [_version(req)]}


class Version:
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.media = {'version': _version(req)}
