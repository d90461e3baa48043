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

"""``openstack shadow capacity ...``"""

import argparse
from typing import Any

from osc_lib.command import command

from shadow_reserve.client.osc.v1 import _common

#: What each kind of row is called by, and where it is found.
_NAMES = {
    'host': ('Host', 'Zone', 'In Service'),
    'zone': ('Zone',),
    'total': (),
}
_TITLES = ('Class', 'Capacity', 'Tenants', 'Shadow', 'Shadow By Tier',
           'Free', 'Oversold')


class ListCapacity(command.Lister):
    """List who has how much of the cloud (admin only)

    Amounts are in Placement's units. Tenants have all that is used but by
    idle shadow. Oversold is how far usage exceeds what is physically
    there, summed over hosts.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument(
            '--by', choices=tuple(_NAMES), default='zone',
            help='What a row is about (default: zone)')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> _common.Table:
        found = _common.client_of(self).get_capacity()
        by = parsed_args.by
        entries: list[dict[str, Any]]
        if by == 'total':
            entries = [{'classes': found.total}]
        else:
            entries = found.hosts if by == 'host' else found.zones
        keys = [title.lower().replace(' ', '_') for title in _NAMES[by]]
        return (*_NAMES[by], *_TITLES), [
            [*(entry[key] for key in keys), *_values(name, amounts)]
            for entry in entries
            for name, amounts in sorted(entry['classes'].items())]


def _values(name: str, amounts: dict[str, Any]) -> list[Any]:
    shadow = amounts['shadow']
    return [name, amounts['capacity'], amounts['tenants'],
            sum(shadow.values()),
            _common.Fields({tier: amount for tier, amount in shadow.items()
                            if amount}),
            amounts['free'], amounts['oversold']]
