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

"""Alarms are listed page by page, whatever happens meanwhile."""

import pytest

from shadow_reserve.cloud import aodh as cloud_aodh
from shadow_reserve.cloud import exceptions
from tests.unit import fake_cloud


@pytest.fixture
def cloud(monkeypatch):
    monkeypatch.setattr(cloud_aodh, '_PER_PAGE', 3)
    cloud = fake_cloud.FakeCloud()
    for number in range(10):
        cloud.add_alarm({'name': f'alarm-{number}', 'enabled': True})
    return cloud


@pytest.fixture
def aodh(cloud):
    return cloud_aodh.Aodh(cloud.adapter('aodh'))


def ids(alarms):
    return sorted(alarm.alarm_id for alarm in alarms)


def test_all_pages_are_read(cloud, aodh):
    assert ids(aodh.list_alarms()) == sorted(cloud.alarms)


def test_something_can_be_done_between_two_pages(cloud, aodh):
    asked = []
    aodh.list_alarms(after_page=lambda: asked.append(len(cloud.asked)))
    # not after the last one
    assert asked == list(range(1, len(cloud.asked)))
    assert asked


def test_some_names_are_asked_for_in_one_request(cloud, aodh):
    found = aodh.find_alarms(['alarm-7', 'alarm-8', 'alarm-99'])
    assert {alarm.name for alarm in found} == {'alarm-7', 'alarm-8'}
    assert len(cloud.asked) == 1


@pytest.mark.parametrize('count', [1, 2, 5])
def test_some_ids_are_asked_for_in_one_request(cloud, aodh, count):
    wanted = sorted(cloud.alarms)[:count]
    found = aodh.get_alarms(wanted)
    assert sorted(found) == wanted
    assert all(alarm.alarm_id == alarm_id
               for alarm_id, alarm in found.items())
    assert len(cloud.asked) == 1


@pytest.mark.parametrize('others', [0, 2])
def test_an_alarm_that_is_not_there_is_left_out(cloud, aodh, others):
    there = sorted(cloud.alarms)[:others]
    assert sorted(aodh.get_alarms([*there, 'gone'])) == there


def test_nothing_is_asked_for_none(cloud, aodh):
    assert aodh.find_alarms([]) == []
    assert aodh.get_alarms([]) == {}
    assert cloud.asked == []


def test_an_alarm_that_goes_meanwhile_stops_no_listing(cloud, aodh):
    # given that the last alarm of the first page goes before the second
    answer = cloud.get_alarms

    def answer_once(*args):
        cloud.get_alarms = answer
        page = answer(*args)
        del cloud.alarms[page[-1]['alarm_id']]
        return page
    cloud.get_alarms = answer_once

    # then the listing is without it, and whole
    assert ids(aodh.list_alarms()) == sorted(cloud.alarms)


def test_a_failing_aodh_is_not_asked_for_ever(cloud, aodh):
    cloud.down = {'aodh'}
    with pytest.raises(exceptions.ServiceUnavailable):
        aodh.list_alarms()
    assert len(cloud.asked) == 1
