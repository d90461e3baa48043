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

"""The header OpenStack-API-Version: which of our versions is spoken."""

from typing import Any

import falcon
import microversion_parse

from shadow_reserve.api import errors

SERVICE_TYPE = 'shadow-reserve'
HEADER = 'OpenStack-API-Version'

#: Every version there is, oldest first, and what came with it.
VERSIONS = [
    '1.0',  # The first.
]

MINIMUM = VERSIONS[0]
MAXIMUM = VERSIONS[-1]


class Component:
    """Falcon middleware that agrees on a version before all else."""

    def process_request(self, req: falcon.Request,
                        resp: falcon.Response) -> None:
        req.context.microversion = MINIMUM
        try:
            version = microversion_parse.extract_version(
                req.env, SERVICE_TYPE, VERSIONS)
        except TypeError as error:
            raise errors.bad_request(
                f'{HEADER} must be like "{SERVICE_TYPE} {MAXIMUM}", or '
                f'"{SERVICE_TYPE} latest".') from error
        except ValueError as error:
            raise errors.Problem(
                falcon.HTTP_406, 'microversion-unsupported',
                'Requested microversion is unsupported',
                f'{HEADER} asks for a version outside {MINIMUM} to '
                f'{MAXIMUM}.', min_version=MINIMUM, max_version=MAXIMUM,
            ) from error
        req.context.microversion = str(version)

    def process_response(
            self, req: falcon.Request, resp: falcon.Response,
            resource: Any, req_succeeded: bool) -> None:
        resp.set_header(
            HEADER, f'{SERVICE_TYPE} {req.context.microversion}')
        resp.append_header('Vary', HEADER)
