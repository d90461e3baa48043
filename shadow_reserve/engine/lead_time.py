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

"""Knows how long a build or a promotion takes in this cloud just now."""

from collections.abc import Callable
import datetime

from sqlalchemy import orm

from shadow_reserve.db import journal as db_journal
from shadow_reserve.db import session as db_session
from shadow_reserve.shadow import lead

#: So many builds are looked at, and so often.
_BUILDS = 100
_REFRESH = datetime.timedelta(minutes=10)


class LeadTime:
    """Learned from those of all reservations, and kept for a while.

    Threads may ask at once: at worst two of them look.

    :param default: for as long as there were too few
    :param longest: what takes longer is given up
    :param times: reads how long the latest ones took
    """

    def __init__(self, database: db_session.Database,
                 default: datetime.timedelta,
                 longest: datetime.timedelta,
                 times: Callable[[orm.Session, int],
                                 list[datetime.timedelta]]
                 = db_journal.build_times) -> None:
        self._database = database
        self._default = default
        self._longest = longest
        self._times = times
        self._known: tuple[datetime.datetime, datetime.timedelta] | None = (
            None)

    def at(self, now: datetime.datetime) -> datetime.timedelta:
        """From the intent until nearly all were done."""
        known = self._known
        if known is not None and now - known[0] < _REFRESH:
            return known[1]
        builds = self._database.read(
            lambda session: self._times(session, _BUILDS))
        learned = lead.lead_time(builds, self._default, self._longest)
        self._known = now, learned
        return learned
