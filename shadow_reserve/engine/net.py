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

"""The net under the bus: what no alarm tells, the engine sees itself."""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import datetime
import functools
import logging
import threading
import time

from prometheus_client import core
from prometheus_client import registry
from sqlalchemy import orm

from shadow_reserve.cloud import aodh as cloud_aodh
from shadow_reserve.cloud import exceptions as cloud_exceptions
from shadow_reserve.db import journal as db_journal
from shadow_reserve.db import session as db_session
from shadow_reserve.engine import due
from shadow_reserve.engine import echo as engine_echo
from shadow_reserve.records import journal
from shadow_reserve.records import reservation
from shadow_reserve.records import usage
from shadow_reserve.trigger import alarms as trigger_alarms
from shadow_reserve.trigger import rules as trigger_rules
from shadow_reserve.trigger import watch
from shadow_reserve.usage import parallel
from shadow_reserve.usage import source as usage_source

LOG = logging.getLogger(__name__)

ON, OFF = 'trigger.net_on', 'trigger.net_off'

#: What was not measured at all is looked for again after so long.
_UNMEASURED = datetime.timedelta(minutes=10)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """From the operator's configuration.

    ``interval`` is between two looks at live usage, ``patience`` for how
    long an alarm may be without data or evaluation. ``defaults`` are those
    of alarms; live usage is of their granularity. ``concurrency`` bounds
    the requests at once.
    """

    interval: datetime.timedelta
    patience: datetime.timedelta
    defaults: trigger_rules.Defaults
    concurrency: int


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class _Watched:
    record: reservation.ReservationRecord
    application: usage.Application
    reason: watch.Reason


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Alarmed:
    """``metrics`` are over their thresholds for long enough, if any are;
    ``why`` is said of the alarms that should have told."""

    metrics: tuple[str, ...]
    why: str


