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
import threading

import pytest

from shadow_reserve.cloud import exceptions
from shadow_reserve.usage import parallel

DOWN = exceptions.ServiceUnavailable('gnocchi', 'no answer')
REFUSED = exceptions.CloudError('gnocchi', 'no')


def answering(answer, asked):
    def question():
        asked.append(answer)
        if isinstance(answer, Exception):
            raise answer
        return answer
    return question


def gathered(answers, limit):
    asked = []
    found = dict(parallel.gather(
        [answering(one, asked) for one in answers], limit))
    return [found[place] for place in range(len(answers))], asked


def test_each_question_has_its_own_answer():
    answers = ['a', REFUSED, 'b', DOWN, 'c']
    assert gathered(answers, 2)[0] == answers


def test_nothing_is_an_answer_to_nothing():
    assert gathered([], 2) == ([], [])


def test_a_service_that_is_down_is_not_asked_for_ever():
    # Given more questions than anybody answers
    answers, asked = gathered([DOWN] * 50, 3)
    # Then all of them failed, and few of them took the time to
    assert answers == [DOWN] * 50
    assert len(asked) <= 5


def test_single_failures_keep_nothing_from_the_others():
    answers = [DOWN, 'a'] * 20
    assert gathered(answers, 2)[1] == answers


def test_no_more_are_asked_at_once_than_the_limit():
    running, most, lock = [], [], threading.Lock()
    together = threading.Barrier(3, timeout=30)

    def question():
        with lock:
            running.append(None)
            most.append(len(running))
        together.wait()
        with lock:
            running.pop()

    list(parallel.gather([question] * 9, 3))
    assert max(most) == 3


def test_a_mistake_of_our_own_is_not_taken_for_an_answer():
    with pytest.raises(ZeroDivisionError):
        gathered([ZeroDivisionError()], 1)
