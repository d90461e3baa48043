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

from shadow_reserve.engine import schedule


def test_a_woken_token_comes_before_one_that_is_due_later():
    waiting = schedule.Schedule()
    waiting.add(['a'])
    assert waiting.take() == 'a'
    waiting.give_back('a', delay=60.0)

    waiting.wake('b')

    assert waiting.take() == 'b'


def test_a_token_is_with_one_worker_at_a_time_and_no_wake_is_lost():
    waiting = schedule.Schedule()
    waiting.wake('a')
    assert waiting.take() == 'a'

    # woken while a worker has it
    waiting.wake('a')
    waiting.wake('b')
    assert waiting.take() == 'b'

    waiting.give_back('a', delay=3600.0)
    assert waiting.take() == 'a'


def test_a_token_that_is_known_is_not_hurried_by_being_found_again():
    waiting = schedule.Schedule()
    waiting.add(['a'])
    waiting.take()
    waiting.give_back('a', delay=3600.0)

    waiting.add(['a', 'b'])

    assert waiting.take() == 'b'
    assert waiting.idle(['a', 'b', 'c']) == ['c']


def test_what_changed_under_a_worker_is_looked_at_once_more():
    waiting = schedule.Schedule()
    waiting.add(['a'])
    waiting.take()

    waiting.add(['a'])
    waiting.give_back('a', delay=None)

    assert waiting.take() == 'a'
    waiting.give_back('a', delay=None)
    assert waiting.idle(['a']) == ['a']


def test_the_woken_overtake_those_that_wait_their_turn():
    waiting = schedule.Schedule()
    waiting.add(['a', 'b'])
    waiting.remind('c')
    waiting.wake('d')
    waiting.remind('d')

    assert [waiting.take() for _ in range(4)] == ['d', 'a', 'b', 'c']


def test_none_of_the_woken_waits_for_those_that_were_woken_after_it():
    waiting = schedule.Schedule()
    waiting.wake('z')
    waiting.wake('a')

    # when some are woken again and again
    waiting.wake('a')
    assert waiting.take() == 'z'
    waiting.wake('b')
    waiting.wake('a')

    # then it is the turn of who has waited longest
    assert waiting.take() == 'a'
    assert waiting.take() == 'b'


def test_a_reminder_ends_a_long_pause():
    waiting = schedule.Schedule()
    waiting.add(['a'])
    waiting.take()
    waiting.give_back('a', delay=3600.0)

    waiting.remind('a')

    assert waiting.take() == 'a'


def test_closing_lets_all_workers_go():
    waiting = schedule.Schedule()
    taken = []
    workers = [threading.Thread(target=lambda: taken.append(waiting.take()))
               for _ in range(3)]
    for worker in workers:
        worker.start()

    waiting.close()

    for worker in workers:
        worker.join(timeout=10)
    assert taken == [None, None, None]
