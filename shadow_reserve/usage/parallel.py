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
"""Questions to another service, a few at once, each with its own answer."""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from concurrent import futures
from typing import TypeVar

from shadow_reserve.cloud import exceptions

T = TypeVar('T')


def gather(questions: Sequence[Callable[[], T]], limit: int,
           ) -> Iterator[tuple[int, T | exceptions.CloudError]]:
    """The place of each question with its answer, as the answers come.

    Once ``limit`` of them in a row found the service unavailable, the
    others are not asked: each would wait for the time-out as well.

    :param limit: how many are asked at once
    """
    silent: list[exceptions.ServiceUnavailable] = []

    def ask(question: Callable[[], T]) -> T | exceptions.CloudError:
        if len(silent) >= limit:
            return silent[-1]
        try:
            answer = question()
        except exceptions.ServiceUnavailable as error:
            silent.append(error)
            return error
        except exceptions.CloudError as error:
            return error
        silent.clear()
        return answer

    with futures.ThreadPoolExecutor(
            limit, thread_name_prefix='metrics') as pool:
        asked = {pool.submit(ask, question): place
                 for place, question in enumerate(questions)}
        for done in futures.as_completed(asked):
            yield asked.pop(done), done.result()
