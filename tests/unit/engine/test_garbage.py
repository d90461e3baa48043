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

from shadow_reserve.engine import garbage
from shadow_reserve.engine import precedence as engine_precedence


@pytest.fixture
def thresholds():
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


class _Cycle:
    def __init__(self):
        self.itself = self


def test_what_is_old_is_not_gone_through_whatever_is_made(thresholds):
    # given that all there is has become old
    garbage.leave_the_old()
    gc.collect()
    before = gc.get_stats()[2]['collections']
    # when as much again is made, as by a round
    made = [[] for _ in range(500_000)]
    assert made
    assert gc.get_stats()[2]['collections'] == before


@pytest.fixture
def garbage_there():
    gc.disable()
    yield weakref.ref(_Cycle())
    gc.enable()


def look(precedence):
    thread = threading.Thread(
        target=garbage.collect, args=(precedence,), daemon=True)
    thread.start()
    return thread


def test_what_refers_to_itself_is_freed_once_there_is_no_alarm(
        garbage_there, monkeypatch):
    # given an alarm that outlasts what can otherwise be put off
    monkeypatch.setattr(engine_precedence, '_LONGEST', 0.01)
    monkeypatch.setattr(engine_precedence, '_QUIET', 0.001)
    precedence = engine_precedence.Precedence()
    with precedence.first():
        looking = look(precedence)
        looking.join(0.1)
        assert garbage_there() is not None
    looking.join(10)
    assert garbage_there() is None


def test_where_there_is_an_alarm_all_the_time_memory_does_not_run_out(
        garbage_there, monkeypatch):
    monkeypatch.setattr(engine_precedence, '_LONGEST', 0.001)
    precedence = engine_precedence.Precedence()
    with precedence.first():
        look(precedence).join(10)
        assert garbage_there() is None
