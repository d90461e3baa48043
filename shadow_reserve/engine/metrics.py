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

"""The capacity view, and what was decided, as Prometheus metrics.

All but the last are of the whole cloud, whichever engine tells them. None
says whose anything is.
"""

from collections.abc import Callable
from collections.abc import Iterable
import logging
import threading
from typing import Any

import prometheus_client
from prometheus_client import core
from prometheus_client import registry

from shadow_reserve.cloud import capacity as cloud_capacity
from shadow_reserve.cloud import exceptions as cloud_exceptions
from shadow_reserve.db import holdings as db_holdings
from shadow_reserve.db import journal as db_journal
from shadow_reserve.db import promotions as db_promotions
from shadow_reserve.db import session as db_session
from shadow_reserve.engine import known as engine_known
from shadow_reserve.records import promotion
from shadow_reserve.shadow import occupancy

LOG = logging.getLogger(__name__)

#: Seconds; scrapes that come closer together see the same reading.
_MAXIMUM_AGE = 30.0

_PREFIX = 'shadow_reserve'
#: Seconds; from what is ours of a promotion to what a slow cloud takes.
_BUCKETS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 60, 120, 300)
_LABELS = ('host', 'zone', 'resource_class')


class Collector(registry.Collector):
    """Reads everything at each scrape.

    :param without_host: how many servers this engine has heard of that
        found no host
    """

    def __init__(self, database: db_session.Database,
                 known: engine_known.Known,
                 cloud: cloud_capacity.Capacity,
                 without_host: Callable[[], int]) -> None:
        self._database = database
        self._known = known
        self._cloud = cloud
        self._without_host = without_host
        self._lock = threading.Lock()
        self._events: dict[str, int] = {}
        _, self._last_event = database.read(
            lambda session: db_holdings.count_events(session, None))
        self._promotions = _Promotions(database)

    def collect(self) -> Iterable[core.Metric]:
        yield from self._capacity()
        members = core.GaugeMetricFamily(
            f'{_PREFIX}_members', 'Shadow instances.',
            labels=('state', 'tier'))
        for labels, count in self._database.read(
                db_holdings.count_by_state).items():
            members.add_metric(labels, count)
        yield members
        events = core.CounterMetricFamily(
            f'{_PREFIX}_events', 'Events of all reservations since this '
            'engine started.', labels=('kind',))
        for kind, count in self._count_events().items():
            events.add_metric((kind,), count)
        yield events
        yield core.GaugeMetricFamily(
            f'{_PREFIX}_events_unannounced', 'Events that were not sent as '
            'notifications yet.', value=self._database.read(
                db_journal.count_unannounced))
        with self._lock:
            yield from self._promotions.collect()
        yield core.CounterMetricFamily(
            f'{_PREFIX}_servers_without_host', 'Servers of tenants for '
            'which Nova found no host, as far as this engine heard of '
            'them.', value=self._without_host())

    def _capacity(self) -> Iterable[core.Metric]:
        """None at all when the cloud cannot be read: what is old would be
        taken for new."""
        up = core.GaugeMetricFamily(
            f'{_PREFIX}_capacity_readable', 'Whether Nova and Placement '
            'said what there is.')
        try:
            cloud = self._cloud.read(_MAXIMUM_AGE)
        except cloud_exceptions.CloudError:
            up.add_metric((), 0)
            yield up
            return
        up.add_metric((), 1)
        yield up
        yield from _families(occupancy.of_hosts(
            cloud, self._known.read().holdings()))

    def _count_events(self) -> dict[str, int]:
        with self._lock:
            counts, self._last_event = self._database.read(
                lambda session: db_holdings.count_events(
                    session, self._last_event))
            for kind, count in counts.items():
                self._events[kind] = self._events.get(kind, 0) + count
            return dict(self._events)


class _Promotions:
    """Promotions since the start, each counted once: when its server is
    where it should be, or when it has come to nothing."""

    def __init__(self, database: db_session.Database) -> None:
        self._database = database
        self._last = database.read(db_promotions.last_sequence)
        self._under_way: set[int] = set()
        self._count = prometheus_client.Counter(
            f'{_PREFIX}_promotions', 'Promotions of all reservations that '
            'came to an end, good or bad, since this engine started.',
            ('source', 'outcome'), registry=None)
        self._legs = prometheus_client.Histogram(
            f'{_PREFIX}_promotion_leg_seconds', 'How long the parts of '
            'these promotions took.', ('leg', 'tier'), registry=None,
            buckets=_BUCKETS)

    def collect(self) -> Iterable[core.Metric]:
        for sequence, one in self._database.read(
                lambda session: db_promotions.list_since(
                    session, self._last, self._under_way)):
            self._last = max(self._last, sequence)
            if one.joined_at is None and one.ended_at is None:
                self._under_way.add(sequence)
            else:
                self._under_way.discard(sequence)
                self._add(one)
        yield from self._count.collect()
        yield from self._legs.collect()

    def _add(self, one: promotion.Promotion) -> None:
        served = one.outcome is not promotion.Outcome.FAILED
        self._count.labels(
            one.signal.source.value, 'served' if served else 'failed').inc()
        for name, length in one.legs.items():
            if length is not None:
                self._legs.labels(name, one.tier.value).observe(
                    max(length.total_seconds(), 0.0))


def serve(collector: registry.Collector, address: str, port: int,
          *more: registry.Collector) -> Any:
    """Answer GET /metrics in a thread.

    :returns: the server, with a method ``shutdown``; ``None`` when the
        address cannot be had, without which the engine works all the same
    """
    own = prometheus_client.CollectorRegistry()
    for each in (collector, *more):
        own.register(each)
    try:
        server, _ = prometheus_client.start_http_server(
            port, address, registry=own)
    except OSError as error:
        LOG.error('There are no metrics at %s port %s: %s',
                  address, port, error)
        return None
    return server


def _families(hosts: Iterable[occupancy.HostOccupancy],
              ) -> list[core.Metric]:
    def gauge(name: str, text: str, *more: str) -> core.GaugeMetricFamily:
        return core.GaugeMetricFamily(
            f'{_PREFIX}_{name}', f'{text}, in Placement\'s units.',
            labels=(*_LABELS, *more))
    whole = gauge('capacity', 'What may be given away')
    tenants = gauge('used_by_tenants', 'What is used but by idle shadow')
    shadow = gauge('held_as_shadow', 'What idle shadow holds', 'tier')
    free = gauge('free', 'What may still be given away')
    oversold = gauge('oversold', 'What is used beyond the physical amount')
    for host in hosts:
        for name, one in host.classes.items():
            labels = (host.host, host.zone, name)
            whole.add_metric(labels, one.capacity)
            tenants.add_metric(labels, one.tenants)
            free.add_metric(labels, one.free)
            oversold.add_metric(labels, one.oversold)
            for tier, amount in one.shadow.items():
                shadow.add_metric((*labels, tier.value), amount)
    return [whole, tenants, shadow, free, oversold]
