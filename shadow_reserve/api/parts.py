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

"""What the handlers are made with."""

from collections.abc import Callable
import dataclasses
import datetime

from keystoneauth1 import plugin

from shadow_reserve.api import access
from shadow_reserve.api import bodies
from shadow_reserve.api import queries
from shadow_reserve.cloud import capacity
from shadow_reserve.cloud import tenant
from shadow_reserve.cloud import trusts
from shadow_reserve.db import session
from shadow_reserve.lease import accounts
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow
from shadow_reserve.shadow import moves
from shadow_reserve.trigger import decision


@dataclasses.dataclass(frozen=True, kw_only=True)
class Parts:
    """Everything that a handler may need.

    ``cloud_of`` gives the cloud as the owner of some credentials sees it,
    ``capacity`` reads all hosts with the rights of the service user,
    ``rehearse`` tells what the trigger would decide of a reservation now
    (``None`` when nobody has measured it), ``wake`` has the engines look
    at a reservation, and ``clock`` tells the time, in UTC.
    """

    database: session.Database
    access: access.Access
    bodies: bodies.Bodies
    pages: queries.Pages
    accounts: accounts.Accounts
    moves: moves.Moves
    trusts: trusts.Trusts
    cloud_of: Callable[[plugin.BaseAuthPlugin], tenant.TenantCloud]
    capacity: capacity.Capacity
    rehearse: Callable[
        [reservation.ReservationRecord, list[shadow.ShadowInstance],
         datetime.datetime], decision.Judgement | None]
    wake: Callable[[str], None]
    clock: Callable[[], datetime.datetime]
