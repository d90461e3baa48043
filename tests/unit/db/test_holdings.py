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

"""Members that hold capacity, with their reservations."""

from shadow_reserve.db import holdings as db_holdings
from shadow_reserve.db import models
from shadow_reserve.db import reservations as db_reservations
from shadow_reserve.db import session as db_session
from shadow_reserve.db import shadow as db_shadow
from tests.unit import samples


def test_who_has_nothing_new_is_not_read_for_what_is_new(monkeypatch):
    # given reservations with a member each, one of them new
    database = db_session.Database('sqlite://')
    models.Base.metadata.create_all(database.engine)

    def fill(session):
        for number in range(3):
            db_reservations.add(session, samples.record(
                token=f'r{number}', name=f'r{number}',
                shadow_allocation_id=f'a{number}'))
            db_shadow.add_instance(session, samples.instance(
                instance_id=f'm{number}', server_id=f's{number}',
                allocation_id=f'a{number}',
                created_at=samples.NOW + number * samples.MINUTE))
    database.write(fill)
    read = db_reservations.to_record
    loaded = []

    def seen(row):
        loaded.append(row.token)
        return read(row)
    monkeypatch.setattr(db_reservations, 'to_record', seen)

    def owners(since):
        loaded.clear()
        return [one.record.token for one in database.read(
            lambda session: db_holdings.list_holdings(session, since))]

    # when new ones, or all of them, are asked for
    assert owners(samples.NOW + 2 * samples.MINUTE) == ['r2']
    # then their owners are read, and no others
    assert loaded == ['r2']
    assert owners(None) == loaded == ['r0', 'r1', 'r2']
