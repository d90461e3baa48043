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


"""How the demand of an application falls to its servers."""

from pocket_cloud.demo import meters
from pocket_cloud.demo import trace

#: No two servers of an application do quite the same.
_SPREAD = (1.02, 0.98, 1.01, 0.99)


def share(demand: trace.Demand, primary: int, serving: int, index: int,
          vcpus: int, memory_mib: int) -> meters.Usage:
    """What the server number ``index`` of ``serving`` has to do.

    :param primary: servers whose capacity the demand is percent of
    """
    part = primary / serving * _SPREAD[index % len(_SPREAD)] / 100
    return meters.Usage(
        busy_vcpus=demand.cpu_percent * part * vcpus,
        memory_mib=demand.memory_percent * part * memory_mib,
        disk_mib_per_second=demand.disk_mib_per_second / serving)
