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

"""Keeps the I/O latency of all active reservations where Aodh sees it."""

from collections.abc import Callable
from collections.abc import Sequence
import datetime
import logging

from shadow_reserve.cloud import exceptions as cloud_exceptions
from shadow_reserve.engine import due
from shadow_reserve.records import reservation
from shadow_reserve.trigger import gauge as trigger_gauge
from shadow_reserve.usage import source as usage_source

LOG = logging.getLogger(__name__)


class Latencies:
    """Writes the latencies of those reservations that have a threshold.

    Engines that do it at the same time write the same; one that misses a
    turn writes the last few intervals at the next.

    :param facts: what the last round saw
    """

    def __init__(self, facts: Callable[[], Sequence[due.Facts]],
                 source: usage_source.MetricSource,
                 gauge: trigger_gauge.Gauge) -> None:
        self._facts = facts
        self._source = source
        self._gauge = gauge

    def run(self, now: datetime.datetime) -> None:
        """One turn over all of them.

        :raises CloudError: when they cannot be written
        """
        watched = {
            facts.record.token: facts.seen.application
            for facts in self._facts() if facts.seen is not None
            and facts.record.status is reservation.ReservationStatus.ACTIVE
            and facts.record.policy.io_latency_threshold is not None}
        measures = {}
        failures: set[str] = set()
        for token, found in self._source.latencies(
                list(watched.values()), now).items():
            if isinstance(found, cloud_exceptions.CloudError):
                failures.add(str(found))
            elif found:
                measures[token] = found
        for text in sorted(failures):
            LOG.warning('The I/O latency of some is not known: %s', text)
        if measures:
            self._gauge.push(measures, {
                token: application.project_id
                for token, application in watched.items()})
