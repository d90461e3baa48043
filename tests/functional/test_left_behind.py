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

"""What a process that died left behind at other services is swept away."""

import dataclasses
from typing import Any
import uuid

import openstack
import pytest

from shadow_reserve.cloud import nova_rows
from shadow_reserve.cloud import placement as cloud_placement
from shadow_reserve.cmd import options
from shadow_reserve.db import reservations as db_reservations
from shadow_reserve.db import session as db_session
from shadow_reserve.records import reservation
from shadow_reserve.trigger import alarms as trigger_alarms
from tests.functional import application as test_application
from tests.functional import pocket

wait_for = test_application.wait_for


@pytest.fixture
def tenant() -> Any:
    return openstack.connect(cloud='demo')


@pytest.fixture
def token(tenant: Any) -> Any:
    """A reservation of an application that there is not (yet)."""
    api = pocket.Api(tenant)
    name = f'left-{uuid.uuid4().hex[:8]}'
    token = api.create(
        name=name, flavor='m1.tiny', quantity=1, duration=3600,
        template={'image': 'pocket'},
        selector={'kind': 'metadata', 'key': 'metering.server_group',
                  'value': name})['token']
    yield token
    api.delete(token)
    wait_for('it is gone', 120, lambda: api.is_gone(token))


def boot(tenant: Any, token: str) -> str:
    """A server just as the engine would ask for it."""
    instance_id = str(uuid.uuid4())
    image = tenant.image.find_image('pocket')
    flavor = tenant.compute.find_flavor('m1.tiny')
    server = tenant.compute.create_server(
        name=f'shadow-left-{instance_id[:8]}', flavor_id=flavor.id,
        image_id=image.id, networks='none',
        metadata={nova_rows.TOKEN_KEY: token,
                  nova_rows.INSTANCE_KEY: instance_id},
        tags=[nova_rows.TAG])
    return str(server.id)


def test_a_server_without_a_record_goes_but_not_a_stranger(
        tenant: Any, token: str) -> None:
    witness = pocket.Witness()
    stranger = str(uuid.uuid4())
    # given a server of a known reservation that no record stands behind,
    # and one of a deployment that this one has never heard of
    boot(tenant, token)
    theirs = boot(tenant, stranger)
    try:
        wait_for('it is swept', 120, lambda: not witness.servers(token))
        assert len(witness.servers(stranger)) == 1
    finally:
        tenant.compute.delete_server(theirs)


def test_an_alarm_without_a_record_goes(token: str) -> None:
    witness = pocket.Witness()
    wait_for('its alarms', 60, lambda: len(witness.alarms(token)) == 3)

    # given a second alarm of the same name
    twin = witness.create_alarm(trigger_alarms.name_of(token, 'cpu'))

    wait_for('it is swept', 120, lambda: twin not in {
        alarm['alarm_id'] for alarm in witness.alarms(token)})
    assert len(witness.alarms(token)) == 3


def test_a_trust_without_a_reservation_goes(tenant: Any) -> None:
    witness = pocket.Witness()
    service = openstack.connect(cloud='shadow-reserve')
    # given an API process that died before it wrote the trust down
    trust = tenant.identity.create_trust(
        trustor_user_id=tenant.current_user_id,
        trustee_user_id=service.current_user_id,
        project_id=tenant.current_project_id, impersonation=True,
        roles=[{'name': 'member'}])
    assert trust.id in witness.trusts()

    wait_for('it is swept', 120, lambda: trust.id not in witness.trusts())


def test_a_claim_for_no_member_goes() -> None:
    witness = pocket.Witness()
    service: Any = openstack.connect(cloud='shadow-reserve')
    # given an engine that died after it claimed room for a member that is
    # forgotten since
    consumer_id = str(uuid.uuid4())
    provider = next(iter(service.placement.resource_providers()))
    service.placement.put(
        f'/allocations/{consumer_id}', microversion='1.38', json={
            'allocations': {provider.id: {'resources': {'VCPU': 1}}},
            'project_id': service.current_project_id,
            'user_id': service.current_user_id,
            'consumer_generation': None,
            'consumer_type': cloud_placement.CONSUMER_TYPE},
    ).raise_for_status()
    assert witness.allocations(consumer_id)

    wait_for('it is swept', 120,
             lambda: not witness.allocations(consumer_id))


def test_a_reservation_that_never_got_its_trust_is_given_up(
        tenant: Any, token: str) -> None:
    # given an API process that died before it asked for the trust
    conf = options.load(
        [], program='test', config_files=[str(pocket.service_config())])
    database = db_session.from_options(conf)
    whole = database.read(
        lambda session: db_reservations.get(session, token))
    half = dataclasses.replace(
        whole, token=str(uuid.uuid4()),
        shadow_allocation_id=str(uuid.uuid4()), trust_id=None,
        status=reservation.ReservationStatus.CREATING)
    database.write(lambda session: db_reservations.add(session, half))

    api = pocket.Api(tenant)
    wait_for('it is given up', 120, lambda: api.is_gone(half.token))
