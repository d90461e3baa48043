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

"""A Cinder back end whose volumes hold nothing.

Nova's computes here pretend too: nobody reads or writes what they attach.
Cinder loads it by its name, in the virtual environment.
"""

from typing import Any

from cinder.volume import driver

CAPACITY_GIB = 10000


class PocketDriver(driver.VolumeDriver):
    """Volumes, attached and detached; no snapshots, no images."""

    VERSION = '1.0'

    def check_for_setup_error(self) -> None:
        pass

    def _update_volume_stats(self) -> None:
        self._stats = {
            'volume_backend_name': self.configuration.volume_backend_name,
            'vendor_name': 'pocket-cloud', 'driver_version': self.VERSION,
            'storage_protocol': 'iscsi',
            'total_capacity_gb': CAPACITY_GIB,
            'free_capacity_gb': CAPACITY_GIB, 'reserved_percentage': 0,
        }

    def create_volume(self, volume: Any) -> None:
        pass

    def delete_volume(self, volume: Any) -> None:
        pass

    def ensure_export(self, context: Any, volume: Any) -> None:
        pass

    def create_export(self, context: Any, volume: Any,
                      connector: Any) -> None:
        pass

    def remove_export(self, context: Any, volume: Any) -> None:
        pass

    def initialize_connection(self, volume: Any,
                              connector: Any) -> dict[str, Any]:
        return {'driver_volume_type': 'iscsi', 'data': {
            'target_discovered': False, 'target_lun': 1,
            'target_portal': '127.0.0.1:3260',
            'target_iqn': f'iqn.2026-03.example.pocket:{volume.id}',
            'access_mode': 'rw'}}

    def terminate_connection(self, volume: Any, connector: Any,
                             **kwargs: Any) -> None:
        pass
