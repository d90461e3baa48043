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

"""The capacity of offloaded servers: held by claims of our own.

Nova lets go of an offloaded server's claim, and makes its own again when
it unshelves it. In between the capacity is ours to hold: by a claim whose
consumer is the shadow instance, and whose project is the service's, so
that no tenant's quota is eaten.
"""

import collections
from collections.abc import Mapping
from collections.abc import Sequence
import datetime
from typing import Protocol

from sqlalchemy import orm

from shadow_reserve.cloud import compute_hosts as cloud_hosts
from shadow_reserve.cloud import nova as cloud_nova
from shadow_reserve.cloud import placement as cloud_placement
from shadow_reserve.db import journal as db_journal
from shadow_reserve.db import session as db_session
from shadow_reserve.db import shadow as db_shadow
from shadow_reserve import exceptions
from shadow_reserve.records import holding
from shadow_reserve.records import journal
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow
from shadow_reserve.shadow import hosts as shadow_hosts
from shadow_reserve.shadow import moves as shadow_moves

#: Candidates that are tried in a pass; each may be taken under our hands.
_TRIES = 5


class Room(Protocol):
    """What the operator leaves for idle shadow."""

    def instances(self, record: reservation.ReservationRecord,
                  ) -> tuple[int | None, str]:
        """How many more of a reservation's size, and what bounds them."""

    def full_hosts(self, record: reservation.ReservationRecord,
                   ) -> frozenset[str]:
        """Hosts on which no more may be held, or would serve nobody."""


