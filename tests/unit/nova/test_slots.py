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

"""Who may go where while promotions are under way."""

from hypothesis import given
from hypothesis import strategies as st
import pytest

from shadow_reserve.nova import slots

OTHER = 'some other server'
ASK = {'VCPU': 2, 'MEMORY_MB': 2048, 'DISK_GB': 20}
FULL = {'VCPU': 0, 'MEMORY_MB': 0, 'DISK_GB': 0}


def slot(server_id='promoted', **room):
    return slots.Slot(server_id=server_id, room=room)


def test_a_host_without_slots_is_anybodys():
    assert slots.leaves_alone([], OTHER, ASK)


def test_on_a_full_host_only_the_one_it_is_for_passes():
    there = [slot(**FULL)]
    assert slots.leaves_alone(there, 'promoted', ASK)
    assert not slots.leaves_alone(there, OTHER, ASK)


def test_who_fits_beside_the_slot_passes():
    assert slots.leaves_alone([slot(**ASK)], OTHER, ASK)


@pytest.mark.parametrize('short', ASK)
def test_one_class_that_is_short_is_enough(short):
    room = {**ASK, short: ASK[short] - 1}
    assert not slots.leaves_alone([slot(**room)], OTHER, ASK)


def test_the_least_room_counts_and_each_class_by_itself():
    there = [slot('a', **{**ASK, 'VCPU': 1}),
             slot('b', **{**ASK, 'DISK_GB': 1})]
    assert not slots.leaves_alone(there, OTHER, ASK)
    assert not slots.leaves_alone(there, OTHER, {**ASK, 'VCPU': 1})
    assert slots.leaves_alone(there, OTHER, {
        **ASK, 'VCPU': 1, 'DISK_GB': 1})


def test_two_promotions_onto_one_host_do_not_keep_each_other_out():
    there = [slot('a', **FULL), slot('b', **FULL)]
    assert slots.leaves_alone(there, 'a', ASK)
    assert slots.leaves_alone(there, 'b', ASK)


def test_what_a_slot_knows_nothing_of_does_not_matter():
    assert slots.leaves_alone([slot(**ASK)], OTHER, {**ASK, 'VGPU': 1})
    # A server that boots from a volume asks for no disk.
    assert slots.leaves_alone(
        [slot(**{**ASK, 'DISK_GB': 0})], OTHER, {
            'VCPU': 2, 'MEMORY_MB': 2048})


def test_an_oversold_host_takes_nobody():
    assert not slots.leaves_alone(
        [slot(VCPU=-3)], OTHER, {'MEMORY_MB': 64})


@given(st.dictionaries(
    st.sampled_from(['VCPU', 'MEMORY_MB', 'DISK_GB']),
    st.integers(0, 9)), st.lists(st.dictionaries(
        st.sampled_from(['VCPU', 'MEMORY_MB', 'DISK_GB']),
        st.integers(-2, 9))))
def test_who_passes_takes_no_more_than_any_room(ask, rooms):
    passes = slots.leaves_alone(
        [slot(**room) for room in rooms], OTHER, ask)
    taken = [room[name] - ask.get(name, 0)
             for room in rooms for name in room]
    assert passes == all(left >= 0 for left in taken)


def test_parsing_gathers_by_host():
    found = slots.parse({'promotions': [
        {'server_id': server_id, 'host': host, 'resources': ASK,
         'room': FULL, 'new': 'later versions may tell more'}
        for server_id, host in (('a', 'one'), ('b', 'two'), ('c', 'one'))]})
    assert found == {
        'one': [slot('a', **FULL), slot('c', **FULL)],
        'two': [slot('b', **FULL)]}


GOOD = {'server_id': 'a', 'host': 'one', 'room': {'VCPU': 1}}


@pytest.mark.parametrize('answer', [
    None, [], 'ok', {}, {'promotions': None}, {'promotions': [None]},
    {'promotions': {}}, {'promotions': [{**GOOD, 'host': None}]},
    {'promotions': [{**GOOD, 'server_id': 7}]},
    {'promotions': [{**GOOD, 'room': []}]},
    {'promotions': [{**GOOD, 'room': {'VCPU': '1'}}]},
    {'promotions': [GOOD, {**GOOD, 'room': {'VCPU': None}}]},
])
def test_nonsense_is_said_to_be_nonsense(answer):
    with pytest.raises(ValueError, match='promotions under way'):
        slots.parse(answer)
