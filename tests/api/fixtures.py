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

"""The API on a database of its own, for each file of gabbits."""

import dataclasses
import datetime
import decimal
import os
import tempfile

from gabbi import fixture

from shadow_reserve.api import access
from shadow_reserve.api import app
from shadow_reserve.api import bodies
from shadow_reserve.api import parts
from shadow_reserve.api import queries
from shadow_reserve.cloud import exceptions
from shadow_reserve.cmd import options
from shadow_reserve.db import demand as db_demand
from shadow_reserve.db import journal as db_journal
from shadow_reserve.db import migration
from shadow_reserve.db import promotions as db_promotions
from shadow_reserve.db import reservations as db_reservations
from shadow_reserve.db import session as db_session
from shadow_reserve.db import shadow as db_shadow
from shadow_reserve.lease import accounts as lease_accounts
from shadow_reserve import policies
from shadow_reserve.records import demand
from shadow_reserve.records import holding
from shadow_reserve.records import journal
from shadow_reserve.records import promotion
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow
from shadow_reserve.shadow import moves as shadow_moves
from shadow_reserve.trigger import decision
from tests.api import fakes

NOW = datetime.datetime(2026, 1, 31, 12, tzinfo=datetime.UTC)
HOUR = datetime.timedelta(hours=1)

MAXIMUM_LIMIT = 3
MAXIMUM_BODY_SIZE = 4000

#: The one that ``Standing`` has, and its shadow.
TOKEN = 'aaaaaaaa-0000-4000-8000-000000000001'
ALLOCATION = 'aaaaaaaa-0000-4000-8000-000000000002'

_current = {}


def setup_app():
    """An application that hands on to that of the file that runs now."""
    return lambda environ, start_response: _current['application'](
        environ, start_response)


def make_conf(connection):
    conf = options.load([], program='shadow-reserve-api', config_files=[])
    conf.set_override('connection', connection, group='database')
    return conf


def make_parts(conf, database, trusts, wake, rehearse):
    accounts = lease_accounts.Accounts(
        lease_accounts.rates_from_options(conf))
    return parts.Parts(
        database=database,
        access=access.Access(database, policies.build_enforcer(conf)),
        bodies=bodies.Bodies(MAXIMUM_BODY_SIZE),
        pages=queries.Pages(MAXIMUM_LIMIT),
        accounts=accounts,
        moves=shadow_moves.Moves(database, accounts.charge),
        trusts=trusts, cloud_of=fakes.TenantCloud,
        capacity=fakes.Capacity(), rehearse=rehearse, wake=wake,
        clock=lambda: NOW)


class Empty(fixture.GabbiFixture):
    """Nobody has reserved anything."""

    def start_fixture(self):
        self._folder = tempfile.TemporaryDirectory()
        self.conf = make_conf(
            f'sqlite:///{os.path.join(self._folder.name, "api.db")}')
        self.database = db_session.from_options(self.conf)
        migration.upgrade(self.database)
        self.trusts = fakes.Trusts()
        self.woken = []
        self.live = fakes.live(NOW)
        os.environ['TOO_LARGE'] = 'x' * (MAXIMUM_BODY_SIZE + 1)
        _current['application'] = app.build(
            self.conf, make_parts(self.conf, self.database, self.trusts,
                                  self.woken.append, self.rehearse),
            fakes.Authentication)

    def rehearse(self, record, members, now):
        """What is decided of an application with four primary servers."""
        if isinstance(self.live, Exception):
            raise self.live
        if self.live is None:
            return None

        def count(state):
            return sum(1 for one in members if one.state is state)
        state = shadow.InstanceState
        pool = decision.Pool(
            primary=4, available=count(state.AVAILABLE),
            promoting=count(state.PROMOTING),
            allocated=count(state.ALLOCATED), last_change=None)
        return decision.Judgement(
            live=self.live, alarmed=('cpu',), decision=decision.decide(
                record.policy, self.live, pool, now, alarmed=('cpu',)))

    def stop_fixture(self):
        self.database.engine.dispose()
        self._folder.cleanup()
        _current.clear()
        del os.environ['TOO_LARGE']


