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
"""What an audit looks at, and what it says of it."""

from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
import dataclasses
import datetime
import enum

from shadow_reserve.cloud import aodh as cloud_aodh
from shadow_reserve.cloud import placement_audit
from shadow_reserve.cloud import trusts as cloud_trusts
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow
from shadow_reserve.records import volume


class Mend(enum.StrEnum):
    """What puts a finding right."""

    DELETE_SERVER = 'delete the server'
    DELETE_ALARM = 'delete the alarm'
    DELETE_METRIC = 'delete the metric'
    DELETE_TRUST = 'delete the trust'
    DELETE_VOLUME = 'delete the volume'
    REMOVE_CLAIM = 'remove the claim, as it was seen'
    REPLACE_CLAIM = 'remove the claim, for the engine to claim anew'
    #: Write into the row on which host Placement says it is.
    CORRECT_HOST = 'correct the record'
    FORGET_MEMBER = 'forget the member'
    FORGET_ALARM = 'forget the alarm'
    #: Its next pass does it.
    ENGINE = 'the engine'
    HAND = 'by hand'


class Kind(enum.StrEnum):
    SERVER_WITHOUT_MEMBER = 'server-without-member'
    SERVER_TWICE = 'server-twice'
    SERVER_OF_ENDED = 'server-of-ended-reservation'
    SERVER_UNKNOWN = 'server-of-unknown-reservation'
    MEMBER_WITHOUT_SERVER = 'member-without-server'
    MEMBER_OF_ENDED = 'member-of-ended-reservation'
    MEMBER_ELSEWHERE = 'member-elsewhere'
    SERVER_CLAIM_MISSING = 'server-without-claim'
    SERVER_CLAIM_LEFT = 'offloaded-server-with-claim'
    CLAIM_WITHOUT_MEMBER = 'claim-without-member'
    CLAIM_LEFT = 'claim-left'
    CLAIM_MISSING = 'claim-missing'
    CLAIM_ELSEWHERE = 'claim-elsewhere'
    CLAIM_AMOUNTS = 'claim-of-other-amounts'
    TRUST_WITHOUT_RESERVATION = 'trust-without-reservation'
    TRUST_MISSING = 'trust-missing'
    ALARM_WITHOUT_RECORD = 'alarm-without-record'
    ALARM_MISSING = 'alarm-missing'
    VOLUME_WITHOUT_MEMBER = 'volume-without-member'
    VOLUME_UNKNOWN = 'volume-of-unknown-reservation'
    VOLUME_MISSING = 'volume-missing'
    METRIC_OF_ENDED = 'metric-of-ended-reservation'


#: What the engine's sweep mends without being asked: things that nothing
#: points to, claims that hold room for nobody, and records that say what is
#: not held any more.
ALONE = frozenset({
    Kind.SERVER_WITHOUT_MEMBER, Kind.SERVER_TWICE, Kind.SERVER_OF_ENDED,
    Kind.CLAIM_WITHOUT_MEMBER, Kind.CLAIM_LEFT, Kind.CLAIM_MISSING,
    Kind.TRUST_WITHOUT_RESERVATION, Kind.ALARM_WITHOUT_RECORD,
    Kind.METRIC_OF_ENDED})


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that does not agree.

    ``identifier`` is that of the thing: a server's, an alarm's, a
    trust's, or a member's. ``evidence`` is what it was judged by:
    where that changes, something is under way. ``host``, ``member`` and
    ``generation``, that of a claim, are what the mending needs.
    """

    kind: Kind
    identifier: str
    message: str
    mend: Mend
    token: str | None = None
    evidence: tuple[object, ...] = ()
    host: str | None = None
    member: shadow.ShadowInstance | None = None
    generation: int | None = None

    @property
    def key(self) -> tuple[object, ...]:
        return (self.kind, self.identifier, self.generation,
                *self.evidence)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What everybody says, as nearly at the same time as may be.

    ``servers`` are those marked as ours. ``claims`` is what each
    consumer holds, also those of Nova; ``None`` when nobody looked.
    ``reservations`` are the live ones and all others that are spoken
    of. ``gauges`` are those whose metric of ours Gnocchi has, by token;
    ``members`` and ``alarm_rows`` go by token, too. ``volumes`` are those
    that carry our metadata; ``None`` when nobody looked.
    """

    servers: Collection[shadow.Server]
    claims: Mapping[str, placement_audit.Holding] | None
    trusts: Collection[cloud_trusts.Trust]
    alarms: Collection[cloud_aodh.Alarm]
    gauges: Collection[str]
    reservations: Mapping[str, reservation.ReservationRecord]
    members: Mapping[str, Collection[shadow.ShadowInstance]]
    alarm_rows: Mapping[str, Mapping[str, str | None]]
    volumes: Collection[volume.Volume] | None = None
    volume_rows: Collection[volume.ShadowVolume] = ()

    def is_live(self, token: str) -> bool:
        record = self.reservations.get(token)
        return (record is not None
                and record.status in reservation.LIVE_STATUSES)


class Watch:
    """Remembers findings until they are old enough to be believed.

    :param grace: for how long each look must have found the same
    """

    def __init__(self, grace: datetime.timedelta) -> None:
        self._grace = grace
        self._first_seen: dict[tuple[object, ...], datetime.datetime] = {}

    def believed(self, seen: Iterable[Finding],
                 now: datetime.datetime) -> list[Finding]:
        """Those of the findings of a look that have been there for long.

        What a look does not find any more is forgotten.
        """
        found = list(seen)
        self._first_seen = {
            finding.key: self._first_seen.get(finding.key, now)
            for finding in found}
        return [finding for finding in found
                if now - self._first_seen[finding.key] >= self._grace]
