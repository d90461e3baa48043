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

"""What Keystone and the others must hold before a tenant can work.

Not processes, only tasks: they are services here because other services
need them.
"""

import abc
import json

from pocket_cloud import processes
from pocket_cloud import service
from pocket_cloud import state


class _Bootstrap(service.Service):
    """A part of ``bootstrap``, run in the virtual environment."""

    needs = ()

    @abc.abstractmethod
    def specification(self) -> dict[str, object]:
        """What there must be, beside what both parts need."""

    def configure(self) -> dict[str, str]:
        return {f'bootstrap/{self.name}.json': self._text()}

    def initialise(self) -> list[service.Task]:
        environment = self.environment(
            PYTHONPATH=str(state.REPOSITORY / 'tools'))
        return [service.Task('bootstrap', (
            self.cloud.program('python'), '-m', 'pocket_cloud.bootstrap',
            self.name, self.etc('bootstrap', f'{self.name}.json')),
            environment, self._text())]

    def commands(self) -> list[processes.Command]:
        return []

    def _text(self) -> str:
        return json.dumps({
            'auth_url': self.cloud.ports.url('keystone'),
            'region': service.REGION,
            'password': self.cloud.secret('admin'),
            **self.specification()}, indent=1)


class Catalogue(_Bootstrap):
    """Users, roles, projects and endpoints."""

    name = 'catalogue'
    tasks_need = ('keystone',)

    #: Filled by the registry.
    all_services: tuple[service.Service, ...] = ()

    def specification(self) -> dict[str, object]:
        return {
            'services': [{
                'name': entry.name,
                'type': entry.service_type,
                'url': self.cloud.ports.url(entry.name)
                + entry.endpoint_path,
                'password': entry.password(),
                'roles': list(entry.user_roles),
            } for entry in self.all_services if entry.user_roles],
            'tenants': [{
                'name': name, 'password': self.cloud.secret(name),
            } for name in state.TENANTS],
        }


class Resources(_Bootstrap):
    """Flavors, an image, a network, types of metrics."""

    name = 'resources'
    tasks_need = ('nova', 'glance', 'neutron', 'gnocchi')

    def specification(self) -> dict[str, object]:
        return {'tenants': list(state.TENANTS)}
