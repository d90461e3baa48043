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

"""What is asked for a volume, whatever is found."""

import dataclasses
import datetime

from hypothesis import given
from hypothesis import strategies

from shadow_reserve.records import reservation
from shadow_reserve.records import shadow
from shadow_reserve.records import volume
from shadow_reserve.shadow import volume_steps
from tests.unit import samples

State = shadow.InstanceState
Kind = volume_steps.Kind
Target = volume_steps.Target
LIMITS = volume_steps.Limits(timeout=15 * samples.MINUTE)
ELSEWHERE = 'another server'

ages = strategies.integers(0, 2000).map(
    lambda seconds: samples.NOW - datetime.timedelta(seconds=seconds))
members = strategies.builds(
    lambda state, since: samples.instance(state=state, state_since=since),
    strategies.sampled_from([
        State.SETTLING, State.PROMOTING, State.ALLOCATED, State.RETURNING]),
    ages)
attach_times = strategies.sampled_from(reservation.AttachTime)
servers = strategies.builds(
    lambda status, task, attached: samples.server(
        status=status, task_state=task,
        volume_ids=frozenset(['volume'] if attached else [])),
    strategies.sampled_from([
        'ACTIVE', 'SHUTOFF', 'PAUSED', 'SUSPENDED', 'SHELVED',
        'SHELVED_OFFLOADED', 'ERROR', 'BUILD']),
    strategies.sampled_from([None, 'shelving']), strategies.booleans())
rows = strategies.none() | strategies.builds(
    volume.ShadowVolume, instance_id=strategies.just(samples.INSTANCE),
    position=strategies.just(0),
    volume_id=strategies.sampled_from([None, 'volume']),
    state=strategies.sampled_from(volume.VolumeState), since=ages,
    asked_at=strategies.none() | ages,
    reason=strategies.sampled_from(['', 'busy']),
    generation=strategies.just(0))
found_ones = strategies.none() | strategies.builds(
    volume.Volume, volume_id=strategies.just('volume'),
    project_id=strategies.just('project'),
    instance_id=strategies.just(samples.INSTANCE),
    token=strategies.just(samples.TOKEN), position=strategies.just(0),
    status=strategies.sampled_from([
        'creating', 'available', 'reserved', 'attaching', 'in-use',
        'detaching', 'error', 'deleting', 'maintenance']),
    attachments=strategies.dictionaries(
        strategies.sampled_from(['one', 'two']),
        strategies.sampled_from([samples.SERVER, ELSEWHERE])),
    created_at=strategies.just(samples.NOW))


@given(members, attach_times, servers, rows, found_ones)
def test_nothing_is_asked_for_that_cannot_be(
        member, attach, server, row, found):
    target = volume_steps.target_of(member.state, attach)
    step = volume_steps.next_step(
        member, target, server, row, found, samples.NOW, LIMITS)

    if step.kind is Kind.MAKE:
        # No second request while the first may still be on its way.
        assert row is None or (row.volume_id is None and (
            row.asked_at is None or samples.NOW - row.asked_at
            >= LIMITS.create_grace))
    if step.kind is Kind.ATTACH:
        assert found.status == 'available' and not server.task_state
        assert server.status in ('ACTIVE', 'SHUTOFF')
        assert 'volume' not in server.volume_ids
    if step.kind is Kind.DETACH:
        assert target is Target.FREE and 'volume' in server.volume_ids
        assert found.status == 'in-use' and not server.task_state
    if step.kind in (Kind.ATTACH, Kind.DETACH, Kind.MADE):
        assert ELSEWHERE not in found.attachments.values()
    if step.kind in (Kind.FAIL, Kind.BROKEN, Kind.LOST, Kind.TAKEN):
        assert step.reason


@given(members, attach_times, servers, rows, found_ones)
def test_what_is_done_is_settled(member, attach, server, row, found):
    """Once it is written down, nothing is asked again."""
    target = volume_steps.target_of(member.state, attach)
    step = volume_steps.next_step(
        member, target, server, row, found, samples.NOW, LIMITS)

    if step.kind is Kind.DONE and not (
            step.state is volume.VolumeState.TAKEN
            and row.volume_id in server.volume_ids):
        kept = dataclasses.replace(row, state=step.state)
        assert volume_steps.is_settled(member, target, server, kept)


@given(members, attach_times, servers, rows, found_ones)
def test_no_one_waits_for_ever(member, attach, server, row, found):
    """Unless it serves: then it does, and is told of once in a while."""
    much_later = samples.NOW + datetime.timedelta(days=1)
    target = volume_steps.target_of(member.state, attach)
    step = volume_steps.next_step(
        member, target, server, row, found, much_later, LIMITS)
    if member.state not in shadow.SERVING_STATES:
        assert step.kind is not Kind.WAIT
