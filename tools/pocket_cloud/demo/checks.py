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


"""What must be so, or the demo fails."""

from collections.abc import Callable
import time
from typing import TypeVar

from pocket_cloud import errors

T = TypeVar('T')


class CheckFailed(errors.PocketCloudError):
    """A step is not as it must be; the message says what was expected."""


def require(condition: object, sentence: str) -> None:
    """:raises CheckFailed: with the sentence, unless the condition holds"""
    if not condition:
        raise CheckFailed(sentence)


def wait_for(look: Callable[[], T | None], seconds: float,
             sentence: str, interval: float = 0.5) -> T:
    """Look again and again until there is something.

    :param sentence: what was expected, should it not come about
    :raises CheckFailed: after that many seconds
    """
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        require(time.monotonic() < deadline,
                f'{sentence} (waited {seconds:.0f} s)')
        time.sleep(interval)
