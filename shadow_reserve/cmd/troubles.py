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

"""A database that cannot be used, in one line for an operator."""

from oslo_db import exception as db_exception
import sqlalchemy
from sqlalchemy import exc

#: What is raised when there is no such database, when it lets nobody in,
#: when its driver is not installed, and when the option is no URL.
UNUSABLE = (db_exception.DBConnectionError,
            db_exception.DBNonExistentDatabase,
            exc.OperationalError, ImportError, exc.ArgumentError)


def check_url(connection: str) -> None:
    """Is it a URL at all?

    :raises ArgumentError: when it is none
    """
    try:
        sqlalchemy.make_url(connection)
    except ValueError as error:
        # A port that is no number, as after a password with an @ and a :.
        raise exc.ArgumentError('not a URL') from error


def explained(error: Exception, connection: str) -> str:
    """What is wrong and what to do, on one line without a password.

    :param error: one of ``UNUSABLE``
    :param connection: the option of the section ``database``
    """
    cause = ' '.join(_cause(error).split()).rstrip('.?')
    if isinstance(error, exc.ArgumentError):
        # What is no URL is not shown: who knows where its password is.
        known = isinstance(error, exc.NoSuchModuleError)
        return (f'[database] connection cannot be understood'
                f'{f" ({cause})" if known else ""}: set it like '
                f'mysql+pymysql://user:password@host/database, with %40 for '
                f'an @ in the password, and so on.')
    url = sqlalchemy.make_url(connection)
    if isinstance(error, ImportError):
        todo = 'Install the driver'
    elif url.get_backend_name() == 'sqlite':
        todo = ('See that the folder is there and this user may write to '
                'the file')
    else:
        todo = 'See that it runs and lets this user in'
    return (f'The database {url.render_as_string(hide_password=True)} cannot '
            f'be used: {cause}. {todo}, or set [database] connection to '
            f'another.')


def _cause(error: Exception) -> str:
    """What the driver said, without what was put around it on the way."""
    if isinstance(error, db_exception.DBError):
        error = error.inner_exception or error
    original = getattr(error, 'orig', None) or error
    # MySQL's is a number and a text.
    return str(original.args[-1] if original.args else original)