class Claims:
    """Takes, checks and gives back claims, and lands servers on them."""

    def __init__(
            self, database: db_session.Database, moves: shadow_moves.Moves,
            nova: cloud_nova.Nova, placement: cloud_placement.Placement,
            hosts: cloud_hosts.ComputeHosts, room: Room) -> None:
        self._room_for_shadow = room
        self._database = database
        self._moves = moves
        self._nova = nova
        self._placement = placement
        self._hosts = hosts

    def take(self, record: reservation.ReservationRecord,
             instance: shadow.ShadowInstance, server: shadow.Server,
             now: datetime.datetime) -> None:
        """Hold the capacity of an offloaded server somewhere.

        Where nobody has room, it counts as lent from now on, and is asked
        for again after a while.
        """
        # Perhaps we died before it was written down.
        held = self._placement.claim(instance.instance_id)
        candidates = [] if held else self._candidates(
            record, instance, server)
        host = held.host if held else self._take(
            record, instance, candidates)
        if host is not None:
            try:
                self._moves.set_claim(
                    record.token, instance, host, now, 'instance.claimed',
                    'its capacity is held by a claim of the service',
                    lent_at=None, attempts=0)
            except exceptions.ConcurrentUpdate:
                # Perhaps it is to leave that room to somebody.
                if held is None:
                    self._placement.release(instance.instance_id)
                raise
        elif instance.lent_at is None:
            self._moves.set_claim(
                record.token, instance, None, now, 'instance.unheld',
                'it was offloaded, and no host that it may be on has room '
                'for a claim: its capacity is not held',
                journal.Severity.WARNING, lent_at=now, attempts=0)
        else:
            # It could serve where it may not wait.
            self._moves.update(
                instance, lent_at=now,
                attempts=0 if candidates else instance.attempts)

    def _take(self, record: reservation.ReservationRecord,
              instance: shadow.ShadowInstance,
              candidates: Sequence[holding.Candidate]) -> str | None:
        room = self._room_for_shadow
        # What others need is theirs. A member that was only now offloaded
        # takes no more than it held until then.
        if instance.lent_at is not None and (
                room.instances(record)[0] == 0):
            return None
        full = room.full_hosts(record)
        allowed = [one for one in candidates if one.host not in full]
        for candidate in allowed[:_TRIES]:
            if self._placement.put_claim(instance.instance_id, candidate):
                return candidate.host
        return None

    def check(self, record: reservation.ReservationRecord,
              instance: shadow.ShadowInstance, server: shadow.Server,
              now: datetime.datetime) -> None:
        """Somebody else changed how it waits, or what is claimed for it:
        write down what holds it."""
        tier = server.held_as
        if tier is None:
            return
        if instance.tier is holding.Tier.OFFLOADED and tier is not (
                instance.tier):
            # Our own claim, if it had one, is of no more use.
            self._placement.release(instance.instance_id)
        host = self._placement.claim_of(server.server_id)
        if tier is holding.Tier.OFFLOADED and host is not None:
            # Older Novas drop the claim a little after they say so.
            return
        if (tier, host) == (instance.tier, instance.host):
            return
        lost = instance.host is not None and host is None
        self._moves.set_claim(
            record.token, instance, host, now,
            'instance.claim_lost' if lost else 'instance.hold_changed',
            (f'its server is {tier} now, not {instance.tier} any more'
             if tier is not instance.tier
             else f'Placement has a claim for it now, on {host}')
            + (': Nova let go of its claim' if lost else ''),
            (journal.Severity.WARNING
             if lost and instance.lent_at is None
             else journal.Severity.INFO), tier=tier)

    def give_back(self, record: reservation.ReservationRecord,
                  instance: shadow.ShadowInstance,
                  now: datetime.datetime) -> None:
        """Let go of an idle member's claim, for others to use."""
        self._placement.release(instance.instance_id)
        self._moves.set_claim(
            record.token, instance, None, now, 'instance.released',
            instance.reason)

    def release(self, instance: shadow.ShadowInstance) -> None:
        """Let go of a claim that is of no more use, if there is one."""
        self._placement.release(instance.instance_id)

    def land(self, record: reservation.ReservationRecord,
             instance: shadow.ShadowInstance, server: shadow.Server,
             now: datetime.datetime) -> bool:
        """Have an offloaded server unshelved where its claim is.

        Nova wants the room for a claim of its own, so ours goes first, as
        late as can be: what is let go is written down before, for the
        scheduler filter to keep others off it. When another server was
        quicker all the same, the next best host is tried.

        :returns: whether Nova was asked
        """
        claim = self._placement.claim(instance.instance_id)
        if claim is not None:
            host, provider_id = claim.host, claim.provider_id
            resources = dict(claim.resources)
            free = self._placement.free_on(provider_id)
        else:
            fresh = self._nova.get_server(server.server_id)
            if fresh is None or (
                    fresh.held_as is not holding.Tier.OFFLOADED):
                # It was asked to come back since it was last looked at.
                return False
            instance = self._note_lost(record, instance, server, now)
            ranked = self._candidates(
                record, instance, server, preferred=instance.host,
                failures=self._lost_on(record, instance))
            if not ranked:
                self._tell_no_host(record, instance, now)
                return False
            host, provider_id = ranked[0].host, ranked[0].provider_id
            resources = holding.total(ranked[0].allocations)
            free = {name: amount - resources.get(name, 0)
                    for name, amount in ranked[0].free.items()}
        target = self._hosts.service_host(provider_id)
        self._moves.update(
            instance, host=host, attempts=instance.attempts + 1,
            charged_until=instance.charged_until or now,
            slot=holding.Slot(
                resources=resources,
                room=self._room(instance, host, free)))
        self._placement.release(instance.instance_id)
        self._nova.unshelve_onto(server.server_id, target)
        return True

    def _tell_no_host(self, record: reservation.ReservationRecord,
                      instance: shadow.ShadowInstance,
                      now: datetime.datetime) -> None:
        """From then on nothing is held for it, and it costs nothing."""
        message = 'no host that it may be on has room for it just now'
        if instance.host is not None:
            self._moves.set_claim(
                record.token, instance, None, now, 'instance.no_host',
                message, slot=None)
        else:
            self._moves.note(
                record.token, instance, now, 'instance.no_host', message)

    def _room(self, instance: shadow.ShadowInstance, host: str,
              free: dict[str, int]) -> dict[str, int]:
        """What is free there for anybody, other open slots left out."""
        room = dict(free)
        for server_id, where, slot in self._database.read(
                db_shadow.list_slots):
            if where != host or server_id == instance.server_id:
                continue
            for name, amount in slot.resources.items():
                if name in room:
                    room[name] -= amount
        return room

    def _note_lost(self, record: reservation.ReservationRecord,
                   instance: shadow.ShadowInstance, server: shadow.Server,
                   now: datetime.datetime) -> shadow.ShadowInstance:
        """Nova says nothing of a failed unshelve but in its actions.

        :returns: the member without the slot that it lost, so that it
            counts once
        """
        if instance.slot is None or not self._nova.was_unshelved(
                server.server_id, instance.state_since):
            return instance
        message = (f'somebody else took the room that was let go for it (try '
                   f'{instance.attempts}); the next best host is tried')

        def work(session: orm.Session) -> shadow.ShadowInstance:
            db_journal.record(
                session, record.token, now, 'instance.promotion_lost',
                message, journal.Severity.WARNING,
                instance_id=instance.instance_id,
                server_id=instance.server_id, host=instance.host)
            return db_shadow.update_instance(
                session, instance, slot=None, reason=message)
        return self._database.write_as_read(work)

    def _lost_on(self, record: reservation.ReservationRecord,
                 instance: shadow.ShadowInstance) -> dict[str, int]:
        """How often this promotion has failed on which hosts: it need not
        have been somebody else. They may be down, or where Nova does not
        move it."""
        events = self._database.read(
            lambda session: db_journal.events_in_force(
                session, record.token, 'instance.promotion_lost',
                instance.state_since))
        return collections.Counter(
            event.details['host'] for event in events
            if event.details['instance_id'] == instance.instance_id
            and event.happened_at >= instance.state_since)

    def _candidates(
            self, record: reservation.ReservationRecord,
            instance: shadow.ShadowInstance, server: shadow.Server,
            preferred: str | None = None,
            failures: Mapping[str, int] | None = None,
    ) -> list[holding.Candidate]:
        candidates = self._placement.candidates(
            shadow_hosts.query_of(server.flavor))
        zone = group = None
        if record.template.availability_zone:
            inside = self._hosts.hosts_of_zone(
                record.template.availability_zone)
            zone = {one.provider_id for one in candidates
                    if self._hosts.service_host(one.provider_id) in inside}
        selector = record.selector
        if selector.kind is reservation.SelectorKind.SERVER_GROUP:
            group = self._hosts.group(
                selector.value, record.project_id,
                self._claimed_beside(record, instance))
        return shadow_hosts.rank(candidates, zone=zone, group=group,
                                 preferred=preferred, failures=failures)

    def _claimed_beside(
            self, record: reservation.ReservationRecord,
            instance: shadow.ShadowInstance) -> list[str]:
        """Hosts on which we hold capacity for the group's other members."""
        members = self._database.read(
            lambda session: db_shadow.list_instances(
                session, record.shadow_allocation_id))
        return [member.host for member in members
                if member.host is not None
                and member.tier is holding.Tier.OFFLOADED
                and member.state is shadow.InstanceState.AVAILABLE
                and member.instance_id != instance.instance_id]
