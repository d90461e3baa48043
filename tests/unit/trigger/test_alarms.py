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

import json

from shadow_reserve.cloud import aodh as cloud_aodh
from shadow_reserve.records import usage
from shadow_reserve.trigger import alarms
from tests.unit import samples


def rules(application, **policy):
    keeper = alarms.AlarmKeeper(None, None, 60, 2)
    return keeper.rules(
        samples.record(policy=samples.policy(**policy)), application)


def application(**fields):
    return usage.Application(**{
        'token': samples.TOKEN, 'project_id': 'project',
        'server_ids': ('b', 'a'), **fields})


def test_the_cpu_threshold_is_cpu_time_for_each_interval():
    # 80 % of 2 vCPUs in 60 s are 96 s of CPU time, in nanoseconds
    rule = rules(application(), cpu_threshold=80.0)[alarms.CPU]
    assert (rule.metric, rule.threshold) == ('cpu', 96e9)


def test_the_memory_threshold_is_in_mebibytes():
    rule = rules(application(), memory_threshold=50.0)[alarms.MEMORY]
    assert (rule.metric, rule.threshold) == ('memory.usage', 1024.0)


def test_the_project_is_always_named_in_the_query():
    for group in (None, 'shop'):
        rule = rules(application(server_group=group))[alarms.CPU]
        project, members = json.loads(rule.query)['and']
        assert project == {'=': {'project_id': 'project'}}
        assert members in ({'in': {'id': ['a', 'b']}},
                           {'=': {'server_group': 'shop'}})


def test_an_application_without_servers_is_asked_for_none():
    rule = rules(application(server_ids=()))[alarms.CPU]
    [nobody] = json.loads(rule.query)['and'][1]['in']['id']
    assert set(nobody) == {'0', '-'}


def test_only_our_own_names_stand_for_a_reservation():
    name = alarms.name_of(samples.TOKEN, 'cpu')
    assert alarms.token_of(name) == samples.TOKEN
    for foreign in ('cpu', f'x{name}', 'shadow-reserve/../cpu', ''):
        assert alarms.token_of(foreign) is None


def test_an_alarm_that_somebody_edited_is_not_what_it_should_be():
    rule = rules(application())[alarms.CPU]
    there = {**rule.to_body(), 'query': rule.query.replace(',', ', ')}
    assert rule.is_in(there)
    assert not rule.is_in({**there, 'threshold': 1.0})
    assert not rule.is_in({**there, 'query': '{}'})
    assert not rule.is_in({**there, 'query': 'nonsense'})
    assert not cloud_aodh.Rule.is_in(rule, {})
