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

"""The door to Gnocchi against answers recorded from a real one."""

import datetime

from keystoneauth1 import session as ksa_session
from keystoneauth1 import token_endpoint
import pytest
import requests
import requests_mock

from shadow_reserve.cloud import exceptions
from shadow_reserve.cloud import gnocchi

URL = 'http://gnocchi.test'
START = datetime.datetime(2026, 3, 2, 12, 0, tzinfo=datetime.UTC)
STEP = datetime.timedelta(minutes=5)
JSON = {'Content-Type': 'application/json'}
METRIC_ID = '5f2a9f0e-3c1b-4f43-8d53-6a3e0a1f7c11'
METRICS = f'{URL}/v1/resource/instance/server/metric'
SERVER = gnocchi.Resource(
    resource_id='server', metrics={'cpu': METRIC_ID}, attributes={})
#: What Gnocchi 4.7.1 says of a granularity that a policy does not have.
TOO_COARSE = {'code': 400, 'title': 'Bad Request', 'description': {
    'cause': 'Metrics cannot be aggregated',
    'reason': 'Granularities are missing',
    'detail': [['cpu', 'mean', 60.0]]}}
METRIC = {'id': METRIC_ID, 'name': 'cpu', 'archive_policy': {
    'name': 'ceilometer-low-rate',
    'aggregation_methods': ['mean', 'rate:mean'],
    'definition': [{'granularity': '0:05:00', 'points': 8640,
                    'timespan': '30 days, 0:00:00'},
                   {'granularity': '1 day, 0:00:00', 'points': 30,
                    'timespan': '30 days, 0:00:00'}]}}


@pytest.fixture
def http():
    with requests_mock.Mocker() as mocker:
        yield mocker


@pytest.fixture
def door():
    return gnocchi.Gnocchi(ksa_session.Session(
        auth=token_endpoint.Token(URL, 'token')), timeout=7.0)


def means(door, step=STEP, resources=(SERVER,)):
    return door.means('instance', resources, ['cpu'], step, START,
                      START + 2 * STEP)


def test_resources_come_with_their_metrics(http, door):
    http.post(f'{URL}/v1/search/resource/instance', json=[
        {'id': 'server', 'type': 'instance', 'metrics': {'cpu': 'metric'},
         'server_group': None}])
    query = {'=': {'project_id': 'project'}}
    [found] = door.resources('instance', query)
    assert found.resource_id == 'server'
    assert found.metrics == {'cpu': 'metric'}
    assert http.last_request.json() == query
    assert http.last_request.timeout == 7.0


def test_means_are_asked_for_with_their_granularity_named(http, door):
    http.post(f'{URL}/v1/aggregates', json={'measures': {'server': {'cpu': {
        'mean': [['2026-03-02T12:00:00+00:00', 300.0, 1e9],
                 ['2026-03-02T12:05:00+00:00', 300.0, 2e9]]}}}})
    points = means(door).measures['server']['cpu']
    assert points.stamps.tolist() == [
        moment.replace(tzinfo=None) for moment in (START, START + STEP)]
    assert points.values.tolist() == [1e9, 2e9]
    asked = http.last_request
    assert asked.qs['granularity'] == ['300.0']
    assert asked.qs['fill'] == ['dropna']
    assert asked.json() == {
        'operations': ['metric', ['cpu', 'mean']],
        'resource_type': 'instance', 'search': {'in': {'id': ['server']}}}


def test_many_servers_are_asked_for_in_one_request(http, door):
    http.post(f'{URL}/v1/aggregates', json={'measures': {}})
    many = [gnocchi.Resource(resource_id=str(index), attributes={},
                             metrics={'cpu': 'metric'})
            for index in range(100)]
    means(door, resources=many)
    [call] = http.request_history
    assert len(call.json()['search']['in']['id']) == 100


def test_nothing_is_asked_for_servers_without_the_metric(http, door):
    bare = gnocchi.Resource(resource_id='bare', metrics={}, attributes={})
    assert means(door, resources=[bare]).measures == {}
    assert not http.request_history


