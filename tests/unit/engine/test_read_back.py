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

import concurrent.futures
import threading
import time

import pytest

from shadow_reserve.cloud import aodh as cloud_aodh
from shadow_reserve.cloud import exceptions
from shadow_reserve.engine import read_back


def alarm_of(alarm_id, state):
    return cloud_aodh.Alarm(
        alarm_id=alarm_id, name=alarm_id, state=state, enabled=True, rule={})


class SlowAodh:
    """Answers when it is let, with the state at the time of the question."""

    def __init__(self):
        self.state = 'ok'
        self.asked = []
        self.down = False
        self.begun = threading.Semaphore(0)
        self.let = threading.Semaphore(0)

    def get_alarms(self, alarm_ids, patience):
        self.asked.append(sorted(alarm_ids))
        found = {alarm_id: alarm_of(alarm_id, self.state)
                 for alarm_id in alarm_ids if alarm_id != 'gone'}
        self.begun.release()
        assert self.let.acquire(timeout=10)
        if self.down:
            raise exceptions.ServiceUnavailable('aodh', 'it is down')
        return found


@pytest.fixture
def aodh():
    return SlowAodh()


@pytest.fixture
def back(aodh):
    return read_back.ReadBack(aodh)


@pytest.fixture
def pool():
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        yield pool


def begin(pool, back, aodh, *alarm_ids):
    """Each of them asked for by itself, and not answered yet."""
    answers = []
    for alarm_id in alarm_ids:
        answers.append(pool.submit(back.get, alarm_id))
        assert aodh.begun.acquire(timeout=10)
    return answers


def wait_for(back, count):
    """Until so many alarms wait for their turn."""
    for _ in range(1000):
        with back._changed:
            if len(back._waiting) == count:
                return
        time.sleep(0.01)
    raise AssertionError(f'{len(back._waiting)} wait, not {count}')


def test_what_comes_while_others_are_asked_for_is_asked_for_together(
        pool, back, aodh):
    # given two requests under way
    first = begin(pool, back, aodh, 'a', 'b')
    # when four more come, one of them twice
    more = [pool.submit(back.get, alarm_id)
            for alarm_id in ('c', 'd', 'gone', 'd', 'e')]
    wait_for(back, 4)
    for _ in range(3):
        aodh.let.release()
    # then they have one request
    assert [answer.result(10).alarm_id for answer in first] == ['a', 'b']
    found = [answer.result(10) for answer in more]
    assert [alarm and alarm.alarm_id for alarm in found] == [
        'c', 'd', None, 'd', 'e']
    assert aodh.asked == [['a'], ['b'], ['c', 'd', 'e', 'gone']]


def test_an_answer_is_of_after_the_question(pool, back, aodh):
    # given an alarm that is being read, by as many requests as there may be
    first = begin(pool, back, aodh, 'a', 'b')
    # when it is asked for again after it has changed
    aodh.state = 'alarm'
    again = pool.submit(back.get, 'a')
    wait_for(back, 1)
    for _ in range(3):
        aodh.let.release()
    # then what was read before is no answer to that
    assert first[0].result(10).state == 'ok'
    assert again.result(10).state == 'alarm'


def test_a_failure_is_told_to_all_who_waited_and_ends_with_them(
        pool, back, aodh):
    # given an Aodh that fails while some wait
    first = begin(pool, back, aodh, 'a', 'b')
    more = [pool.submit(back.get, alarm_id) for alarm_id in ('c', 'd')]
    wait_for(back, 2)
    aodh.down = True
    for _ in range(3):
        aodh.let.release()
    for answer in first + more:
        with pytest.raises(exceptions.ServiceUnavailable):
            answer.result(10)
    # when it is back, all is as before
    aodh.down = False
    aodh.let.release()
    assert back.get('a').alarm_id == 'a'
