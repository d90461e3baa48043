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

import dataclasses
import json

from shadow_reserve.db import codec
from shadow_reserve.db import demand as db_demand
from shadow_reserve.db import migration
from shadow_reserve.db import reservations as db_reservations
from shadow_reserve.db import session as db_session
from shadow_reserve.records import demand
from tests.unit import samples


def test_a_profile_comes_back_as_it_was_with_all_it_was_made_from(tmp_path):
    database = db_session.Database(f'sqlite:///{tmp_path}/demand.sqlite')
    migration.upgrade(database)
    database.write(
        lambda session: db_reservations.add(session, samples.record()))
    profile = dataclasses.replace(
        samples.profile(), provenance=demand.Provenance(
            model=demand.ForecastModel.GRADIENT_BOOSTING,
            training_start=samples.NOW - samples.HOUR,
            training_end=samples.NOW, points=4032, points_needed=288,
            score=0.5, baseline_score=0.75,
            coverage=(0.5, 0.9, 0.95, 1.0),
            calibration=(0.0, 0.25, -0.25, 0.5), censored_points=3,
            model_version=17, latest_reading=samples.NOW - samples.HOUR))

    database.write(lambda session: db_demand.replace_profiles(
        session, samples.TOKEN, [profile]))

    assert database.read(lambda session: db_demand.list_profiles(
        session, samples.TOKEN)) == [profile]


def test_a_profile_of_an_older_version_has_no_latest_reading():
    # given a row as it was written before the latest reading was kept
    profile = samples.profile()
    row = json.loads(json.dumps(codec.profile_to_json(profile)))
    del row['provenance']['latest_reading']

    # when it is read
    found = codec.profile_from_json(
        profile.token, profile.resource.value, profile.origin, row)

    # then all else is there, and it does not pass for stale
    assert found == profile
    assert not found.is_stale
