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

"""The demo watches servers come to serve."""

import types

from pocket_cloud.demo import promotion


class Stage:
    """Everything comes to serve between the first and the second look."""

    token = 'token'

    def __init__(self):
        self._looks = 0
        self.reading = self

    def _serves(self):
        self._looks += 1
        return self._looks > 1

    def shadow_servers(self):
        status = 'ACTIVE' if self._serves() else 'SHELVED'
        return {'server': types.SimpleNamespace(
            status=status, task_state=None)}

    def shadow(self, token):
        state = 'allocated' if self._serves() else 'promoting'
        return {'instances': [{'state': state}]}


def test_none_that_serves_is_overlooked():
    watch = promotion._Watch(Stage())
    while not watch.is_over():
        pass
    assert list(watch.seen) == ['server']
