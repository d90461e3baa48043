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


class Capacity(resource.Resource):
    """Who has how much of the cloud.

    ``classes`` are, by resource class and in Placement's units, dicts with
    ``capacity``, ``tenants``, ``shadow`` (by tier), ``free`` and
    ``oversold``.
    """

    resource_key = 'capacity'
    base_path = '/capacity'

    allow_fetch = True

    #: A dict with ``host``, ``zone``, ``in_service``, ``classes`` each.
    hosts = resource.Body('hosts', type=list)
    #: A dict with ``zone`` and ``classes`` each.
    zones = resource.Body('zones', type=list)
    #: The classes of all hosts together.
    total = resource.Body('total', type=dict)
