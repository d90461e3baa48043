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

"""As test_killed_engine, at what other ways to wait call.

A suspended, a stopped and an offloaded shadow instance with volumes are
promoted and returned by hand. The engine is killed once at every call that
the shelved ones of that test do not need.
"""

from collections.abc import Iterator
import pathlib
from typing import Any

import pytest

from tests.functional import application as test_application
from tests.functional import engine_process
from tests.functional import pocket
from tests.functional import proxy as faulty_proxy

Fault = faulty_proxy.Fault
wait_for = test_application.wait_for

HOLD = [{'tier': 'suspended', 'count': 1}, {'tier': 'stopped', 'count': 1},
        {'tier': 'offloaded'}]
SHADOW = len(HOLD)
HELD = ['SHELVED_OFFLOADED', 'SHUTOFF', 'SUSPENDED']
PATIENCE = 400


def _both(name: str, method: str, path: str, body: str = '') -> list[Fault]:
    """Killed before the service has seen it, and after."""
    return [Fault(f'{name}, {when}', method, path, when, body)
            for when in ('before', 'after')]


FAULTS = {
    'nova': [
        *_both('suspend', 'POST', '/action$', '"suspend"'),
        *_both('stop', 'POST', '/action$', '"os-stop"'),
        *_both('offload', 'POST', '/action$', '"shelveOffload"'),
        *_both('resume', 'POST', '/action$', '"resume"'),
        *_both('start', 'POST', '/action$', '"os-start"'),
        *_both('unshelve', 'POST', '/action$', '"unshelve"'),
        *_both('mark as draining', 'PUT', '/metadata/'),
        *_both('unmark', 'DELETE', '/metadata/'),
        *_both('attach', 'POST', '/os-volume_attachments$'),
        *_both('detach', 'DELETE', '/os-volume_attachments/'),
        Fault('read hypervisor', 'GET', '/os-hypervisors', 'before')],
    'placement': [
        Fault('candidates', 'GET', '/allocation_candidates', 'before'),
        *_both('claim', 'PUT', '/allocations/'),
        *_both('let go', 'DELETE', '/allocations/'),
        Fault('free', 'GET', '/usages', 'before')],
    'cinder': [
        *_both('create volume', 'POST', '/volumes$'),
        Fault('read volume', 'GET', '/volumes/', 'before'),
        *_both('delete volume', 'DELETE', '/volumes/')],
}


@pytest.fixture
def engine(cinder: None, tmp_path: pathlib.Path,
           ) -> Iterator[engine_process.Engine]:
    quick = {'engine': {'reconcile_interval': '2'},
             'shadow': {'settle_time': '1', 'promotion_timeout': '300'}}
    with engine_process.running(tmp_path, FAULTS, quick) as engine:
        yield engine


def test_an_engine_killed_at_any_call_leaves_nothing_too_many(
        application: test_application.Application,
        engine: engine_process.Engine) -> None:
    api = pocket.Api(application.tenant)
    witness = pocket.Witness()
    claims_before = witness.shadow_claims()
    volumes_before = _volumes(application.tenant)

    def reach(state: str) -> None:
        wait_for(f'all {state}', PATIENCE,
                 lambda: api.states(token) == [state] * SHADOW)

    def move(way: str) -> None:
        wait_for(way, PATIENCE, lambda: api.request(
            'POST', f'/v1/reservations/{token}/shadow/{way}',
            json={'count': SHADOW}).status_code == 202)

    # given a shadow instance of each kind, with a volume
    token = api.create(
        name=application.name, flavor='m1.small', quantity=2,
        duration=7200, template={'image': 'pocket',
                                 'volumes': [{'size': 1}]},
        selector={'kind': 'metadata', 'key': 'metering.server_group',
                  'value': application.name},
        policy={'mode': 'active', 'minimum_shadow': SHADOW,
                'maximum_shadow': SHADOW, 'cooldown': 86400,
                'drain_time': 15, 'hold': HOLD})['token']
    reach('available')
    wait_for('held, each in its way', 60,
             lambda: witness.statuses(token) == HELD)
    wait_for('one claim of ours', 60,
             lambda: witness.shadow_claims() == claims_before + 1)

    # when they are promoted, and return, and one is wanted while it drains
    move('promote')
    reach('allocated')
    assert witness.statuses(token) == ['ACTIVE'] * SHADOW
    wait_for('their volumes', 120, lambda: _attached(
        application.tenant, volumes_before) == SHADOW)
    move('return')
    reach('available')
    move('promote')
    reach('allocated')

    # then the claim of ours is gone, and nothing is there twice
    wait_for('no claim of ours', 60,
             lambda: witness.shadow_claims() == claims_before)
    assert len(_volumes(application.tenant) - volumes_before) == SHADOW
    assert len(witness.servers(token)) == SHADOW
    wait_for('none is said to drain', 60, lambda: not any(
        'shadow_reserve:draining' in server.metadata
        for server in witness.servers(token)))

    # when the reservation is deleted, then nothing is left
    api.delete(token)
    wait_for('it is gone', PATIENCE, lambda: api.is_gone(token))
    assert not witness.servers(token)
    assert witness.shadow_claims() == claims_before
    wait_for('no volume is left', 60, lambda: _volumes(
        application.tenant) <= volumes_before)

    # and every fault did happen
    assert set(engine.process.deaths) == {
        fault.name for faults in FAULTS.values() for fault in faults}


def _volumes(tenant: Any) -> set[str]:
    return {volume.id for volume in tenant.block_storage.volumes()}


def _attached(tenant: Any, before: set[str]) -> int:
    return sum(1 for volume in tenant.block_storage.volumes()
               if volume.id not in before and volume.status == 'in-use')