class Net:
    """Evaluates applications whose alarms are of no use just now.

    What it keeps may be lost at any time: then it takes a little longer
    until it believes what it sees. Each engine has one, and none of them
    hinders another: they only wake passes.

    :param wake: called with the token of a reservation to look at
    """

    def __init__(self, database: db_session.Database,
                 source: usage_source.MetricSource, aodh: cloud_aodh.Aodh,
                 bus: engine_echo.Echo, wake: Callable[[str], None],
                 terms: Terms) -> None:
        self._database = database
        self._source = source
        self._aodh = aodh
        self._bus = bus
        self._wake = wake
        self._terms = terms
        self._lock = threading.Lock()
        self._watched: dict[str, _Watched] = {}
        self._since: dict[str, datetime.datetime] = {}
        self._runs: dict[str, watch.Run] = {}
        self._paused: dict[str, datetime.datetime] = {}
        self._looked: datetime.datetime | None = None
        self._standing: set[str] | None = None
        self._told: set[str] | None = None
        self._counts: dict[watch.Cause, int] = {}

    def look(self, facts: Sequence[due.Facts],
             outlooks: Mapping[str, due.Outlook | None],
             now: datetime.datetime) -> None:
        """Take note of what a round has seen."""
        watched = self._find(facts, outlooks, now)
        with self._lock:
            self._watched = watched
            for kept in (self._runs, self._paused):
                for token in kept.keys() - watched.keys():
                    del kept[token]
        self._tell_log(watched)
        # Of one that could not be looked at, or whose alarms have another
        # trouble meanwhile, nothing new is known.
        sound = {one.record.token for one in facts
                 if one.seen is not None} - watched.keys()
        self._tell_owners({
            token: one.reason for token, one in watched.items()
            if one.reason.cause is watch.Cause.NO_DATA}, sound, now)

    def run(self, now: datetime.datetime) -> None:
        """Look at the live usage of all that are watched, once.

        That may take many times the interval when there are thousands;
        then they are looked at so much less often.
        """
        begun = time.monotonic()

        def live_of(one: _Watched) -> usage.LiveUsage | None:
            passed = datetime.timedelta(seconds=time.monotonic() - begun)
            return self._source.live(
                one.application, now + passed, vcpus=one.record.size.vcpus,
                memory_mib=one.record.size.memory_mib)

        pace = max(self._terms.interval, now - (self._looked or now))
        self._looked = now
        with self._lock:
            asked = [one for token, one in self._watched.items()
                     if now >= self._paused.get(token, now)]
        failed = None
        for place, live in parallel.gather(
                [functools.partial(live_of, one) for one in asked],
                self._terms.concurrency):
            if isinstance(live, cloud_exceptions.CloudError):
                failed = live
            else:
                self._follow(asked[place], live, now, 2 * pace)
        if failed is not None:
            raise failed

    def ask(self) -> None:
        """While the bus is silent, find out what it would have told."""
        if not self._bus.is_silent:
            self._standing = None
            return
        standing = {
            token for alarm in self._aodh.list_alarms(state='alarm')
            if (token := trigger_alarms.token_of(alarm.name))}
        for token in sorted(standing - (self._standing or set())):
            LOG.info('An alarm of reservation %s stands', token)
            self._wake(token)
        self._standing = standing

    def alarmed(self, token: str) -> Alarmed | None:
        """What the reservation's alarms would say just now; ``None`` where
        they can say it themselves."""
        with self._lock:
            one, run = self._watched.get(token), self._runs.get(token)
        if one is None:
            return None
        return Alarmed(metrics=self._lasting(run, one.record.policy),
                       why=one.reason.message)

    def _lasting(self, run: watch.Run | None,
                 policy: reservation.Policy) -> tuple[str, ...]:
        """Metrics that were over for as long as their alarm would ask."""
        return () if run is None else run.lasting(
            trigger_rules.evaluation_time(policy, self._terms.defaults))

    def watched(self) -> Mapping[watch.Cause, int]:
        """How many reservations are watched, by cause."""
        with self._lock:
            return dict(self._counts)

    def _find(self, facts: Sequence[due.Facts],
              outlooks: Mapping[str, due.Outlook | None],
              now: datetime.datetime) -> dict[str, _Watched]:
        alarms = next((one.alarms for one in facts
                       if one.alarms is not None), None)
        manner = watch.manner_of(list((alarms or {}).values()))
        since: dict[str, datetime.datetime] = {}
        found = {}
        for one in facts:
            record = one.record
            if (record.status is not reservation.ReservationStatus.ACTIVE
                    or one.seen is None):
                continue
            application = one.seen.application
            outlook = outlooks.get(record.token)
            reason = watch.why(
                watch.Subject(
                    record=record, alarm_ids=one.alarm_ids,
                    running=len(application.server_ids),
                    recent=outlook.recent if outlook else ()),
                alarms, manner, now, self._terms.patience)
            if reason is None:
                continue
            if reason.cause is watch.Cause.NO_DATA:
                # Every alarm begins so, and Aodh does not say since when.
                first = self._since.get(record.token, now)
                since[record.token] = first
                if (now - first < self._terms.patience
                        and record.token not in self._known()):
                    continue
            found[record.token] = _Watched(
                record=record, application=application, reason=reason)
        self._since = since
        return found

    def _follow(self, one: _Watched, live: usage.LiveUsage | None,
                now: datetime.datetime, gap: datetime.timedelta) -> None:
        token, policy = one.record.token, one.record.policy
        with self._lock:
            run = watch.followed(
                self._runs.get(token), live, policy, datetime.timedelta(
                    seconds=self._terms.defaults.granularity), gap)
            if run is not None and token in self._watched:
                self._runs[token] = run
            else:
                self._runs.pop(token, None)
            if live is None or one.reason.is_nothing_to_see(live):
                self._paused[token] = now + _UNMEASURED
        metrics = self._lasting(run, policy)
        if metrics:
            LOG.info('Reservation %s: %s over the threshold, and no alarm '
                     'is to be expected: %s', token, ' and '.join(metrics),
                     one.reason.message)
            self._wake(token)

    def _known(self) -> set[str]:
        """Those whose owners were told that they are watched."""
        if self._told is None:
            self._told = self._database.read(
                lambda session: db_journal.tokens_where_latest(
                    session, ON, OFF))
        return self._told

    def _tell_owners(self, reasons: Mapping[str, watch.Reason],
                     sound: set[str], now: datetime.datetime) -> None:
        """Events where the cause is the reservation's own."""
        known = self._known()
        begun = reasons.keys() - known
        over = known & sound
        if begun or over:
            self._database.write(functools.partial(
                _write, reasons=reasons, begun=begun, over=over, now=now))
        self._told = (known | begun) - over

    def _tell_log(self, watched: Mapping[str, _Watched]) -> None:
        """One line a cause, however many reservations it has."""
        counts: dict[watch.Cause, int] = {}
        example: dict[watch.Cause, watch.Reason] = {}
        for one in watched.values():
            cause = one.reason.cause
            counts[cause] = counts.get(cause, 0) + 1
            example.setdefault(cause, one.reason)
        for cause in watch.Cause:
            before, after = self._counts.get(cause, 0), counts.get(cause, 0)
            if after and not before:
                LOG.warning(
                    '%d reservations are watched without their alarms '
                    '(%s). The first: %s', after, cause.value,
                    example[cause].message)
            elif before and not after:
                LOG.info('No reservation is watched any more for the cause '
                         '%s', cause.value)
        with self._lock:
            self._counts = counts


class Collector(registry.Collector):
    """The net as Prometheus metrics, of this engine."""

    def __init__(self, net: Net, bus: engine_echo.Echo) -> None:
        self._net = net
        self._bus = bus

    def collect(self) -> Iterable[core.Metric]:
        watched = core.GaugeMetricFamily(
            'shadow_reserve_net_watched', 'Reservations that the engine '
            'evaluates itself, since their alarms are of no use.',
            labels=('cause',))
        counts = self._net.watched()
        for cause in watch.Cause:
            watched.add_metric((cause.value,), counts.get(cause, 0))
        yield watched
        yield core.GaugeMetricFamily(
            'shadow_reserve_bus_silent', 'Whether the engine hears nothing '
            'over the message bus.', value=int(self._bus.is_silent))


def _write(session: orm.Session, reasons: Mapping[str, watch.Reason],
           begun: Iterable[str], over: Iterable[str],
           now: datetime.datetime) -> None:
    for token in sorted(begun):
        if not _is_told(session, token):
            db_journal.record(
                session, token, now, ON,
                f'{reasons[token].message}; the engine looks at its usage '
                f'itself', journal.Severity.WARNING,
                cause=reasons[token].cause.value)
    for token in sorted(over):
        if _is_told(session, token):
            db_journal.record(session, token, now, OFF,
                              'it is left to its alarms again')


def _is_told(session: orm.Session, token: str) -> bool:
    """By whichever engine."""
    latest = db_journal.latest_event(session, token, 'trigger.net_%')
    return latest is not None and latest.kind == ON
