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

from shadow_reserve.api import wakeup


class Notifier:
    def __init__(self):
        self.sent = []
        self.let_go = threading.Event()
        self.error = None

    def info(self, context, event_type, payload):
        self.let_go.wait(10)
        self.sent.append((event_type, payload))
        if self.error is not None:
            raise self.error


def test_a_wake_up_is_sent():
    notifier = Notifier()
    notifier.let_go.set()
    sender = wakeup.Wakeup(notifier)
    sender.send('token')
    sender._tokens.join()
    assert notifier.sent == [
        ('shadow_reserve.reservation.changed', {'token': 'token'})]


def test_a_message_bus_that_hangs_delays_nobody(caplog):
    notifier = Notifier()
    sender = wakeup.Wakeup(notifier)
    for number in range(wakeup._WAITING + 2):
        sender.send(f'token {number}')
    assert 'No wake-up' in caplog.text
    assert notifier.sent == []
    notifier.let_go.set()
    sender._tokens.join()


def test_a_message_bus_that_fails_is_tried_again(caplog):
    notifier = Notifier()
    notifier.let_go.set()
    notifier.error = RuntimeError('no route to host')
    sender = wakeup.Wakeup(notifier)
    sender.send('first')
    sender._tokens.join()
    notifier.error = None
    sender.send('second')
    sender._tokens.join()
    assert len(notifier.sent) == 2
    assert 'No wake-up for reservation first: no route' in caplog.text
