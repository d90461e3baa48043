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
import weakref

import pytest

from shadow_reserve.usage import pooled


def living():
    return [one for one in threading.enumerate()
            if one.name.startswith('forecast')]


@pytest.mark.parametrize('threads', [1, 2, 5])
def test_what_is_made_of_the_parts_comes_in_their_order(threads):
    # Given work of which the first part takes longest
    later = threading.Event()

    def work(part):
        if part == 0 and threads > 1:
            assert later.wait(10)
        if part == 1:
            later.set()
        return part * part

    assert list(pooled.in_order(work, range(20), threads)) == [
        part * part for part in range(20)]
    assert not living()


def test_of_no_parts_nothing_is_made():
    assert list(pooled.in_order(str, [], 2)) == []


@pytest.mark.parametrize('threads', [1, 3])
def test_no_part_is_begun_long_before_it_is_asked_for(threads):
    begun = []
    found = pooled.in_order(begun.append, range(50), threads)
    next(found)
    # The one that is taken, and what the threads do meanwhile
    assert len(begun) <= threads + 1
    found.close()


@pytest.mark.parametrize('threads', [1, 2])
def test_what_is_made_is_held_no_longer_than_it_is_used(threads):
    class Answer:
        pass

    made = []

    def work(part):
        answer = Answer()
        made.append(weakref.ref(answer))
        return answer

    for _ in pooled.in_order(work, range(50), threads):
        assert sum(one() is not None for one in made) <= threads + 2


@pytest.mark.parametrize('threads', [1, 2])
def test_what_goes_wrong_is_told_and_ends_the_work(threads):
    # Given work that fails early
    begun = []

    def work(part):
        begun.append(part)
        if part == 2:
            raise KeyError('app2')
        return part

    # When it is asked for all of it
    found = []
    with pytest.raises(KeyError, match='app2'):
        for one in pooled.in_order(work, range(50), threads):
            found.append(one)
    # Then what came before is there, and little was done in vain
    assert found == [0, 1]
    assert len(begun) <= 3 + threads
    assert not living()


def test_who_does_not_wait_for_the_end_leaves_no_thread_behind():
    found = pooled.in_order(str, range(50), 2)
    assert next(found) == '0'
    found.close()
    assert not living()
