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

import datetime

from hypothesis import given
from hypothesis import strategies as st
import pytest

from shadow_reserve.records import capacity
from shadow_reserve.trigger import notification
from tests.unit import samples

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(),
    lambda inner: st.lists(inner) | st.dictionaries(
        st.sampled_from(['alarm_id', 'token', 'x']), inner))


def test_an_alarm_transition_names_its_alarm():
    assert notification.alarm_id_of(
        'alarm.state_transition', {'alarm_id': 'a1'}) == 'a1'


def test_a_change_names_its_reservation():
    assert notification.token_of(
        'shadow_reserve.reservation.changed', {'token': 't1'}) == 't1'


@pytest.mark.parametrize('payload', [
    None, [], 'alarm_id', {}, {'alarm_id': None}, {'alarm_id': ''},
    {'alarm_id': ['a1']}, {'alarm_id': 'a' * 65}])
def test_a_malformed_message_names_nothing(payload):
    assert notification.alarm_id_of(
        'alarm.state_transition', payload) is None


@given(event_type=st.text(), payload=anything)
def test_foreign_messages_name_nothing(event_type, payload):
    assert notification.alarm_id_of(event_type, payload) is None
    assert notification.token_of(event_type, payload) is None


@given(payload=anything)
def test_no_payload_whatever_raises(payload):
    for event_type in (notification.ALARM_TRANSITION,
                       notification.RESERVATION_CHANGED):
        notification.alarm_id_of(event_type, payload)
        notification.token_of(event_type, payload)


def no_host(**changes):
    """What Nova says of a new server, as far as it is read."""
    def of(name, **data):
        return {'nova_object.name': name, 'nova_object.namespace': 'nova',
                'nova_object.version': '1.0', 'nova_object.data': data}
    flavor = {'flavorid': '2', 'vcpus': 2, 'memory_mb': 2048, 'root_gb': 10,
              'ephemeral_gb': 5, 'swap': 1025, 'extra_specs': {}}
    spec = {'availability_zone': None, 'ignore_hosts': None,
            'force_hosts': None, 'requested_destination': None,
            'num_instances': 1}
    reason = {'exception': 'NoValidHost', 'exception_message': 'none'}
    for fields in (flavor, spec, reason):
        fields.update({key: value for key, value in changes.items()
                       if key in fields})
    return of(
        'ComputeTaskPayload', state='error',
        instance_uuid=changes.get('instance_uuid', 'server-1'),
        reason=of('ExceptionPayload', **reason),
        request_spec=of('RequestSpecPayload', **spec,
                        flavor=of('FlavorPayload', **flavor)))


CREATED = 'compute_task.build_instances.error'


def test_a_new_server_without_a_host_says_what_it_needs():
    need = notification.need_of(CREATED, no_host())
    assert need == capacity.Need(server_id='server-1', resources={
        'VCPU': 2, 'MEMORY_MB': 2048, 'DISK_GB': 17})


def test_dedicated_cpus_are_another_class():
    need = notification.need_of(CREATED, no_host(
        extra_specs={'hw:cpu_policy': 'dedicated'}))
    assert need is not None
    assert need.resources == {'PCPU': 2, 'MEMORY_MB': 2048, 'DISK_GB': 17}


def test_so_does_one_that_the_scheduler_told_over_the_bus():
    assert notification.need_of(CREATED, no_host(
        exception='NoValidHost_Remote')) is not None


def test_where_it_may_be_is_heard_too():
    destination = {'nova_object.data': {'host': 'compute-2'}}
    need = notification.need_of('compute_task.migrate_server.error', no_host(
        availability_zone='az-1', ignore_hosts=['compute-1'],
        requested_destination=destination, root_gb=0, ephemeral_gb=0,
        swap=0))
    assert need == capacity.Need(
        server_id='server-1', resources={'VCPU': 2, 'MEMORY_MB': 2048},
        zone='az-1', only_hosts=frozenset({'compute-2'}),
        ignored_hosts=frozenset({'compute-1'}), is_new=False)


@pytest.mark.parametrize(('event_type', 'changes'), [
    ('compute_task.build_instances', {}),
    ('instance.create.error', {}),
    (CREATED, {'exception': 'MaxRetriesExceeded'}),
    (CREATED, {'extra_specs': {'hw:cpu_policy': 'mixed'}}),
    (CREATED, {'extra_specs': {'hw:cpu_policy': ['dedicated']}}),
    (CREATED, {'extra_specs': {'resources:VGPU': '1'}}),
    (CREATED, {'extra_specs': ['resources:VGPU']}),
    (CREATED, {'vcpus': True}),
    (CREATED, {'vcpus': -1}),
    (CREATED, {'memory_mb': 2.0}),
    (CREATED, {'memory_mb': 10 ** 400}),
    (CREATED, {'swap': None}),
    (CREATED, {'instance_uuid': 'x' * 65}),
    (CREATED, {'instance_uuid': ['server-1']}),
    (CREATED, {'availability_zone': {}}),
    (CREATED, {'force_hosts': 7}),
    (CREATED, {'ignore_hosts': 'compute-1'}),
    (CREATED, {'ignore_hosts': [{}]}),
    (CREATED, {'ignore_hosts': ['x'] * 1001}),
    (CREATED, {'requested_destination': {'nova_object.data': None}}),
])
def test_what_is_no_need_or_not_a_need_of_room(event_type, changes):
    assert notification.need_of(event_type, no_host(**changes)) is None


def mutated(payload, path, junk):
    """The payload with something else at the end of a path."""
    if not path or not isinstance(payload, dict) or not payload:
        return junk
    key = sorted(payload)[path[0] % len(payload)]
    return {**payload, key: mutated(payload[key], path[1:], junk)}


@given(path=st.lists(st.integers(0, 20), max_size=6), junk=anything)
def test_no_forged_need_raises(path, junk):
    need = notification.need_of(CREATED, mutated(no_host(), path, junk))
    if need is not None:
        assert all(isinstance(amount, int)
                   for amount in need.resources.values())


# What runs again, and since when an alarm stands


def test_a_server_that_runs_again_is_told_by_its_id():
    for event_type in notification.SERVER_RUNS:
        assert notification.server_id_of(event_type, {
            'nova_object.data': {'uuid': samples.SERVER}}) == samples.SERVER
    assert notification.server_id_of('instance.update', {
        'nova_object.data': {'uuid': samples.SERVER}}) is None


def test_no_later_than_it_was_heard():
    def said(value):
        return notification.said_at_of({'timestamp': value}, samples.NOW)
    assert said('2026-03-02T11:59:59.250000') == (
        samples.NOW - datetime.timedelta(milliseconds=750))
    assert said('2026-03-02T12:00:05') == samples.NOW
    assert said('2026-03-02T14:00:00+02:00') == samples.NOW
    for wrong in ('2026-03-02T10:00:00', 'yesterday', '', None, 7,
                  '0001-01-01T00:00:00+14:00', '9' * 1000):
        assert said(wrong) is None


@given(anything, anything)
def test_garbage_says_nothing(one, other):
    for payload in (one, {'timestamp': one, 'nova_object.data': other,
                          'alarm_id': other, 'token': one}):
        notification.said_at_of(payload, samples.NOW)
        for event_type in ('instance.resume.end',
                           notification.ALARM_TRANSITION):
            for found in (notification.server_id_of(event_type, payload),
                          notification.alarm_id_of(event_type, payload)):
                assert found is None or (
                    found.isascii() and 0 < len(found) <= 64)
