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

"""Bodies of requests: read, bounded, and held against their schema."""

import json
from typing import Any
from typing import NoReturn

import falcon
import jsonschema

from shadow_reserve.api import errors
from shadow_reserve.api import formats

#: Longest piece of a caller's own words that is said back to them.
_QUOTED = 200


class Bodies:
    """Reads bodies.

    :param maximum_size: in bytes; a larger one is refused unread
    """

    def __init__(self, maximum_size: int) -> None:
        self._maximum_size = maximum_size

    def read(self, req: falcon.Request,
             schema: dict[str, Any]) -> dict[str, Any]:
        """The JSON object that is the body, fit for ``schema``.

        :raises Problem: 400, 411, 413 or 415
        """
        kind = (req.content_type or '').partition(';')[0].strip().lower()
        if kind != falcon.MEDIA_JSON:
            raise errors.Problem(
                falcon.HTTP_415, 'media-type-unsupported',
                'The body must be JSON',
                f'Send JSON, with Content-Type: {falcon.MEDIA_JSON}.')
        if req.content_length is None:
            raise errors.Problem(
                falcon.HTTP_411, 'length-required',
                'The length of the body is not known',
                'Send a Content-Length with the body.')
        if req.content_length > self._maximum_size:
            raise errors.Problem(
                falcon.HTTP_413, 'body-too-large', 'The body is too large',
                f'Send at most {self._maximum_size} bytes.')
        body = _parse(req.bounded_stream.read())
        _check(body, schema)
        answer: dict[str, Any] = body
        return answer


def _parse(raw: bytes) -> Any:
    try:
        return json.loads(raw, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise errors.bad_request(
            f'The body is not JSON: {_shortened(str(error))}') from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f'{name} is not a JSON number')


def _check(body: Any, schema: dict[str, Any]) -> None:
    validator = jsonschema.Draft202012Validator(
        schema, format_checker=formats.CHECKER)
    error = jsonschema.exceptions.best_match(validator.iter_errors(body))
    if error is None:
        return
    field = '.'.join(str(step) for step in error.absolute_path) or 'body'
    if error.validator == 'additionalProperties':
        known = ', '.join(sorted(error.schema['properties']))
        raise errors.bad_field(
            field, f'{_shortened(error.message)}; known are: {known}.')
    hint = error.schema.get('description')
    raise errors.bad_field(
        field, _shortened(error.message) + (f'. {hint}' if hint else '.'))


def _shortened(text: str) -> str:
    if len(text) <= _QUOTED:
        return text
    half = _QUOTED // 2
    return f'{text[:half]} … {text[-half:]}'
