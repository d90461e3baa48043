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

"""What a request names, looked up in the cloud as its caller sees it."""

from collections.abc import Callable
from typing import Any
from typing import TypeVar

from shadow_reserve.api import errors
from shadow_reserve.cloud import exceptions
from shadow_reserve.cloud import tenant
from shadow_reserve.records import reservation

T = TypeVar('T')


def _found(field: str, look_up: Callable[[str], T], value: str) -> T:
    """The answer of ``look_up``, or a 400 that names the field."""
    try:
        return look_up(value)
    except (exceptions.Forbidden, exceptions.ServiceUnavailable):
        raise
    except exceptions.NotFound as error:
        raise errors.bad_field(
            f'reservation.{field}',
            f'{value!r} is not there, or not for you to use '
            f'({error.message}).') from error
    except exceptions.CloudError as error:
        raise errors.bad_field(
            f'reservation.{field}', f'{error.message}.') from error


def size(cloud: tenant.TenantCloud,
         fields: dict[str, Any]) -> reservation.InstanceSize:
    return _found('flavor', cloud.find_flavor, fields['flavor'])


def template(
        cloud: tenant.TenantCloud, fields: dict[str, Any],
        instance: reservation.InstanceSize) -> reservation.InstanceTemplate:
    """Names turned into ids, and an image that fits the flavor."""
    wanted = fields['template']
    image = _found('template.image', cloud.find_image, wanted['image'])
    _check_image(image, instance)
    networks = [
        _found(f'template.networks.{index}', cloud.find_network, name)
        for index, name in enumerate(wanted.get('networks', []))]
    for index, name in enumerate(wanted.get('security_groups', [])):
        _found(f'template.security_groups.{index}',
               cloud.check_security_group, name)
    if wanted.get('key_name'):
        _found('template.key_name', cloud.check_key, wanted['key_name'])
    if wanted.get('availability_zone'):
        _found('template.availability_zone', cloud.check_availability_zone,
               wanted['availability_zone'])
    return reservation.InstanceTemplate(
        image_id=image.image_id, network_ids=tuple(networks),
        security_groups=tuple(wanted.get('security_groups', [])),
        key_name=wanted.get('key_name'),
        user_data=wanted.get('user_data'),
        availability_zone=wanted.get('availability_zone'),
        metadata=tuple(sorted(wanted.get('metadata', {}).items())))


def _check_image(image: tenant.Image,
                 instance: reservation.InstanceSize) -> None:
    field = 'reservation.template.image'
    if image.status != 'active':
        raise errors.bad_field(
            field, f'The image is {image.status}, it must be active.')
    if image.minimum_memory_mib > instance.memory_mib:
        raise errors.bad_field(
            field, f'The image needs {image.minimum_memory_mib} MiB of '
                   f'memory, the flavor has {instance.memory_mib}.')
    # A flavor without a disk of its own takes what the image needs.
    if 0 < instance.disk_gib < image.minimum_disk_gib:
        raise errors.bad_field(
            field, f'The image needs {image.minimum_disk_gib} GiB of disk, '
                   f'the flavor has {instance.disk_gib}.')


def check_selector(cloud: tenant.TenantCloud,
                   wanted: reservation.Selector) -> None:
    """A server group must exist; metadata may match nothing yet."""
    if wanted.kind is reservation.SelectorKind.SERVER_GROUP:
        _found('selector.value', cloud.check_server_group, wanted.value)


def check_quota(cloud: tenant.TenantCloud,
                instance: reservation.InstanceSize, quantity: int) -> None:
    """:raises Problem: 409, when it could not even run all by itself"""
    quota = cloud.get_quota()
    for what, asked, bound in (
            ('instances', quantity, quota.instances),
            ('cores', quantity * instance.vcpus, quota.vcpus),
            ('MiB of ram', quantity * instance.memory_mib,
             quota.memory_mib)):
        if bound is not None and asked > bound:
            raise errors.conflict(
                'quota-exceeded',
                f'reservation.quantity: {quantity} of this flavor are '
                f'{asked} {what}, and the quota of the project is {bound}. '
                f'Ask for less, or have the quota raised.')
