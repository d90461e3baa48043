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

from typing import Any

from keystoneauth1 import adapter
from openstack import resource
from openstack import utils

from shadow_reserve.client.sdk import shadow_instance as _shadow_instance


class Reservation(resource.Resource):
    """A lease with its shadow; its id is its token."""

    resource_key = 'reservation'
    resources_key = 'reservations'
    base_path = '/reservations'

    allow_create = True
    allow_fetch = True
    allow_commit = True
    allow_delete = True
    allow_list = True
    commit_method = 'PATCH'

    _query_mapping = resource.QueryParameters('name', 'all_projects')

    #: What names it everywhere.
    token = resource.Body('token', alternate_id=True)
    #: creating, pending, active, ending, terminated, deleting.
    status = resource.Body('status')
    project_id = resource.Body('project_id')
    user_id = resource.Body('user_id')
    #: Name or id of the flavor, as it was written in the request.
    flavor = resource.Body('flavor')
    quantity = resource.Body('quantity', type=int)
    start_time = resource.Body('start_time')
    end_time = resource.Body('end_time')
    #: Seconds, extensions included.
    duration = resource.Body('duration')
    #: Seconds, as first asked for.
    contracted_duration = resource.Body('contracted_duration')
    #: The sum of all charges, a decimal number as a string.
    cost = resource.Body('cost')
    lease_backend = resource.Body('lease_backend')
    lease_id = resource.Body('lease_id')
    shadow_allocation_id = resource.Body('shadow_allocation_id')
    #: How much shadow to hold and how, when to use it, and up to what cost.
    #: Among its fields: hold, a list of {tier, count}; schedule, a list of
    #: {start, duration, quantity, timezone}; hooks, a list of {kind:
    #: webhook, url}, {kind: octavia_pool, pool_id, protocol_port} or {kind:
    #: metadata, key, value}. Lengths of time are in seconds.
    policy = resource.Body('policy', type=dict)
    #: What shadow instances are built from; user data is never shown. Among
    #: its fields: readiness, {kind: metadata, key, value}, {kind: http, port,
    #: path} or None; volumes, a list of {size, type, attach}, size in GiB.
    template = resource.Body('template', type=dict)
    #: Which instances of the project are the application.
    selector = resource.Body('selector', type=dict)
    created_at = resource.Body('created_at')
    updated_at = resource.Body('updated_at')

    def rehearse_move(self, session: adapter.Adapter, action: str,
                      count: int | None) -> dict[str, Any]:
        """What a move would do: see the proxy."""
        body = {'dry_run': True}
        response = session.post(
            utils.urljoin(self.base_path, self.id, 'shadow', action),
            json=body if count is None else {**body, 'count': count})
        answer: dict[str, Any] = response.json()['dry_run']
        return answer

    def move_shadow(
            self, session: adapter.Adapter, action: str,
            count: int) -> list[_shadow_instance.ShadowInstance]:
        """:param action: promote or return"""
        response = session.post(
            utils.urljoin(self.base_path, self.id, 'shadow', action),
            json={'count': count})
        return [_shadow_instance.ShadowInstance.existing(**fields)
                for fields in response.json()['instances']]
