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

"""The view of servers is what a listing of everything would say."""

import datetime

import hypothesis
from hypothesis import strategies as st
import pytest

from shadow_reserve.cloud import exceptions
from shadow_reserve.cloud import nova as cloud_nova
from shadow_reserve.cloud import servers
from tests.unit import fake_cloud
from tests.unit import samples

PROJECTS = frozenset({'p1', 'p2'})
RELIST = 10 * samples.MINUTE


class World:
    def __init__(self, page=1000):
        self.now = samples.NOW
        self.cloud = fake_cloud.FakeCloud(page)
        self.view = servers.ServerView(
            cloud_nova.Nova(lambda session: self.cloud.adapter('nova')),
            RELIST)

    def refresh(self, projects=PROJECTS, later=samples.MINUTE):
        """:returns: how many requests it took"""
        self.now = self.cloud.now = self.now + later
        self.cloud.asked.clear()
        self.view.refresh(projects, self.now)
        return len(self.cloud.asked)

    def seen(self):
        return {server_id: one.server.status
                for server_id, one in self.view.servers.items()}

    def there(self, projects=PROJECTS):
        return {row['id']: row['status']
                for row in self.cloud.servers.values()
                if row['tenant_id'] in projects
                and row['status'] != 'DELETED'}


def test_changes_take_one_request_whatever_the_projects():
    world = World()
    for number in range(50):
        world.cloud.add_server(project=f'p{number}')
    projects = {f'p{number}' for number in range(50)}

    # many projects are listed together, and then only their changes
    assert world.refresh(projects) == 1
    world.cloud.add_server(project='p7')
    assert world.refresh(projects) == 1
    assert world.seen() == world.there(projects)

    # one that is new is listed by itself
    world.cloud.add_server(project='new')
    assert world.refresh(projects | {'new'}) == 2
    assert world.seen() == world.there(projects | {'new'})

    # and one that is of no interest any more is forgotten
    world.refresh({'new'})
    assert world.seen() == world.there({'new'})


def test_what_nova_does_not_call_a_change_is_seen_in_time():
    world = World()
    server_id = world.cloud.add_server(project='p1')
    world.refresh()
    world.cloud.servers[server_id]['metadata'] = {'app': 'shop'}
    world.refresh(later=RELIST)
    assert world.view.servers[server_id].metadata == {'app': 'shop'}


def test_after_a_listing_that_failed_nothing_is_missed():
    world = World(page=1)
    world.cloud.add_server(project='p1')
    world.refresh()
    world.cloud.down = {'nova'}
    world.cloud.add_server(project='p1')
    for _ in range(3):
        with pytest.raises(exceptions.ServiceUnavailable):
            world.refresh()
    world.cloud.down = set()
    world.refresh()
    assert world.seen() == world.there()


def test_a_cell_that_does_not_answer_takes_nothing_away():
    world = World()
    server_id = world.cloud.add_server(project='p1', status='SHELVED')
    world.refresh()
    row = world.cloud.servers[server_id]
    world.cloud.servers[server_id] = {
        key: row[key] for key in ('id', 'tenant_id', 'created', 'updated')
    } | {'status': 'UNKNOWN'}
    world.refresh(later=RELIST)
    assert world.seen() == {server_id: 'SHELVED'}


def test_a_server_purged_while_pages_are_turned_stops_no_listing():
    world = World(page=4)
    for _ in range(10):
        world.cloud.add_server(project='p1')
    world.cloud.after_page = lambda server_ids: world.cloud.servers.pop(
        server_ids[-1])
    world.refresh()
    assert set(world.there()) <= set(world.seen())
    world.cloud.after_page = lambda server_ids: None
    world.refresh(later=RELIST)
    assert world.seen() == world.there()


@hypothesis.given(st.lists(st.tuples(
    st.sampled_from(['add', 'stop', 'delete', 'look', 'fail']),
    st.sampled_from(['p1', 'p2', 'p3']), st.integers(0, 900)),
    max_size=25), st.integers(1, 4))
def test_the_view_is_what_a_whole_listing_would_say(steps, page):
    world = World(page)
    for step, project, seconds in steps:
        later = datetime.timedelta(seconds=seconds)
        there = sorted(world.there())
        if step == 'add':
            world.cloud.add_server(project=project)
        elif step in ('stop', 'delete') and there:
            world.cloud.change_server(
                there[seconds % len(there)],
                status='SHUTOFF' if step == 'stop' else 'DELETED')
        elif step == 'fail':
            world.cloud.down = {'nova'}
            with pytest.raises(exceptions.ServiceUnavailable):
                world.refresh(later=later)
            world.cloud.down = set()
        elif step == 'look':
            world.refresh(later=later)
            assert world.seen() == world.there()
    world.refresh()
    assert world.seen() == world.there()
