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
from shadow_reserve.cloud import gnocchi_session
from shadow_reserve.usage.gnocchi import members as gnocchi_members
from shadow_reserve.usage.gnocchi import meters as meters

LOG = logging.getLogger(__name__)

#: What is known may be as old as this.
_REFRESH = datetime.timedelta(days=1)


class Spans:
    """Asks now and then, and for all metrics at once: it is archive policies
    that are too short, of which there are few."""

    def __init__(self, door: gnocchi_members.Door,
                 step: datetime.timedelta) -> None:
        self._door = door
        self._step = step
        self._known_to = datetime.datetime.min.replace(tzinfo=datetime.UTC)
        self._span: datetime.timedelta | None = None
        self._short: Mapping[str, str] = {}

    def refresh(self, start: datetime.datetime,
                stop: datetime.datetime) -> None:
        """Before histories between two times are told.

        Where it cannot be asked, what was known stays: histories are not
        worse for it.
        """
        span = stop - start
        if span == self._span and stop < self._known_to + _REFRESH:
            return
        try:
            self._short = self._door.kept_short(
                (*meters.SERVER.metrics, *meters.DISK.metrics),
                self._step, span)
        except exceptions.CloudError as error:
            LOG.info('Nobody knows for how long measures are kept: %s', error)
            return
        self._span, self._known_to = span, stop

    def shortages(self, resources: Iterable[gnocchi.Resource],
                  ) -> list[gnocchi.ShortArchivePolicy]:
        """One for each archive policy, with the names of the metrics."""
        found: dict[str, set[str]] = {}
        for one in resources:
            for name, metric_id in one.metrics.items():
                if metric_id in self._short:
                    found.setdefault(self._short[metric_id], set()).add(name)
        return [gnocchi.ShortArchivePolicy(
            gnocchi_session.SERVICE, f'of {", ".join(sorted(names))}: {text}')
            for text, names in sorted(found.items())]
