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

from shadow_reserve.client.sdk import shadow_instance as _shadow_instance


class Shadow(resource.Resource):
    """The shadow of a reservation as a whole."""

    resource_key = 'shadow'
    base_path = '/reservations/%(reservation_id)s/shadow'

    allow_fetch = True

    reservation_id = resource.URI('reservation_id')
    allocation_id = resource.Body('allocation_id', alternate_id=True)
    #: The flavor of its instances.
    resource_type = resource.Body('resource_type')
    #: How many instances the last sizing asked for.
    quantity = resource.Body('quantity', type=int)
    #: allocated while an instance serves the application, or available.
    status = resource.Body('status')
    instances = resource.Body(
        'instances', type=list,
        list_type=_shadow_instance.ShadowInstance)
