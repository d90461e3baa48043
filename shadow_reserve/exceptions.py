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

"""Errors of the service itself, each with what the caller can do."""


class ShadowReserveError(Exception):
    """Base of the errors that this service raises on purpose."""


class ReservationNotFound(ShadowReserveError):
    """No such reservation, or one of somebody else."""

    def __init__(self, token: str) -> None:
        super().__init__(f'No reservation {token} could be found.')


class ConcurrentUpdate(ShadowReserveError):
    """Somebody else changed the row first: read it again."""


class SchemaOutdated(ShadowReserveError):
    """The database lacks what this version needs."""

    def __init__(self, current: str | None, needed: str | None) -> None:
        at = 'missing' if current is None else f'at {current}'
        super().__init__(
            f'The schema is {at}, this version needs {needed}: run '
            f'shadow-reserve-manage db sync.')


class ModelNotFound(ShadowReserveError):
    """No demand model that could serve instead."""


class ModelReplaced(ShadowReserveError):
    """Another engine, or an operator, was first."""


class NotSent(ShadowReserveError):
    """The message bus did not take a notification."""

    def __init__(self, reason: Exception) -> None:
        super().__init__(f'A notification could not be sent: {reason}')
