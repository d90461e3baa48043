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

"""What archive policies of Gnocchi lack, and what to do about it: pure."""

from collections.abc import Mapping
import datetime
import math
from typing import Any


def problem(metric: Mapping[str, Any], seconds: float) -> str | None:
    """What its archive policy lacks, and what to do about it."""
    name, policy = metric['name'], metric['archive_policy']
    kept = sorted(seconds_of(item['granularity'])
                  for item in policy['definition'])
    if seconds not in kept:
        return (
            f'metric {name} has no granularity of {_plain(seconds)} s: '
            f'its archive policy {policy["name"]} keeps '
            f'{", ".join(f"{_plain(one)} s" for one in kept)}. Ask for '
            'one of these in the configuration of shadow_reserve, '
            f'or give {name} an archive policy that has it.')
    if 'mean' not in policy['aggregation_methods']:
        return (
            f'metric {name} has no mean: its archive policy '
            f'{policy["name"]} does not keep it. Give {name} an '
            'archive policy with the aggregation method mean.')
    return None


def shortage(policy: Mapping[str, Any], granularity: datetime.timedelta,
             span: datetime.timedelta) -> str | None:
    """Why what an archive policy keeps ends before a span does.

    :returns: ``None`` when it does not, or when the policy has no such
        granularity at all
    """
    asked = granularity.total_seconds()
    kept = {seconds_of(item['granularity']): item
            for item in policy['definition']}
    if asked not in kept or kept[asked]['timespan'] is None:
        return None
    length = datetime.timedelta(seconds=seconds_of(kept[asked]['timespan']))
    if length >= span:
        return None
    # Gnocchi wants to be told all of them, also those that stay. What is
    # kept for ever has no number of points.
    wanted = {each: item['points'] for each, item in kept.items()}
    wanted[asked] = math.ceil(span / granularity)
    parts = ' '.join(
        f'-d granularity:{_plain(each)}s'
        + ('' if points is None else f',points:{points}')
        for each, points in sorted(wanted.items()))
    return (
        f'archive policy {policy["name"]} keeps what is measured every '
        f'{_plain(asked)} s for no longer than {_named(length)}, and '
        f'{_named(span)} are read. What is made from less is less sure. To '
        f'keep as much from now on: openstack metric archive-policy update '
        f'{parts} {policy["name"]}')


def _named(length: datetime.timedelta) -> str:
    hours = length / datetime.timedelta(hours=1)
    return f'{hours:g} hours' if hours <= 48 else f'{hours / 24:g} days'


def _plain(seconds: float) -> str:
    """Also where there are many of them."""
    return f'{seconds:.0f}' if seconds.is_integer() else f'{seconds}'


def seconds_of(granularity: str | float) -> float:
    """Gnocchi writes ``0:05:00``, or ``1 day, 0:00:00``."""
    if not isinstance(granularity, str):
        return float(granularity)
    days, _, clock = granularity.rpartition(', ')
    hours, minutes, seconds = clock.split(':')
    return (86400 * int(days.split()[0] if days else 0)
            + 3600 * int(hours) + 60 * int(minutes) + float(seconds))
