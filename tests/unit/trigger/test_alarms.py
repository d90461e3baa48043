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

"""The alarms of a reservation are made once, and put right."""

import copy
import functools

import pytest

from shadow_reserve.cloud import aodh as cloud_aodh
from shadow_reserve.cloud import exceptions
from shadow_reserve.db import alarms as db_alarms
from shadow_reserve.db import models
from shadow_reserve.db import reservations as db_reservations
from shadow_reserve.db import session as db_session
from shadow_reserve.records import reservation
from shadow_reserve.records import usage
from shadow_reserve.trigger import alarms
from shadow_reserve.trigger import rules
from tests.unit import fake_cloud
from tests.unit import samples

APPLICATION = usage.Application(
    token=samples.TOKEN, project_id='project', server_ids=('b', 'a'))
OURS = samples.record()
ALL = samples.record(policy=samples.policy(
    alarm_combination=reservation.AlarmCombination.ALL))


class Story:
    """A keeper of alarms, its rows, and the Aodh that it talks to."""

    def __init__(self):
        self.cloud = fake_cloud.FakeCloud()
        self.aodh = cloud_aodh.Aodh(self.cloud.adapter('aodh'))
        self.database = db_session.Database('sqlite://')
        models.Base.metadata.create_all(self.database.engine)
        self.database.write(lambda session: db_reservations.add(
            session, samples.record()))
        self.keeper = alarms.AlarmKeeper(
            self.database, self.aodh,
            rules.Defaults(granularity=60, evaluation_periods=2))

    def ensure(self, record=OURS, *, serving=False, cooling=False):
        self.keeper.ensure(record, APPLICATION, serving=serving,
                           cooling=cooling)

    def is_settled(self, record=OURS, *, serving=False, cooling=False):
        asked = len(self.cloud.asked)
        found = {alarm.alarm_id: alarm
                 for alarm in self.aodh.list_alarms()}
        settled = self.keeper.is_settled(
            record, APPLICATION, self.rows(), found, serving=serving,
            cooling=cooling)
        # one page of a listing, whatever there is to see
        assert len(self.cloud.asked) == asked + 1
        return settled

    def rows(self):
        return self.database.read(
            lambda session: db_alarms.list_alarms(session, samples.TOKEN))

    def names(self):
        return sorted(row['name'].rpartition('/')[2]
                      for row in self.cloud.alarms.values())

    def changes(self):
        return len(self.cloud.changes)


@pytest.fixture
def story():
    return Story()


def test_only_our_own_names_stand_for_a_reservation():
    name = alarms.name_of(samples.TOKEN, 'cpu')
    assert alarms.token_of(name) == samples.TOKEN
    for foreign in ('cpu', f'x{name}', 'shadow-reserve/../cpu', ''):
        assert alarms.token_of(foreign) is None


def test_alarms_are_made_and_then_left_alone(story):
    assert not story.is_settled()
    story.ensure()
    assert story.names() == ['cpu', 'io_latency', 'memory']
    assert set(story.rows().values()) == set(story.cloud.alarms)
    assert story.is_settled()
    changes = story.changes()
    story.ensure()
    assert story.changes() == changes


@pytest.mark.parametrize('edit', [
    {'enabled': False}, {'repeat_actions': True}, {'severity': 'critical'},
    {'alarm_actions': ['http://203.0.113.7/']}, {'ok_actions': ['log://']},
    {'insufficient_data_actions': ['log://']}, {'name': 'mine'},
    {'description': 'mine'}, {'type': 'event', 'event_rule': {}},
    {'time_constraints': [{'name': 'night', 'start': '0 23 * * *',
                           'duration': 10}]}])
@pytest.mark.parametrize('record', [OURS, ALL])
def test_whatever_somebody_edits_is_put_right(story, record, edit):
    # given alarms of which somebody edited one
    story.ensure(record)
    before = copy.deepcopy(story.cloud.alarms)
    next(iter(story.cloud.alarms.values())).update(edit)

    # then it is noticed, and is as it was
    assert not story.is_settled(record)
    story.ensure(record)
    assert story.is_settled(record)
    for alarm_id, row in before.items():
        there = story.cloud.alarms[alarm_id]
        assert all(there[name] == value for name, value in row.items()
                   if name not in ('timestamp', 'evaluate_timestamp'))
    assert story.cloud.alarms.keys() == before.keys()


