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

"""Records as the tests need them, ordinary but for what a test changes."""

import dataclasses
import datetime
import decimal
from typing import Any

from shadow_reserve.records import demand
from shadow_reserve.records import holding
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow

NOW = datetime.datetime(2026, 3, 2, 12, 0, tzinfo=datetime.UTC)
HOUR = datetime.timedelta(hours=1)
MINUTE = datetime.timedelta(minutes=1)
TOKEN = '11111111-1111-4111-8111-111111111111'
ALLOCATION = '22222222-2222-4222-8222-222222222222'
INSTANCE = '33333333-3333-4333-8333-333333333333'
SERVER = '44444444-4444-4444-8444-444444444444'


def policy(**changes: Any) -> reservation.Policy:
    return reservation.Policy(
        **{'mode': reservation.Mode.ACTIVE, **changes})


def record(**changes: Any) -> reservation.ReservationRecord:
    fields: dict[str, Any] = {
        'token': TOKEN, 'name': 'shop', 'user_id': 'user',
        'project_id': 'project', 'resource_type': 'm1.small',
        'size': reservation.InstanceSize(
            flavor_id='2', vcpus=2, memory_mib=2048, disk_gib=10),
        'quantity': 4, 'start_time': NOW, 'duration': 10 * HOUR,
        'contracted_duration': 10 * HOUR,
        'shadow_allocation_id': ALLOCATION,
        'status': reservation.ReservationStatus.ACTIVE,
        'lease_backend': 'builtin', 'lease_id': None,
        'cost': decimal.Decimal(), 'policy': policy(),
        'template': reservation.InstanceTemplate(image_id='image'),
        'selector': reservation.Selector(
            kind=reservation.SelectorKind.METADATA,
            key='metering.server_group', value='shop'),
        'trust_id': 'trust', 'generation': 0, 'created_at': NOW,
        'updated_at': NOW}
    return reservation.ReservationRecord(**{**fields, **changes})


def instance(**changes: Any) -> shadow.ShadowInstance:
    fields: dict[str, Any] = {
        'instance_id': INSTANCE, 'allocation_id': ALLOCATION,
        'state': shadow.InstanceState.AVAILABLE, 'generation': 0,
        'server_id': SERVER, 'host': 'compute-1', 'attempts': 1,
        'reason': '', 'state_since': NOW, 'charged_until': None,
        'created_at': NOW, 'tier': holding.Tier.SHELVED}
    return shadow.ShadowInstance(**{**fields, **changes})


def server(**changes: Any) -> shadow.Server:
    fields: dict[str, Any] = {
        'server_id': SERVER, 'instance_id': INSTANCE, 'token': TOKEN,
        'name': 'shadow-shop-33333333', 'project_id': 'project',
        'status': 'SHELVED', 'task_state': None, 'host': 'compute-1',
        'fault': None, 'created_at': NOW,
        'flavor': shadow.Flavor(vcpus=2, memory_mib=2048, root_gib=10)}
    return shadow.Server(**{**fields, **changes})


def profile(peaks: tuple[float, ...] = (4.0, 6.0, 7.0, 9.0),
            resource: demand.DemandResource = demand.DemandResource.VCPU,
            ) -> demand.DemandProfile:
    return demand.DemandProfile(
        token=TOKEN, resource=resource, origin=NOW, step=5 * MINUTE,
        levels=(0.5, 0.9, 0.95, 0.99), quantiles=(peaks,) * 3,
        peak_window=30 * MINUTE, window_peak=peaks,
        provenance=demand.Provenance(
            model=demand.ForecastModel.EXPERT_MIX, training_start=NOW,
            training_end=NOW, points=4032, points_needed=288))


def aged(one: demand.DemandProfile, **age: float) -> demand.DemandProfile:
    """The same, its latest reading so much before its origin."""
    return dataclasses.replace(one, provenance=dataclasses.replace(
        one.provenance,
        latest_reading=one.origin - datetime.timedelta(**age)))


class AmpleRoom:
    """An operator who leaves idle shadow all the room there is."""

    def instances(self, record: reservation.ReservationRecord,
                  ) -> tuple[int | None, str]:
        return None, ''

    def full_hosts(self, record: reservation.ReservationRecord,
                   ) -> frozenset[str]:
        return frozenset()
