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
"""Which metrics are not kept for as long as histories reach back."""

from collections.abc import Iterable
from collections.abc import Mapping
import datetime

from oslo_log import log as logging

from shadow_reserve.cloud import exceptions
from shadow_reserve.cloud import gnocchi
from shadow_reserve.usage.gnocchi import members as gnocchi_members
from shadow_reserve.usage.gnocchi import meters as meters
from shadow_reserve.usage import series as series_module

LOG = logging.getLogger(__name__)

#: What is known may be as old as this.
_REFRESH = datetime.timedelta(hours=1)


class Spans:
    """Asks now and then, and for all metrics at once: it is archive policies
    that are too short, of which there are few."""

    def __init__(self, door: gnocchi_members.Door) -> None:
        self._door = door
        self._known_to = datetime.datetime.min.replace(tzinfo=datetime.UTC)
        self._span: datetime.timedelta | None = None
        self._short: Mapping[str, gnocchi.ShortArchivePolicy] = {}

    def refresh(self, grid: series_module.Grid) -> None:
        """Before histories on that grid are told.

        Where it cannot be asked, what was known stays: histories are not
        worse for it.
        """
        span = grid.stop - grid.start
        if span == self._span and grid.stop < self._known_to + _REFRESH:
            return
        try:
            self._short = self._door.kept_short(
                (*meters.SERVER.metrics, *meters.DISK.metrics),
                grid.step, span)
        except exceptions.CloudError as error:
            LOG.info('Nobody knows for how long measures are kept: %s', error)
            return
        self._span, self._known_to = span, grid.stop

    def shortages(self, resources: Iterable[gnocchi.Resource],
                  ) -> list[gnocchi.ShortArchivePolicy]:
        """One for each name of a metric and archive policy."""
        found = {
            str(error): error for one in resources
            for metric_id in one.metrics.values()
            if (error := self._short.get(metric_id)) is not None}
        return [found[text] for text in sorted(found)]
