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

from openstack import resource

from shadow_reserve.client.sdk import _sequence


class Promotion(_sequence.Sequence):
    """A shadow instance put to use: why, and how long each part took."""

    resources_key = 'promotions'
    base_path = '/reservations/%(reservation_id)s/promotions'

    promotion_id = resource.Body('promotion_id', alternate_id=True)
    instance_id = resource.Body('instance_id')
    server_id = resource.Body('server_id')
    #: The tier that it was held in.
    tier = resource.Body('tier')
    #: alarm, usage, net, ahead, by_hand or outside.
    source = resource.Body('source')
    #: That the alarm looks at.
    metric = resource.Body('metric')
    signalled_at = resource.Body('signalled_at')
    heard_at = resource.Body('heard_at')
    claimed_at = resource.Body('claimed_at')
    requested_at = resource.Body('requested_at')
    active_at = resource.Body('active_at')
    joined_at = resource.Body('joined_at')
    ended_at = resource.Body('ended_at')
    #: Seconds of each part, by its name.
    legs = resource.Body('legs', type=dict)
    #: under_way, serving, ended or failed.
    outcome = resource.Body('outcome')
    reason = resource.Body('reason')
    #: Of one ahead of the alarm, whether its threshold was crossed.
    useful = resource.Body('useful', type=bool)
