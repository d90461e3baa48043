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

"""One line a step, with the time it took."""

import collections.abc
import contextlib
import sys
import threading
import time

from pocket_cloud import errors

_LOCK = threading.Lock()


def say(text: str) -> None:
    """A whole line at once: steps run in several threads."""
    with _LOCK:
        sys.stdout.write(text + '\n')
        sys.stdout.flush()


@contextlib.contextmanager
def step(title: str) -> collections.abc.Iterator[None]:
    """Print the step when it is over: what, how long, and if it failed."""
    started = time.monotonic()
    mark = 'FAILED'
    try:
        yield
        mark = 'ok'
    except errors.GaveUpError:
        mark = 'left'
        raise
    finally:
        elapsed = time.monotonic() - started
        say(f'  {mark:<6} {elapsed:6.1f} s  {title}')
