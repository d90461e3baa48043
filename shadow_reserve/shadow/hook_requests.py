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

"""What running a hook asks of others, and what undoing it does.

All of it may be asked twice: a server is in a pool once, a metadata item
has one value, and whoever is told by a webhook knows by its key that it
was told before.
"""

import datetime
from typing import Any


from shadow_reserve.cloud import exceptions as cloud_exceptions
from shadow_reserve.cloud import nova as cloud_nova
from shadow_reserve.cloud import nova_rows
from shadow_reserve.cloud import octavia as cloud_octavia
from shadow_reserve.cloud import trusts as cloud_trusts
from shadow_reserve.cloud import webhook as cloud_webhook
from shadow_reserve.records import hook
from shadow_reserve.records import reservation
from shadow_reserve.records import shadow

HookKind = hook.HookKind

#: Metadata items that say whose a server is.
_OUR_KEYS = f'{nova_rows.TAG.replace("-", "_")}:'


class HookRequests:
    """Everything here raises CloudError."""

    def __init__(self, nova: cloud_nova.Nova,
                 octavia: cloud_octavia.Octavia,
                 webhooks: cloud_webhook.Webhooks,
                 trusts: cloud_trusts.Trusts) -> None:
        self._nova = nova
        self._octavia = octavia
        self._webhooks = webhooks
        self._trusts = trusts

    def join(self, record: reservation.ReservationRecord,
             server: shadow.Server, one: hook.MemberHook) -> None:
        wanted = one.hook
        match wanted.kind:
            case HookKind.METADATA:
                key, value = str(wanted.key), str(wanted.value)
                if key.startswith(_OUR_KEYS):
                    raise cloud_exceptions.Forbidden(
                        'nova', f'metadata items {_OUR_KEYS}* are the '
                                f'service\'s own')
                self._nova.set_metadata(
                    self._trusts.session_for(record.trust_id),
                    server.server_id, key, value)
            case HookKind.OCTAVIA_POOL:
                if not server.addresses:
                    raise cloud_exceptions.CloudError(
                        'octavia', 'its server has no fixed address')
                self._octavia.add_member(
                    self._trusts.session_for(record.trust_id),
                    str(wanted.pool_id),
                    _member_name(one), server.addresses[0],
                    wanted.protocol_port or 0)
            case HookKind.WEBHOOK:
                self._tell('join', record, server.server_id, server, one)

    def leave(self, record: reservation.ReservationRecord,
              server_id: str | None, server: shadow.Server | None,
              one: hook.MemberHook) -> None:
        """:param server: ``None`` when it is gone"""
        undone = one.hook
        match undone.kind:
            case HookKind.METADATA if server is not None:
                self._take_off(record, server, str(undone.key))
            case HookKind.OCTAVIA_POOL:
                self._octavia.remove_member(
                    self._trusts.session_for(record.trust_id),
                    str(undone.pool_id),
                    _member_name(one))
            case HookKind.WEBHOOK:
                self._tell('leave', record, server_id, server, one)

    def _take_off(self, record: reservation.ReservationRecord,
                  server: shadow.Server, key: str) -> None:
        """What it was built with comes back."""
        if key.startswith(_OUR_KEYS):
            return
        built_with = dict(record.template.metadata)
        if record.selector.kind is reservation.SelectorKind.METADATA:
            built_with[record.selector.key] = record.selector.value
        tenant = self._trusts.session_for(record.trust_id)
        if key in built_with:
            self._nova.set_metadata(
                tenant, server.server_id, key, built_with[key])
        else:
            self._nova.delete_metadata(tenant, server.server_id, key)

    def _tell(self, event: str, record: reservation.ReservationRecord,
              server_id: str | None, server: shadow.Server | None,
              one: hook.MemberHook) -> None:
        body: dict[str, Any] = {
            'id': one.delivery_id,
            'event': event,
            'time': one.since.astimezone(
                datetime.UTC).isoformat().replace('+00:00', 'Z'),
            'reservation': record.token,
            'instance_id': one.instance_id,
            'server_id': server_id,
            'addresses': [] if server is None else list(server.addresses),
        }
        self._webhooks.post(str(one.hook.url), body, one.delivery_id)


def place_of(one: hook.Hook) -> str:
    """What an event says of where a hook leads; no secrets."""
    match one.kind:
        case HookKind.METADATA:
            return f'metadata item {one.key}'
        case HookKind.OCTAVIA_POOL:
            return f'pool {one.pool_id}'
        case HookKind.WEBHOOK:
            return f'webhook {cloud_webhook.where(str(one.url))}'


def _member_name(one: hook.MemberHook) -> str:
    """One server may be in a pool with several ports."""
    return f'shadow-{one.instance_id}-{one.hook.protocol_port}'
