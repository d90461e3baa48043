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

"""What is answered when something below the API raises an error."""

from typing import Any

import falcon
from oslo_db import exception as db_exception
from oslo_log import log
from sqlalchemy import exc as sqlalchemy_exc

from shadow_reserve.api import errors
from shadow_reserve.cloud import exceptions as cloud_exceptions
from shadow_reserve import exceptions

LOG = log.getLogger(__name__)

#: It is not there, not ready, or has no connection left for us.
_DATABASE_GONE = (
    db_exception.DBConnectionError, db_exception.DBNonExistentDatabase,
    db_exception.DBNonExistentTable, db_exception.CantStartEngineError,
    sqlalchemy_exc.TimeoutError)


def _not_found(req: falcon.Request, resp: falcon.Response,
               error: exceptions.ReservationNotFound,
               params: dict[str, Any]) -> None:
    raise errors.not_found(str(error))


def _concurrent(req: falcon.Request, resp: falcon.Response,
                error: exceptions.ConcurrentUpdate,
                params: dict[str, Any]) -> None:
    raise errors.conflict('concurrent-update', str(error))


def _cloud(req: falcon.Request, resp: falcon.Response,
           error: cloud_exceptions.CloudError,
           params: dict[str, Any]) -> None:
    if isinstance(error, cloud_exceptions.ServiceUnavailable):
        # Not told to the caller: it may name what only operators know.
        LOG.warning('Answering 503: %s', error)
        raise errors.unavailable(
            f'{error.service} does not answer as it should. Nothing was '
            f'changed; try again.')
    if isinstance(error, cloud_exceptions.Forbidden):
        raise errors.forbidden(str(error))
    raise errors.conflict('refused-elsewhere', str(error))


def _database(req: falcon.Request, resp: falcon.Response,
              error: Exception,
              params: dict[str, Any]) -> None:
    LOG.error('The database does not answer: %s', error)
    raise errors.unavailable('The database does not answer; try again.')


def _unexpected(req: falcon.Request, resp: falcon.Response,
                error: Exception, params: dict[str, Any]) -> None:
    LOG.exception('Unexpected error on %s %s', req.method, req.path)
    raise errors.Problem(
        falcon.HTTP_500, 'unexpected', 'Unexpected error',
        'Something went wrong inside the service. Tell its operator the '
        'request_id, by which they find it in the log.')


def add_to(app: Any) -> None:
    """Register all of these with a Falcon app."""
    app.add_error_handler(Exception, _unexpected)
    app.add_error_handler(_DATABASE_GONE, _database)
    app.add_error_handler(cloud_exceptions.CloudError, _cloud)
    app.add_error_handler(exceptions.ConcurrentUpdate, _concurrent)
    app.add_error_handler(exceptions.ReservationNotFound, _not_found)
