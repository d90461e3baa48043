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
"""An audit: what does not agree, and what is only under way."""

import dataclasses
import datetime

import pytest

from shadow_reserve.cloud import aodh
from shadow_reserve.cloud import placement_audit
from shadow_reserve.cloud import trusts
from shadow_reserve.engine import audit
from shadow_reserve.engine import findings
from shadow_reserve.records import holding
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow
from shadow_reserve.trigger import alarms
from tests.unit import samples

Kind = findings.Kind
Mend = findings.Mend
State = shadow.InstanceState
Status = reservation.ReservationStatus

OURS = samples.record()
ELSEWHERE = samples.record(token='55555555-5555-4555-8555-555555555555')


def claim(host='compute-1', *, cpus=2, memory=2048, ours=True):
    return placement_audit.Holding(
        parts={host: {'VCPU': cpus, 'MEMORY_MB': memory}}, generation=3,
        is_ours=ours)


def alarm(alarm_id='a-1', token=samples.TOKEN, metric='cpu'):
    return aodh.Alarm(alarm_id=alarm_id, name=alarms.name_of(token, metric),
                      state='ok', enabled=True, rule={})


def trust(trust_id='trust'):
    return trusts.Trust(trust_id=trust_id, trustor_user_id='user',
                        project_id='project')


def facts(**changes):
    """A held member, its server and claim, and all that belongs to it."""
    return findings.Facts(**{
        'servers': [samples.server()],
        'claims': {samples.SERVER: claim(ours=False)},
        'trusts': [trust()], 'alarms': [alarm()],
        'gauges': [samples.TOKEN],
        'reservations': {samples.TOKEN: OURS},
        'members': {samples.TOKEN: [samples.instance()]},
        'alarm_rows': {samples.TOKEN: {'cpu': 'a-1'}}, **changes})


def offloaded(**changes):
    """A member that is held by a claim of ours."""
    return {
        'servers': [samples.server(status='SHELVED_OFFLOADED', host=None)],
        'claims': {samples.INSTANCE: claim()},
        'members': {samples.TOKEN: [samples.instance(
            tier=holding.Tier.OFFLOADED)]}, **changes}


def member(**changes):
    return {samples.TOKEN: [samples.instance(**{
        'tier': holding.Tier.OFFLOADED, **changes})]}


def of_flavor(**extra_specs):
    server = samples.server(status='SHELVED_OFFLOADED', host=None)
    return dataclasses.replace(server, flavor=dataclasses.replace(
        server.flavor, extra_specs=extra_specs))


def found(**changes):
    return [(finding.kind, finding.identifier, finding.mend)
            for finding in audit.find(facts(**changes))]


@pytest.mark.parametrize('changes', [
    {}, offloaded(),
    # Nobody looked at Placement.
    {'claims': None},
    # A request is on its way, and its answer not yet written down.
    {'members': {samples.TOKEN: [samples.instance(
        server_id=None, state=State.BUILDING, host=None)]}},
    {'alarm_rows': {samples.TOKEN: {'cpu': None}}},
    # A claim that is being made, given back, or let go for a promotion.
    *({**offloaded(), 'claims': claims, 'members': member(state=state)}
      for state in (State.SETTLING, State.RETURNING, State.PROMOTING)
      for claims in ({}, {samples.INSTANCE: claim()})),
    {**offloaded(), 'claims': {},
     'members': member(host=None, lent_at=samples.NOW)},
    # Nova is busy with it.
    {'servers': [samples.server(task_state='spawning')], 'claims': {}},
    # Dedicated CPUs, and a flavor that says itself what it takes.
    *({**offloaded(servers=[of_flavor(**extra_specs)]), 'claims': {
        samples.INSTANCE: placement_audit.Holding(
            parts={'compute-1': parts, 'compute-1_GPU': {'VGPU': 1}},
            generation=1, is_ours=True)}}
      for extra_specs, parts in (
          ({'hw:cpu_policy': 'dedicated'}, {'PCPU': 2, 'MEMORY_MB': 2048}),
          ({'resources:VCPU': '0', 'resources:MEMORY_MB': '512',
            'resources:CUSTOM_GOLD': '1'},
           {'MEMORY_MB': 512, 'CUSTOM_GOLD': 1}))),
    # Servers that only look like ours: of a tenant who copied metadata.
    {'servers': [samples.server(), samples.server(
        server_id='copy', name='my-own')]},
    {'servers': [samples.server(), samples.server(
        server_id='copy', project_id='stranger')]},
    # Consumers and alarms of others.
    {'claims': {samples.SERVER: claim(ours=False),
                'somebody': claim(ours=False)}},
    {'alarms': [alarm(), alarm('a-2', token=ELSEWHERE.token),
                dataclasses.replace(alarm('a-3'), name='theirs')],
     'gauges': [samples.TOKEN, ELSEWHERE.token]},
])
def test_what_agrees_or_is_under_way_is_not_found(changes):
    assert found(**changes) == []


