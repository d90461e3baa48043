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

"""What is done with one member: the next step, asked of services.

Which one that is says :mod:`shadow_reserve.shadow.lifecycle`.
"""

from collections.abc import Iterable
from collections.abc import Mapping
import datetime

from sqlalchemy import orm

from shadow_reserve.cloud import exceptions as cloud_exceptions
from shadow_reserve.cloud import nova as cloud_nova
from shadow_reserve.cloud import placement as cloud_placement
from shadow_reserve.cloud import probe as cloud_probe
from shadow_reserve.cloud import trusts as cloud_trusts
from shadow_reserve.db import journal as db_journal
from shadow_reserve.db import promotions as db_promotions
from shadow_reserve.db import session as db_session
from shadow_reserve.db import shadow as db_shadow
from shadow_reserve import exceptions
from shadow_reserve.records import holding
from shadow_reserve.records import journal
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow
from shadow_reserve.shadow import claims as shadow_claims
from shadow_reserve.shadow import joining as shadow_joining
from shadow_reserve.shadow import lifecycle
from shadow_reserve.shadow import moves as shadow_moves
from shadow_reserve.shadow import template as shadow_template
from shadow_reserve.shadow import volumes as shadow_volumes

State = shadow.InstanceState
Kind = lifecycle.Kind

#: Moves that follow at once from the one before, at the most; a cycle of
#: them would be a mistake in lifecycle, not a reason to hang.
_MOVES_PER_PASS = 4

#: Members whose volumes and names are looked after beside all else: they do
#: not keep a server from serving.
_AT_REST = frozenset({State.AVAILABLE, State.ALLOCATED})


_RENAMED = 'instance.renamed'
#: More members than a shadow may have.
_RENAMES = 1000


