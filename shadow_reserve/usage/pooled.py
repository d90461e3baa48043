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

"""Work on many parts, some of them at once.

Nearly all of the work is numpy's and scikit-learn's, and these let other
threads of the process run meanwhile.
"""

import collections
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from concurrent import futures
import itertools
from typing import TypeVar

S = TypeVar('S')
T = TypeVar('T')


def in_order(work: Callable[[S], T], parts: Iterable[S],
             threads: int) -> Iterator[T]:
    """What ``work`` makes of each part, in the order of the parts.

    No more than ``threads`` parts are under way or waiting to be taken,
    so that memory is bounded. What ``work`` raises is raised here; parts
    that have not begun by then are not begun.
    """
    if threads == 1:
        yield from map(work, parts)
        return
    left = iter(parts)
    pending: collections.deque[futures.Future[T]] = collections.deque()
    with futures.ThreadPoolExecutor(
            threads, thread_name_prefix='forecast') as pool:
        try:
            for part in itertools.islice(left, threads):
                pending.append(pool.submit(work, part))
            while pending:
                answer = pending.popleft().result()
                for part in itertools.islice(left, 1):
                    pending.append(pool.submit(work, part))
                yield answer
        finally:
            for future in pending:
                future.cancel()
