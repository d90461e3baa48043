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
from shadow_reserve.api.schemas import reservations as schemas
from shadow_reserve.api import views
from shadow_reserve.records import reservation
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
    return (intake.term(body, NOW), intake.selector(body['selector']),
            intake.policy(body.get('policy', {}), reservation.Policy()))


ANYTHING = strategies.recursive(
    strategies.none() | strategies.booleans() | strategies.integers()
    | strategies.floats() | strategies.text(
        strategies.characters(exclude_categories=())),
    lambda inner: strategies.lists(inner, max_size=3)
    | strategies.dictionaries(strategies.text(), inner, max_size=3),
    max_leaves=8)

GOOD = {
    'name': 'web', 'flavor': 'small', 'quantity': 1, 'duration': 3600,
    'template': {'image': 'cirros'},
    'selector': {'kind': 'metadata', 'key': 'app', 'value': 'web'},
}
PLACES = [(name,) for name in (
    *GOOD, 'start_time', 'end_time', 'policy')] + [
    ('policy', name) for name in schemas._POLICY['properties']] + [
    ('template', name) for name in schemas._TEMPLATE['properties']] + [
    ('selector', name) for name in schemas._SELECTOR['properties']]


@hypothesis.settings(max_examples=300, deadline=None)
@hypothesis.given(place=strategies.sampled_from(PLACES), value=ANYTHING)
def test_any_value_in_any_place(place, value):
    fields = json.loads(json.dumps(GOOD))
    inner = fields
    for step in place[:-1]:
        inner = inner.setdefault(step, {})
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


@hypothesis.given(strategies.builds(
    reservation.Policy,
    mode=strategies.sampled_from(reservation.Mode),
    service_level=strategies.floats(0.01, 0.99),
    safety_margin=strategies.floats(0, 10),
    minimum_shadow=strategies.integers(0, 10),
    maximum_shadow=strategies.integers(10, 1000),
    cooldown=strategies.timedeltas(
        min_value=fixtures.HOUR, max_value=fixtures.HOUR * 24).map(
        lambda length: length - length % (fixtures.HOUR / 3600)),
    budget=strategies.none() | strategies.decimals(
        0, 1000000, places=6)))
def test_a_policy_that_is_shown_can_be_sent_back(policy):
    shown = views.show_reservation(
        fixtures.make_record(policy=policy), 'http://here')['policy']
    body = READER.read(request(json.dumps(
        {'reservation': {'policy': shown}})), schemas.UPDATE)
    assert intake.policy(
        body['reservation']['policy'], reservation.Policy()) == policy


def test_schemas_are_schemas():
    for schema in (schemas.CREATE, schemas.UPDATE):
        jsonschema.Draft202012Validator.check_schema(schema)


def test_defaults_of_the_policy_fit_the_schema():
    shown = views.show_reservation(
        fixtures.make_record(policy=reservation.Policy()), '')['policy']
    jsonschema.validate(shown, schemas._POLICY)


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
