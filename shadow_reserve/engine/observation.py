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

"""What there is of one reservation, as the services say it just now."""

from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
from typing import Protocol

from shadow_reserve.records import reservation
from shadow_reserve.records import shadow
from shadow_reserve.records import usage

#: What Ceilometer keeps of a server's metadata: under this key, it is the
#: attribute ``server_group`` of the instance in Gnocchi.
METERED_KEY = 'metering.server_group'


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Observation:
    """``servers`` are those of shadow instances, by instance id."""

    servers: Mapping[str, shadow.Server]
    application: usage.Application
    primary: int


class Listing(Protocol):
    """Nova, or what it said in a listing of many servers."""

    def list_shadow_servers(self, token: str) -> Sequence[shadow.Server]:
        """Servers of one reservation's shadow."""

    def list_members(
            self, project_id: str,
            selector: reservation.Selector) -> Sequence[str]:
        """Ids of a project's servers that run and that it finds."""


def observe(listing: Listing, record: reservation.ReservationRecord,
            members: Sequence[shadow.ShadowInstance]) -> Observation:
    """Look at the reservation's shadow and its application."""
    servers: dict[str, shadow.Server] = {}
    known = {member.server_id for member in members}
    for server in listing.list_shadow_servers(record.token):
        # The one that is written down wins over one made by a request
        # whose answer was lost; that one is swept away.
        if server.server_id in known or server.instance_id not in servers:
            servers[server.instance_id] = server
    shadow_ids = {server.server_id for server in servers.values()} | known
    serving = {member.server_id for member in members
               if member.state is shadow.InstanceState.ALLOCATED}
    found = listing.list_members(record.project_id, record.selector)
    primary = [server_id for server_id in found
               if server_id not in shadow_ids]
    metered = (record.selector.kind is reservation.SelectorKind.METADATA
               and record.selector.key == METERED_KEY)
    return Observation(
        servers=servers, primary=len(primary),
        application=usage.Application(
            token=record.token, project_id=record.project_id,
            server_ids=tuple(sorted(
                primary + [server_id for server_id in found
                           if server_id in serving])),
            server_group=record.selector.value if metered else None,
            vcpus=record.size.vcpus))