class MemberSteps:
    """Takes members one step on, each by itself."""

    def __init__(
            self, database: db_session.Database,
            moves: shadow_moves.Moves, nova: cloud_nova.Nova,
            placement: cloud_placement.Placement,
            claims: shadow_claims.Claims,
            volumes: shadow_volumes.VolumeKeeper,
            joining: shadow_joining.Joining,
            prober: cloud_probe.Prober, trusts: cloud_trusts.Trusts,
            limits: lifecycle.Limits) -> None:
        self._database = database
        self._moves = moves
        self._nova = nova
        self._placement = placement
        self._claims = claims
        self._volumes = volumes
        self._joining = joining
        self._prober = prober
        self._trusts = trusts
        self._limits = limits

    def drive(
            self, record: reservation.ReservationRecord,
            members: Iterable[shadow.ShadowInstance],
            servers: Mapping[str, shadow.Server],
            now: datetime.datetime) -> list[cloud_exceptions.CloudError]:
        """Take each of the members one step on.

        One at which a service fails does not keep the others.

        :param servers: by instance id, as just listed
        :returns: what failed
        """
        failures = []
        limits = lifecycle.limits_of(record, self._limits)
        for instance in members:
            try:
                self._step(record, instance, servers, now, limits)
            except cloud_exceptions.CloudError as error:
                failures.append(error)
            except exceptions.ConcurrentUpdate:
                # The API or another engine moved it: it is theirs now.
                continue
        return failures

    def promote(self, record: reservation.ReservationRecord,
                instance: shadow.ShadowInstance, now: datetime.datetime,
                ) -> shadow.ShadowInstance | None:
        """Ask Nova for a member that was claimed for promotion.

        It is believed to wait as it is written down; where Nova says
        that it does not, and where a host must be found for it first, it
        is looked at.

        :returns: as ``look_after``
        """
        if (instance.tier is holding.Tier.OFFLOADED
                or instance.server_id is None
                or not self._nova.wake(instance.server_id, instance.tier)):
            return self.look_after(record, instance, now)
        self._mark_requested(instance, now)
        return instance

    def look_after(self, record: reservation.ReservationRecord,
                   instance: shadow.ShadowInstance, now: datetime.datetime,
                   ) -> shadow.ShadowInstance | None:
        """Take one member one step on, by a look at its server alone.

        :returns: the member as it was given or as it was changed, where it
            is known which; ``None`` when it has to be read again
        """
        return self._step(record, instance, {}, now,
                          lifecycle.limits_of(record, self._limits))

    def _step(self, record: reservation.ReservationRecord,
              instance: shadow.ShadowInstance,
              servers: Mapping[str, shadow.Server],
              now: datetime.datetime, limits: lifecycle.Limits,
              ) -> shadow.ShadowInstance | None:
        server = servers.get(instance.instance_id)
        if server is None or (instance.server_id is not None
                              and server.server_id != instance.server_id):
            server = self._look_closer(instance)
        for _ in range(_MOVES_PER_PASS):
            action = lifecycle.next_action(instance, server, now, limits)
            if action.kind is not Kind.MOVE:
                self._act(record, instance, server, action, now)
                return instance if action.kind is Kind.WAIT else None
            moved = self._move(record, instance, server, action, now)
            if moved is None:
                return None
            instance = moved
        return instance

    def _tell_renamed(
            self, record: reservation.ReservationRecord,
            instance: shadow.ShadowInstance, server: shadow.Server,
            now: datetime.datetime) -> None:
        """Say once that somebody gave a member's server another name.

        It is left as it is: nothing hangs on it.
        """
        told = self._database.read(lambda session: db_journal.latest_events(
            session, record.token, (_RENAMED,), _RENAMES))
        latest = {event.details['instance_id']: event.details['name']
                  for event in told}
        if latest.get(instance.instance_id) != server.name:
            self._database.write(lambda session: db_journal.record(
                session, record.token, now, _RENAMED,
                f'its server was renamed to {server.name} by someone else; '
                f'it stays a member', instance_id=instance.instance_id,
                server_id=server.server_id, name=server.name))

    def _look_closer(
            self, instance: shadow.ShadowInstance) -> shadow.Server | None:
        """A tenant may have taken our tag off a server; its id remains."""
        if instance.server_id is None:
            return None
        return self._nova.get_server(instance.server_id)

    def _move(self, record: reservation.ReservationRecord,
              instance: shadow.ShadowInstance,
              server: shadow.Server | None, action: lifecycle.Action,
              now: datetime.datetime) -> shadow.ShadowInstance | None:
        assert action.state is not None
        if server is not None and action.state is State.AVAILABLE:
            return self._move_to_available(
                record, instance, server, action, now)
        changes: dict[str, str | None] = {}
        offloaded = instance.tier is holding.Tier.OFFLOADED
        if (server is not None and action.state is State.ALLOCATED
                and (offloaded or instance.host is None)):
            # It has Nova's claim now, wherever it was woken or built.
            if offloaded:
                self._claims.release(instance)
            changes['host'] = self._placement.claim_of(server.server_id)
        severity = (journal.Severity.ERROR if action.state is State.ERROR
                    else journal.Severity.INFO)
        return self._moves.move(record.token, instance, action.state, now,
                                action.reason, severity, **changes)

    def _move_to_available(
            self, record: reservation.ReservationRecord,
            instance: shadow.ShadowInstance, server: shadow.Server,
            action: lifecycle.Action, now: datetime.datetime,
    ) -> shadow.ShadowInstance | None:
        """What the cloud did with it is looked up, not assumed."""
        tier = server.held_as or instance.tier
        if tier is holding.Tier.OFFLOADED:
            if instance.state is State.PROMOTING:
                # It did not serve. Its claim, if it has one, is found
                # again; else it is asked for room after a while.
                without = instance.host is None
                return self._moves.move(
                    record.token, instance, State.AVAILABLE, now,
                    action.reason, journal.Severity.ERROR, tier=tier,
                    host=None, uses=instance.uses - 1,
                    lent_at=now if without else None,
                    attempts=instance.attempts + without)
            # Nova holds nothing any more; our own claim comes next.
            return self._moves.move(
                record.token, instance, State.AVAILABLE, now,
                action.reason, host=None, tier=tier)
        host = self._placement.claim_of(server.server_id)
        if host is None:
            return self._moves.move(
                record.token, instance, State.AVAILABLE, now,
                f'{tier}, but Placement holds no claim for it: its '
                f'capacity is not held', journal.Severity.WARNING,
                host=None, tier=tier)
        return self._moves.move(
            record.token, instance, State.AVAILABLE, now,
            action.reason, host=host, tier=tier)

    def _act(self, record: reservation.ReservationRecord,
             instance: shadow.ShadowInstance,
             server: shadow.Server | None, action: lifecycle.Action,
             now: datetime.datetime) -> None:
        if action.kind is Kind.CREATE:
            self._create(record, instance, now)
        elif action.kind is Kind.FORGET:
            # Room for a server that is gone does not wait for its volumes.
            self._claims.release(instance)
            if (self._volumes.drive(record, instance, server, now)
                    and self._joining.is_undone(instance)):
                self._forget(record, instance, now)
        elif server is not None:
            self._act_on_server(record, instance, server, action.kind, now)

    def _act_on_server(
            self, record: reservation.ReservationRecord,
            instance: shadow.ShadowInstance, server: shadow.Server,
            kind: Kind, now: datetime.datetime) -> None:
        server_id = server.server_id
        match kind:
            case Kind.ADOPT:
                self._write_server_id(instance, server_id)
            case Kind.HOLD:
                if (self._volumes.drive(record, instance, server, now)
                        and self._is_ready(record, instance, server)):
                    self._nova.hold(
                        self._trusts.session_for(record.trust_id),
                        server_id, instance.tier)
            case Kind.OFFLOAD:
                self._nova.offload(server_id)
            case Kind.CLAIM:
                self._claims.take(record, instance, server, now)
            case Kind.CHECK_CLAIM:
                self._claims.check(record, instance, server, now)
                self._volumes.drive(record, instance, server, now)
            case Kind.RELEASE:
                self._claims.give_back(record, instance, now)
            case Kind.WAKE:
                if self._nova.wake(server_id,
                                   server.held_as or instance.tier):
                    self._mark_requested(instance, now)
            case Kind.LAND:
                if self._claims.land(record, instance, server, now):
                    self._mark_requested(instance, now)
            case Kind.MARK_DRAINING:
                self._nova.set_metadata(
                    self._trusts.session_for(record.trust_id),
                    server_id, lifecycle.DRAIN_KEY,
                    instance.state_since.isoformat())
            case Kind.UNMARK_DRAINING:
                self._nova.delete_metadata(
                    self._trusts.session_for(record.trust_id),
                    server_id, lifecycle.DRAIN_KEY)
            case Kind.DELETE:
                self._nova.delete_server(server_id)
            case Kind.WAIT if instance.state in _AT_REST:
                self._volumes.drive(record, instance, server, now)
                if shadow.is_renamed(server.name, instance.instance_id):
                    self._tell_renamed(record, instance, server, now)

    def _is_ready(self, record: reservation.ReservationRecord,
                  instance: shadow.ShadowInstance,
                  server: shadow.Server) -> bool:
        """Whether a new server fulfils its template's hook, if any."""
        hook = record.template.readiness
        if hook is None or instance.state is not State.SETTLING:
            return True
        if hook.kind is reservation.ReadinessKind.METADATA:
            return server.metadata.get(hook.key) == hook.value
        return self._prober.answers(
            server.addresses, hook.port, hook.path)

    def _create(self, record: reservation.ReservationRecord,
                instance: shadow.ShadowInstance,
                now: datetime.datetime) -> None:
        """The attempt is written down before it is made: if we die in
        between, the server is looked for before another is asked for."""
        tried = self._database.write_as_read(
            lambda session: db_shadow.update_instance(
                session, instance, attempts=instance.attempts + 1,
                template_key=shadow_template.key_of(record),
                state_since=now))
        try:
            server_id = self._nova.create_server(
                self._trusts.session_for(record.trust_id), record, tried)
        except cloud_exceptions.ServiceUnavailable:
            # It may have been made all the same.
            raise
        except cloud_exceptions.CloudError as error:
            self._moves.move(record.token, tried, State.ERROR, now,
                             str(error), journal.Severity.ERROR)
            return
        self._write_server_id(tried, server_id)

    def _mark_requested(self, instance: shadow.ShadowInstance,
                        now: datetime.datetime) -> None:
        self._database.write(
            lambda session: db_promotions.mark_requested(
                session, instance.instance_id, now))

    def _write_server_id(self, instance: shadow.ShadowInstance,
                         server_id: str) -> None:
        self._database.write_as_read(
            lambda session: db_shadow.update_instance(
                session, instance, server_id=server_id))

    def _forget(self, record: reservation.ReservationRecord,
                instance: shadow.ShadowInstance,
                now: datetime.datetime) -> None:
        def work(session: orm.Session) -> None:
            db_shadow.remove_instance(session, instance)
            db_journal.record(
                session, record.token, now, 'instance.gone',
                'its server and its claim are gone',
                instance_id=instance.instance_id,
                server_id=instance.server_id)
        self._database.write(work)
