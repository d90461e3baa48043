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

"""Whatever is sent, it is taken or refused with 400: never an error 500."""

import datetime
import io
import json

import falcon
from falcon import testing
import hypothesis
from hypothesis import strategies
import jsonschema
import pytest

from shadow_reserve.api import bodies
from shadow_reserve.api import errors
from shadow_reserve.api import formats
from shadow_reserve.api import intake
from shadow_reserve.api import resolution
from shadow_reserve.api.schemas import policy as policy_schemas
from shadow_reserve.api.schemas import reservations as schemas
from shadow_reserve.api import views
from shadow_reserve.cloud import tenant
from shadow_reserve.records import holding
from shadow_reserve.records import hook
from shadow_reserve.records import reservation
from tests.api import fakes
from tests.api import fixtures

NOW = fixtures.NOW

READER = bodies.Bodies(100000)


def request(raw, **headers):
    return falcon.Request(testing.create_environ(
        method='POST', body=raw,
        headers={'content-type': 'application/json', **headers}))


def judge(fields):
    """What the API makes of a reservation, up to asking the cloud."""
    body = READER.read(request(json.dumps(
        {'reservation': fields})), schemas.CREATE)['reservation']
    selector = intake.selector(body['selector'])
    return (intake.term(body, NOW), selector, intake.policy(
                body.get('policy', {}), reservation.Policy(), selector),
            resolution.template(
                AnyCloud('demo'), body['template'], fakes.SMALL))


class AnyCloud(fakes.TenantCloud):
    """It has whatever is asked for, under the id that is its name."""

    def find_image(self, name_or_id):
        return tenant.Image(image_id=name_or_id, status='active',
                            minimum_memory_mib=0, minimum_disk_gib=0)

    def find_network(self, name_or_id):
        return name_or_id

    def _be_there(self, name_or_id):
        pass

    check_security_group = check_key = check_volume_type = _be_there
    check_availability_zone = _be_there


ANYTHING = strategies.recursive(
    strategies.none() | strategies.booleans() | strategies.integers()
    | strategies.floats() | strategies.text(
        strategies.characters(exclude_categories=())),
    lambda inner: strategies.lists(inner, max_size=3)
    | strategies.dictionaries(strategies.text(), inner, max_size=3),
    max_leaves=8)

GOOD = {
    'name': 'web', 'flavor': 'small', 'quantity': 1, 'duration': 3600,
    'template': {'image': 'cirros', 'readiness': {'kind': 'http'},
                 'volumes': [{'size': 1}]},
    'selector': {'kind': 'metadata', 'key': 'app', 'value': 'web'},
    'policy': {'hold': [{'tier': 'shelved'}], 'schedule': [
        {'start': '0 18 * * 5', 'duration': 3600, 'quantity': 2}],
        'hooks': [{'kind': 'webhook', 'url': 'https://example.org/'}]},
}


def places(schema, *path):
    """Every place in a body where the schema says what may be."""
    for name, field in schema['properties'].items():
        yield (*path, name)
        if 'items' in field:
            yield (*path, name, 0)
            if 'properties' in field['items']:
                yield from places(field['items'], *path, name, 0)
        if 'properties' in field:
            yield from places(field, *path, name)


PLACES = list(places(schemas.CREATE['properties']['reservation']))


@hypothesis.settings(max_examples=300, deadline=None)
@hypothesis.given(place=strategies.sampled_from(PLACES), value=ANYTHING)
def test_any_value_in_any_place(place, value):
    fields = json.loads(json.dumps(GOOD))
    inner = fields
    for step in place[:-1]:
        if isinstance(step, str) and step not in inner:
            inner[step] = [None]
        inner = inner[step]
    inner[place[-1]] = value
    try:
        judge(fields)
    except errors.Problem as problem:
        assert problem.status == falcon.HTTP_400
        assert len(problem.description) < 1000


@hypothesis.settings(max_examples=200, deadline=None)
@hypothesis.given(raw=strategies.binary(min_size=1, max_size=100))
def test_any_bytes(raw):
    with pytest.raises(errors.Problem) as caught:
        READER.read(request(raw), schemas.CREATE)
    assert caught.value.status == falcon.HTTP_400


def lengths(longest):
    return strategies.integers(3600, longest).map(
        lambda seconds: datetime.timedelta(seconds=seconds))


