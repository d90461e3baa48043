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
"""What does not agree between the records of volumes and Cinder.

A volume has data on it, so none is deleted but by ``--mend``.
"""

from collections.abc import Iterator

from shadow_reserve.engine import findings
from shadow_reserve.records import shadow
from shadow_reserve.records import volume

Facts = findings.Facts
Finding = findings.Finding
Kind = findings.Kind
Mend = findings.Mend

#: In which Cinder deletes it.
_DELETABLE = frozenset({'available', 'error'})


def find(facts: Facts) -> Iterator[Finding]:
    """Volumes too many, and volumes that are gone."""
    if facts.volumes is None:
        return
    rows = {(row.instance_id, row.position): row
            for row in facts.volume_rows}
    ids = {row.volume_id for row in facts.volume_rows}
    for one in facts.volumes:
        row = rows.get((one.instance_id, one.position or 0))
        # With a row that has no id yet, a pass is about to write it down.
        if one.volume_id in ids or one.status == 'deleting' or (
                row is not None and row.volume_id is None):
            continue
        yield from _too_many(facts, one)
    yield from _missing(facts)


def _too_many(facts: Facts, one: volume.Volume) -> Iterator[Finding]:
    record = facts.reservations.get(one.token)
    if record is None:
        yield Finding(
            kind=Kind.VOLUME_UNKNOWN, identifier=one.volume_id,
            message=f'volume {one.name} says that it is of reservation '
                    f'{one.token!r:.60}, which this database has never '
                    f"heard of: another deployment's, or from before a "
                    f'backup was restored', mend=Mend.HAND)
        return
    # Metadata can be copied to a volume of one's own.
    if (one.project_id != record.project_id
            or f'-{one.instance_id[:8]}-' not in one.name):
        return
    free = one.status in _DELETABLE and not one.attachments
    yield Finding(
        kind=Kind.VOLUME_WITHOUT_MEMBER, identifier=one.volume_id,
        token=one.token,
        message=f'volume {one.name} is left over: no member has it' + (
            '' if free else f'. It is {one.status}: detach it first'),
        mend=Mend.DELETE_VOLUME if free else Mend.HAND,
        evidence=(one.status,))


def _missing(facts: Facts) -> Iterator[Finding]:
    there = {one.volume_id for one in facts.volumes or ()}
    members = {member.instance_id: (token, member)
               for token, some in facts.members.items()
               for member in some}
    for row in facts.volume_rows:
        token, member = members.get(row.instance_id, (None, None))
        if (member is None or row.volume_id is None
                or row.volume_id in there
                or row.state is volume.VolumeState.TAKEN
                or member.state is shadow.InstanceState.DELETING):
            continue
        yield Finding(
            kind=Kind.VOLUME_MISSING, identifier=row.volume_id, token=token,
            message=f'member {row.instance_id}: its volume {row.position} '
                    f'is gone, or its owner took our metadata off it',
            mend=Mend.ENGINE, evidence=(row.state, row.since))
