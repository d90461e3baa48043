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

"""An engine that is killed at every outside call, and starts again.

The engine of this test speaks to the real services through proxies. Each
fault kills it once, just before or just after the real service has
answered; a new engine is started at once. At the end nothing may be
there twice, and after the deletion nothing at all.
"""

import collections
from collections.abc import Iterator
import itertools
import pathlib

import pytest

from tests.functional import application as test_application
from tests.functional import engine_process
from tests.functional import pocket
from tests.functional import proxy as faulty_proxy

Fault = faulty_proxy.Fault
wait_for = test_application.wait_for

SHADOW = 2

FAULTS = {
    'nova': [
        Fault('list servers', 'GET', '/servers/detail', 'before'),
        Fault('create, before', 'POST', '/servers$', 'before'),
        Fault('create, after', 'POST', '/servers$', 'after'),
        Fault('shelve, before', 'POST', '/action$', 'before', '"shelve"'),
        Fault('shelve, after', 'POST', '/action$', 'after', '"shelve"'),
        Fault('unshelve, before', 'POST', '/action$', 'before',
              '"unshelve"'),
        Fault('unshelve, after', 'POST', '/action$', 'after',
              '"unshelve"'),
        Fault('limits', 'GET', '/limits', 'before'),
        Fault('delete server, before', 'DELETE', '/servers/', 'before'),
        Fault('delete server, after', 'DELETE', '/servers/', 'after')],
    'placement': [
        Fault('read claim', 'GET', '/allocations/', 'before')],
    'aodh': [
        Fault('create alarm, before', 'POST', '/v2/alarms$', 'before'),
        Fault('create alarm, after', 'POST', '/v2/alarms$', 'after'),
        Fault('read alarm', 'GET', '/v2/alarms/', 'before'),
        Fault('delete alarm, before', 'DELETE', '/v2/alarms/', 'before'),
        Fault('delete alarm, after', 'DELETE', '/v2/alarms/', 'after')],
    'gnocchi': [
        Fault('read history', 'POST', '/v1/aggregates', 'before')],
    'keystone': [
        Fault('delete trust, before', 'DELETE', '/OS-TRUST/', 'before'),
        Fault('delete trust, after', 'DELETE', '/OS-TRUST/', 'after')],
}


@pytest.fixture
def engine(tmp_path: pathlib.Path) -> Iterator[engine_process.Engine]:
    with engine_process.running(tmp_path, FAULTS) as engine:
        yield engine


def test_an_engine_killed_anywhere_leaves_nothing_too_many(
        application: test_application.Application,
        engine: engine_process.Engine) -> None:
    api = pocket.Api(application.tenant)
    witness = pocket.Witness()
    trusts_before = witness.trusts()

    # given a reservation that asks for two shadow instances
    token = api.create(
        name=application.name, flavor='m1.small', quantity=2,
        duration=7200, template={'image': 'pocket'},
        selector={'kind': 'metadata', 'key': 'metering.server_group',
                  'value': application.name},
        policy={'mode': 'active', 'minimum_shadow': SHADOW,
                'maximum_shadow': SHADOW, 'cooldown': 5})['token']

    # then they get there, whatever dies on the way
    wait_for('two instances available', 240,
             lambda: api.states(token) == ['available'] * SHADOW)
    wait_for('two shelved servers', 60, lambda: witness.statuses(token)
             == ['SHELVED'] * SHADOW)
    assert all(witness.allocations(server.id)
               for server in witness.servers(token))
    wait_for('an alarm for each metric', 60, lambda: witness.kinds(token)
             == ['cpu', 'io_latency', 'memory'])

    # when the load rises
    application.burn(95.0)
    wait_for('all allocated', 180, lambda: api.states(token)
             == ['allocated'] * SHADOW)
    assert witness.statuses(token) == ['ACTIVE'] * SHADOW

    # and falls again
    application.burn(5.0)
    wait_for('back in the pool', 240,
             lambda: api.states(token) == ['available'] * SHADOW)
    assert witness.statuses(token) == ['SHELVED'] * SHADOW

    # then no time was charged twice
    periods: dict[str, list[tuple[str, str]]] = (
        collections.defaultdict(list))
    for entry in api.ledger(token):
        if entry['kind'] in ('hold', 'use'):
            periods[entry['inputs']['instance_id']].append(
                (entry['period_start'], entry['period_end']))
    assert len(periods) == SHADOW
    for spans in periods.values():
        spans.sort()
        assert all(end == start for (_, end), (start, _) in itertools.pairwise(
            spans))

    # when the reservation is deleted
    api.delete(token)
    wait_for('it is gone', 180, lambda: api.is_gone(token))

    # then nothing of it is left, and what is the tenant's own is
    wait_for('no server is left', 60, lambda: not witness.servers(token))
    wait_for('no alarm is left', 60, lambda: not witness.alarms(token))
    wait_for('no trust is left', 120,
             lambda: witness.trusts() <= trusts_before)
    assert all(application.tenant.compute.get_server(server_id)
               for server_id in application.server_ids)

    # and every fault did happen
    everything = {fault.name
                  for faults in FAULTS.values() for fault in faults}
    assert set(engine.process.deaths) == everything
