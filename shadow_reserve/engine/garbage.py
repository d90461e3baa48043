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

"""Garbage is looked for when nobody waits.

Python frees what nothing refers to at once. What refers to itself it finds
by going through all objects that there are, with every thread stopped, and
it does so (up to Python 3.13) whenever a quarter of them are new. A round
over ten thousand reservations makes as many anew; each of them stopped the
engine for one or two seconds then, and found next to nothing.
"""

import gc

from shadow_reserve.engine import precedence as engine_precedence

#: Seconds between two looks.
INTERVAL = 600.0
#: Times that one is put off, while there are alarms all the time.
_MOST_TIMES = 60
#: Looks at what is young after which Python would go through everything.
_NEVER = 1_000_000


def leave_the_old() -> None:
    """Have Python itself only look at what is young, for good."""
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, _NEVER)


def collect(precedence: engine_precedence.Precedence) -> None:
    """Go through everything, when there is no alarm.

    Where there are some for minutes on end it is done all the same, lest
    memory runs out.
    """
    for _ in range(_MOST_TIMES):
        if precedence.give_way():
            break
    gc.collect()
