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

"""The API reference shows what the API really takes and gives."""

from collections.abc import Iterator
import datetime
import decimal
import json
import pathlib
from typing import Any

import jsonschema
import pytest
import yaml

from shadow_reserve.api.handlers import root
from shadow_reserve.api.schemas import reservations as schemas
from shadow_reserve.api.schemas import shadow as shadow_schemas
from shadow_reserve.api import views
from shadow_reserve.nova import slots
from shadow_reserve.records import capacity
from shadow_reserve.records import holding
from shadow_reserve.records import hook
from shadow_reserve.records import journal
from shadow_reserve.records import promotion
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow
from shadow_reserve.records import usage
from shadow_reserve.shadow import occupancy
from shadow_reserve.trigger import decision
from tests.unit import samples

SOURCE = pathlib.Path(__file__).parents[3] / 'api-ref' / 'source'


def _sample(name: str) -> Any:
    return json.loads((SOURCE / 'samples' / f'{name}.json').read_text())


def _shape(value: Any) -> Any:
    """The names of all members, whatever their values."""
    if isinstance(value, dict):
        return {name: _shape(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_shape(value[0])] if value and isinstance(
            value[0], dict) else []
    return None


@pytest.mark.parametrize(('name', 'schema'), [
    ('reservation-create-request', schemas.CREATE),
    ('reservation-update-request', schemas.UPDATE),
    ('shadow-move-request', shadow_schemas.MOVE),
    ('shadow-dry-run-request', shadow_schemas.MOVE),
])
def test_requests_fit_their_schemas(name, schema):
    jsonschema.validate(_sample(name), schema)


def test_every_field_of_a_request_is_documented():
    text = (SOURCE / 'reservations.inc').read_text()
    fields = schemas.CREATE['properties']['reservation']['properties']
    for name in _names(fields):
        assert f'   - {name}: ' in text, name


def _names(fields: dict[str, Any], prefix: str = '') -> Iterator[str]:
    for name, field in fields.items():
        yield prefix + name
        inner = field.get('items', field).get('properties', {})
        yield from _names(inner, f'{prefix}{name}.')


def test_parameters_are_sorted():
    places: dict[str, list[str]] = {}
    for name, field in yaml.safe_load(
            (SOURCE / 'parameters.yaml').read_text()).items():
        places.setdefault(field['in'], []).append(name)
    assert list(places) == ['path', 'query', 'body']
    for names in places.values():
        assert names == sorted(names)


def test_the_reservation_is_shown_as_it_is():
    shown = views.show_reservation(samples.record(
        policy=samples.policy(schedule=(reservation.ScheduledShadow(
            start='0 18 * * 5', duration=samples.HOUR, quantity=1),),
            hooks=(hook.Hook(
                kind=hook.HookKind.OCTAVIA_POOL, protocol_port=8080,
                pool_id='4029d267-3983-4224-a3d0-afb3fe16a2cd'),)),
        template=reservation.InstanceTemplate(
            image_id='image', readiness=reservation.Readiness(
                kind=reservation.ReadinessKind.HTTP),
            volumes=(reservation.VolumeTemplate(size_gib=1),))),
        'http://api', samples.NOW)
    assert _shape(_sample('reservation')['reservation']) == _shape(shown)


def test_the_shadow_is_shown_as_it_is():
    allocation = shadow.ShadowAllocationRecord(
        allocation_id=samples.ALLOCATION, reservation_id=samples.TOKEN,
        resource_type='m1.small', quantity=1,
        status=shadow.AllocationStatus.AVAILABLE)
    shown = views.show_shadow(allocation, [views.show_instance(
        samples.instance(), with_host=False)])
    assert _shape(_sample('shadow')['shadow']) == _shape(shown)


def test_a_dry_run_is_shown_as_it_is():
    answer = _sample('shadow-dry-run')['dry_run']
    live = usage.LiveUsage(
        as_of=samples.NOW, members=4, cpu_percent=92.0,
        memory_percent=51.3, io_latency_ms=None)
    decided = decision.decide(
        samples.policy(), live, decision.Pool(
            primary=4, available=1, promoting=0, allocated=0,
            last_change=None), samples.NOW, alarmed=('cpu',))
    assert answer['decision'] == views.show_judgement(decision.Judgement(
        decision=decided, live=live, alarmed=('cpu',)), samples.policy())
    assert _shape(answer['instances'][0]) == _shape(views.show_instance(
        samples.instance(), with_host=False))


def test_the_capacity_is_shown_as_it_is():
    host = capacity.HostCapacity(
        provider_id='1', host='compute-1', service_host='compute-1',
        zone='nova', in_service=True, classes={'VCPU': (
            capacity.ClassCapacity(total=8, reserved=0, maximum=8,
                                   allocation_ratio=2.0, used=10))})
    hosts = occupancy.of_hosts(
        capacity.CloudCapacity(hosts=(host,), aggregates=()),
        [capacity.Holding(member=samples.instance(),
                          record=samples.record())])
    assert _sample('capacity')['capacity'] == views.show_capacity(hosts)


def test_the_forecast_is_shown_as_it_is():
    profile = _sample('forecast')['forecast']['profiles'][0]
    assert _shape(profile) == _shape(
        views.show_profile(samples.profile(), None))


def test_ledger_and_events_are_shown_as_they_are():
    entry = journal.LedgerEntry(
        entry_id='1', token=samples.TOKEN, kind=journal.LedgerKind.BASE,
        period_start=samples.NOW, period_end=samples.NOW,
        amount=decimal.Decimal(), extension=datetime.timedelta(), rule='',
        inputs={'quantity': 4, 'price_per_hour': '0.0340'})
    assert _shape(_sample('ledger')['ledger'][0]) == _shape(
        views.show_entry(1, entry))
    event = journal.Event(
        event_id='1', token=samples.TOKEN, happened_at=samples.NOW,
        kind='instance.available', severity=journal.Severity.INFO,
        message='', details=_sample('events')['events'][0]['details'])
    assert _shape(_sample('events')['events'][0]) == _shape(
        views.show_event(7, event, with_host=False))


def test_the_promotions_of_a_reservation_are_shown_as_they_are():
    shown = views.show_promotion(12, promotion.Promotion(
        promotion_id='1', token=samples.TOKEN, server_id=samples.SERVER,
        instance_id=samples.INSTANCE, tier=holding.Tier.SHELVED,
        signal=promotion.BY_HAND, claimed_at=samples.NOW))
    (one,) = _sample('reservation-promotions')['promotions']
    assert _shape(one) == _shape(shown)


def test_promotions_are_told_as_the_filter_reads_them():
    (entry,) = _sample('promotions')['promotions']
    assert slots.parse(_sample('promotions')) == {entry['host']: [
        slots.Slot(server_id=entry['server_id'], room=entry['room'])]}


def test_the_version_is_shown_as_it_is():
    class Request:
        prefix = 'http://cloud.example.org/shadow-reserve'

    class Response:
        media: Any = None

    response = Response()
    root.Versions().on_get(Request(), response)  # type: ignore[arg-type]
    assert _sample('versions') == response.media