def test_a_policy_that_is_too_coarse_is_named_with_the_fix(http, door):
    http.post(f'{URL}/v1/aggregates', status_code=400, json=TOO_COARSE,
              headers=JSON)
    http.get(METRICS, json=[METRIC])
    answer = means(door, step=datetime.timedelta(minutes=1))
    assert answer.unusable['server'].message == (
        'metric cpu has no granularity of 60 s: its archive policy '
        'ceilometer-low-rate keeps 300 s, 86400 s. Ask for one of these in '
        'the configuration of shadow_reserve, or give cpu an archive policy '
        'that has it.')


def test_a_policy_without_the_mean_is_named_with_the_fix(http, door):
    http.post(f'{URL}/v1/aggregates', status_code=404, headers=JSON, json={
        'code': 404, 'title': 'Not Found', 'description': {
            'cause': 'Metrics with unknown aggregation',
            'detail': [[METRIC_ID, 'mean']]}})
    policy = METRIC['archive_policy'] | {'aggregation_methods': ['max']}
    http.get(METRICS, json=[METRIC | {'archive_policy': policy}])
    assert 'has no mean' in means(door).unusable['server'].message


def policies(*definitions):
    return [{'name': name, 'aggregation_methods': ['mean'],
             'definition': [dict(zip(
                 ('granularity', 'points', 'timespan'), item))
                 for item in items]} for name, items in definitions]


def test_what_is_kept_for_too_short_is_named_with_the_fix(http, door):
    # Given a policy of a day, with another granularity, and longer ones
    http.get(f'{URL}/v1/archive_policy/', json=policies(
        ('brief', [('0:05:00', 288, '1 day, 0:00:00'),
                   ('0:01:00', 60, '1:00:00'),
                   # for ever
                   ('30 days, 0:00:00', None, None)]),
        ('long', [('0:05:00', 8640, '30 days, 0:00:00')]),
        ('fine', [('0:01:00', 60, '1:00:00')]),
        ('endless', [('0:05:00', 288, None)])))
    pages = [[{'id': 'a'}, {'id': 'b'}], [{'id': 'c'}], []]
    http.get(f'{URL}/v1/metric', [{'json': page} for page in pages])
    # When it is asked which metrics have less than two weeks
    found = door.kept_short(['cpu'], STEP, datetime.timedelta(days=14))
    # Then it is those of the one, of which all pages were read
    assert found == dict.fromkeys('abc', (
        'archive policy brief keeps what is measured every 300 s for no '
        'longer than 24 hours, and 14 days are read. What is made from less '
        'is less sure. To keep as much from now on: openstack metric '
        'archive-policy update -d granularity:60s,points:60 '
        '-d granularity:300s,points:4032 -d granularity:2592000s brief'))
    assert [call.qs.get('marker') for call in http.request_history[1:]] == [
        None, ['b'], ['c']]
    assert {call.qs['archive_policy_name'][0]
            for call in http.request_history[1:]} == {'brief'}


def test_where_all_is_kept_for_long_enough_that_is_one_request(http, door):
    http.get(f'{URL}/v1/archive_policy/', json=policies(
        ('long', [('0:05:00', 4032, '14 days, 0:00:00')])))
    assert door.kept_short(
        ['cpu', 'memory.usage'], STEP, datetime.timedelta(days=14)) == {}
    assert len(http.request_history) == 1


def test_one_unusable_policy_keeps_nothing_from_the_others(http, door):
    # Given two servers, one of which has a metric of no use
    http.post(f'{URL}/v1/aggregates', [
        {'status_code': 400, 'json': TOO_COARSE, 'headers': JSON},
        {'json': {'measures': {'well': {'cpu': {'mean': [
            ['2026-03-02T12:00:00+00:00', 300.0, 1e9]]}}}}}])
    policy = METRIC['archive_policy'] | {'definition': [
        {'granularity': '1:00:00'}]}
    http.get(METRICS, json=[METRIC | {'archive_policy': policy}])
    http.get(METRICS.replace('/server/', '/well/'), json=[METRIC])
    well = gnocchi.Resource(resource_id='well', attributes={},
                            metrics={'cpu': 'metric'})
    # When both are asked for
    answer = means(door, resources=[SERVER, well])
    # Then the other has its measures
    assert set(answer.unusable) == {'server'}
    assert answer.measures['well']['cpu'].values.tolist() == [1e9]


