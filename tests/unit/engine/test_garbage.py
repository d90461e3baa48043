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


def test_what_refers_to_itself_is_freed_once_there_is_no_alarm(monkeypatch):
    # given something that only a look finds, and an alarm
    monkeypatch.setattr(engine_precedence, '_LONGEST', 60)
    monkeypatch.setattr(engine_precedence, '_QUIET', 0.01)
    precedence = engine_precedence.Precedence()
    gc.disable()
    try:
        gone = weakref.ref(_Cycle())
        look = threading.Thread(
            target=garbage.collect, args=(precedence,), daemon=True)
        with precedence.first():
            look.start()
            look.join(0.1)
            assert gone() is not None
        look.join(10)
        assert gone() is None
    finally:
        gc.enable()
