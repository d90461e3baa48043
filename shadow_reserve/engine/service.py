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

"""The engine: passes, forecasts, sweeps and the listener, put together."""

from collections.abc import Callable
import datetime
import sys
import threading
from typing import Any

import cotyledon
from cotyledon import types
from oslo_config import cfg
import oslo_messaging

from shadow_reserve.cloud import capacity as cloud_capacity
from shadow_reserve.cloud import compute_hosts as cloud_hosts
from shadow_reserve.cloud import doors as cloud_doors
from shadow_reserve.cloud import octavia as cloud_octavia
from shadow_reserve.cloud import placement as cloud_placement
from shadow_reserve.cloud import probe as cloud_probe
from shadow_reserve.cloud import volume_attachments as cloud_attachments
from shadow_reserve.cloud import webhook as cloud_webhook
from shadow_reserve.db import session as db_session
from shadow_reserve.engine import ahead as engine_ahead
from shadow_reserve.engine import announcer as engine_announcer
from shadow_reserve.engine import aside as engine_aside
from shadow_reserve.engine import bus as engine_bus
from shadow_reserve.engine import due as engine_due
from shadow_reserve.engine import echo as engine_echo
from shadow_reserve.engine import failures as engine_failures
from shadow_reserve.engine import fleet as engine_fleet
from shadow_reserve.engine import forecasting as engine_forecasting
from shadow_reserve.engine import garbage as engine_garbage
from shadow_reserve.engine import inspection as engine_inspection
from shadow_reserve.engine import known as engine_known
from shadow_reserve.engine import latencies as engine_latencies
from shadow_reserve.engine import lending as engine_lending
from shadow_reserve.engine import listener as engine_listener
from shadow_reserve.engine import metric_source
from shadow_reserve.engine import metrics as engine_metrics
from shadow_reserve.engine import model_keeper as engine_keeper
from shadow_reserve.engine import net as engine_net
from shadow_reserve.engine import pool as engine_pool
from shadow_reserve.engine import precedence as engine_precedence
from shadow_reserve.engine import promoter as engine_promoter
from shadow_reserve.engine import read_back as engine_read_back
from shadow_reserve.engine import reconciler as engine_reconciler
from shadow_reserve.engine import reflex as engine_reflex
from shadow_reserve.engine import room as engine_room
from shadow_reserve.engine import rounds as engine_rounds
from shadow_reserve.engine import scaling as engine_scaling
from shadow_reserve.engine import schedule as engine_schedule
from shadow_reserve.engine import sweep as engine_sweep
from shadow_reserve.engine import terms
from shadow_reserve.engine import worker as engine_worker
from shadow_reserve.lease import accounts as lease_accounts
from shadow_reserve.records import capacity
from shadow_reserve.shadow import claims as shadow_claims
from shadow_reserve.shadow import hook_requests as shadow_hook_requests
from shadow_reserve.shadow import joining as shadow_joining
from shadow_reserve.shadow import manager as shadow_manager
from shadow_reserve.shadow import member_steps
from shadow_reserve.shadow import moves as shadow_moves
from shadow_reserve.shadow import volume_steps as shadow_volume_steps
from shadow_reserve.shadow import volumes as shadow_volumes
from shadow_reserve.trigger import alarms as trigger_alarms
from shadow_reserve.trigger import gauge as trigger_gauge
from shadow_reserve.trigger import rules as trigger_rules
from shadow_reserve.usage import forecaster as usage_forecaster

#: Passes are spent waiting for other services, so a few run side by side.
_PASS_THREADS = 4

#: Seconds between two looks at the database for new reservations.
_FIND_INTERVAL = 5.0

#: Seconds between two looks at promotions that are under way.
_PROMOTION_INTERVAL = 2.0

#: Seconds for which a thread that computes may keep Python from the others.
#: An alarm's way to Nova waits for the database and for Aodh some twenty
#: times; beside three threads that only compute it took three times as long
#: with Python's own 5 ms.
_SWITCH_INTERVAL = 0.0005

#: Seconds between two looks at the database for events to announce.
_ANNOUNCE_INTERVAL = 1.0


