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

"""nova-compute with a pretended hypervisor that survives a restart.

Nova's own fake driver is made for tests in one process: it has another
identity after every start, with which a compute that was there before
refuses to run, and it forgets its servers. Runs in the virtual environment.
"""

import sys
from typing import Any

from nova.cmd import compute
from nova.compute import power_state
import nova.context
from nova import objects
from nova.virt import fake
from nova.virt import node


class PocketDriver(fake.MediumFakeDriver):
    """10 vCPUs, 8 GiB and 1028 GB; its guests outlive the process."""

    def init_host(self, host: str) -> None:
        super().init_host(host)
        context = nova.context.get_admin_context()
        for server in objects.InstanceList.get_by_host(context, host):
            # What was not built yet is nova's to clean up.
            if server.power_state not in (None, power_state.NOSTATE):
                self._remember(server)

    def _remember(self, server: Any) -> None:
        self.instances[server.uuid] = fake.FakeInstance(
            server.name, server.power_state, server.uuid)
        self.resources.claim(
            vcpus=server.vcpus, mem=server.memory_mb, disk=server.root_gb)

    def get_available_resource(self, nodename: str) -> dict[str, Any]:
        status: dict[str, Any] = super().get_available_resource(nodename)
        if status:
            status['uuid'] = node.read_local_node_uuid()
        return status

    def get_nodenames_by_uuid(self, refresh: bool = False,
                              ) -> dict[str, str]:
        return {node.read_local_node_uuid(): name
                for name in self.get_available_nodes()}


def main() -> int:
    # Nova looks for drivers in its own package only.
    fake.PocketDriver = PocketDriver
    answer: int = compute.main()
    return answer


if __name__ == '__main__':
    sys.exit(main())
