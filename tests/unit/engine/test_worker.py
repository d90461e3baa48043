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

import datetime
import threading

from shadow_reserve.db import migration
from shadow_reserve.db import reservations as db_reservations
from shadow_reserve.db import session as db_session
from shadow_reserve.engine import failures
from shadow_reserve.engine import precedence
from shadow_reserve.engine import schedule as engine_schedule
from shadow_reserve.engine import worker
from tests.unit import samples


def test_what_is_hurried_does_not_wait_for_its_interval():
    runs = threading.Semaphore(0)
    repeating = worker.Repeating('test', runs.release, interval=3600.0)
    repeating.start()
    assert runs.acquire(timeout=10)

    repeating.hurry()

    assert runs.acquire(timeout=10)
    repeating.stop()


def test_what_fails_is_run_again():
    runs = threading.Semaphore(0)

    def fail():
        runs.release()
        raise ValueError('a mistake')

    repeating = worker.Repeating('test', fail, interval=0.0)
    repeating.start()
    assert runs.acquire(timeout=10)
    assert runs.acquire(timeout=10)
    repeating.stop()


def test_a_reservation_is_found_once(tmp_path):
    database = db_session.Database(f'sqlite:///{tmp_path}/test.sqlite')
    migration.upgrade(database)
    schedule = engine_schedule.Schedule()
    passes = worker.Passes(
        database, None, None, schedule, samples.MINUTE,
        precedence.Precedence())
    assert not passes.find()

    database.write(
        lambda session: db_reservations.add(session, samples.record()))

    assert passes.find()
    assert schedule.take() == samples.TOKEN
    schedule.give_back(samples.TOKEN, None)
    assert not passes.find()
    assert schedule.idle([samples.TOKEN]) == [samples.TOKEN]


class _Reconciler:
    """One whose hooks have been run after three passes."""

    def __init__(self):
        self.passes = 0
        self.over = threading.Event()

    def reconcile(self, token, now):
        self.passes += 1
        return []

    def is_joining(self, token):
        if self.passes == 3:
            self.over.set()
        return self.passes < 3


def test_hooks_are_looked_after_until_they_stand(tmp_path, monkeypatch):
    # Given no rounds, and no pause between two looks
    monkeypatch.setattr(
        worker, '_JOINING_INTERVAL', datetime.timedelta(microseconds=1))
    reconciler = _Reconciler()
    schedule = engine_schedule.Schedule()
    database = db_session.Database(f'sqlite:///{tmp_path}/test.sqlite')
    passes = worker.Passes(
        database, reconciler, failures.Failures(database, samples.MINUTE),
        schedule, samples.MINUTE, precedence.Precedence())
    working = threading.Thread(target=passes.work)
    working.start()

    # When its reservation is woken once
    schedule.wake(samples.TOKEN)

    # Then passes follow, and end with them
    assert reconciler.over.wait(timeout=10)
    schedule.close()
    working.join(timeout=10)
    assert reconciler.passes == 3
