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

"""Nobody waits while an engine looks through all that it knows."""

import gc
import threading
import weakref

import pytest

from shadow_reserve.engine import garbage as engine_garbage
from shadow_reserve.engine import precedence as engine_precedence


class _Cycle:
    def __init__(self):
        self.itself = self


@pytest.fixture
def precedence(monkeypatch):
    monkeypatch.setattr(engine_precedence, '_LONGEST', 0.001)
    monkeypatch.setattr(engine_precedence, '_QUIET', 0.001)
    return engine_precedence.Precedence()


@pytest.fixture
def garbage(precedence):
    before = gc.get_threshold()
    yield engine_garbage.Garbage(precedence)
    gc.set_threshold(*before)


@pytest.fixture
def left():
    """Something that only a look finds."""
    gc.disable()
    yield weakref.ref(_Cycle())
    gc.enable()


def look(garbage):
    thread = threading.Thread(target=garbage.look, daemon=True)
    thread.start()
    return thread


def test_what_is_old_is_not_gone_through_whatever_is_made(garbage):
    # given that all there is has become old
    gc.collect()
    before = gc.get_stats()[2]['collections']
    # when as much again is made, as by a round
    made = [[] for _ in range(500_000)]
    assert made
    assert gc.get_stats()[2]['collections'] == before


def test_where_memory_is_as_it_was_nothing_is_looked_for(garbage, left):
    garbage.look()
    assert left() is not None


def test_what_fails_again_and_again_does_not_fill_the_memory(
        garbage, left, monkeypatch):
    # given that more is used than after the last time
    monkeypatch.setattr(engine_garbage, '_GROWN', 0.5)
    garbage.look()
    assert left() is None
    # then that is what the next time goes by
    monkeypatch.setattr(engine_garbage, '_GROWN', 1.5)
    more = weakref.ref(_Cycle())
    garbage.look()
    assert more() is not None


def test_it_is_put_off_while_there_is_an_alarm(
        garbage, precedence, left, monkeypatch):
    monkeypatch.setattr(engine_garbage, '_GROWN', 0.0)
    monkeypatch.setattr(engine_garbage, '_MOST_TIMES', 10 ** 6)
    with precedence.first():
        looking = look(garbage)
        looking.join(0.1)
        assert left() is not None
    looking.join(10)
    assert left() is None


def test_it_is_not_put_off_for_ever(garbage, precedence, left, monkeypatch):
    monkeypatch.setattr(engine_garbage, '_GROWN', 0.0)
    with precedence.first():
        look(garbage).join(10)
        assert left() is None
