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

"""One command at a time changes a cloud."""

import collections.abc
import contextlib
import fcntl

from pocket_cloud import errors
from pocket_cloud import state


@contextlib.contextmanager
def alone(cloud: state.State) -> collections.abc.Iterator[None]:
    """Hold the cloud's lock; the kernel lets go of it when we end."""
    with cloud.path('lock').open('w') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise errors.PocketCloudError(
                f'Another pocket-cloud command is at work on '
                f'{cloud.folder}: wait until it is done.') from error
        yield
