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

"""One request to another service, its failures told in our words."""

from typing import Any

from keystoneauth1 import adapter
from keystoneauth1 import exceptions as ks_exceptions
import requests

from shadow_reserve.cloud import exceptions

#: Answers that may be another one when the request is made again.
_PASSING = frozenset({408, 413, 425, 429})


def request(
        service: adapter.Adapter, name: str, method: str, path: str,
        **kwargs: Any) -> requests.Response:
    """Ask ``service`` and give the answer, if it is a good one.

    :param name: what the service is called in errors
    :raises NotFound: 404
    :raises Conflict: 409
    :raises Forbidden: 401 or 403
    :raises ServiceUnavailable: it cannot be reached, or failed
    :raises CloudError: any other answer that is an error
    """
    try:
        response: requests.Response = service.request(
            path, method, raise_exc=False, **kwargs)
    except ks_exceptions.Unauthorized as error:
        raise exceptions.Forbidden(name, str(error)) from error
    except ks_exceptions.ClientException as error:
        raise exceptions.ServiceUnavailable(name, str(error)) from error
    status = response.status_code
    if status < 400:
        return response
    raise _error_of(status)(name, message_of(response))


def _error_of(status: int) -> type[exceptions.CloudError]:
    if status >= 500 or status in _PASSING:
        return exceptions.ServiceUnavailable
    return {
        401: exceptions.Forbidden, 403: exceptions.Forbidden,
        404: exceptions.NotFound, 409: exceptions.Conflict,
    }.get(status, exceptions.CloudError)


def message_of(response: requests.Response) -> str:
    """What the service said, out of the several shapes it says it in."""
    try:
        body = response.json()
    except ValueError:
        body = None
    if isinstance(body, dict):
        for value in (*body.values(), body):
            if isinstance(value, dict) and value.get('message'):
                return f'{value["message"]} (HTTP {response.status_code})'
        if body.get('faultstring'):
            return f'{body["faultstring"]} (HTTP {response.status_code})'
    return f'{response.reason} (HTTP {response.status_code})'
