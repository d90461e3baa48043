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
"""Does everything agree? Facts in, findings out.

What is listed at other services was written down as an intent before it
was made, so the records are read after the listings: what has none then
will never have one. The other way round, and for trusts, whose id is not
known before they are made, something may just be under way; so a finding
counts only when a later look finds the same thing, on the same evidence:
see :class:`shadow_reserve.engine.findings.Watch`.
"""

from collections.abc import Iterator

from shadow_reserve.cloud import placement_audit
from shadow_reserve.engine import findings
from shadow_reserve.engine import volume_audit
from shadow_reserve.records import holding
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow
from shadow_reserve.shadow import hosts as shadow_hosts
from shadow_reserve.trigger import alarms as trigger_alarms

Facts = findings.Facts
Finding = findings.Finding
Kind = findings.Kind
Mend = findings.Mend
State = shadow.InstanceState


def find(facts: Facts) -> list[Finding]:
    """All that does not agree, server by server and so on."""
    return [*_servers(facts), *_members(facts), *_claims(facts),
            *_trusts(facts), *_alarms(facts), *_metrics(facts),
            *volume_audit.find(facts)]


def _servers(facts: Facts) -> Iterator[Finding]:
    known = {member.instance_id: member
             for members in facts.members.values() for member in members}
    for server in facts.servers:
        member = known.get(server.instance_id)
        fits = member is not None and member.server_id in (
            None, server.server_id)
        if fits and facts.is_live(server.token):
            continue
        record = facts.reservations.get(server.token)
        if record is None:
            yield Finding(
                kind=Kind.SERVER_UNKNOWN, identifier=server.server_id,
                message=f'server {server.name} says that it is of '
                        f'reservation {server.token!r:.60}, which this '
                        f'database has never heard of: another '
                        f"deployment's, or from before a backup was "
                        f'restored', mend=Mend.HAND)
            continue
        # The name and the project must be ours too: a tenant who copies
        # metadata to a server of their own shall keep it.
        if not fits and (
                not server.name.endswith(server.instance_id[:8])
                or server.project_id != record.project_id):
            continue
        if not facts.is_live(server.token):
            kind, why = Kind.SERVER_OF_ENDED, (
                f'its reservation is {record.status.value}')
        elif member is not None:
            kind, why = Kind.SERVER_TWICE, (
                f'member {member.instance_id} has server '
                f'{member.server_id}')
        else:
            kind, why = Kind.SERVER_WITHOUT_MEMBER, 'no member has it'
        yield Finding(
            kind=kind, identifier=server.server_id, token=server.token,
            message=f'server {server.name} is left over: {why}',
            mend=Mend.DELETE_SERVER)


def _members(facts: Facts) -> Iterator[Finding]:
    servers = {server.server_id: server for server in facts.servers}
    for token, members in facts.members.items():
        for member in members:
            if not facts.is_live(token):
                yield _of_member(
                    Kind.MEMBER_OF_ENDED, token, member,
                    'its reservation is over and nobody works on it',
                    Mend.FORGET_MEMBER)
            elif member.server_id is not None and member.state not in (
                    State.ERROR, State.DELETING):
                yield from _member(
                    facts, token, member, servers.get(member.server_id))


def _member(facts: Facts, token: str, member: shadow.ShadowInstance,
            server: shadow.Server | None) -> Iterator[Finding]:
    """Of a member that should have a server."""
    if server is None:
        yield _of_member(
            Kind.MEMBER_WITHOUT_SERVER, token, member,
            f'its server {member.server_id} is gone', Mend.ENGINE)
        return
    if facts.claims is None or server.task_state or server.status in (
            'BUILD', 'ERROR', 'DELETED'):
        return
    claim = facts.claims.get(server.server_id)
    if server.status == 'SHELVED_OFFLOADED':
        # Nova lets go of it a little after it says so.
        if claim is not None:
            yield _of_member(
                Kind.SERVER_CLAIM_LEFT, token, member,
                f'its server {server.server_id} is offloaded, and still '
                f'holds a claim of its own on {claim.where}',
                Mend.REMOVE_CLAIM, identifier=server.server_id,
                claim=claim)
    elif claim is None:
        yield _of_member(
            Kind.SERVER_CLAIM_MISSING, token, member,
            f'its server {server.server_id} is {server.status}, and '
            f'holds no claim: the cloud sells its room twice. Run '
            f'nova-manage placement heal_allocations --instance '
            f'{server.server_id}', Mend.HAND)
    elif (member.state in (State.AVAILABLE, State.ALLOCATED)
          and member.host is not None and member.host not in claim.parts):
        yield _of_member(
            Kind.MEMBER_ELSEWHERE, token, member,
            f'its record says {member.host}, Placement {claim.where}',
            Mend.CORRECT_HOST, claim=claim, host=claim.where)