HOOKS = (
    hook.Hook(kind=hook.HookKind.WEBHOOK, url='https://example.org/'),
    hook.Hook(kind=hook.HookKind.OCTAVIA_POOL, protocol_port=80,
              pool_id='33333333-aaaa-4aaa-8aaa-333333333333'),
    hook.Hook(kind=hook.HookKind.METADATA, key='serves', value='yes'))


def hold_of(tiers):
    return (*(holding.HoldStep(tier=tier, count=count)
              for count, tier in enumerate(tiers[:-1], 1)),
            holding.HoldStep(tier=tiers[-1]))


@hypothesis.given(strategies.builds(
    reservation.Policy,
    mode=strategies.sampled_from(reservation.Mode),
    service_level=strategies.floats(0.01, 0.99),
    safety_margin=strategies.floats(0, 10),
    minimum_shadow=strategies.integers(0, 10),
    maximum_shadow=strategies.integers(10, 1000),
    cooldown=lengths(86400),
    budget=strategies.none() | strategies.decimals(
        0, 1000000, places=6),
    hold=strategies.lists(
        strategies.sampled_from(holding.Tier), unique=True, min_size=1,
    ).map(hold_of),
    priority=strategies.integers(0, 100),
    schedule=strategies.lists(strategies.builds(
        reservation.ScheduledShadow,
        start=strategies.sampled_from(['0 18 * * fri', '*/5 8-18 1,15 * *']),
        duration=lengths(604800), quantity=strategies.integers(0, 1000),
        timezone=strategies.sampled_from(['UTC', 'Europe/Berlin'])),
        max_size=3).map(tuple),
    drain_time=lengths(86400),
    maximum_uses=strategies.none() | strategies.integers(1, 100),
    maximum_age=strategies.none() | lengths(31536000),
    cpu_threshold=strategies.none() | strategies.floats(50, 100),
    memory_threshold=strategies.none() | strategies.floats(50, 100),
    io_latency_threshold=strategies.none() | strategies.floats(50, 1000),
    memory_scale_in_threshold=strategies.none() | strategies.floats(1, 49),
    io_latency_scale_in_threshold=(
        strategies.none() | strategies.floats(1, 49)),
    alarm_period=strategies.none() | lengths(86400),
    alarm_evaluation_periods=strategies.none() | strategies.integers(1, 100),
    alarm_combination=strategies.sampled_from(reservation.AlarmCombination),
    promotion_step=strategies.none() | strategies.integers(1, 1000),
    promotion_cooldown=lengths(604800),
    maximum_promoted=strategies.none() | strategies.integers(1, 1000),
    cold_creation=strategies.booleans(),
    hooks=strategies.lists(strategies.sampled_from(HOOKS), unique=True,
                           max_size=3).map(tuple)))
def test_a_policy_that_is_shown_can_be_sent_back(policy):
    shown = sent_back(fixtures.make_record(policy=policy), 'policy')
    assert intake.policy(
        shown, reservation.Policy(), fixtures.make_record().selector,
    ) == policy


def sent_back(record, name):
    """A part of a reservation as it is shown, and read in a change."""
    shown = views.show_reservation(record, 'http://here', fixtures.NOW)[name]
    body = READER.read(request(json.dumps(
        {'reservation': {name: shown}})), schemas.UPDATE)
    return body['reservation'][name]


NAMES = strategies.sampled_from(['one', 'two', 'three'])

READINESS = strategies.builds(
    reservation.Readiness, key=NAMES, value=NAMES,
    kind=strategies.just(reservation.ReadinessKind.METADATA),
) | strategies.builds(
    reservation.Readiness, port=strategies.integers(1, 65535),
    kind=strategies.just(reservation.ReadinessKind.HTTP),
    path=strategies.sampled_from(['/', '/ready?deep=1']))


@hypothesis.given(strategies.builds(
    reservation.InstanceTemplate, image_id=NAMES,
    network_ids=strategies.tuples(NAMES),
    security_groups=strategies.tuples(NAMES),
    key_name=strategies.none() | NAMES,
    availability_zone=strategies.none() | NAMES,
    metadata=strategies.tuples(strategies.tuples(NAMES, NAMES)),
    config_drive=strategies.booleans(),
    readiness=strategies.none() | READINESS,
    volumes=strategies.lists(strategies.builds(
        reservation.VolumeTemplate, size_gib=strategies.integers(1, 65536),
        volume_type=strategies.none() | NAMES,
        attach=strategies.sampled_from(reservation.AttachTime)),
        max_size=3).map(tuple)))