def make_record(**changes):
    values = {
        'token': TOKEN, 'name': 'web', 'user_id': 'user-demo',
        'project_id': 'project-one', 'resource_type': 'small',
        'size': fakes.SMALL, 'quantity': 4, 'start_time': NOW - HOUR,
        'duration': 24 * HOUR, 'contracted_duration': 24 * HOUR,
        'shadow_allocation_id': ALLOCATION,
        'status': reservation.ReservationStatus.ACTIVE,
        'lease_backend': 'builtin', 'lease_id': None,
        'cost': decimal.Decimal('1.500000'),
        'policy': reservation.Policy(mode=reservation.Mode.ACTIVE),
        'template': reservation.InstanceTemplate(image_id='image-1'),
        'selector': reservation.Selector(
            kind=reservation.SelectorKind.METADATA, key='app',
            value='web'),
        'trust_id': 'trust-seeded', 'generation': 0,
        'created_at': NOW - HOUR, 'updated_at': NOW - HOUR, **changes}
    return reservation.ReservationRecord(**values)


def make_instance(number, state, **changes):
    values = {
        'instance_id': f'bbbbbbbb-0000-4000-8000-{number:012}',
        'allocation_id': ALLOCATION, 'state': state, 'generation': 0,
        'server_id': f'cccccccc-0000-4000-8000-{number:012}',
        'host': 'hypervisor-7', 'attempts': 1, 'reason': 'for a test',
        'state_since': NOW - HOUR, 'charged_until': NOW - HOUR,
        'created_at': NOW - HOUR, 'tier': holding.Tier.SHELVED, **changes}
    return shadow.ShadowInstance(**values)


def make_profile(**changes):
    values = {
        'token': TOKEN, 'resource': demand.DemandResource.VCPU,
        'origin': NOW, 'step': datetime.timedelta(minutes=5),
        'levels': (0.5, 0.95),
        'quantiles': ((2.0, 3.0), (2.5, 3.5), (3.0, 4.0)),
        'peak_window': datetime.timedelta(minutes=30),
        'window_peak': (3.0, 4.25),
        'provenance': demand.Provenance(
            model=demand.ForecastModel.EXPERT_MIX, training_start=NOW,
            training_end=NOW, points=4032, points_needed=288, score=0.2,
            baseline_score=0.3, coverage=(0.5, 0.94),
            latest_reading=NOW), **changes}
    return demand.DemandProfile(**values)


def make_promotion(number, **changes):
    second = datetime.timedelta(seconds=1)
    values = {
        'promotion_id': f'eeeeeeee-0000-4000-8000-{number:012}',
        'token': TOKEN,
        'instance_id': f'bbbbbbbb-0000-4000-8000-{number:012}',
        'server_id': f'cccccccc-0000-4000-8000-{number:012}',
        'tier': holding.Tier.SHELVED, 'signal': promotion.Signal(
            source=promotion.Source.ALARM, metric='cpu',
            signalled_at=NOW - HOUR, heard_at=NOW - HOUR + second),
        'claimed_at': NOW - HOUR + 1.5 * second,
        'requested_at': NOW - HOUR + 1.75 * second,
        'active_at': NOW - HOUR + 9 * second,
        'joined_at': NOW - HOUR + 11 * second,
        'outcome': promotion.Outcome.SERVING, 'reason': 'for a test',
        **changes}
    return promotion.Promotion(**values)


