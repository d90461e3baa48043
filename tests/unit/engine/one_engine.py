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

"""One engine, and a cloud that a test has in its hands."""

import dataclasses
import datetime
import decimal

import sqlalchemy

from shadow_reserve.cloud import aodh as cloud_aodh
from shadow_reserve.cloud import cinder as cloud_cinder
from shadow_reserve.cloud import compute_hosts as cloud_hosts
from shadow_reserve.cloud import nova as cloud_nova
from shadow_reserve.cloud import octavia as cloud_octavia
from shadow_reserve.cloud import probe as cloud_probe
from shadow_reserve.cloud import volume_attachments as cloud_attachments
from shadow_reserve.cloud import webhook as cloud_webhook
from shadow_reserve.db import demand as db_demand
from shadow_reserve.db import journal as db_journal
from shadow_reserve.db import models
from shadow_reserve.db import reservations as db_reservations
from shadow_reserve.db import session as db_session
from shadow_reserve.db import shadow as db_shadow
from shadow_reserve.engine import ahead as engine_ahead
from shadow_reserve.engine import aside as engine_aside
from shadow_reserve.engine import due
from shadow_reserve.engine import echo as engine_echo
from shadow_reserve.engine import failures as engine_failures
from shadow_reserve.engine import fleet as engine_fleet
from shadow_reserve.engine import known as engine_known
from shadow_reserve.engine import lead_time
from shadow_reserve.engine import listener as engine_listener
from shadow_reserve.engine import net as engine_net
from shadow_reserve.engine import pool as engine_pool
from shadow_reserve.engine import precedence as engine_precedence
from shadow_reserve.engine import promoter as engine_promoter
from shadow_reserve.engine import read_back as engine_read_back
from shadow_reserve.engine import reconciler as engine_reconciler
from shadow_reserve.engine import reflex as engine_reflex
from shadow_reserve.engine import rounds as engine_rounds
from shadow_reserve.engine import scaling as engine_scaling
from shadow_reserve.engine import schedule as engine_schedule
from shadow_reserve.engine import worker as engine_worker
from shadow_reserve.lease import accounts as lease_accounts
from shadow_reserve.lease import terms as lease_terms
from shadow_reserve.records import holding
from shadow_reserve.records import shadow
from shadow_reserve.records import usage
from shadow_reserve.shadow import claims as shadow_claims
from shadow_reserve.shadow import hook_requests as shadow_hook_requests
from shadow_reserve.shadow import joining as shadow_joining
from shadow_reserve.shadow import lifecycle
from shadow_reserve.shadow import manager as shadow_manager
from shadow_reserve.shadow import member_steps
from shadow_reserve.shadow import moves as shadow_moves
from shadow_reserve.shadow import volume_steps as shadow_volume_steps
from shadow_reserve.shadow import volumes as shadow_volumes
from shadow_reserve.trigger import alarms as trigger_alarms
from shadow_reserve.trigger import gauge as trigger_gauge
from shadow_reserve.trigger import rules as trigger_rules
from tests.unit import fake_cloud
from tests.unit import samples

MINUTE = samples.MINUTE
RATES = {name: decimal.Decimal('0.01') for name in ('VCPU', 'MEMORY_GB')}
LIMITS = lifecycle.Limits(
    settle_time=MINUTE, build_timeout=10 * MINUTE,
    promotion_timeout=10 * MINUTE, error_backoff=10 * MINUTE)
WEBHOOK_NETWORKS = ('127.0.0.0/8',)
#: As many samples.instance, samples.record and samples.server agree on.
APPLICATION = {'metering.server_group': 'shop'}


MEMORY = 'sqlite://'


class FakePlacement:
    """Nova holds a claim for every server that is on a host, and there is
    always room for one of ours."""

    def __init__(self, cloud):
        self._cloud = cloud
        self._ours = {}

    def claim_of(self, consumer_id):
        status = self._cloud.servers[consumer_id]['status']
        return None if status == 'SHELVED_OFFLOADED' else 'compute-1'

    def claim(self, consumer_id):
        return self._ours.get(consumer_id)

    def candidates(self, query):
        return [holding.Candidate(
            host='compute-2', provider_id='2', allocations={}, free={})]

    def free_on(self, provider_id):
        return {}

    def put_claim(self, consumer_id, candidate):
        self._ours[consumer_id] = holding.Claim(
            host=candidate.host, provider_id='2', resources={})
        return True

    def release(self, consumer_id):
        self._ours.pop(consumer_id, None)


class FakeTrusts:
    def session_for(self, trust_id):
        return None

    def delete(self, trust_id):
        pass


class FakeSource:
    """Applications that are as busy as a test says."""

    def __init__(self):
        self.cpu, self.memory = 50.0, 10.0
        self.latency = 1.0

    def live(self, application, now, *, vcpus, memory_mib):
        # Of an interval that is over.
        as_of = now - (now - samples.NOW) % (MINUTE / 2)
        return usage.LiveUsage(
            as_of=as_of, members=max(len(application.server_ids), 1),
            cpu_percent=self.cpu, memory_percent=self.memory,
            io_latency_ms=self.latency)


