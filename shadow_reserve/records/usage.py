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

"""What an application is, to a metric source, and how it does just now."""

import dataclasses
import datetime


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Application:
    """Whose measures belong together.

    ``server_ids`` are the servers that the selector finds now, idle shadow
    members not among them. ``server_group`` is the value of the metadata
    item ``metering.server_group``, where the selector is that item: with
    it, servers that are gone by now still count in the history. ``vcpus``
    is the size of each server, where they have one: with it, demand that
    was pinned at all that they have can be told.
    """

    token: str
    project_id: str
    server_ids: tuple[str, ...]
    server_group: str | None = None
    vcpus: int | None = None


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class LiveUsage:
    """Mean over the application's servers in the last complete interval.

    A figure is ``None`` when the source had no measure for it.
    ``as_of`` is the end of that interval.
    """

    as_of: datetime.datetime
    members: int
    cpu_percent: float | None
    memory_percent: float | None
    io_latency_ms: float | None


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Measure:
    """What a figure was in the interval that ended at ``at``."""

    at: datetime.datetime
    value: float
