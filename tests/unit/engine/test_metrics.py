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

import datetime
import socket
import urllib.request

import pytest

from shadow_reserve.cloud import exceptions
from shadow_reserve.db import journal as db_journal
from shadow_reserve.db import promotions as db_promotions
from shadow_reserve.engine import known
from shadow_reserve.engine import metrics
from shadow_reserve.records import promotion
from tests.api import fakes
from tests.api import fixtures

MINUTE = datetime.timedelta(minutes=1)


@pytest.fixture
def standing():
    api = fixtures.Standing()
    api.start_fixture()
    yield api
    api.stop_fixture()


@pytest.fixture
def scrape(standing):
    """What Prometheus is answered, by name and labels."""
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    cloud = fakes.Capacity()
    server = metrics.serve(
        metrics.Collector(
            standing.database, known.Known(standing.database),
            cloud, lambda: 3),
        '127.0.0.1', port)

    def get():
        with urllib.request.urlopen(
                f'http://127.0.0.1:{port}/metrics') as answer:
            lines = answer.read().decode().splitlines()
        return dict(line.rsplit(' ', 1) for line in lines
                    if not line.startswith('#'))
    get.cloud = cloud
    get.port = port
    yield get
    server.shutdown()
    server.server_close()


def test_the_capacity_and_who_has_it(scrape):
    told = scrape()
    where = 'host="hypervisor-7",resource_class="VCPU"'
    assert told[f'shadow_reserve_capacity{{{where},zone="az-1"}}'] == '16.0'
    assert told[
        f'shadow_reserve_used_by_tenants{{{where},zone="az-1"}}'] == '8.0'
    assert told[f'shadow_reserve_free{{{where},zone="az-1"}}'] == '6.0'
    assert told[f'shadow_reserve_oversold{{{where},zone="az-1"}}'] == '2.0'
    assert told[f'shadow_reserve_held_as_shadow{{{where},'
                'tier="shelved",zone="az-1"}'] == '2.0'


def test_members_and_what_was_decided_since_the_start(standing, scrape):
    told = scrape()
    assert told['shadow_reserve_members'
                '{state="available",tier="shelved"}'] == '2.0'
    assert told['shadow_reserve_servers_without_host_total'] == '3.0'
    # The five events that there are happened before.
    assert not [name for name in told if 'events_total' in name]
    for _ in range(2):
        standing.database.write(lambda session: db_journal.record(
            session, fixtures.TOKEN, fixtures.NOW, 'shadow.lent', ''))
        told = scrape()
    assert told['shadow_reserve_events_total{kind="shadow.lent"}'] == '2.0'
    assert told['shadow_reserve_events_unannounced'] == '7.0'
    assert scrape() == told


def test_promotions_since_the_start_by_their_legs(standing, scrape):
    def told():
        return {name: value for name, value in scrape().items()
                if 'promotion' in name and '_created' not in name}

    # Of those that there are, none is counted, nor when one of them ends.
    assert told() == {}
    one = fixtures.make_promotion(7, active_at=None, joined_at=None)
    standing.database.write(lambda session: db_promotions.add(session, one))
    assert told() == {}
    standing.database.write(lambda session: db_promotions.update_open(
        session, one.instance_id, active_at=one.requested_at + MINUTE))
    assert told() == {}
    standing.database.write(lambda session: db_promotions.mark_joined(
        session, one.instance_id, one.requested_at + 2 * MINUTE))
    for _ in range(2):
        found = told()
    assert found['shadow_reserve_promotions_total'
                 '{outcome="served",source="alarm"}'] == '1.0'
    leg = '{leg="requested_to_active",tier="shelved"}'
    name = 'shadow_reserve_promotion_leg_seconds'
    assert found[f'{name}_sum{leg}'] == '60.0'
    assert found[f'{name}_bucket{{le="30.0",{leg[1:]}'] == '0.0'
    assert found[f'{name}_bucket{{le="60.0",{leg[1:]}'] == '1.0'

    # It ends later, which is not counted again; another one fails.
    standing.database.write(lambda session: db_promotions.update_open(
        session, one.instance_id, ended_at=fixtures.NOW))
    other = fixtures.make_promotion(
        8, active_at=None, joined_at=None, ended_at=fixtures.NOW,
        outcome=promotion.Outcome.FAILED)
    standing.database.write(
        lambda session: db_promotions.add(session, other))
    found = told()
    assert found['shadow_reserve_promotions_total'
                 '{outcome="served",source="alarm"}'] == '1.0'
    assert found['shadow_reserve_promotions_total'
                 '{outcome="failed",source="alarm"}'] == '1.0'


def test_nobody_learns_whose_anything_is(scrape):
    text = '\n'.join(scrape())
    for secret in (fixtures.TOKEN, 'project-one', 'user-demo', 'web'):
        assert secret not in text


def test_a_cloud_that_cannot_be_read_is_said_to_be(scrape):
    def read(maximum_age):
        raise exceptions.ServiceUnavailable('placement', 'is away')
    scrape.cloud.read = read
    told = scrape()
    assert told['shadow_reserve_capacity_readable'] == '0.0'
    assert not [name for name in told if 'shadow_reserve_free' in name]


def test_a_port_that_is_taken_stops_nothing(standing, scrape):
    assert metrics.serve(
        metrics.Collector(
            standing.database, known.Known(standing.database),
            scrape.cloud, lambda: 0),
        '127.0.0.1', scrape.port) is None