def test_servers_deleted_meanwhile_are_left_out(http, door):
    http.post(f'{URL}/v1/aggregates', status_code=404, headers=JSON,
              json={'code': 404, 'description': 'Metrics not found'})
    http.get(METRICS, status_code=404, headers=JSON,
             json={'code': 404,
                   'description': 'Resource server does not exist'})
    answer = means(door)
    assert (answer.measures, answer.unusable) == ({}, {})


def test_a_refusal_for_another_reason_is_raised(http, door):
    http.post(f'{URL}/v1/aggregates', status_code=400, json=TOO_COARSE,
              headers=JSON)
    http.get(METRICS, json=[METRIC])
    with pytest.raises(exceptions.CloudError, match='aggregated'):
        means(door)


@pytest.mark.parametrize('rows', [
    [['yesterday', 300.0, 1.0]], [['2026-03-02T12:00:00+00:00', 300.0]],
    [['2026-03-02T12:00:00+00:00', 300.0, 'many']]])
def test_measures_that_are_none_are_not_understood(http, door, rows):
    http.post(f'{URL}/v1/aggregates', json={'measures': {'server': {
        'cpu': {'mean': rows}}}})
    with pytest.raises(exceptions.ServiceUnavailable, match='understood'):
        means(door)


def test_a_resource_type_that_gnocchi_does_not_know_has_no_resources(
        http, door):
    http.post(f'{URL}/v1/search/resource/instance_disk',
              status_code=404, headers=JSON, json={
                  'code': 404, 'description':
                  'Resource type instance_disk does not exist'})
    assert door.resources('instance_disk', {}) == []


@pytest.mark.parametrize(('answer', 'expected'), [
    ({'status_code': 500, 'text': 'oops'}, exceptions.ServiceUnavailable),
    ({'status_code': 503, 'json': {}}, exceptions.ServiceUnavailable),
    ({'status_code': 502, 'content': b''}, exceptions.ServiceUnavailable),
    ({'status_code': 429, 'text': 'slowly'}, exceptions.ServiceUnavailable),
    ({'status_code': 200, 'text': '<html>'}, exceptions.ServiceUnavailable),
    ({'exc': requests.exceptions.ConnectTimeout},
     exceptions.ServiceUnavailable),
    ({'exc': requests.exceptions.ReadTimeout},
     exceptions.ServiceUnavailable),
    ({'exc': requests.exceptions.ConnectionError},
     exceptions.ServiceUnavailable),
    ({'status_code': 401, 'text': 'who?'}, exceptions.Forbidden),
    ({'status_code': 403, 'text': 'no'}, exceptions.Forbidden),
    ({'status_code': 400, 'text': 'what?'}, exceptions.CloudError)])
def test_whatever_goes_wrong_is_one_of_our_exceptions(
        http, door, answer, expected):
    http.post(f'{URL}/v1/search/resource/instance', **answer)
    with pytest.raises(exceptions.CloudError) as caught:
        door.resources('instance', {'=': {'project_id': 'project'}})
    assert type(caught.value) is expected
    assert caught.value.service == 'gnocchi'


def push(door, **measures):
    return door.push('shadow_reserve.io_latency', 'policy', {
        resource: [(START, value)] for resource, value in measures.items()})


def test_measures_of_many_resources_are_written_in_one_request(http, door):
    http.post(f'{URL}/v1/batch/resources/metrics/measures', status_code=202)
    assert push(door, a=1.5, b=2.5) == frozenset()
    assert http.call_count == 1
    assert http.last_request.qs == {'create_metrics': ['true']}
    assert http.last_request.json()['a'] == {'shadow_reserve.io_latency': {
        'archive_policy_name': 'policy', 'measures': [
            {'timestamp': '2026-03-02T12:00:00+00:00', 'value': 1.5}]}}


