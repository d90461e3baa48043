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

"""Which hosts a server may go to while promotions are under way.

A promotion of an offloaded member has let go of a slot on a host, for one
server. What else was free there at that moment is the slot's room: who
takes no more than that leaves the slot alone.
"""

from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Slot:
    """One that was let go: for whom, and the room beside it.

    ``room`` are amounts by resource class, in Placement's units; below
    zero where the host is oversold.
    """

    server_id: str
    room: Mapping[str, int]


#: By the host that they are on, as Placement names it.
Slots = Mapping[str, Sequence[Slot]]


def parse(answer: Any) -> Slots:
    """Slots as GET /v1/promotions tells them.

    :raises ValueError: when it tells something else
    """
    found: dict[str, list[Slot]] = {}
    for entry in _member(answer, 'promotions', list):
        room = _member(entry, 'room', dict)
        found.setdefault(_member(entry, 'host', str), []).append(Slot(
            server_id=_member(entry, 'server_id', str),
            room={name: _member(room, name, int) for name in room}))
    return found


def _member(value: Any, name: str, kind: type) -> Any:
    if not isinstance(value, dict) or not isinstance(
            value.get(name), kind):
        raise ValueError(f'there is no {kind.__name__} "{name}" in what '
                         f'should be the promotions under way')
    return value[name]


def leaves_alone(there: Sequence[Slot], server_id: str,
                 ask: Mapping[str, int]) -> bool:
    """Whether a server on a host takes nothing from the slots there.

    :param there: the slots on the host
    :param ask: what the server needs, by resource class
    """
    return (any(slot.server_id == server_id for slot in there)
            or all(ask.get(name, 0) <= free for slot in there
                   for name, free in slot.room.items()))
