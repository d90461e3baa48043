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

"""The way to Gnocchi: gnocchiclient's session, and what goes wrong on it."""

from collections.abc import Callable
from typing import Any
from typing import TypeVar

from gnocchiclient import client as gnocchi_client
from gnocchiclient import exceptions as gnocchi_exceptions
from keystoneauth1 import exceptions as ksa_exceptions
from keystoneauth1 import session as ksa_session

from shadow_reserve.cloud import exceptions

T = TypeVar('T')

SERVICE = 'gnocchi'
#: Answers to try again later; all of 5xx are, too.
RETRIABLE = frozenset({408, 413, 429})


class Session(gnocchi_client.SessionClient):
    """gnocchiclient's session, with a time-out on every request.

    It also keeps the status of an error that has no text or JSON in it,
    such as a proxy's, which gnocchiclient's own reading trips over.
    """

    def __init__(self, session: ksa_session.Session, timeout: float,
                 **options: Any) -> None:
        super().__init__(session, **options)
        self._timeout = timeout

    def request(self, url: str, method: str, **kwargs: Any) -> Any:
        kwargs.setdefault('timeout', self._timeout)
        # Gnocchi tells in HTML what is wrong, if that is accepted as well.
        kwargs['headers'] = {**(kwargs.get('headers') or {}),
                             'Accept': 'application/json'}
        kwargs['raise_exc'] = False
        answer = super().request(url, method, **kwargs)
        if answer.status_code < 400:
            return answer
        try:
            raise gnocchi_exceptions.from_response(answer, method)
        except (KeyError, TypeError) as error:
            raise gnocchi_exceptions.ClientException(
                code=answer.status_code, message=answer.text, url=url,
                method=method) from error


def asked(question: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Ask, and turn whatever goes wrong into the exceptions of ours."""
    try:
        return question(*args, **kwargs)
    except (gnocchi_exceptions.ConnectionFailure,
            gnocchi_exceptions.ConnectionTimeout,
            gnocchi_exceptions.UnknownConnectionError) as error:
        raise exceptions.ServiceUnavailable(SERVICE, str(error)) from error
    except gnocchi_exceptions.ClientException as error:
        code = int(error.code or 0)
        kind = exceptions.CloudError
        if code >= 500 or code in RETRIABLE:
            kind = exceptions.ServiceUnavailable
        elif code in (401, 403):
            kind = exceptions.Forbidden
        elif code == 404:
            kind = exceptions.NotFound
        elif code == 409:
            kind = exceptions.Conflict
        raise kind(SERVICE, str(error)) from error
    except ksa_exceptions.ClientException as error:
        # Keystone, the catalogue, or the connection to either.
        raise exceptions.ServiceUnavailable(SERVICE, str(error)) from error
    except (AttributeError, LookupError, ValueError, TypeError,
            RuntimeError) as error:
        # An answer that is not Gnocchi's has nothing where it is looked for.
        raise exceptions.ServiceUnavailable(
            SERVICE, f'an answer that is not understood: {error!r}'
        ) from error