def _claims(facts: Facts) -> Iterator[Finding]:
    if facts.claims is None:
        return
    flavors = {server.server_id: server.flavor for server in facts.servers}
    known = set()
    for token, members in facts.members.items():
        for member in members:
            known.add(member.instance_id)
            claim = facts.claims.get(member.instance_id)
            if facts.is_live(token):
                yield from _claim(token, member, claim,
                                  flavors.get(member.server_id or ''))
            elif claim is not None:
                yield _of_member(
                    Kind.CLAIM_LEFT, token, member,
                    f'its reservation is over, and a claim of ours on '
                    f'{claim.where} still holds room for it',
                    Mend.REMOVE_CLAIM, claim=claim)
    for consumer_id, claim in facts.claims.items():
        if claim.is_ours and consumer_id not in known:
            yield Finding(
                kind=Kind.CLAIM_WITHOUT_MEMBER, identifier=consumer_id,
                message=f'a claim of ours on {claim.where} holds room for '
                        f'no member', mend=Mend.REMOVE_CLAIM,
                generation=claim.generation)


def _claim(token: str, member: shadow.ShadowInstance,
           claim: placement_audit.Holding | None,
           flavor: shadow.Flavor | None) -> Iterator[Finding]:
    """Of our own claim. While a member is on its way from one state to the
    next it may have one or not.

    :param flavor: its server's, if there is one
    """
    waits = (member.state is State.AVAILABLE
             and member.tier is holding.Tier.OFFLOADED)
    if claim is None:
        if waits and member.host is not None and member.lent_at is None:
            yield _of_member(
                Kind.CLAIM_MISSING, token, member,
                f'its claim on {member.host} is gone: its capacity is '
                f'not held', Mend.CORRECT_HOST)
        return
    if not waits or member.lent_at is not None:
        if member.state in (State.AVAILABLE, State.ALLOCATED):
            what = ('lent' if waits else
                    f'{member.tier.value} and {member.state.value}')
            yield _of_member(
                Kind.CLAIM_LEFT, token, member,
                f'it is {what}, and a claim of ours on {claim.where} still '
                f'holds room for it', Mend.REMOVE_CLAIM, claim=claim)
        return
    if member.host not in claim.parts:
        yield _of_member(
            Kind.CLAIM_ELSEWHERE, token, member,
            f'its record says {member.host}, its claim is on '
            f'{claim.where}', Mend.CORRECT_HOST, claim=claim,
            host=claim.where)
    if flavor is None:
        return
    # A disk may be on the volume service's account, so it does not count.
    wanted = {name: amount
              for name, amount in shadow_hosts.amounts_of(flavor).items()
              if name != 'DISK_GB'}
    held = {name: claim.total(name) for name in wanted}
    if held != wanted:
        yield _of_member(
            Kind.CLAIM_AMOUNTS, token, member,
            f'its claim is of {held}, and {wanted} are needed',
            Mend.REPLACE_CLAIM, claim=claim)


def _of_member(kind: Kind, token: str, member: shadow.ShadowInstance,
               message: str, mend: Mend, *, identifier: str | None = None,
               claim: placement_audit.Holding | None = None,
               host: str | None = None) -> Finding:
    return Finding(
        kind=kind, identifier=identifier or member.instance_id, token=token,
        message=f'member {member.instance_id}: {message}', mend=mend,
        evidence=(member.state, member.state_since, member.tier,
                  member.host, member.lent_at),
        host=host, member=member,
        generation=claim.generation if claim else None)


def _trusts(facts: Facts) -> Iterator[Finding]:
    listed = {trust.trust_id for trust in facts.trusts}
    kept = {record.trust_id: record
            for record in facts.reservations.values()
            if record.status in reservation.LIVE_STATUSES}
    for trust in facts.trusts:
        if trust.trust_id not in kept:
            yield Finding(
                kind=Kind.TRUST_WITHOUT_RESERVATION,
                identifier=trust.trust_id,
                message=f'no reservation acts under this trust in project '
                        f'{trust.project_id}', mend=Mend.DELETE_TRUST)
    for trust_id, record in kept.items():
        if trust_id is not None and trust_id not in listed:
            yield Finding(
                kind=Kind.TRUST_MISSING, identifier=trust_id,
                token=record.token,
                message='its trust is gone, so nothing can be built or '
                        'promoted: have its owner make a new reservation, '
                        'and delete this one', mend=Mend.HAND,
                evidence=(record.status,))


def _alarms(facts: Facts) -> Iterator[Finding]:
    listed = {alarm.alarm_id for alarm in facts.alarms}
    for alarm in facts.alarms:
        token = trigger_alarms.token_of(alarm.name)
        if token is None or token not in facts.reservations:
            continue
        rows = facts.alarm_rows.get(token, {})
        metric = alarm.name.rpartition('/')[2]
        if metric not in rows or rows[metric] not in (None, alarm.alarm_id):
            yield Finding(
                kind=Kind.ALARM_WITHOUT_RECORD, identifier=alarm.alarm_id,
                token=token, message=f'alarm {alarm.name} has no record',
                mend=Mend.DELETE_ALARM)
    for token, rows in facts.alarm_rows.items():
        for metric, alarm_id in rows.items():
            if alarm_id is not None and alarm_id not in listed:
                yield Finding(
                    kind=Kind.ALARM_MISSING, identifier=alarm_id,
                    token=token, message=f'its alarm on {metric} is gone',
                    mend=Mend.FORGET_ALARM)


def _metrics(facts: Facts) -> Iterator[Finding]:
    for token in facts.gauges:
        # One that nobody knows is another deployment's.
        if token in facts.reservations and not facts.is_live(token):
            yield Finding(
                kind=Kind.METRIC_OF_ENDED, identifier=token, token=token,
                message='its metric of I/O latency is left over',
                mend=Mend.DELETE_METRIC)
