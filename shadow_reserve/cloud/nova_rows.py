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

"""Servers as Nova has them: what it is asked to make, and what it says."""

import datetime
from typing import Any

from shadow_reserve.records import reservation
from shadow_reserve.records import shadow

#: On every server of ours, so that one request lists them all. A server
#: is told by its metadata whose it is; tags and metadata are set when it
#: is made, since nothing can be changed once it is offloaded.
TAG = 'shadow-reserve'
INSTANCE_KEY = 'shadow_reserve:instance'
TOKEN_KEY = 'shadow_reserve:token'


def token_tag(token: str) -> str:
    """On the servers of one reservation's shadow, beside ``TAG``."""
    return f'{TAG}:{token}'


def body_of(record: reservation.ReservationRecord,
            instance: shadow.ShadowInstance) -> dict[str, Any]:
    """What Nova is asked for when a member's server is made.

    https://docs.openstack.org/api-ref/compute/#create-server
    """
    template = record.template
    body: dict[str, Any] = {
        'name': shadow.server_name(record.name, instance.instance_id),
        'flavorRef': record.size.flavor_id,
        'imageRef': template.image_id,
        'networks': [{'uuid': network_id}
                     for network_id in template.network_ids] or 'none',
        'metadata': {**dict(template.metadata),
                     TOKEN_KEY: record.token,
                     INSTANCE_KEY: instance.instance_id},
        'tags': [TAG, token_tag(record.token)],
    }
    selector = record.selector
    if selector.kind is reservation.SelectorKind.METADATA:
        body['metadata'][selector.key] = selector.value
    for key, value in (('key_name', template.key_name),
                       ('user_data', template.user_data),
                       ('availability_zone', template.availability_zone)):
        if value is not None:
            body[key] = value
    if template.config_drive:
        body['config_drive'] = True
    if template.security_groups:
        body['security_groups'] = [
            {'name': name} for name in template.security_groups]
    answer: dict[str, Any] = {'server': body}
    if selector.kind is reservation.SelectorKind.SERVER_GROUP:
        answer['os:scheduler_hints'] = {'group': selector.value}
    return answer


def to_server(row: dict[str, Any]) -> shadow.Server:
    """What a row of a listing says."""
    return shadow.Server(
        server_id=row['id'],
        instance_id=row['metadata'].get(INSTANCE_KEY, ''),
        token=row['metadata'].get(TOKEN_KEY, ''),
        name=row['name'], project_id=row['tenant_id'],
        status=row['status'],
        task_state=row.get('OS-EXT-STS:task_state'),
        host=row.get('OS-EXT-SRV-ATTR:host'),
        fault=row.get('fault', {}).get('message'),
        created_at=datetime.datetime.fromisoformat(row['created']),
        flavor=_to_flavor(row['flavor']),
        # An empty string where it boots from a volume.
        image_id=row['image']['id'] if row.get('image') else None,
        metadata=row['metadata'],
        addresses=tuple(
            address['addr'] for addresses in row['addresses'].values()
            for address in addresses
            if address.get('OS-EXT-IPS:type', 'fixed') == 'fixed'),
        volume_ids=frozenset(
            one['id'] for one in row.get(
                'os-extended-volumes:volumes_attached', ())))


def _to_flavor(row: dict[str, Any]) -> shadow.Flavor:
    return shadow.Flavor(
        vcpus=row['vcpus'], memory_mib=row['ram'], root_gib=row['disk'],
        ephemeral_gib=row['ephemeral'], swap_mib=row['swap'],
        # Left out where policy does not let us see them.
        extra_specs=row.get('extra_specs', {}))
