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

"""What becomes of a member whose server is gone."""

from shadow_reserve.db import migration
from shadow_reserve.db import reservations as db_reservations
from shadow_reserve.db import session as db_session
from shadow_reserve.db import shadow as db_shadow
from shadow_reserve.records import shadow
from shadow_reserve.shadow import lifecycle
from shadow_reserve.shadow import manager as shadow_manager
from shadow_reserve.shadow import member_steps
from shadow_reserve.shadow import moves as shadow_moves
from tests.unit import samples


class Nova:
    """It has no servers."""

    def get_server(self, server_id):
        return None


class Claims:
    def __init__(self):
        self.released = []

    def release(self, instance):
        self.released.append(instance.instance_id)


class Volumes:
    """Cinder does not answer until it is back."""

    def __init__(self):
        self.are_gone = False

    def drive(self, record, instance, server, now):
        return self.are_gone


class Joining:
    def held_back(self, members, now):
        return set()

    def drive(self, record, members, servers, now):
        pass

    def is_undone(self, instance):
        return True


def test_room_does_not_wait_for_volumes(tmp_path):
    # Given a member that is deleted, and a Cinder that hangs
    database = db_session.Database(f'sqlite:///{tmp_path}/test.sqlite')
    migration.upgrade(database)
    record = samples.record()
    database.write(lambda session: (
        db_reservations.add(session, record), session.flush(),
        db_shadow.add_instance(session, samples.instance(
            state=shadow.InstanceState.DELETING))))
    claims, volumes = Claims(), Volumes()
    moves = shadow_moves.Moves(
        database, lambda session, token, member, now: member)
    limits = lifecycle.Limits(
        settle_time=samples.MINUTE, build_timeout=samples.MINUTE,
        promotion_timeout=samples.MINUTE, error_backoff=samples.MINUTE)
    manager = shadow_manager.ShadowManager(
        database, moves, member_steps.MemberSteps(
            database, moves, Nova(), None, claims, volumes, Joining(), None,
            None, limits),
        Joining(), limits)
    # Then its room is given back at once, and it is forgotten later
    assert manager.drive(record, {}, samples.NOW) == []
    assert claims.released == [samples.INSTANCE]
    assert len(manager.members(record)) == 1
    volumes.are_gone = True
    assert manager.drive(record, {}, samples.NOW) == []
    assert manager.members(record) == []