class EngineService(cotyledon.Service):
    """One engine process."""

    name = 'shadow-reserve-engine'

    def __init__(self, worker_id: types.WorkerId,
                 conf: cfg.ConfigOpts) -> None:
        super().__init__(worker_id)
        self._conf = conf
        self._schedule = engine_schedule.Schedule()
        self._precedence = engine_precedence.Precedence()
        self._repeating: list[engine_worker.Repeating] = []
        self._promoter: engine_promoter.Promoter | None = None
        self._aside = engine_aside.Aside()
        self._listener: Any = None
        self._metrics: Any = None
        self._ended = threading.Event()

    def run(self) -> None:
        sys.setswitchinterval(_SWITCH_INTERVAL)
        self._build()
        for repeating in self._repeating:
            repeating.start()
        for number in range(_PASS_THREADS):
            threading.Thread(target=self._passes.work, daemon=True,
                             name=f'pass-{number}').start()
        # Last, and in a thread of its own: without a broker it waits for
        # ever, and the passes do their work without it.
        threading.Thread(target=self._listener.start, daemon=True,
                         name='listener').start()
        self._ended.wait()

    def terminate(self) -> None:
        """Nothing has to be finished: what is half done is done by the
        next engine."""
        for repeating in self._repeating:
            repeating.stop()
        self._schedule.close()
        self._aside.stop()
        if self._promoter is not None:
            self._promoter.stop()
        if self._listener is not None:
            self._listener.stop()
        if self._metrics is not None:
            self._metrics.shutdown()
        self._ended.set()

    def _build(self) -> None:
        conf = self._conf
        database = db_session.from_options(conf)
        doors = cloud_doors.from_options(conf)
        credentials, nova = doors.credentials, doors.nova
        aodh, trusts = doors.aodh, doors.trusts
        accounts = lease_accounts.Accounts(
            lease_accounts.rates_from_options(conf))
        moves = shadow_moves.Moves(database, accounts.charge)
        placement = cloud_placement.Placement(
            credentials.adapter('placement'))
        cloud = cloud_capacity.Capacity(
            credentials.adapter('placement'), credentials.adapter('nova'))
        known = engine_known.Known(database)
        room = engine_room.Room(
            database, known, cloud, terms.shares(conf), engine_worker.utcnow)
        joining = shadow_joining.Joining(
            database, shadow_hook_requests.HookRequests(
                nova, cloud_octavia.Octavia(
                    lambda session: credentials.adapter(
                        'octavia', session=session)),
                cloud_webhook.Webhooks(
                    conf.trigger.webhook_networks,
                    conf.trigger.webhook_ca_file), trusts),
            terms.seconds(conf.trigger.hook_timeout), engine_worker.utcnow)
        limits = terms.limits(conf)
        steps = member_steps.MemberSteps(
            database, moves, nova, placement,
            shadow_claims.Claims(
                database, moves, nova, placement,
                cloud_hosts.ComputeHosts(credentials.adapter('nova')),
                room),
            shadow_volumes.VolumeKeeper(
                database, moves,
                doors.cinder,
                cloud_attachments.VolumeAttachments(
                    lambda session: credentials.adapter(
                        'nova', session=session)),
                trusts, shadow_volume_steps.Limits(
                    timeout=terms.seconds(conf.shadow.build_timeout))),
            joining, cloud_probe.Prober(conf.shadow.probe_networks), trusts,
            limits)
        manager = shadow_manager.ShadowManager(
            database, moves, steps, joining, limits)
        alarms = trigger_alarms.AlarmKeeper(
            database, aodh, trigger_rules.defaults_from_options(conf))
        gauge = trigger_gauge.Gauge(
            doors.gnocchi, conf.trigger.archive_policy)
        settings = terms.forecasts(conf)
        source = metric_source.from_options(
            conf, credentials, settings.step)
        transport = oslo_messaging.get_notification_transport(conf)
        bus = engine_echo.Echo(
            _sender(transport, conf.trigger.notification_topic),
            conf.trigger.bus_interval)
        net = engine_net.Net(
            database, source, aodh, bus, self._schedule.wake,
            terms.net(conf))
        ahead = engine_ahead.Ahead(database, moves, terms.far(database, conf))
        failures = engine_failures.Failures(
            database, terms.seconds(conf.engine.retry_maximum_delay))
        pool = engine_pool.Pool(
            database, manager, nova, trusts, conf.shadow.maximum_failures,
            conf.shadow.quota_headroom,
            terms.seconds(conf.shadow.shrink_delay),
            terms.build_time(database, conf), room.instances)
        promoter = self._promoter = engine_promoter.Promoter(
            database, steps, self._schedule.wake, engine_worker.utcnow,
            conf.trigger.promotion_concurrency, self._precedence)
        judge = engine_scaling.Judge(database, alarms, source, net)
        rooms = engine_reconciler.Rooms(
            database=database, accounts=accounts, manager=manager,
            promoter=promoter, pool=pool,
            scaling=engine_scaling.Scaling(
                database, moves, judge, pool, ahead, engine_worker.utcnow),
            ahead=ahead, alarms=alarms, gauge=gauge, nova=nova,
            trusts=trusts)
        self._passes = engine_worker.Passes(
            database,
            engine_reconciler.Reconciler(
                rooms, terms.seconds(conf.lease.settle_interval),
                terms.seconds(conf.engine.sweep_grace),
                engine_worker.utcnow),
            failures, self._schedule,
            terms.seconds(conf.engine.reconcile_interval),
            self._precedence)
        fleet = engine_fleet.Fleet(
            database, known, nova, aodh,
            terms.seconds(conf.engine.relist_interval), self._precedence)
        rounds = engine_rounds.Rounds(
            fleet, self._schedule, failures, alarms, net, ahead,
            engine_due.Terms(
                limits=limits,
                settle_interval=terms.seconds(conf.lease.settle_interval),
                creation_grace=terms.seconds(conf.engine.sweep_grace)),
            self._precedence)
        forecasting = engine_forecasting.Forecasting(
            database, known, fleet, source,
            engine_keeper.ModelKeeper(
                database, usage_forecaster.DemandForecaster(settings),
                terms.seconds(conf.forecast.retrain_interval)),
            engine_failures.Failures(
                database, terms.seconds(conf.engine.retry_maximum_delay)),
            step=settings.step,
            history=datetime.timedelta(days=conf.forecast.history_days))
        sweep = engine_sweep.Sweep(
            engine_inspection.Inspector(database, doors),
            terms.seconds(conf.engine.sweep_grace))
        latencies = engine_latencies.Latencies(
            lambda: fleet.facts, source, gauge)

        def forecast_done(token: str, outlook: engine_due.Outlook) -> None:
            rounds.forecast(token, outlook)
            ahead.score(token, outlook, engine_worker.utcnow())

        forecasts = engine_worker.Repeating(
            'forecast',
            lambda: forecasting.run(
                engine_worker.utcnow(), forecast_done),
            conf.forecast.interval)

        lending = engine_lending.Lending(
            database, known, moves, cloud, nova, steps, terms.shares(conf),
            self._schedule.wake)
        lendings = engine_worker.Repeating(
            'lending', lambda: lending.run(engine_worker.utcnow()),
            conf.shadow.lending_interval)

        def make_room(need: capacity.Need) -> None:
            lending.hear(need)
            lendings.hurry()

        if conf.engine.metrics_port:
            self._metrics = engine_metrics.serve(
                engine_metrics.Collector(
                    database, known, cloud, lambda: lending.without_host),
                conf.engine.metrics_address, conf.engine.metrics_port,
                engine_net.Collector(net, bus))

        def find() -> None:
            """A new reservation waits for its first forecast."""
            if self._passes.find():
                forecasts.hurry()

        garbage = engine_garbage.Garbage(self._precedence)
        announcer = engine_announcer.Announcer(
            database, engine_bus.build_send(conf, transport),
            engine_worker.utcnow, self._precedence)

        def go_round() -> None:
            self._precedence.give_way()
            rounds.run(engine_worker.utcnow())

        def look_at_promotions() -> None:
            self._precedence.give_way()
            promoter.look()

        self._repeating = [
            forecasts,
            engine_worker.Repeating('find', find, _FIND_INTERVAL),
            engine_worker.Repeating(
                'round', go_round, conf.engine.reconcile_interval),
            engine_worker.Repeating(
                'sweep', lambda: sweep.run(engine_worker.utcnow()),
                conf.engine.sweep_interval),
            engine_worker.Repeating(
                'announce', announcer.run, _ANNOUNCE_INTERVAL),
            # Twice in each interval, so that none is written much later
            # than it is over.
            engine_worker.Repeating(
                'latency', lambda: latencies.run(engine_worker.utcnow()),
                conf.trigger.granularity / 2),
            lendings,
            engine_worker.Repeating(
                'watch', lambda: net.run(engine_worker.utcnow()),
                terms.net(conf).interval.total_seconds()),
            # Two threads, since sending waits for the broker.
            engine_worker.Repeating(
                'bus', bus.check, conf.trigger.bus_interval),
            engine_worker.Repeating(
                'ask', net.ask, conf.trigger.bus_interval),
            engine_worker.Repeating(
                'garbage', garbage.look, engine_garbage.INTERVAL),
            engine_worker.Repeating(
                'promotions', look_at_promotions, _PROMOTION_INTERVAL)]
        self._listener = engine_listener.build(
            transport, conf.trigger.notification_topic,
            engine_echo.Ear(bus), engine_listener.Endpoint(
                engine_reflex.Reflex(
                    database, engine_read_back.ReadBack(aodh), moves,
                    promoter, fleet.primary, judge, fleet, self._aside,
                    self._schedule.wake, engine_worker.utcnow,
                    self._precedence),
                promoter, self._schedule.wake, make_room,
                engine_worker.utcnow))


def _sender(transport: Any, topic: str) -> Callable[[str], None]:
    notifier = oslo_messaging.Notifier(
        transport, publisher_id='shadow_reserve', driver='messagingv2',
        topics=[topic])
    return lambda event_type: notifier.info({}, event_type, {})
