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

"""What all rounds and rooms go by: kept, but never older than the database."""

import datetime

import pytest

from shadow_reserve.db import fleet as db_fleet
from shadow_reserve.db import models
from shadow_reserve.db import reservations as db_reservations
from shadow_reserve.db import session as db_session
from shadow_reserve.db import shadow as db_shadow
from shadow_reserve.engine import known
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow
from tests.unit import samples

OTHER = '00000000-0000-4000-8000-00000000000b'
LATER = datetime.timedelta(seconds=1)


@pytest.fixture
def database():
    made = db_session.Database('sqlite://')
    models.Base.metadata.create_all(made.engine)
    made.write(lambda session: (
        db_reservations.add(session, samples.record()),
        db_shadow.add_instance(session, samples.instance())))
    return made


def test_only_what_has_changed_is_read_again(database):
    # given two members that were read
    made = known.Known(database)
    database.write(lambda session: db_shadow.add_instance(
        session, samples.instance(
            instance_id=OTHER, created_at=samples.NOW + LATER)))
    before = made.read()
    first, second = before.members_of(samples.record())
    # when one of them moves on
    database.write(lambda session: db_shadow.update_instance(
        session, second, state=shadow.InstanceState.DELETING))
    # then that one alone is another
    after = made.read()
    same, moved = after.members_of(samples.record())
    assert same is first
    assert after.records[samples.TOKEN] is before.records[samples.TOKEN]
    assert moved.state is shadow.InstanceState.DELETING


def test_what_is_gone_is_not_known_any_more(database):
    made = known.Known(database)
    member, = made.read().members_of(samples.record())
    database.write(lambda session: (
        db_shadow.remove_instance(session, member),
        db_reservations.update(
            session, samples.record(), samples.NOW,
            status=reservation.ReservationStatus.DELETED)))
    everything = made.read()
    assert not everything.records
    assert not everything.allocations


def test_what_holds_capacity_comes_oldest_first(database):
    # given a member that is older than the one there is, one that takes no
    # capacity, and one of a reservation that is over
    earlier = '00000000-0000-4000-8000-00000000000c'
    over = samples.record(
        token=OTHER, shadow_allocation_id=OTHER, name='over',
        status=reservation.ReservationStatus.TERMINATED)
    database.write(lambda session: (
        db_reservations.add(session, over),
        *(db_shadow.add_instance(session, one) for one in (
            samples.instance(instance_id=earlier,
                             created_at=samples.NOW - samples.HOUR),
            samples.instance(instance_id=OTHER, allocation_id=OTHER),
            samples.instance(
                instance_id='00000000-0000-4000-8000-00000000000d',
                state=shadow.InstanceState.DELETING)))))
    holdings = known.Known(database).read().holdings()
    assert [holding.member.instance_id for holding in holdings] == [
        earlier, samples.instance().instance_id]
    assert {holding.record.token for holding in holdings} == {samples.TOKEN}


def test_a_reading_that_fails_halfway_leaves_nothing_old(
        database, monkeypatch):
    # given that both have changed, and that only one of them can be read
    made = known.Known(database)
    member, = made.read().members_of(samples.record())
    database.write(lambda session: (
        db_reservations.update(
            session, samples.record(), samples.NOW, name='renamed'),
        db_shadow.update_instance(
            session, member, state=shadow.InstanceState.DELETING)))

    def fail(session, names):
        raise RuntimeError
    with monkeypatch.context() as broken:
        broken.setattr(db_fleet, 'get_instances', fail)
        with pytest.raises(RuntimeError):
            made.read()
    # then the next one finds both
    everything = made.read()
    moved, = everything.members_of(samples.record())
    assert moved.state is shadow.InstanceState.DELETING
    assert everything.records[samples.TOKEN].name == 'renamed'
