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

"""Stand-ins for what lies beyond the API, at its public interfaces."""

from shadow_reserve.cloud import capacity as cloud_capacity
from shadow_reserve.cloud import exceptions
from shadow_reserve.cloud import tenant
from shadow_reserve.cloud import trusts
from shadow_reserve.records import capacity
from shadow_reserve.records import reservation
from shadow_reserve.records import usage

SMALL = reservation.InstanceSize(
    flavor_id='42', vcpus=2, memory_mib=2048, disk_gib=10)

IMAGE = '11111111-aaaa-4aaa-8aaa-111111111111'
OTHER_IMAGE = '11111111-aaaa-4aaa-8aaa-111111111112'
NETWORK = '22222222-aaaa-4aaa-8aaa-222222222222'

#: Who a token stands for: user, project, roles.
PEOPLE = {
    'demo': ('user-demo', 'project-one', ('member', 'reader')),
    'colleague': ('user-colleague', 'project-one', ('member', 'reader')),
    'reader': ('user-reader', 'project-one', ('reader',)),
    'other': ('user-other', 'project-two', ('member', 'reader')),
    'admin': ('user-admin', 'project-admin',
              ('admin', 'member', 'reader')),
    'nova': ('user-nova', 'project-service', ('service',)),
    'unscoped': ('user-demo', None, ()),
    'bound': ('user-bound', 'project-one', ('member', 'reader')),
    'unlucky': ('user-unlucky', 'project-one', ('member', 'reader')),
}


def live(now):
    """Four servers that do the work of seven, as Gnocchi would say."""
    return usage.LiveUsage(
        as_of=now, members=4, cpu_percent=100.0, memory_percent=50.0,
        io_latency_ms=None)


class Authentication:
    """In the place of keystonemiddleware: the token says who it is."""

    def __init__(self, application):
        self._application = application

    def __call__(self, environ, start_response):
        person = environ.get('HTTP_X_AUTH_TOKEN')
        if person not in PEOPLE:
            start_response('401 Unauthorized', [
                ('Content-Type', 'text/plain')])
            return [b'who are you?']
        user_id, project_id, roles = PEOPLE[person]
        environ['HTTP_X_USER_ID'] = user_id
        if project_id:
            environ['HTTP_X_PROJECT_ID'] = project_id
        environ['HTTP_X_ROLES'] = ','.join(roles)
        environ['keystone.token_auth'] = person
        return self._application(environ, start_response)


def _known(service, name, *names):
    if name == f'{service}-down':
        raise exceptions.ServiceUnavailable(service, 'connection refused')
    if name not in names:
        raise exceptions.NotFound(service, f'nothing is called {name}')


class TenantCloud(tenant.TenantCloud):
    """A project that has one of each kind of thing."""

    def __init__(self, auth):
        self._auth = auth

    def find_flavor(self, name_or_id):
        _known('nova', name_or_id, 'small', '42')
        return SMALL

    def find_image(self, name_or_id):
        if name_or_id == 'twins':
            raise exceptions.Conflict(
                'glance', '2 images are called twins; give the id')
        if name_or_id in (IMAGE, OTHER_IMAGE):
            name_or_id = 'cirros' if name_or_id == IMAGE else 'cirros-2'
        _known('glance', name_or_id, 'cirros', 'cirros-2', 'queued', 'fat',
               'wide')
        return tenant.Image(
            image_id=OTHER_IMAGE if name_or_id == 'cirros-2' else IMAGE,
            status='queued' if name_or_id == 'queued' else 'active',
            minimum_memory_mib=4096 if name_or_id == 'fat' else 0,
            minimum_disk_gib=20 if name_or_id == 'wide' else 1)

    def find_network(self, name_or_id):
        _known('neutron', name_or_id, 'private', NETWORK)
        return NETWORK

    def check_security_group(self, name_or_id):
        _known('neutron', name_or_id, 'default')

    def check_key(self, name):
        # Each user has keys of their own.
        _known('nova', name, *({'laptop', 'desktop'}
                               if self._auth == 'demo' else ()))

    def check_server_group(self, group_id):
        _known('nova', group_id, '33333333-aaaa-4aaa-8aaa-333333333333')

    def check_availability_zone(self, name):
        _known('nova', name, 'az-1')

    def check_volume_type(self, name_or_id):
        if name_or_id == 'no-cinder':
            raise exceptions.CloudError(
                'cinder', 'this cloud offers no volumes, leave them out')
        if name_or_id is not None:
            _known('cinder', name_or_id, 'fast')

    def get_quota(self):
        return tenant.Quota(instances=10, vcpus=16, memory_mib=None)


class Capacity(cloud_capacity.Capacity):
    """Two hosts, of which the second one is switched off."""

    def __init__(self):
        pass

    def read(self, maximum_age=0.0, *, exact=False):
        return capacity.CloudCapacity(
            hosts=(self._host('hypervisor-7', 'az-1', True, used=10),
                   self._host('hypervisor-8', 'az-2', False, used=0)),
            aggregates=())

    @staticmethod
    def _host(name, zone, in_service, used):
        return capacity.HostCapacity(
            provider_id=name, host=name, service_host=name, zone=zone,
            in_service=in_service, classes={
                'VCPU': capacity.ClassCapacity(
                    total=8, reserved=0, allocation_ratio=2.0, maximum=8,
                    used=used),
                'MEMORY_MB': capacity.ClassCapacity(
                    total=9000, reserved=1000, allocation_ratio=1.0,
                    maximum=9000, used=1024 * used)})


class Trusts(trusts.Trusts):
    """Keystone, as far as trusts go."""

    def __init__(self):
        self.made = {}

    def create(self, auth, *, user_id, project_id, roles):
        if auth == 'bound':
            raise exceptions.Forbidden(
                'keystone', 'Delegated tokens cannot manage trusts')
        if auth == 'unlucky':
            raise exceptions.ServiceUnavailable(
                'keystone', 'the connection was lost')
        trust_id = f'trust-{len(self.made)}'
        self.made[trust_id] = (user_id, project_id, tuple(roles))
        return trust_id

    def delete(self, trust_id):
        self.made.pop(trust_id, None)
