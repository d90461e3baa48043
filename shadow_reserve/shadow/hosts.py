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

"""Where the capacity of an offloaded server may be held."""

from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
import math
import re

from shadow_reserve.records import holding
from shadow_reserve.records import shadow

#: ``resources:CLASS``, ``resources1:CLASS``, ``trait:NAME``, and so on.
_SPEC = re.compile(r'^(resources|trait)(\w*):(\w+)$')

#: Nova sets it on hosts that are switched off for new servers.
_DISABLED = 'COMPUTE_STATUS_DISABLED'


def query_of(flavor: shadow.Flavor) -> dict[str, str]:
    """What to ask Placement's allocation candidates for.

    As Nova asks: extra specs ``resources`` and ``trait``, numbered or
    not, override and add; dedicated CPUs are PCPUs.

    https://docs.openstack.org/nova/latest/configuration/extra-specs.html
    """
    traits: dict[str, list[str]] = {'': [f'!{_DISABLED}']}
    for what, group, name, value in _specs(flavor):
        if what == 'trait' and value in ('required', 'forbidden'):
            sign = '!' if value == 'forbidden' else ''
            traits.setdefault(group, []).append(f'{sign}{name}')
    query = {}
    for group, wanted in sorted(_amounts(flavor).items()):
        some = [f'{name}:{amount}' for name, amount in sorted(
            wanted.items()) if amount > 0]
        if some:
            query[f'resources{group}'] = ','.join(some)
    for group, names in sorted(traits.items()):
        if f'resources{group}' in query:
            query[f'required{group}'] = ','.join(names)
    if 'group_policy' in flavor.extra_specs:
        query['group_policy'] = flavor.extra_specs['group_policy']
    elif sum(name.startswith('resources') for name in query) > 2:
        # Placement insists on one as soon as there are two groups.
        query['group_policy'] = 'none'
    return query


def amounts_of(flavor: shadow.Flavor) -> dict[str, int]:
    """What an instance takes of all providers together, by class."""
    total: dict[str, int] = {}
    for wanted in _amounts(flavor).values():
        for name, amount in wanted.items():
            if amount > 0:
                total[name] = total.get(name, 0) + amount
    return total


def _amounts(flavor: shadow.Flavor) -> dict[str, dict[str, int]]:
    """By request group, of which the unnumbered one is ''."""
    cpus = ('PCPU' if flavor.extra_specs.get('hw:cpu_policy') == 'dedicated'
            else 'VCPU')
    disk = (flavor.root_gib + flavor.ephemeral_gib
            + math.ceil(flavor.swap_mib / 1024))
    amounts: dict[str, dict[str, int]] = {'': {
        cpus: flavor.vcpus, 'MEMORY_MB': flavor.memory_mib,
        'DISK_GB': disk}}
    for what, group, name, value in _specs(flavor):
        # Nova ignores what is no number, too.
        if what == 'resources' and value.isdecimal():
            amounts.setdefault(group, {})[name] = int(value)
    return amounts


def _specs(flavor: shadow.Flavor) -> list[tuple[str, str, str, str]]:
    """``resources`` or ``trait``, the group, the name, and the value."""
    return [(match[1], match[2], match[3], value)
            for key, value in sorted(flavor.extra_specs.items())
            if (match := _SPEC.match(key))]


def rank(candidates: Iterable[holding.Candidate], *,
         zone: Collection[str] | None = None,
         group: holding.Group | None = None,
         preferred: str | None = None,
         failures: Mapping[str, int] | None = None,
         ) -> list[holding.Candidate]:
    """Those of the candidates that may be used, the best first.

    The preferred host is the best, then those that a soft group policy
    likes, then those with the most memory free, as Nova spreads servers.
    Before all that, those come first that have failed least often.

    :param zone: ids of the providers that are in the availability zone;
        ``None`` for any
    """
    allowed = [one for one in candidates
               if (zone is None or one.provider_id in zone)
               and (group is None or _is_allowed(one.host, group))]
    failed = failures or {}
    return sorted(allowed, key=lambda one: (
        failed.get(one.host, 0), one.host != preferred,
        _liking(one.host, group), -one.free.get('MEMORY_MB', 0), one.host))


def _is_allowed(host: str, group: holding.Group) -> bool:
    if group.policy == 'anti-affinity':
        return group.counts.get(host, 0) < group.maximum_per_host
    if group.policy == 'affinity':
        return not group.counts or host in group.counts
    return True


def _liking(host: str, group: holding.Group | None) -> int:
    if group is None:
        return 0
    members = group.counts.get(host, 0)
    if group.policy == 'soft-affinity':
        return -members
    return members if group.policy == 'soft-anti-affinity' else 0
