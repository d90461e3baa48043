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

from shadow_reserve.records import capacity
from shadow_reserve.records import holding
from shadow_reserve.records import shadow
from shadow_reserve.shadow import occupancy
from tests.unit import samples
from tests.unit.shadow import test_room

Tier = holding.Tier


def members(*changes):
    return [capacity.Holding(record=samples.record(),
                             member=samples.instance(**some))
            for some in changes]


def test_each_tier_is_told_apart_from_tenants():
    (host,) = occupancy.of_hosts(
        test_room.cloud(test_room.host(used=10)),
        members({}, {'tier': Tier.OFFLOADED}, {'tier': Tier.OFFLOADED},
                {'state': shadow.InstanceState.ALLOCATED},
                {'host': None}, {'host': 'elsewhere'}))
    vcpus = host.classes['VCPU']
    assert vcpus.shadow == {Tier.SHELVED: 2, Tier.OFFLOADED: 4,
                            Tier.SUSPENDED: 0, Tier.STOPPED: 0}
    assert (vcpus.tenants, vcpus.free, vcpus.capacity) == (4, 10, 20)
    # Where usage is read before a claim is gone, nobody has less than none.
    (host,) = occupancy.of_hosts(
        test_room.cloud(test_room.host(used=1)), members({}))
    assert host.classes['VCPU'].tenants == 0


def test_zones_and_the_total_are_sums():
    hosts = occupancy.of_hosts(test_room.cloud(
        test_room.host(1, zone='a', used=5),
        test_room.host(2, zone='a', used=25),
        test_room.host(3, zone='b', in_service=False)), members({}))
    zones = occupancy.of_zones(hosts)
    assert zones['a']['VCPU'].capacity == 40
    assert zones['a']['VCPU'].oversold == 5
    assert zones['b']['VCPU'].free == 0
    total = occupancy.total(hosts)['VCPU']
    assert (total.capacity, total.tenants, total.free) == (60, 28, 15)
    # And the hosts themselves are as they were.
    assert hosts[0].classes['VCPU'].capacity == 20
