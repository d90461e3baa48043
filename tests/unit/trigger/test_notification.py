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

from hypothesis import given
from hypothesis import strategies as st
import pytest

from shadow_reserve.trigger import notification

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
