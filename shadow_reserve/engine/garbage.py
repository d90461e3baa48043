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

"""Garbage is looked for when there may be much, and nobody waits.

Python frees what nothing refers to at once. What refers to itself it finds
by going through all objects that there are, with every thread stopped. It
does so (up to Python 3.13) when a quarter as many have grown old as there
are, though they may be gone since: a round over ten thousand reservations
makes so many anew, each of them stopped the engine for one or two seconds
several times, and next to nothing was found. Here it is memory that counts.
What fails leaves garbage, since an error knows the frames that know it.
"""

import gc
import sys

from shadow_reserve.engine import precedence as engine_precedence

#: Seconds between two looks at how much memory is used.
INTERVAL = 60.0
#: Of what was used after the last time, what is used when garbage is looked
#: for again.
_GROWN = 1.5
#: Times that it is put off for five seconds, while alarms come all the time.
_MOST_TIMES = 60
#: Looks at what is young after which Python would go through everything.
_NEVER = 1_000_000


class Garbage:
    """Of one engine process.

    Python itself only looks at what is young from then on.
    """

    def __init__(self, precedence: engine_precedence.Precedence) -> None:
        self._precedence = precedence
        self._used = sys.getallocatedblocks()
        young, middle, _ = gc.get_threshold()
        gc.set_threshold(young, middle, _NEVER)

    def look(self) -> None:
        """Look for it where there may be much, when there is no alarm.

        Where alarms come for minutes on end it is done all the same, lest
        memory runs out.
        """
        if sys.getallocatedblocks() < _GROWN * self._used:
            return
        for _ in range(_MOST_TIMES):
            if self._precedence.give_way():
                break
        gc.collect()
        self._used = sys.getallocatedblocks()