def test_servers_too_many():
    extra = samples.server(server_id='extra')
    orphan = samples.server(
        server_id='orphan', instance_id='99999999', name='shadow-x-99999999')
    unknown = samples.server(
        server_id='unknown', instance_id='98', token=ELSEWHERE.token)
    assert found(servers=[samples.server(), extra, orphan, unknown]) == [
        (Kind.SERVER_TWICE, 'extra', Mend.DELETE_SERVER),
        (Kind.SERVER_WITHOUT_MEMBER, 'orphan', Mend.DELETE_SERVER),
        (Kind.SERVER_UNKNOWN, 'unknown', Mend.HAND)]


def test_what_is_left_of_a_reservation_that_is_over():
    over = dataclasses.replace(
        OURS, status=Status.DELETED, trust_id=None)
    assert found(
        **offloaded(), reservations={samples.TOKEN: over}, alarm_rows={},
    ) == [
        (Kind.SERVER_OF_ENDED, samples.SERVER, Mend.DELETE_SERVER),
        (Kind.MEMBER_OF_ENDED, samples.INSTANCE, Mend.FORGET_MEMBER),
        (Kind.CLAIM_LEFT, samples.INSTANCE, Mend.REMOVE_CLAIM),
        (Kind.TRUST_WITHOUT_RESERVATION, 'trust', Mend.DELETE_TRUST),
        (Kind.ALARM_WITHOUT_RECORD, 'a-1', Mend.DELETE_ALARM),
        (Kind.METRIC_OF_ENDED, samples.TOKEN, Mend.DELETE_METRIC)]


@pytest.mark.parametrize(('changes', 'expected'), [
    ({'servers': [], 'claims': {}},
     (Kind.MEMBER_WITHOUT_SERVER, samples.INSTANCE, Mend.ENGINE)),
    ({'claims': {}},
     (Kind.SERVER_CLAIM_MISSING, samples.INSTANCE, Mend.HAND)),
    ({'claims': {samples.SERVER: claim('compute-2', ours=False)}},
     (Kind.MEMBER_ELSEWHERE, samples.INSTANCE, Mend.CORRECT_HOST)),
    ({**offloaded(), 'claims': {
        samples.SERVER: claim(ours=False), samples.INSTANCE: claim()}},
     (Kind.SERVER_CLAIM_LEFT, samples.SERVER, Mend.REMOVE_CLAIM)),
    (offloaded(claims={}),
     (Kind.CLAIM_MISSING, samples.INSTANCE, Mend.CORRECT_HOST)),
    (offloaded(claims={samples.INSTANCE: claim('compute-2')}),
     (Kind.CLAIM_ELSEWHERE, samples.INSTANCE, Mend.CORRECT_HOST)),
    (offloaded(members=member(host=None)),
     (Kind.CLAIM_ELSEWHERE, samples.INSTANCE, Mend.CORRECT_HOST)),
    (offloaded(claims={samples.INSTANCE: claim(memory=1024)}),
     (Kind.CLAIM_AMOUNTS, samples.INSTANCE, Mend.REPLACE_CLAIM)),
    (offloaded(members=member(host=None, lent_at=samples.NOW)),
     (Kind.CLAIM_LEFT, samples.INSTANCE, Mend.REMOVE_CLAIM)),
    ({'claims': {samples.SERVER: claim(ours=False),
                 samples.INSTANCE: claim()}},
     (Kind.CLAIM_LEFT, samples.INSTANCE, Mend.REMOVE_CLAIM)),
    ({'claims': {samples.SERVER: claim(ours=False), 'nobody': claim()}},
     (Kind.CLAIM_WITHOUT_MEMBER, 'nobody', Mend.REMOVE_CLAIM)),
    ({'trusts': [trust(), trust('second')]},
     (Kind.TRUST_WITHOUT_RESERVATION, 'second', Mend.DELETE_TRUST)),
    ({'trusts': []}, (Kind.TRUST_MISSING, 'trust', Mend.HAND)),
    ({'alarms': [alarm(), alarm('twin')]},
     (Kind.ALARM_WITHOUT_RECORD, 'twin', Mend.DELETE_ALARM)),
    ({'alarms': []}, (Kind.ALARM_MISSING, 'a-1', Mend.FORGET_ALARM)),
])
def test_each_disagreement_is_found_once(changes, expected):
    assert found(**changes) == [expected]


def test_a_finding_is_believed_when_it_stays_the_same():
    watch = findings.Watch(datetime.timedelta(seconds=60))
    seen = audit.find(facts(**offloaded(claims={})))

    def look(seconds, seen):
        return watch.believed(
            seen, samples.NOW + datetime.timedelta(seconds=seconds))

    assert look(0, seen) == []
    assert look(59, seen) == []
    assert look(60, seen) == seen
    # What changes meanwhile, or is away for a look, begins anew.
    moved = audit.find(facts(**offloaded(claims={}, members=member(
        state_since=samples.NOW + samples.MINUTE))))
    assert look(120, moved) == []
    assert look(180, []) == []
    assert look(240, seen) == []


def test_whoever_does_not_wait_believes_at_once():
    seen = audit.find(facts(alarms=[]))
    watch = findings.Watch(datetime.timedelta())
    assert watch.believed(seen, samples.NOW) == seen


def test_a_claim_that_is_gone_is_mended_by_the_sweep():
    """Nothing else would have the engine claim anew, and stop charging."""
    [finding] = audit.find(facts(**offloaded(claims={})))
    assert finding.kind in findings.ALONE
