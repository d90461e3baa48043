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

"""Which template a server was built from."""

import dataclasses
import functools
import hashlib
import json

from shadow_reserve.records import reservation

_LENGTH = 32


def key_of(record: reservation.ReservationRecord) -> str:
    """A key that is another one when servers have to be built anew.

    The readiness hook is left out: it says nothing about what a server
    is.
    """
    return _key(record.size.flavor_id,
                dataclasses.replace(record.template, readiness=None))


# It is asked for in every round over all reservations.
@functools.lru_cache(maxsize=65536)
def _key(flavor_id: str, template: reservation.InstanceTemplate) -> str:
    text = json.dumps([flavor_id, dataclasses.asdict(template)],
                      sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_LENGTH]
