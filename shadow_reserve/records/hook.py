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
import enum


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
