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

"""A sweep takes away what nothing points to, once it is sure."""

import pytest

from shadow_reserve.cloud import aodh
from shadow_reserve.cloud import doors
from shadow_reserve.cloud import exceptions
from shadow_reserve.cloud import gnocchi
from shadow_reserve.cloud import placement_audit
from shadow_reserve.cloud import trusts
from shadow_reserve.db import alarms as db_alarms
from shadow_reserve.db import journal as db_journal
from shadow_reserve.db import migration
from shadow_reserve.db import reservations as db_reservations
from shadow_reserve.db import session as db_session
from shadow_reserve.db import shadow as db_shadow
from shadow_reserve.engine import inspection
from shadow_reserve.engine import sweep
from shadow_reserve.trigger import alarms
from shadow_reserve.trigger import gauge
from tests.unit import samples

GRACE = 2 * samples.MINUTE
LATER = samples.NOW + GRACE


class Cloud:
    """Nova, Placement, Keystone and Aodh, as far as a sweep asks."""

    def __init__(self):
        self.servers = {}
        self.claims = {}
        self.trusts = {}
        self.alarms = {}
        self.gauges = {}
        self.down = set()

    def _answer(self, service, things):
        if service in self.down:
            raise exceptions.ServiceUnavailable(service, 'it is down')
        return list(things.values())

    def list_shadow_servers(self):
        return self._answer('nova', self.servers)

    def delete_server(self, server_id):
        del self.servers[server_id]

    def count(self):
        return len(self._answer('placement', self.claims))

    def read(self, ours, others):
        return self.claims

    def remove(self, consumer_id, generation):
        if self.claims[consumer_id].generation != generation:
            raise exceptions.Conflict('placement', 'it has changed')
        del self.claims[consumer_id]

    def list_trusts(self):
        return self._answer('keystone', self.trusts)

    def delete(self, trust_id):
        del self.trusts[trust_id]

    def list_alarms(self):
        return self._answer('aodh', self.alarms)

    def delete_alarm(self, alarm_id):
        del self.alarms[alarm_id]

    def resources(self, kind, query):
        assert (kind, query) == (gauge.RESOURCE_TYPE, {})
        return [gnocchi.Resource(
            resource_id=token, metrics={}, attributes={})
            for token in self._answer('gnocchi', self.gauges)]

    def delete_resource(self, resource_id):
        del self.gauges[resource_id]


@pytest.fixture
def database(tmp_path):
    """A reservation with a held member and an alarm."""
    made = db_session.Database(f'sqlite:///{tmp_path / "sweep.sqlite"}')
    migration.upgrade(made)

    def work(session):
        db_reservations.add(session, samples.record())
        session.flush()
        db_shadow.add_instance(session, samples.instance())
        db_alarms.set_alarm(session, samples.TOKEN, 'cpu', 'a-1')
    made.write(work)
    return made


@pytest.fixture
def cloud():
    """What belongs to the reservation, and one of each that is left."""
    made = Cloud()
    made.servers = {server_id: samples.server(server_id=server_id)
                    for server_id in (samples.SERVER, 'left')}
    made.claims = {'left': placement_audit.Holding(
        parts={'compute-1': {'MEMORY_MB': 1}}, generation=1, is_ours=True)}
    made.trusts = {trust_id: trusts.Trust(
        trust_id=trust_id, trustor_user_id='user', project_id='project')
        for trust_id in ('trust', 'left')}
    made.alarms = {alarm_id: aodh.Alarm(
        alarm_id=alarm_id, name=alarms.name_of(samples.TOKEN, 'cpu'),
        state='ok', enabled=True, rule={}) for alarm_id in ('a-1', 'left')}
    made.gauges = {samples.TOKEN: None}
    return made


@pytest.fixture
def sweeper(database, cloud):
    return sweep.Sweep(inspection.Inspector(database, doors.Doors(
        credentials=None, nova=cloud, claims=cloud, trusts=cloud,
        aodh=cloud, cinder=cloud, gnocchi=cloud)), GRACE)


def left(cloud):
    return [set(things) for things in (
        cloud.servers, cloud.claims, cloud.trusts, cloud.alarms)]


def test_what_nothing_points_to_goes_after_a_while(
        sweeper, cloud, database):
    sweeper.run(samples.NOW)
    sweeper.run(LATER - samples.MINUTE)
    assert all('left' in things for things in left(cloud))

    sweeper.run(LATER)

    assert left(cloud) == [{samples.SERVER}, set(), {'trust'}, {'a-1'}]
    kinds = {event.kind for _, event in database.read(
        lambda session: db_journal.list_events(session, samples.TOKEN))}
    assert kinds == {'audit.server-twice', 'audit.alarm-without-record'}


@pytest.mark.parametrize('service', ['nova', 'placement', 'keystone', 'aodh'])
def test_a_service_that_is_down_does_not_keep_the_others(
        sweeper, cloud, service):
    cloud.down = {service}
    sweeper.run(samples.NOW)
    sweeper.run(LATER)
    assert sum('left' in things for things in left(cloud)) == 1


def test_what_cannot_be_mended_does_not_keep_the_others(sweeper, cloud):
    sweeper.run(samples.NOW)
    cloud.remove = lambda consumer_id, generation: (_ for _ in ()).throw(
        exceptions.Conflict('placement', 'it has changed'))
    sweeper.run(LATER)
    assert left(cloud) == [{samples.SERVER}, {'left'}, {'trust'}, {'a-1'}]
