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

"""What can go wrong at another service, in the words of this one."""


class CloudError(Exception):
    """Another service refused or failed; ``service`` says which."""

    def __init__(self, service: str, message: str) -> None:
        super().__init__(f'{service}: {message}')
        self.service = service
        self.message = message


class ServiceUnavailable(CloudError):
    """Nothing was decided there: worth another try later."""


class NotFound(CloudError):
    """It is not there, or not for us to see."""


class Conflict(CloudError):
    """It is there, but in a state that does not allow the request."""


class Forbidden(CloudError):
    """The caller's role, quota or policy does not allow it."""
