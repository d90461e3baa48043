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

"""Runs in the virtual environment: what a new cloud must hold.

Each function looks before it makes, so that it may be run again.
"""

import json
import pathlib
import sys
from typing import Any

from keystoneauth1 import adapter
import openstack

Specification = dict[str, Any]


def connect(specification: Specification) -> Any:
    """A connection as the administrator."""
    return openstack.connect(
        auth_url=specification['auth_url'], username='admin',
        password=specification['password'], project_name='admin',
        user_domain_name='Default', project_domain_name='Default',
        region_name=specification['region'])


def catalogue(cloud: Any, specification: Specification) -> None:
    """Users, roles, projects and endpoints."""
    identity = cloud.identity
    roles = {role.name: role for role in identity.roles()}
    for name in ('service', 'member', 'reader'):
        if name not in roles:
            roles[name] = identity.create_role(name=name)
    project = _project(identity, 'service')
    for entry in specification['services']:
        user = _user(identity, entry['name'], entry['password'], project)
        for role in entry['roles']:
            identity.assign_project_role_to_user(project, user, roles[role])
        _endpoints(identity, entry, specification['region'])
    for entry in specification['tenants']:
        home = _project(identity, entry['name'])
        user = _user(identity, entry['name'], entry['password'], home)
        identity.assign_project_role_to_user(home, user, roles['member'])


def _project(identity: Any, name: str) -> Any:
    return identity.find_project(name, domain_id='default') \
        or identity.create_project(name=name, domain_id='default')


def _user(identity: Any, name: str, password: str, project: Any) -> Any:
    user = identity.find_user(name, domain_id='default')
    if user is None:
        return identity.create_user(
            name=name, password=password, domain_id='default',
            default_project_id=project.id)
    return identity.update_user(user, password=password)


def _endpoints(identity: Any, entry: Specification, region: str) -> None:
    service = next(iter(identity.services(type=entry['type'])), None)
    if service is None:
        service = identity.create_service(
            name=entry['name'], type=entry['type'])
    there = {endpoint.interface: endpoint
             for endpoint in identity.endpoints(service_id=service.id)}
    for interface in ('public', 'internal', 'admin'):
        if interface not in there:
            identity.create_endpoint(
                service_id=service.id, interface=interface,
                region_id=region, url=entry['url'])
        elif there[interface].url != entry['url']:
            identity.update_endpoint(there[interface], url=entry['url'])


def resources(cloud: Any, specification: Specification) -> None:
    """What tenants find there: flavors, image, network, metrics."""
    for name, memory, disk in (('m1.tiny', 512, 1), ('m1.small', 1024, 5)):
        if cloud.compute.find_flavor(name) is None:
            cloud.compute.create_flavor(
                name=name, vcpus=1, ram=memory, disk=disk)
    if cloud.image.find_image('pocket') is None:
        # The computes do not boot it: its content does not matter.
        cloud.image.create_image(
            name='pocket', data=b'pocket', disk_format='raw',
            container_format='bare', visibility='public', validate=True)
    _network(cloud.network)
    # The SDK knows no Gnocchi.
    _metrics(adapter.Adapter(
        cloud.session, service_type='metric', raise_exc=False))


def _network(network: Any) -> None:
    private = network.find_network('private') \
        or network.create_network(name='private', is_shared=True)
    if network.find_subnet('private') is None:
        network.create_subnet(
            name='private', network_id=private.id, ip_version=4,
            cidr='10.10.0.0/16', is_dhcp_enabled=False)


DAY = 86400

#: Five minutes for the forecast, half a minute for the alarms.
POCKET_POLICY = {
    'name': 'pocket-5m',
    'aggregation_methods': ['mean', 'max', 'rate:mean'],
    # Points may be this many times 300 s late; older ones are dropped.
    'back_window': 12,
    'definition': [
        {'granularity': 300, 'timespan': 30 * DAY},
        {'granularity': 30, 'timespan': DAY},
    ],
}

#: As Ceilometer makes them: name, length and whether each is required.
_NAME = {'type': 'string', 'min_length': 0, 'max_length': 255}
INSTANCE = {
    'host': {**_NAME, 'required': True},
    'image_ref': {**_NAME, 'required': False},
    'display_name': {**_NAME, 'required': True},
    'flavor_id': {**_NAME, 'required': True},
    'flavor_name': {**_NAME, 'required': True},
    'server_group': {**_NAME, 'required': False},
    'created_at': {'type': 'datetime', 'required': False},
    'launched_at': {'type': 'datetime', 'required': False},
    'deleted_at': {'type': 'datetime', 'required': False},
    'availability_zone': {**_NAME, 'required': False},
}
INSTANCE_DISK = {
    'name': {**_NAME, 'required': True},
    'instance_id': {'type': 'uuid', 'required': True},
}


def _metrics(gnocchi: Any) -> None:
    for path, body in (
            ('archive_policy', POCKET_POLICY),
            ('resource_type', {'name': 'instance', 'attributes': INSTANCE}),
            ('resource_type', {'name': 'instance_disk',
                               'attributes': INSTANCE_DISK})):
        found = gnocchi.get(f'/v1/{path}/{body["name"]}')
        if found.status_code == 404:
            answer = gnocchi.post(f'/v1/{path}', json=body)
            if answer.status_code != 201:
                raise RuntimeError(f'{path}: {answer.text}')


def main() -> int:
    part, path = sys.argv[1:]
    specification = json.loads(pathlib.Path(path).read_text())
    with connect(specification) as cloud:
        {'catalogue': catalogue, 'resources': resources}[part](
            cloud, specification)
    return 0


if __name__ == '__main__':
    sys.exit(main())
