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

from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
import dataclasses

from shadow_reserve.cloud import nova as cloud_nova
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


def observe(nova: cloud_nova.Nova, record: reservation.ReservationRecord,
            members: list[shadow.ShadowInstance]) -> Observation:
    """Ask Nova for the reservation's shadow and its application."""
    return compose(
        record, members, nova.list_shadow_servers(record.token),
        nova.list_members(record.project_id, record.selector))


def compose(record: reservation.ReservationRecord,
            members: Collection[shadow.ShadowInstance],
            shadow_servers: Iterable[shadow.Server],
            found: Collection[str]) -> Observation:
    """Put together what was listed.

    :param found: ids of the servers that run and that the reservation's
        selector finds
    """
    servers: dict[str, shadow.Server] = {}
    known = {member.server_id for member in members}
    for server in shadow_servers:
        # The one that is written down wins over one made by a request
        # whose answer was lost; that one is swept away.
        if server.server_id in known or server.instance_id not in servers:
            servers[server.instance_id] = server
    shadow_ids = {server.server_id for server in servers.values()} | known
    serving = {member.server_id for member in members
               if member.state is shadow.InstanceState.ALLOCATED}
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
