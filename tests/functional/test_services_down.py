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

"""Services that break down are named, waited for, and found again."""

from collections.abc import Iterator
import functools
import pathlib

import pytest

from tests.functional import application as test_application
from tests.functional import engine_process
from tests.functional import pocket

wait_for = test_application.wait_for


@pytest.fixture
def engine(tmp_path: pathlib.Path) -> Iterator[engine_process.Engine]:
    with engine_process.running(tmp_path, {}) as engine:
        yield engine


def is_named(api: pocket.Api, token: str, name: str) -> bool:
    return any(event['details']['service'] == name for event
               in api.events(token, 'service.unavailable'))


def test_a_service_that_is_down_is_named_and_nothing_is_lost(
        application: test_application.Application,
        engine: engine_process.Engine) -> None:
    # given a reservation whose shadow is being built
    api = pocket.Api(application.tenant)
    witness = pocket.Witness()
    token = api.create(
        name=application.name, flavor='m1.small', quantity=2,
        duration=7200, template={'image': 'pocket'},
        selector={'kind': 'metadata', 'key': 'metering.server_group',
                  'value': application.name},
        policy={'mode': 'active', 'minimum_shadow': 1,
                'maximum_shadow': 1})['token']

    # when each service is down for a while
    for name in ('nova', 'placement', 'aodh', 'gnocchi'):
        engine.proxies[name].down = True
        if name == 'placement':
            # Nobody reads a claim before something is shelved.
            wait_for('it waits for the claim', 120,
                     lambda: witness.statuses(token) == ['SHELVED'])
        wait_for(f'{name} is named', 120,
                 functools.partial(is_named, api, token, name))
        engine.proxies[name].down = False

    # then the work is done all the same, and the recovery is told
    wait_for('it is available', 240,
             lambda: api.states(token) == ['available'])
    wait_for('the recovery is told', 120,
             lambda: api.events(token, 'service.recovered'))

    # and the deletion waits for services as well
    engine.proxies['nova'].down = True
    api.delete(token)
    engine.proxies['nova'].down = False
    wait_for('it is gone', 180, lambda: api.is_gone(token))
    assert not witness.servers(token)
    assert not witness.alarms(token)
