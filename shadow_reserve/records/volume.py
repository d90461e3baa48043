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

"""A volume of the template, as it is kept for one shadow instance."""

from collections.abc import Mapping
import dataclasses
import datetime
import enum


class VolumeState(enum.StrEnum):
    #: To be made: an intent while the row has no volume id.
    MAKING = 'making'
    #: There, and not attached.
    FREE = 'free'
    ATTACHING = 'attaching'
    ATTACHED = 'attached'
    DETACHING = 'detaching'
    #: Somebody else detached it from a server that serves, or uses it
    #: elsewhere: left so until the server is on its way back.
    TAKEN = 'taken'


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ShadowVolume:
    """What is written down of a volume.

    ``position`` is its place in the template. ``volume_id`` is ``None``
    while the request to Cinder is only an intent. ``asked_at`` is when
    Cinder or Nova was last asked for the change that ``state`` names, and
    ``reason`` what they answered if they refused. ``generation`` is the
    compare-and-swap token of its row.
    """

    instance_id: str
    position: int
    volume_id: str | None
    state: VolumeState
    since: datetime.datetime
    asked_at: datetime.datetime | None
    reason: str
    generation: int


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Volume:
    """What Cinder says of a volume just now.

    ``attachments`` are the servers it is attached to, by attachment id.
    Without our metadata, ``instance_id`` and ``token`` are empty
    and ``position`` is None.
    """

    volume_id: str
    project_id: str
    instance_id: str
    token: str
    position: int | None
    status: str
    attachments: Mapping[str, str]
    created_at: datetime.datetime
    name: str = ''