class Standing(Empty):
    """One reservation with a shadow in every kind of state."""

    def start_fixture(self):
        super().start_fixture()
        self.database.write(self._seed)

    @staticmethod
    def _seed(session):
        state = shadow.InstanceState
        db_reservations.add(session, make_record())
        session.flush()
        for number, (kind, changes) in enumerate((
                (state.AVAILABLE, {}),
                (state.AVAILABLE, {'host': None}),
                (state.BUILDING, {'host': None, 'charged_until': None}))):
            db_shadow.add_instance(
                session, make_instance(number, kind, **changes))
        db_demand.replace_profiles(session, TOKEN, [
            make_profile(),
            make_profile(
                resource=demand.DemandResource.MEMORY, quantiles=(),
                window_peak=(), provenance=demand.Provenance(
                    model=demand.ForecastModel.NOT_ENOUGH_HISTORY,
                    training_start=None, training_end=None, points=3,
                    points_needed=288))])
        for number, changes in enumerate((
                {}, {'ended_at': NOW, 'outcome': promotion.Outcome.ENDED},
                {'signal': promotion.BY_HAND, 'active_at': None,
                 'joined_at': None, 'ended_at': NOW,
                 'outcome': promotion.Outcome.FAILED},
                {'signal': promotion.BY_HAND, 'requested_at': None,
                 'active_at': None, 'joined_at': None,
                 'outcome': promotion.Outcome.UNDER_WAY})):
            db_promotions.add(session, make_promotion(number, **changes))
        for number in range(5):
            db_journal.record(
                session, TOKEN, NOW, 'instance.available',
                f'event {number}', host='hypervisor-7', number=number)
            db_journal.add_entry(session, journal.LedgerEntry(
                entry_id=f'dddddddd-0000-4000-8000-{number:012}',
                token=TOKEN, kind=journal.LedgerKind.HOLD,
                period_start=NOW - HOUR, period_end=NOW,
                amount=decimal.Decimal('0.012500'),
                extension=datetime.timedelta(), rule='hold rate x hours',
                inputs={'hours': '1'}))


class Promoting(Empty):
    """Of four members that were held offloaded two are being promoted."""

    def start_fixture(self):
        super().start_fixture()
        self.database.write(self._seed)

    @staticmethod
    def _seed(session):
        state = shadow.InstanceState
        slot = holding.Slot(
            resources={'VCPU': 2, 'MEMORY_MB': 2048, 'DISK_GB': 10},
            room={'VCPU': 0, 'MEMORY_MB': 512, 'DISK_GB': 90})
        db_reservations.add(session, make_record())
        session.flush()
        for number, (kind, changes) in enumerate((
                (state.PROMOTING, {'slot': slot}),
                (state.PROMOTING, {'slot': slot, 'host': 'hypervisor-8'}),
                # One that Nova holds the claim of, and two that are over.
                (state.PROMOTING, {'tier': holding.Tier.SHELVED}),
                (state.ALLOCATED, {}), (state.ERROR, {'slot': slot}))):
            db_shadow.add_instance(session, make_instance(
                number, kind, **{'tier': holding.Tier.OFFLOADED, **changes}))


class Silent(Empty):
    """One reservation, forecast three days after its metrics stopped."""

    def start_fixture(self):
        super().start_fixture()
        self.database.write(self._seed)

    @staticmethod
    def _seed(session):
        db_reservations.add(session, make_record())
        session.flush()
        fresh = make_profile()
        db_demand.replace_profiles(session, TOKEN, [dataclasses.replace(
            fresh, provenance=dataclasses.replace(
                fresh.provenance,
                latest_reading=NOW - datetime.timedelta(days=3)))])


class Unmeasured(Standing):
    """Nobody has measured the application."""

    def start_fixture(self):
        super().start_fixture()
        self.live = None


class WithoutGnocchi(Standing):
    """Gnocchi does not answer."""

    def start_fixture(self):
        super().start_fixture()
        self.live = exceptions.ServiceUnavailable(
            'gnocchi', 'http://10.0.0.1 refuses')


class Deleted(Empty):
    """One reservation that was deleted."""

    def start_fixture(self):
        super().start_fixture()
        self.database.write(lambda session: db_reservations.add(
            session, make_record(
                status=reservation.ReservationStatus.DELETED,
                trust_id=None)))


class Ending(Empty):
    """One reservation whose time is over."""

    def start_fixture(self):
        super().start_fixture()
        self.database.write(lambda session: db_reservations.add(
            session, make_record(
                status=reservation.ReservationStatus.ENDING)))


class Overdue(Empty):
    """One whose time is over, and no pass has been since then."""

    def start_fixture(self):
        super().start_fixture()
        record = make_record()
        self.database.write(lambda session: db_reservations.add(
            session, dataclasses.replace(
                record, start_time=record.start_time - 10 * record.duration,
            )))


class NoDatabase(Empty):
    """The database has gone away."""

    def start_fixture(self):
        super().start_fixture()
        self._folder.cleanup()
        self.database.engine.dispose()
