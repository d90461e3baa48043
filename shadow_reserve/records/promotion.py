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


"""One promotion of one member, leg by leg."""

import dataclasses
import datetime
import enum
import itertools

from shadow_reserve.records import holding


class Source(enum.StrEnum):
    """What made us promote."""

    #: A notification of an alarm that was then read back from Aodh.
    ALARM = 'alarm'
    #: The engine's own look at live usage while an alarm stands.
    USAGE = 'usage'
    #: The same, while nothing is to be expected of alarms.
    NET = 'net'
    #: The forecast, before any alarm.
    AHEAD = 'ahead'
    BY_HAND = 'by_hand'
    #: Its server was put to use by somebody else.
    OUTSIDE = 'outside'


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Signal:
    """Why members are promoted, and when that became known.

    ``metric`` is the one that an alarm looks at. ``signalled_at`` is when
    Aodh changed its state, ``heard_at`` when its notification came here.
    """

    source: Source
    metric: str | None = None
    signalled_at: datetime.datetime | None = None
    heard_at: datetime.datetime | None = None


BY_HAND = Signal(source=Source.BY_HAND)


class Outcome(enum.StrEnum):
    UNDER_WAY = 'under_way'
    SERVING = 'serving'
    #: It served, and went back or away.
    ENDED = 'ended'
    #: It never came to serve.
    FAILED = 'failed'


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Promotion:
    """From the signal to the end of service; times not yet come are
    ``None``.

    ``claimed_at`` is when it was decided and written down,
    ``requested_at`` when Nova was asked, ``active_at`` when its server was
    seen to run, ``joined_at`` when the last hook had been run, and
    ``ended_at`` when it failed or stopped serving. ``useful`` says of one
    ahead of the alarm whether its threshold was crossed after all.
    """

    promotion_id: str
    token: str
    instance_id: str
    server_id: str | None
    tier: holding.Tier
    signal: Signal
    claimed_at: datetime.datetime
    requested_at: datetime.datetime | None = None
    active_at: datetime.datetime | None = None
    joined_at: datetime.datetime | None = None
    ended_at: datetime.datetime | None = None
    outcome: Outcome = Outcome.UNDER_WAY
    reason: str = ''
    useful: bool | None = None

    @property
    def legs(self) -> dict[str, datetime.timedelta | None]:
        """How long each part took; ``None`` where an end of it is not
        known. Aodh's clock may be another one than ours, so that the first
        may be negative."""
        times = (('signalled', self.signal.signalled_at),
                 ('heard', self.signal.heard_at),
                 ('claimed', self.claimed_at),
                 ('requested', self.requested_at),
                 ('active', self.active_at),
                 ('joined', self.joined_at))
        return {
            f'{first}_to_{second}': None if start is None or end is None
            else end - start
            for (first, start), (second, end) in itertools.pairwise(times)}