class FakeMetrics:
    """Gnocchi, as far as it is written to."""

    def __init__(self):
        self.kinds, self.measures = {}, {}
        self.requests = 0

    def archive_policy_of(self, metric):
        return f'as {metric}'

    def push(self, metric, archive_policy, measures):
        self.requests += 1
        unknown = frozenset(measures.keys() - self.kinds.keys())
        if not unknown:
            for token, some in measures.items():
                self.measures.setdefault(token, {}).update(some)
        return unknown

    def create_resource(self, kind, resource_id, project_id):
        self.requests += 1
        self.kinds[resource_id] = (kind, project_id)

    def delete_resource(self, resource_id):
        self.kinds.pop(resource_id, None)
        self.measures.pop(resource_id, None)


class World:
    """One engine over a cloud that a test has in its hands.

    :param cloud: that of another engine, to share it
    :param connection: a database for several threads or engines
    """

    def __init__(self, relist_interval=datetime.timedelta(), *,
                 cloud=None, connection=MEMORY):
        self.now = samples.NOW
        self.cloud = cloud or fake_cloud.FakeCloud()
        self.source = FakeSource()
        self.database = database = db_session.Database(connection)
        models.Base.metadata.create_all(database.engine)
        nova = cloud_nova.Nova(
            lambda session: self.cloud.adapter('nova'))
        aodh = cloud_aodh.Aodh(self.cloud.adapter('aodh'))
        accounts = lease_accounts.Accounts(lease_terms.RateCard(
            base=RATES, hold=RATES, use=RATES))
        self.moves = moves = shadow_moves.Moves(
            database, accounts.charge)
        trusts = FakeTrusts()
        placement = FakePlacement(self.cloud)
        joining = shadow_joining.Joining(
            database, shadow_hook_requests.HookRequests(
                nova, cloud_octavia.Octavia(
                    lambda session: self.cloud.adapter('octavia')),
                cloud_webhook.Webhooks(WEBHOOK_NETWORKS), trusts), MINUTE,
            lambda: self.now)
        steps = member_steps.MemberSteps(
            database, moves, nova, placement,
            shadow_claims.Claims(
                database, moves, nova, placement,
                cloud_hosts.ComputeHosts(self.cloud.adapter('nova')),
                samples.AmpleRoom()),
            shadow_volumes.VolumeKeeper(
                database, moves,
                cloud_cinder.Cinder(
                    lambda session: self.cloud.adapter('cinder')),
                cloud_attachments.VolumeAttachments(
                    lambda session: self.cloud.adapter('nova')),
                trusts, shadow_volume_steps.Limits(timeout=10 * MINUTE)),
            joining, cloud_probe.Prober(()), trusts, LIMITS)
        manager = shadow_manager.ShadowManager(
            database, moves, steps, joining, LIMITS)
        defaults = trigger_rules.Defaults(
            granularity=60, evaluation_periods=2)
        alarms = self.alarms = trigger_alarms.AlarmKeeper(
            database, aodh, defaults)
        self.metrics = FakeMetrics()
        self.schedule = engine_schedule.Schedule()
        self.monotonic = 0.0
        self.sent = []
        self.bus = engine_echo.Echo(
            self.sent.append, 5.0, lambda: self.monotonic)
        self.net_terms = engine_net.Terms(
            interval=MINUTE, patience=3 * MINUTE, defaults=defaults,
            concurrency=2)
        self.net = engine_net.Net(
            database, self.source, aodh, self.bus, self.schedule.wake,
            self.net_terms)
        self.ahead = engine_ahead.Ahead(
            database, moves, lambda now: 4 * MINUTE)
        self.growth = None, ''
        pool = engine_pool.Pool(
            database, manager, nova, trusts, 3, 0, 5 * MINUTE,
            lead_time.LeadTime(database, 5 * MINUTE, samples.HOUR),
            lambda record: self.growth)
        self.precedence = engine_precedence.Precedence()
        self.judge = engine_scaling.Judge(
            database, alarms, self.source, self.net)
        self.promoter = engine_promoter.Promoter(
            database, steps, self.schedule.wake, lambda: self.now,
            # Threads share the one connection of a database in memory.
            1 if connection == MEMORY else 4, self.precedence)
        rooms = engine_reconciler.Rooms(
            database=database, accounts=accounts, manager=manager,
            promoter=self.promoter, pool=pool,
            scaling=engine_scaling.Scaling(
                database, moves, self.judge, pool, self.ahead,
                lambda: self.now),
            ahead=self.ahead, alarms=alarms,
            gauge=trigger_gauge.Gauge(self.metrics, 'policy'), nova=nova,
            trusts=trusts)
        self.nova = nova
        self.reconciler = engine_reconciler.Reconciler(
            rooms, samples.HOUR, MINUTE, lambda: self.now)
        self.failures = engine_failures.Failures(database, 5 * MINUTE)
        self.passes = engine_worker.Passes(
            database, self.reconciler, self.failures, self.schedule, MINUTE,
            self.precedence)
        self.fleet = engine_fleet.Fleet(
            database, engine_known.Known(database), nova, aodh,
            relist_interval, self.precedence)
        self.aside = engine_aside.Aside()
        self.endpoint = engine_listener.Endpoint(
            engine_reflex.Reflex(
                database, engine_read_back.ReadBack(aodh), moves,
                self.promoter, self.fleet.primary, self.judge, self.fleet,
                self.aside, self.schedule.wake, lambda: self.now,
                self.precedence),
            self.promoter, self.schedule.wake, lambda need: None,
            lambda: self.now)
        self.rounds = engine_rounds.Rounds(
            self.fleet, self.schedule, self.failures, alarms, self.net,
            self.ahead, due.Terms(
                limits=LIMITS, settle_interval=samples.HOUR,
                creation_grace=MINUTE), self.precedence)

    def add(self, **changes):
        record = samples.record(**changes)
        self.database.write(
            lambda session: db_reservations.add(session, record))
        return record

    def record(self):
        return self.database.read(
            lambda session: db_reservations.get(session, samples.TOKEN))

    def members(self):
        return self.database.read(lambda session: db_shadow.list_instances(
            session, samples.ALLOCATION))

    def kinds(self):
        return [event.kind for _, event in self.database.read(
            lambda session: db_journal.list_events(
                session, samples.TOKEN))]

    def round(self, later=MINUTE / 2):
        """:returns: the tokens that are due now"""
        self.now = self.cloud.now = self.now + later
        self.rounds.run(self.now)
        return [token for token in (samples.TOKEN,)
                if not self.schedule.idle([token])]

    def work(self):
        """Passes over those that are due."""
        while not self.schedule.idle([samples.TOKEN]):
            self.schedule.take()
            errors = self.reconciler.reconcile(samples.TOKEN, self.now)
            assert not errors
            self.schedule.give_back(samples.TOKEN, None)

    def settle(self):
        """Six minutes, after which nothing is due."""
        for _ in range(12):
            self.round()
            self.work()
        assert not self.round(), self.kinds()

    def rows(self):
        """All that the database holds."""
        def read(session):
            return {table.name: session.execute(
                sqlalchemy.select(table)).all()
                for table in models.Base.metadata.sorted_tables}
        return self.database.read(read)

    # What others do meanwhile

    def forecast(self, *peaks, recent=()):
        """As the engine: new profiles, and a word about them."""
        profile = dataclasses.replace(
            samples.profile(peaks), origin=self.now)
        self.database.write(lambda session: db_demand.replace_profiles(
            session, samples.TOKEN, [profile]))
        ahead = self.record().policy.promote_ahead is not None
        outlook = due.Outlook(
            profiles=(profile,), recent=tuple(recent),
            near=(profile,) if ahead else ())
        self.rounds.forecast(samples.TOKEN, outlook)
        self.ahead.score(samples.TOKEN, outlook, self.now)

    def policy(self):
        return self.database.read(lambda session: db_reservations.get(
            session, samples.TOKEN)).policy

    def change_policy(self, **changes):
        """As the API, its message lost."""
        def work(session):
            record = db_reservations.get(session, samples.TOKEN)
            db_reservations.update(
                session, record, self.now,
                policy=samples.policy(**changes))
        self.database.write(work)

    def set_alarms(self, state):
        for alarm in self.cloud.alarms.values():
            alarm['state'] = state

    def evaluate_low(self):
        """As Aodh: alarms on low usage stand while it is low."""
        policy, source = self.policy(), self.source
        low = {'cpu': source.cpu <= policy.scale_in_threshold,
               'memory': source.memory <= policy.memory_scale_in,
               'io_latency': source.latency <= policy.io_latency_scale_in}
        for alarm in self.cloud.alarms.values():
            for metric, is_low in low.items():
                if alarm['name'].endswith(f'/{metric}_low'):
                    alarm['state'] = 'alarm' if is_low else 'ok'

    def shadow_servers(self):
        return [row for row in self.cloud.servers.values()
                if row['tags'] and row['status'] != 'DELETED']


def settled():
    """Two busy servers, and the shadow that they need is held."""
    world = World()
    for _ in range(2):
        world.cloud.add_server(metadata=APPLICATION)
    world.add()
    world.forecast(4.0, 6.0, 7.0, 9.0)
    world.settle()
    return world


def serving(world):
    """How many serve, or are on their way to."""
    return sum(1 for member in world.members()
               if member.state in shadow.SERVING_STATES)


def states(world):
    return sorted(member.state for member in world.members())
