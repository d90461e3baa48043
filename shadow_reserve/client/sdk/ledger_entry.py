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


class LedgerEntry(_sequence.Sequence):
    """A charge or an extension, with the rule and inputs that made it."""

    resources_key = 'ledger'
    base_path = '/reservations/%(reservation_id)s/ledger'

    entry_id = resource.Body('entry_id', alternate_id=True)
    #: base, hold, use or extension.
    kind = resource.Body('kind')
    period_start = resource.Body('period_start')
    period_end = resource.Body('period_end')
    #: A decimal number as a string.
    amount = resource.Body('amount')
    #: Seconds by which the lease was prolonged.
    extension = resource.Body('extension')
    rule = resource.Body('rule')
    inputs = resource.Body('inputs', type=dict)
