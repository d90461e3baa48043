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

"""Cinder: the volumes of shadow instances."""

from collections.abc import Callable
from collections.abc import Iterator
import datetime
from typing import Any

from keystoneauth1 import adapter
from keystoneauth1 import exceptions as ks_exceptions
from keystoneauth1 import session as ks_session

from shadow_reserve.cloud import exceptions
from shadow_reserve.cloud import nova_rows
from shadow_reserve.cloud import rest
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow
from shadow_reserve.records import volume

#: 3.27 attachments by their ids.
MICROVERSION = '3.27'

POSITION_KEY = 'shadow_reserve:position'


class Cinder:
    """The block storage service, with the rights of the service user.

    What must go is deleted with these rights too: a tenant's trust may be
    broken. Volumes are made within the trust, for the tenant's quota.

    :param adapter_for: makes the way to Cinder, for the service user or,
        given a session, for another
    """

    def __init__(
            self, adapter_for: Callable[
                [ks_session.Session | None], adapter.Adapter]) -> None:
        self._adapter_for = adapter_for
        self._admin = adapter_for(None)

    def is_there(self) -> bool:
        """Whether the cloud has this service at all."""
        try:
            return self._admin.get_endpoint() is not None
        except ks_exceptions.EndpointNotFound:
            return False

    def list_volumes(
            self, project_id: str | None = None,
            instance_id: str | None = None) -> list[volume.Volume]:
        """Volumes that carry our metadata, oldest first; of all projects
        and members where none is named."""
        query = {'all_tenants': '1'}
        if project_id is not None:
            query['project_id'] = project_id
        if instance_id is not None:
            # Cinder wants a literal of Python's here.
            query['metadata'] = str({nova_rows.INSTANCE_KEY: instance_id})
        found = [_to_volume(row) for row in self._list(query)]
        # Where an operator does not let Cinder filter, all are listed.
        return sorted(
            (one for one in found if one.instance_id
             and project_id in (None, one.project_id)
             and instance_id in (None, one.instance_id)),
            key=lambda one: (one.created_at, one.volume_id))

    def get_volume(self, volume_id: str) -> volume.Volume | None:
        """The volume as Cinder has it; ``None`` when it has it no more."""
        try:
            response = self._request('GET', f'/volumes/{volume_id}')
        except exceptions.NotFound:
            return None
        return _to_volume(response.json()['volume'])

    def create_volume(
            self, session: ks_session.Session,
            record: reservation.ReservationRecord, instance_id: str,
            position: int) -> str:
        """Ask for a volume of the template.

        :param session: within the trust of the reservation's owner
        :returns: the volume's id
        """
        template = record.template.volumes[position]
        body: dict[str, Any] = {
            'name': f'{shadow.server_name(record.name, instance_id)}-'
                    f'{position}',
            'size': template.size_gib,
            'metadata': {nova_rows.TOKEN_KEY: record.token,
                         nova_rows.INSTANCE_KEY: instance_id,
                         POSITION_KEY: str(position)}}
        if template.volume_type is not None:
            body['volume_type'] = template.volume_type
        response = self._request(
            'POST', '/volumes', session, json={'volume': body})
        return str(response.json()['volume']['id'])

    def delete_volume(self, volume_id: str, *, force: bool = False) -> None:
        """Have a volume deleted.

        :param force: whatever its status, if it is not attached
        :raises CloudError: Cinder will not, as with snapshots of it
        """
        try:
            if force:
                self._request('POST', f'/volumes/{volume_id}/action',
                              json={'os-force_delete': {}})
            else:
                self._request('DELETE', f'/volumes/{volume_id}')
        except exceptions.NotFound:
            pass

    def delete_attachment(self, attachment_id: str) -> None:
        """End what is left of an attachment to a server that is gone."""
        try:
            self._request('DELETE', f'/attachments/{attachment_id}')
        except exceptions.NotFound:
            pass

    def disown_volume(self, volume_id: str) -> None:
        """Take our metadata off a volume: it is its tenant's now."""
        for key in (nova_rows.INSTANCE_KEY, nova_rows.TOKEN_KEY, POSITION_KEY):
            try:
                self._request(
                    'DELETE', f'/volumes/{volume_id}/metadata/{key}')
            except exceptions.NotFound:
                continue

    def _list(self, query: dict[str, str]) -> Iterator[dict[str, Any]]:
        marker: dict[str, str] = {}
        while True:
            body = self._request(
                'GET', '/volumes/detail', params={**query, **marker}).json()
            yield from body['volumes']
            if not body.get('volumes_links'):
                return
            marker = {'marker': body['volumes'][-1]['id']}

    def _request(self, method: str, path: str,
                 session: ks_session.Session | None = None,
                 **kwargs: Any) -> Any:
        way = self._adapter_for(session) if session else self._admin
        return rest.request(way, 'cinder', method, path,
                            microversion=MICROVERSION, **kwargs)


def _to_volume(row: dict[str, Any]) -> volume.Volume:
    metadata = row['metadata']
    position = metadata.get(POSITION_KEY, '')
    return volume.Volume(
        volume_id=row['id'],
        project_id=row.get('os-vol-tenant-attr:tenant_id', ''),
        instance_id=metadata.get(nova_rows.INSTANCE_KEY, ''),
        token=metadata.get(nova_rows.TOKEN_KEY, ''),
        position=int(position) if position.isdecimal() else None,
        status=row['status'],
        attachments={one['attachment_id']: one['server_id']
                     for one in row['attachments']},
        created_at=datetime.datetime.fromisoformat(
            row['created_at']).replace(tzinfo=datetime.UTC),
        # Cinder keeps none where none was given.
        name=row.get('name') or '')
