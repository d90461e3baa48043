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

"""What is known of the series, kept from one forecast to the next.

It may be lost at any time: it is worked out again from the histories.
"""

from collections.abc import Sequence
import datetime
import zlib

from shadow_reserve.usage import forecaster
from shadow_reserve.usage import refreshing
from shadow_reserve.usage import series as series_module

DAY = datetime.timedelta(days=1)


class Memory:
    """Of the series of one engine, under one model."""

    def __init__(self) -> None:
        self._fitted: forecaster.FittedModel | None = None
        self._known: refreshing.Refreshed | None = None

    def of(self, series: Sequence[series_module.DemandSeries],
           fitted: forecaster.FittedModel) -> refreshing.Refreshed | None:
        """Look at what is new or a day old; forget all other series.

        Under another model than before, everything is new.

        :returns: for ``fitted.profiles``
        """
        known = self._known if self._fitted is fitted else None
        fresh = [one for one in series if known is None or not (
            refreshing.key_of(one) in known.place and _is_fresh(one, known))]
        again = {id(one) for one in fresh}
        still = [one for one in series if id(one) not in again]
        parts = [known.taken(still)] if known is not None and still else []
        found = fitted.refreshed(fresh) if fresh else None
        if found is not None:
            parts.append(found)
        self._fitted = fitted
        self._known = refreshing.joined(parts) if parts else None
        return self._known


def _is_fresh(series: series_module.DemandSeries,
              known: refreshing.Refreshed) -> bool:
    """Each series has a day of its own, so that a fleet that was first
    seen all at once is not looked at all at once on each day to come."""
    phase = datetime.timedelta(seconds=zlib.crc32(
        series.token.encode()) % int(DAY.total_seconds()))
    before = known.ends[known.place[refreshing.key_of(series)]]
    return ((series.end + phase - series_module.EPOCH) // DAY
            == (before + phase - series_module.EPOCH) // DAY)
