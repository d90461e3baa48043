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

"""Where a backtest takes its series from."""

from collections.abc import Callable
import datetime
import itertools
import pathlib

from keystoneauth1 import exceptions as ksa_exceptions
import openstack
from openstack import exceptions as sdk_exceptions

from shadow_reserve.cloud import exceptions
from shadow_reserve.cloud import gnocchi
from shadow_reserve.records import demand
from shadow_reserve.records import usage
from shadow_reserve.usage import file_source
from shadow_reserve.usage.gnocchi import members as gnocchi_members
from shadow_reserve.usage.gnocchi import meters as gnocchi_meters
from shadow_reserve.usage.gnocchi import source as gnocchi_source
from shadow_reserve.usage import series as series_module
from shadow_reserve.usage import source

#: Applications whose histories are read together.
BATCH = 20
#: Requests at once, of which Gnocchi is no slower.
CONCURRENCY = 4

Found = tuple[list[series_module.DemandSeries], tuple[str, ...]]


class NoCloud(Exception):
    """The cloud cannot be reached or entered, with what to do."""


def from_file(path: pathlib.Path, step: datetime.timedelta) -> Found:
    """All series of a file.

    :raises tables.BadFile: when it cannot be used
    """
    loaded = file_source.load(path, step)
    return list(loaded.series), loaded.notes


def from_gnocchi(cloud: str | None, group_by: str | None,
                 step: datetime.timedelta, days: int,
                 now: datetime.datetime,
                 progress: Callable[[str, int, int], None]) -> Found:
    """The busy vCPUs of a project's instances, the latest days of them.

    :param cloud: its name in clouds.yaml; ``None`` for OS_CLOUD
    :param group_by: an attribute of Gnocchi's instances; without it each
        instance is an application of its own
    :raises NoCloud: when there is no way in
    :raises exceptions.CloudError: when Gnocchi refuses or fails
    """
    try:
        connection = openstack.connect(cloud=cloud)
        project = connection.current_project_id
        door = gnocchi.Gnocchi(
            connection.session,
            region_name=connection.config.get_region_name('metric'),
            interface=str(connection.config.get_interface('metric')
                          or 'public'))
    except (sdk_exceptions.SDKException,
            ksa_exceptions.ClientException) as error:
        raise NoCloud(
            f'no way into the cloud {cloud or "of OS_CLOUD"}: '
            f'{str(error).rstrip(".")}. '
            'Check clouds.yaml, and --os-cloud or OS_CLOUD.') from error
    if not project:
        raise NoCloud('the cloud gives no project: its entry in clouds.yaml '
                      'needs one, whose instances are read.')
    return grouped(
        door, gnocchi_source.GnocchiSource(
            door, granularity=step, live_granularity=step,
            concurrency=CONCURRENCY),
        project, group_by, now - datetime.timedelta(days=days), now,
        progress)


def grouped(door: gnocchi_members.Door, metrics: source.MetricSource,
            project: str, group_by: str | None, start: datetime.datetime,
            stop: datetime.datetime,
            progress: Callable[[str, int, int], None]) -> Found:
    """As ``from_gnocchi``, given the way in and the times.

    An application that Gnocchi does not keep finely enough is left out.
    """
    groups: dict[str, list[str]] = {}
    alone = 0
    instances = door.resources(
        gnocchi_meters.SERVER.name, {'=': {'project_id': project}})
    for one in instances:
        name = str(one.attributes.get('display_name') or one.resource_id)
        if group_by:
            value = one.attributes.get(group_by)
            alone += value is None
            name = str(value) if value is not None else one.resource_id
        elif name in groups:
            name = one.resource_id
        groups.setdefault(name, []).append(one.resource_id)
    if not instances:
        raise NoCloud(
            f'Gnocchi knows no instance of the project {project}. Is '
            'Ceilometer polling, and is this the right project?')
    series, silent = [], 0
    coarse: dict[str, exceptions.CloudError] = {}
    short: dict[str, None] = {}
    applications = iter([usage.Application(
        token=name, project_id=project, server_ids=tuple(members))
        for name, members in groups.items()])
    done = 0
    while part := list(itertools.islice(applications, BATCH)):
        progress('reading', done, len(groups))
        for name, found in metrics.histories(part, start, stop).items():
            if isinstance(found, gnocchi.UnusableArchivePolicy):
                coarse[name] = found
            elif isinstance(found, exceptions.CloudError):
                raise found
            elif demand.DemandResource.VCPU in found.series:
                series.append(found.series[demand.DemandResource.VCPU])
                short.update((str(one), None) for one in found.lacks
                             if isinstance(one, gnocchi.ShortArchivePolicy))
            else:
                silent += 1
        done += len(part)
    progress('reading', len(groups), len(groups))
    if coarse and not series:
        raise next(iter(coarse.values()))
    notes = [text for count, text in (
        (alone, f'{alone} instances have no {group_by}, and are '
                'applications of their own'),
        (silent, f'{silent} applications have no measure of cpu')) if count]
    notes += short
    if coarse:
        # Why is a long text, and most often the same for all.
        first = next(iter(coarse.values()))
        notes.append(
            'left out, as Gnocchi does not keep them finely enough: '
            f'{series_module.named(list(coarse))}. Of the first: '
            f'{first.message.rstrip(".")}')
    return series, tuple(notes)
