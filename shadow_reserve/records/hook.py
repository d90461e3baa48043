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


"""What is done, beside Nova, when a member comes to serve or goes back."""

import dataclasses
import datetime
import enum
import hashlib
import json


class HookKind(enum.StrEnum):
    #: A POST to a URL of the owner's.
    WEBHOOK = 'webhook'
    #: A member of an Octavia pool.
    OCTAVIA_POOL = 'octavia_pool'
    #: A metadata item of the server, there while it serves.
    METADATA = 'metadata'


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Hook:
    """One hook of a policy; which fields it has depends on its kind.

    ``webhook``: ``url``. ``octavia_pool``: ``pool_id``, and the
    ``protocol_port`` on which members serve. ``metadata``: ``key`` and
    ``value``.
    """

    kind: HookKind
    url: str | None = None
    pool_id: str | None = None
    protocol_port: int | None = None
    key: str | None = None
    value: str | None = None

    @property
    def hook_id(self) -> str:
        """The same for the same hook, whichever policy it is in."""
        text = json.dumps(dataclasses.asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]


class HookState(enum.StrEnum):
    JOINING = 'joining'
    JOINED = 'joined'
    #: Tried in vain until its deadline: the member serves without it.
    GIVEN_UP = 'given_up'
    LEAVING = 'leaving'


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class MemberHook:
    """A hook as it stands for one member; none, where there is no record.

    ``delivery_id`` names this joining or leaving, whichever is under way,
    over all its tries; ``attempts`` counts them since the last one that
    only came at a bad moment, and ``asked_at`` is when the latest began.
    After ``deadline`` nobody waits for it any more. ``reason`` is what
    failed last.
    """

    instance_id: str
    hook: Hook
    state: HookState
    since: datetime.datetime
    deadline: datetime.datetime
    delivery_id: str
    asked_at: datetime.datetime | None = None
    attempts: int = 0
    reason: str = ''
    generation: int = 0
