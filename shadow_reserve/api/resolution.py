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

from shadow_reserve.api import callers
from shadow_reserve.api import errors
from shadow_reserve.api import intake
from shadow_reserve.cloud import exceptions
from shadow_reserve.cloud import tenant
from shadow_reserve.records import reservation

T = TypeVar('T')
N = TypeVar('N')


def _found(field: str, look_up: Callable[[N], T], value: N) -> T:
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
        cloud: tenant.TenantCloud, wanted: dict[str, Any],
        instance: reservation.InstanceSize,
        known_key: str | None = None) -> reservation.InstanceTemplate:
    """Names turned into ids, and an image that fits the flavor.

    :param wanted: the request's template, fit for its schema
    :param known_key: a key that is not looked up
    :raises Problem: 400
    """
    readiness = intake.readiness(wanted.get('readiness'))
    volumes = tuple(
        intake.volume(one) for one in wanted.get('volumes', []))
    image = _found('template.image', cloud.find_image, wanted['image'])
    _check_image(image, instance)
    networks = [
        _found(f'template.networks.{index}', cloud.find_network, name)
        for index, name in enumerate(wanted.get('networks', []))]
    for index, name in enumerate(wanted.get('security_groups', [])):
        _found(f'template.security_groups.{index}',
               cloud.check_security_group, name)
    key = wanted.get('key_name')
    if key is not None and key != known_key:
        _found('template.key_name', cloud.check_key, key)
    if wanted.get('availability_zone'):
        _found('template.availability_zone', cloud.check_availability_zone,
               wanted['availability_zone'])
    for index, one in enumerate(volumes):
        _found(f'template.volumes.{index}.type',
               cloud.check_volume_type, one.volume_type)
    return reservation.InstanceTemplate(
        image_id=image.image_id, network_ids=tuple(networks),
        security_groups=tuple(wanted.get('security_groups', [])),
        key_name=key,
        user_data=wanted.get('user_data'),
        availability_zone=wanted.get('availability_zone'),
        metadata=tuple(sorted(wanted.get('metadata', {}).items())),
        config_drive=wanted.get('config_drive', False),
        readiness=readiness, volumes=volumes)


def other_template(
        cloud: tenant.TenantCloud, caller: callers.Caller,
        wanted: dict[str, Any], record: reservation.ReservationRecord,
) -> reservation.InstanceTemplate:
    """What is to be in the place of a reservation's template.

    :raises Problem: 400; 403, where the caller's rights are not those of
        the project, or of the user, for whom servers are built
    """
    if caller.project_id != record.project_id:
        raise errors.forbidden(
            f'What a template names is looked up in the project of your '
            f'token. To change that of this reservation, take a token for '
            f'project {record.project_id}.')
    key = wanted.get('key_name')
    if caller.user_id != record.user_id and key not in (
            None, record.template.key_name):
        raise errors.forbidden(
            f'reservation.template.key_name: a key belongs to one user, '
            f'and servers are built in the name of user {record.user_id}, '
            f'who created the reservation; only they can give another '
            f'key.')
    return template(cloud, wanted, record.size,
                    known_key=record.template.key_name)


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