def test_a_template_that_is_shown_can_be_sent_back(template):
    shown = sent_back(fixtures.make_record(template=template), 'template')
    assert resolution.template(
        AnyCloud('demo'), shown, fakes.SMALL) == template


def test_whole_numbers_stay_whole():
    # JSON does not tell 2.0 from 2; what is kept and shown does.
    *_, policy, template = judge({**GOOD, 'policy': {
        'minimum_shadow': 1.0, 'priority': 7.0, 'maximum_uses': 3.0,
        'drain_time': 60.0, 'maximum_age': 3600.0,
        'hold': [{'tier': 'shelved', 'count': 2.0}, {'tier': 'stopped'}],
        'schedule': [{'start': '0 18 * * 5', 'duration': 60.0,
                      'quantity': 4.0}]}, 'template': {
        'image': 'cirros', 'volumes': [{'size': 8.0}],
        'readiness': {'kind': 'http', 'port': 80.0}}})
    text = json.dumps(views.show_reservation(fixtures.make_record(
        policy=policy, template=template), '', fixtures.NOW))
    for part in ('"minimum_shadow": 1,', '"priority": 7,',
                 '"maximum_uses": 3,', '"drain_time": 60,',
                 '"maximum_age": 3600', '"count": 2}', '"duration": 60,',
                 '"quantity": 4,', '"size": 8,', '"port": 80,'):
        assert part in text


@pytest.mark.parametrize('text', [
    '0 18 * * 5', '*/5 8-18 1,15 * mon-fri', '0 0 29 2 *', '0 0 L * *',
    '0 3 * jan,dec sun'])
def test_what_is_a_schedule(text):
    assert formats.CHECKER.conforms(text, 'cron')


@pytest.mark.parametrize('text', [
    '', '18', '0 18 * *', '0 0 18 * * 5', '@daily', '60 * * * *',
    '0 18 * * someday', '0 0 30 2 *', 'H 18 * * *', 'R * * * *',
    '0 r(1-5) * * *', '0 18 * * 5\0'])
def test_what_is_no_schedule(text):
    assert not formats.CHECKER.conforms(text, 'cron')


def test_time_zones():
    assert formats.CHECKER.conforms('Europe/Berlin', 'timezone')
    for name in ('', 'Europe', 'Mars/Olympus', '../etc/passwd', '\ud800'):
        assert not formats.CHECKER.conforms(name, 'timezone')


def test_schemas_are_schemas():
    for schema in (schemas.CREATE, schemas.UPDATE):
        jsonschema.Draft202012Validator.check_schema(schema)


def test_defaults_of_the_policy_fit_the_schema():
    shown = views.show_reservation(
        fixtures.make_record(policy=reservation.Policy()), '',
        fixtures.NOW)['policy']
    jsonschema.validate(shown, policy_schemas.POLICY)


@pytest.mark.parametrize(('raw', 'headers', 'status'), [
    (b'[' * 90000, {}, falcon.HTTP_400),
    (b'{}', {'content-type': 'application/xml'}, falcon.HTTP_415),
    (b'x' * 100001, {}, falcon.HTTP_413),
])
def test_bodies_that_are_not_read(raw, headers, status):
    with pytest.raises(errors.Problem) as caught:
        READER.read(request(raw, **headers), schemas.CREATE)
    assert caught.value.status == status


def test_a_body_of_unknown_length_is_refused():
    environ = testing.create_environ(
        method='POST', headers={'content-type': 'application/json'})
    environ.pop('CONTENT_LENGTH', None)
    environ['wsgi.input'] = io.BytesIO(b'{}')
    with pytest.raises(errors.Problem) as caught:
        READER.read(falcon.Request(environ), schemas.CREATE)
    assert caught.value.status == falcon.HTTP_411


def test_a_charset_beside_the_media_type_is_fine():
    assert READER.read(request(
        json.dumps({'reservation': GOOD}),
        **{'content-type': 'application/json; charset=utf-8'}),
        schemas.CREATE)


@pytest.mark.parametrize('text', [
    '2026-01-31T12:00:00Z', '2026-01-31T12:00:00',
    '2026-01-31 13:00+01:00', '20260131T120000Z'])
def test_times(text):
    assert formats.parse_time(text) == NOW
