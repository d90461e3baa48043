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

"""Nova: API, conductor, scheduler and three computes that pretend."""

import datetime
import uuid

from pocket_cloud import ini
from pocket_cloud import probes
from pocket_cloud import processes
from pocket_cloud import service
from pocket_cloud.services import aodh
from pocket_cloud import state
from pocket_cloud import uwsgi

#: Each has 10 vCPUs, 8 GiB and 1028 GB, as nova's MediumFakeDriver.
HOSTS = ('compute-1', 'compute-2', 'compute-3')

#: Nova's defaults, and ours. It is in the same environment, and lets
#: everybody pass while our API is not there.
FILTERS = ('ComputeFilter', 'ComputeCapabilitiesFilter',
           'ImagePropertiesFilter', 'ServerGroupAntiAffinityFilter',
           'ServerGroupAffinityFilter', 'ShadowReserveFilter')


class Nova(service.Service):
    """The computes are a service of their own, as they come later."""

    name = 'nova'
    databases = ('nova', 'nova_api', 'nova_cell0')
    service_type = 'compute'
    endpoint_path = '/v2.1'
    user_roles = ('service', 'admin')

    def configure(self) -> dict[str, str]:
        return {
            'nova/nova.conf': ini.render(self._options()),
            # Not for the computes, which would try to use them.
            'nova/databases.conf': ini.render({
                'api_database': {
                    'connection': self.database_url('nova_api')},
                'database': {'connection': self.database_url()},
            }),
        }

    def initialise(self) -> list[service.Task]:
        manage = (self.cloud.program('nova-manage'),
                  *self._files())
        return [service.Task(name, (*manage, *arguments),
                             self.environment(), databases=databases,
                             # It says 2 if the cell is there already.
                             accepted=(0, 2) if name == 'create-cell'
                             else (0,))
                for name, arguments, databases in (
            ('api-db-sync', ('api_db', 'sync'), ('nova_api',)),
            ('map-cell0', ('cell_v2', 'map_cell0'), ()),
            ('db-sync', ('db', 'sync'), ('nova', 'nova_cell0')),
            ('create-cell', ('cell_v2', 'create_cell', '--name', 'cell1'),
             ()),
        )]

    def commands(self) -> list[processes.Command]:
        paste = self.cloud.venv / 'etc' / 'nova' / 'api-paste.ini'
        api = uwsgi.command(
            self.cloud, 'nova', 'nova-api',
            ('--module', 'nova.wsgi.osapi_compute:application'),
            self.environment(
                OS_NOVA_CONFIG_DIR=self.etc('nova'),
                OS_NOVA_CONFIG_FILES=f'{paste};nova.conf;databases.conf'))
        return [api, *(processes.Command(
            f'nova-{name}',
            (self.cloud.program(f'nova-{name}'), *self._files()),
            self.environment()) for name in ('conductor', 'scheduler'))]

    def ready(self) -> list[service.Probe]:
        return [probes.answers(self.cloud.ports.url('nova'))]

    def _files(self) -> tuple[str, ...]:
        return ('--config-file', self.etc('nova', 'nova.conf'),
                '--config-file', self.etc('nova', 'databases.conf'))

    def _options(self) -> ini.Sections:
        credentials = self.credentials()
        return {
            'DEFAULT': {
                'transport_url': self.transport_url(),
                'state_path': str(self.cloud.directory('nova')),
                'compute_driver': 'fake.PocketDriver',
                'my_ip': '127.0.0.1',
                # What is shelved stays on its host, with its claim.
                'shelved_offload_time': -1,
                'initial_cpu_allocation_ratio': '1.0',
                'initial_ram_allocation_ratio': '1.0',
                'initial_disk_allocation_ratio': '1.0',
                'reserved_host_memory_mb': 0,
                # A machine that sleeps a little has no dead services.
                'service_down_time': 120,
            },
            'api': {'auth_strategy': 'keystone'},
            'keystone_authtoken': self.authtoken(),
            'service_user': {**credentials, 'send_service_user_token': True},
            'placement': credentials,
            'neutron': credentials,
            'glance': {'region_name': service.REGION},
            'cinder': {'os_region_name': service.REGION},
            'scheduler': {'discover_hosts_in_cells_interval': 5},
            'filter_scheduler': {
                'available_filters': (
                    'nova.scheduler.filters.all_filters',
                    'shadow_reserve.nova.scheduler_filter'
                    '.ShadowReserveFilter'),
                'enabled_filters': ','.join(FILTERS)},
            'shadow_reserve': credentials,
            'conductor': {'workers': 1},
            'vnc': {'enabled': False},
            'oslo_concurrency': {
                'lock_path': str(self.cloud.directory('nova', 'lock'))},
            'notifications': {
                'notification_format': 'versioned',
                'versioned_notifications_topics': ','.join(
                    ('versioned_notifications', aodh.ALARM_TOPIC)),
                'notify_on_state_change': 'vm_and_task_state'},
            'oslo_messaging_notifications': {'driver': 'messagingv2'},
            'quota': {'instances': 200, 'cores': 400, 'ram': 1048576,
                      'server_groups': 100},
        }


class Computes(service.Service):
    """A fleet is one process for each host."""

    name = 'nova-compute'
    layer = 0
    # They wait for the conductor, and ask Placement at their start, which
    # they find in the catalogue.
    needs = ('nova', 'catalogue', 'placement', 'neutron', 'glance')

    def configure(self) -> dict[str, str]:
        files = {}
        for host in HOSTS:
            files[f'nova/{host}/compute.conf'] = ini.render({'DEFAULT': {
                'host': host,
                'state_path': str(self.cloud.directory('nova', host)),
                'instances_path': str(self.cloud.directory(
                    'nova', host, 'instances')),
            }})
            # By which Placement knows it. Nova looks for the file beside
            # the configuration files.
            files[f'nova/{host}/compute_id'] = str(
                uuid.UUID(self.cloud.secret(f'{host}-id')))
        return files

    def commands(self) -> list[processes.Command]:
        environment = self.environment(
            PYTHONPATH=str(state.REPOSITORY / 'tools'))
        return [processes.Command(
            f'nova-{host}', (
                self.cloud.program('python'), '-m',
                'pocket_cloud.nova_compute',
                '--config-file', self.etc('nova', 'nova.conf'),
                '--config-file', self.etc('nova', host, 'compute.conf')),
            environment) for host in HOSTS]

    def ready(self) -> list[service.Probe]:
        return [self._are_up]

    def _are_up(self) -> str | None:
        """Each has reported since its start, and has a place in a cell.

        The state that nova tells by itself is "up" for a while after the
        end of the process before this one.
        """
        url = self.cloud.ports.url('nova') + '/v2.1'
        try:
            services = probes.ask(
                self.cloud, f'{url}/os-services')['services']
            hypervisors = probes.ask(
                self.cloud, f'{url}/os-hypervisors')['hypervisors']
        except OSError as error:
            return str(error)
        reported = {
            (entry['binary'], entry['host']): datetime.datetime.fromisoformat(
                entry['updated_at'] + '+00:00').timestamp()
            for entry in services if entry['updated_at']}
        mapped = {entry['hypervisor_hostname'] for entry in hypervisors}
        for host in HOSTS:
            started = processes.record(
                self.cloud.directory('run'), f'nova-{host}').stat().st_mtime
            if host not in mapped or reported.get(
                    ('nova-compute', host), 0) < started:
                return f'no word yet of {host}'
        return None
