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

"""Who waits for whom in an engine."""

import threading

import pytest

from shadow_reserve.engine import precedence as engine_precedence


@pytest.fixture
def precedence():
    return engine_precedence.Precedence()


def begin(precedence):
    """Something that can wait; set once it went on."""
    went_on = threading.Event()

    def work():
        precedence.give_way()
        went_on.set()
    threading.Thread(target=work, daemon=True).start()
    return went_on


def test_nobody_waits_for_nobody(precedence):
    assert begin(precedence).wait(10)


def test_what_can_wait_does_until_the_last_alarm_is_answered(
        precedence, monkeypatch):
    monkeypatch.setattr(engine_precedence, '_LONGEST', 60)
    monkeypatch.setattr(engine_precedence, '_QUIET', 0.01)
    with precedence.first():
        with precedence.first():
            waiting = begin(precedence)
        assert not waiting.wait(0.1)
    assert waiting.wait(10)


def test_between_two_alarms_nothing_else_begins(precedence, monkeypatch):
    monkeypatch.setattr(engine_precedence, '_LONGEST', 60)
    monkeypatch.setattr(engine_precedence, '_QUIET', 60)
    with precedence.first():
        pass
    assert not begin(precedence).wait(0.1)


def test_an_alarm_that_fails_keeps_nobody(precedence, monkeypatch):
    monkeypatch.setattr(engine_precedence, '_LONGEST', 60)
    monkeypatch.setattr(engine_precedence, '_QUIET', 0.01)
    with pytest.raises(ValueError), precedence.first():
        raise ValueError
    assert begin(precedence).wait(10)


def test_without_end_nothing_is_put_off(precedence, monkeypatch):
    monkeypatch.setattr(engine_precedence, '_LONGEST', 0.01)
    with precedence.first():
        assert begin(precedence).wait(10)
        assert not precedence.give_way()


def test_it_is_known_whether_it_is_quiet(precedence, monkeypatch):
    monkeypatch.setattr(engine_precedence, '_QUIET', 0.001)
    assert precedence.give_way()
    with precedence.first():
        pass
    assert precedence.give_way()


def test_something_long_lets_those_by_that_came_meanwhile(
        precedence, monkeypatch):
    # given a round of three, with an alarm that comes at the first of them
    monkeypatch.setattr(engine_precedence, '_PIECE', 0.0)
    monkeypatch.setattr(engine_precedence, '_PAUSE', 60)
    done, at_first, here = [], threading.Event(), threading.Event()

    def go_round():
        for one in precedence.in_pieces(range(3)):
            done.append(one)
            at_first.set()
            here.wait(10)
    thread = threading.Thread(target=go_round, daemon=True)
    thread.start()
    at_first.wait(10)
    with precedence.first():
        here.set()
        thread.join(0.1)
        assert done == [0]
    # then it goes on at once when that is answered, whatever may follow
    thread.join(10)
    assert done == [0, 1, 2]


def test_something_long_comes_to_an_end(precedence, monkeypatch):
    monkeypatch.setattr(engine_precedence, '_PIECE', 0.0)
    monkeypatch.setattr(engine_precedence, '_PAUSE', 0.001)
    with precedence.first():
        assert list(precedence.in_pieces('abc')) == ['a', 'b', 'c']