@pytest.mark.parametrize('kind', ['cpu', 'io_latency', 'composite'])
def test_every_field_of_a_rule_is_put_right(story, kind):
    record = ALL if kind == 'composite' else OURS
    story.ensure(record)

    def places():
        row = story.cloud.alarms[story.rows()[kind]]
        rule = row[f'{row["type"]}_rule']
        return rule['and'] if kind == 'composite' else [rule]
    for number, place in enumerate(places()):
        for field, value in place.items():
            places()[number][field] = (
                'other' if isinstance(value, str) else value + 1)
            assert not story.is_settled(record), field
            story.ensure(record)
            assert story.is_settled(record), field
            assert places()[number][field] == value


def test_a_query_written_otherwise_is_the_same(story):
    story.ensure()
    row = story.cloud.alarms[story.rows()['cpu']]
    rule = row['gnocchi_aggregation_by_resources_threshold_rule']
    rule['query'] = rule['query'].replace(' ', '  ')
    assert story.is_settled()


def test_an_alarm_that_is_gone_is_made_again(story):
    story.ensure()
    gone = story.rows()['memory']
    del story.cloud.alarms[gone]
    assert not story.is_settled()
    story.ensure()
    assert story.is_settled()
    assert gone not in story.rows().values()


def test_an_alarm_whose_answer_was_lost_is_found_again(story):
    # given that we died between each request and writing down its answer
    story.ensure()
    for kind in story.rows():
        story.database.write(functools.partial(
            db_alarms.set_alarm, token=samples.TOKEN, metric=kind,
            alarm_id=None))
    before = set(story.cloud.alarms)
    assert not story.is_settled()
    story.ensure()
    assert set(story.cloud.alarms) == set(story.rows().values()) == before


def test_low_alarms_are_there_while_members_serve(story):
    story.ensure()
    assert not story.is_settled(serving=True)
    story.ensure(serving=True)
    assert story.names() == ['cpu', 'cpu_low', 'io_latency',
                             'io_latency_low', 'memory', 'memory_low']
    assert not story.is_settled(serving=False)
    story.ensure()
    assert story.names() == ['cpu', 'io_latency', 'memory']
    assert len(story.rows()) == 3


def test_low_alarms_are_made_when_members_may_go_back(story):
    # while they may not, nothing is to be done
    story.ensure(serving=True, cooling=True)
    assert story.names() == ['cpu', 'io_latency', 'memory']
    assert story.is_settled(serving=True, cooling=True)
    # then they are made
    assert not story.is_settled(serving=True)
    story.ensure(serving=True)
    assert len(story.names()) == 6
    # and stay when others are promoted after them
    assert story.is_settled(serving=True, cooling=True)
    story.ensure(serving=True, cooling=True)
    assert len(story.names()) == 6


def test_separate_alarms_make_room_for_one(story):
    story.ensure()
    story.ensure(ALL)
    assert story.names() == ['composite']
    assert story.is_settled(ALL)


def test_low_alarms_ask_for_no_members(story):
    story.ensure(serving=True)
    for row in story.cloud.alarms.values():
        row['state'] = 'alarm'
    assert set(story.keeper.alarmed(samples.TOKEN)) == {
        'cpu', 'memory', 'io_latency'}
    [low] = story.aodh.get_alarms([story.rows()['cpu_low']]).values()
    assert not alarms.stands(low, samples.TOKEN, 'cpu_low')


def test_all_go_with_the_reservation(story):
    story.ensure(serving=True)
    # also one whose id was never written down
    story.database.write(lambda session: db_alarms.set_alarm(
        session, samples.TOKEN, 'cpu', None))
    story.keeper.remove(samples.TOKEN)
    assert story.cloud.alarms == story.rows() == {}


def test_an_intent_stays_when_aodh_is_down(story):
    story.cloud.down = {'aodh'}
    with pytest.raises(exceptions.ServiceUnavailable):
        story.ensure()
    story.cloud.down = set()
    story.ensure()
    assert story.is_settled()