def test_without_an_archive_policy_gnocchi_has_its_rules(http, door):
    http.post(f'{URL}/v1/batch/resources/metrics/measures', status_code=202)
    door.push('metric', None, {'a': [(START, 1.0)]})
    assert http.last_request.json()['a']['metric'].keys() == {'measures'}


def test_resources_that_are_not_there_are_named(http, door):
    # As Gnocchi 4.7.1 says it
    http.post(
        f'{URL}/v1/batch/resources/metrics/measures', status_code=400,
        headers=JSON, json={'code': 400, 'title': 'Bad Request',
                            'description': {
                                'cause': 'Unknown resources', 'detail': [
                                    {'resource_id': 'b',
                                     'original_resource_id': 'b'}]}})
    assert push(door, a=1.5, b=2.5) == {'b'}
    # without which it says so in HTML
    assert http.last_request.headers['Accept'] == 'application/json'


@pytest.mark.parametrize('description', [
    'Archive policy policy does not exist', None,
    {'cause': 'Argument value error'}])
def test_any_other_refusal_of_measures_is_raised(http, door, description):
    http.post(f'{URL}/v1/batch/resources/metrics/measures', status_code=400,
              headers=JSON, json={'code': 400, 'title': 'Bad Request',
                                  'description': description})
    with pytest.raises(exceptions.CloudError):
        push(door, a=1.5)


def test_a_resource_type_is_made_with_its_first_resource(http, door):
    resource = f'{URL}/v1/resource/shadow_reserve'
    missing = {'code': 404, 'title': 'Not Found', 'description':
               'Resource type shadow_reserve does not exist'}
    http.post(resource, [
        {'status_code': 404, 'headers': JSON, 'json': missing},
        {'status_code': 201, 'json': {}}])
    # another engine may have made it meanwhile
    http.post(f'{URL}/v1/resource_type', status_code=409, headers=JSON,
              json={'code': 409, 'title': 'Conflict', 'description':
                    'Resource type shadow_reserve already exists'})
    door.create_resource('shadow_reserve', 'token', 'project')
    assert [request.path for request in http.request_history] == [
        '/v1/resource/shadow_reserve', '/v1/resource_type',
        '/v1/resource/shadow_reserve']
    assert http.last_request.json() == {
        'id': 'token', 'project_id': 'project'}


@pytest.mark.parametrize('status', [204, 404])
def test_a_resource_is_gone_when_it_is_deleted(http, door, status):
    http.delete(f'{URL}/v1/resource/generic/token', status_code=status)
    door.delete_resource('token')


@pytest.mark.parametrize(('answer', 'expected'), [
    ([], None), ([METRIC], 'ceilometer-low-rate')])
def test_the_archive_policy_of_a_metric_is_known_by_its_name(
        http, door, answer, expected):
    http.get(f'{URL}/v1/metric', json=answer)
    assert door.archive_policy_of('cpu') == expected
    assert http.last_request.qs == {'name': ['cpu'], 'limit': ['1']}


@pytest.mark.parametrize('answer', [
    {'status': 'maintenance'}, ['maintenance'], [{}], 'maintenance',
    [{'id': 'a', 'metrics': ['cpu']}]])
def test_what_gnocchi_never_says_is_no_answer(http, door, answer):
    http.post(f'{URL}/v1/search/resource/instance', json=answer)
    with pytest.raises(exceptions.ServiceUnavailable):
        door.resources('instance', {})


@pytest.mark.parametrize('answer', [
    None, 'maintenance', [None], [{'name': 'a'}],
    [{'name': 'a', 'definition': [{'granularity': 'never'}]}]])
def test_nor_of_archive_policies(http, door, answer):
    http.get(f'{URL}/v1/archive_policy/', json=answer)
    with pytest.raises(exceptions.ServiceUnavailable):
        door.kept_short(['cpu'], STEP, datetime.timedelta(days=14))
