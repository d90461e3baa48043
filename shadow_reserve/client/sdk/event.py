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


class Event(_sequence.Sequence):
    """A decision about a reservation, also one to do nothing."""

    resources_key = 'events'
    base_path = '/reservations/%(reservation_id)s/events'

    event_id = resource.Body('event_id', alternate_id=True)
    happened_at = resource.Body('happened_at')
    kind = resource.Body('kind')
    #: info, warning or error.
    severity = resource.Body('severity')
    message = resource.Body('message')
    details = resource.Body('details', type=dict)
