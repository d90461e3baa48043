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


class ShadowInstance(resource.Resource):
    """A server that is there but does not run, until it is promoted."""

    instance_id = resource.Body('instance_id', alternate_id=True)
    #: The Nova server; ``None`` before there is one.
    server_id = resource.Body('server_id')
    #: building, settling, available, promoting, allocated, returning,
    #: error or deleting.
    state = resource.Body('state')
    state_since = resource.Body('state_since')
    #: Why it is in that state.
    reason = resource.Body('reason')
    #: How it is held while it does not run: suspended, shelved, stopped or
    #: offloaded.
    tier = resource.Body('tier')
    #: Since when its capacity is given back to the cloud; ``None`` while
    #: it is held.
    lent_at = resource.Body('lent_at')
    #: How often it was promoted.
    uses = resource.Body('uses', type=int)
    #: Whether its capacity is claimed in Placement.
    claim_held = resource.Body('claim_held', type=bool)
    #: Where; only operators are told.
    host = resource.Body('host')
    created_at = resource.Body('created_at')
