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

"""Errors as the API-SIG's guideline wants them, in one place."""

import json
from typing import Any

import falcon
from oslo_middleware import request_id

#: Seconds after which a caller should try again what may work then.
RETRY_AFTER = 10


class Problem(falcon.HTTPError):
    """An error that says which it is, beside its status.

    :param code: what programs tell it by
    :param detail: what is wrong, where, and what to do about it
    :param more: further members of the error's JSON
    """

    def __init__(self, status: str, code: str, title: str, detail: str,
                 headers: dict[str, str] | None = None,
                 **more: Any) -> None:
        super().__init__(
            status, title=title, description=detail, headers=headers)
        self.slug = code
        self.more = more


def bad_request(detail: str) -> Problem:
    return Problem(
        falcon.HTTP_400, 'request-invalid', 'The request is not valid',
        detail)


def bad_field(field: str, detail: str) -> Problem:
    """A field of the body, named as ``reservation.policy.budget``."""
    return Problem(
        falcon.HTTP_400, 'field-invalid', 'A field is not valid',
        f'{field}: {detail}')


def forbidden(detail: str) -> Problem:
    return Problem(
        falcon.HTTP_403, 'forbidden', 'You may not do this', detail)


def not_found(detail: str) -> Problem:
    return Problem(
        falcon.HTTP_404, 'not-found', 'There is no such thing', detail)


def conflict(code: str, detail: str) -> Problem:
    return Problem(
        falcon.HTTP_409, code, 'The request does not fit what is there',
        detail)


def unavailable(detail: str) -> Problem:
    return Problem(
        falcon.HTTP_503, 'service-unavailable',
        'A service that is needed does not answer', detail,
        headers={'Retry-After': str(RETRY_AFTER)})


def serialize(req: falcon.Request, resp: falcon.Response,
              error: falcon.HTTPError) -> None:
    """Falcon's hook that writes an error into the response."""
    title = error.title or str(resp.status)
    if isinstance(error, Problem):
        code, more = error.slug, error.more
    else:
        # Falcon's own titles are the status line: '405 Method Not Allowed'.
        words = title.partition(' ')[2] or title
        code, more = words.lower().replace(' ', '-'), {}
    resp.data = json.dumps({'errors': [{
        'request_id': req.env.get(request_id.ENV_REQUEST_ID, ''),
        'status': resp.status_code,
        'code': f'shadow-reserve.{code}',
        'title': title,
        'detail': error.description or f'{req.method} {req.path}: {title}',
        **more,
    }]}).encode()
    resp.content_type = falcon.MEDIA_JSON
