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


class Forecast(resource.Resource):
    """What an application is expected to need."""

    resource_key = 'forecast'
    base_path = '/reservations/%(reservation_id)s/forecast'

    allow_fetch = True

    _query_mapping = resource.QueryParameters('step_limit')

    reservation_id = resource.URI('reservation_id')
    token = resource.Body('token', alternate_id=True)
    #: One dict for each resource that is forecast. Its ``stale`` says
    #: whether ``latest_reading``, in its ``provenance``, is more than an
    #: hour older than its ``origin``.
    profiles = resource.Body('profiles', type=list)
