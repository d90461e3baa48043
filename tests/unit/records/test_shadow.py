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

"""What is counted on, and what is not."""

import pytest

from shadow_reserve.records import shadow
from tests.unit import samples

State = shadow.InstanceState
LENT = {'host': None, 'lent_at': samples.NOW}


@pytest.mark.parametrize(('changes', 'counts'), [
    ({}, True),
    # its capacity was given back: there may be room elsewhere
    ({**LENT, 'attempts': 0}, True),
    # it has found none itself
    ({**LENT, 'attempts': 1}, False),
    # and then some was found for it
    ({'host': 'compute-1', 'attempts': 1}, True),
    ({'state': State.PROMOTING}, False)])
def test_members_that_could_be_promoted_with_some_hope(changes, counts):
    member = samples.instance(**{'state': State.AVAILABLE, **changes})
    assert shadow.count_available([member]) == counts


@pytest.mark.parametrize(('name', 'renamed'), [
    ('shadow-shop-11111111', False),
    # the reservation had another name when it was made
    ('shadow-the-old-shop-11111111', False),
    ('shadow-shop-22222222', True), ('my-own', True),
    ('my-own-11111111', True)])
def test_names_that_somebody_else_gave(name, renamed):
    instance_id = '11111111-1111-4111-8111-111111111111'
    assert shadow.is_renamed(name, instance_id) is renamed
    assert not shadow.is_renamed(
        shadow.server_name('shop' * 20, instance_id), instance_id)
